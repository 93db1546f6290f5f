"""What stands still, found without looking at all other lanes."""

import sqlalchemy as sa
from alembic import op

revision = "notifications_0004"
down_revision = "notifications_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_lanes_parked",
        "lanes",
        ["parked_at"],
        schema="notifications",
        postgresql_where=sa.text("parked_at is not null"),
    )


def downgrade() -> None:
    op.drop_index("ix_lanes_parked", "lanes", schema="notifications")
