"""Topics with their partitions, and the entries that are published on them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "bus_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "topics",
        sa.Column("topic", sa.Text(), primary_key=True),
        sa.Column("partitions", sa.Integer(), nullable=False),
        schema="bus",
    )
    op.create_table(
        "partitions",
        sa.Column("topic", sa.Text(), sa.ForeignKey("bus.topics.topic"), primary_key=True),
        sa.Column("partition", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("first_offset", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("next_offset", sa.BigInteger(), nullable=False, server_default="0"),
        schema="bus",
    )
    op.create_table(
        "entries",
        sa.Column("topic", sa.Text(), primary_key=True),
        sa.Column("partition", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("offset", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("headers", JSONB(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.clock_timestamp()),
        schema="bus",
    )


def downgrade() -> None:
    op.drop_table("entries", schema="bus")
    op.drop_table("partitions", schema="bus")
    op.drop_table("topics", schema="bus")
