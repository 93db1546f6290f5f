"""Inboxes, with what was read in them; and one index by which a reader's subscriptions are found."""

import sqlalchemy as sa
from alembic import op

revision = "notifications_0002"
down_revision = "notifications_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "deliveries",
        sa.Column("is_read", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        schema="notifications",
    )
    op.drop_constraint(op.f("ck_subscriptions_channel"), "subscriptions", schema="notifications")
    op.create_check_constraint(
        op.f("ck_subscriptions_channel"),
        "subscriptions",
        "channel in ('pull', 'feed', 'inbox', 'webhook')",
        schema="notifications",
    )
    op.drop_index("ix_subscriptions_reader", "subscriptions", schema="notifications")
    op.create_index(
        "ix_subscriptions_reader",
        "subscriptions",
        ["owner", sa.text("coalesce(person, '')"), "position"],
        schema="notifications",
    )
    op.drop_index("ix_subscriptions_owner", "subscriptions", schema="notifications")


def downgrade() -> None:
    op.create_index("ix_subscriptions_owner", "subscriptions", ["owner"], schema="notifications")
    op.drop_index("ix_subscriptions_reader", "subscriptions", schema="notifications")
    op.create_index(
        "ix_subscriptions_reader", "subscriptions", ["organisation", "person", "position"], schema="notifications"
    )
    op.drop_constraint(op.f("ck_subscriptions_channel"), "subscriptions", schema="notifications")
    op.create_check_constraint(
        op.f("ck_subscriptions_channel"), "subscriptions", "channel in ('pull', 'feed')", schema="notifications"
    )
    op.drop_column("deliveries", "is_read", schema="notifications")
