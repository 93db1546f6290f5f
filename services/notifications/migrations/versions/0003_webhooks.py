"""Webhooks: where they go, the keys that sign for them, and what each attempt came to."""

import sqlalchemy as sa
from alembic import op

revision = "notifications_0003"
down_revision = "notifications_0002"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
SCHEMA = "notifications"
WAITS = "is_waiting and parked_at is null"


def upgrade() -> None:
    op.add_column(
        "deliveries", sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False), schema=SCHEMA
    )
    op.add_column("deliveries", sa.Column("attempted_at", MOMENT), schema=SCHEMA)
    op.add_column("deliveries", sa.Column("accepted_at", MOMENT), schema=SCHEMA)
    op.add_column("deliveries", sa.Column("status", sa.SmallInteger()), schema=SCHEMA)
    op.add_column("deliveries", sa.Column("reason", sa.Text()), schema=SCHEMA)
    op.add_column("lanes", sa.Column("way", sa.Text(), server_default=sa.text("'kept'"), nullable=False), schema=SCHEMA)
    op.add_column(
        "lanes", sa.Column("retry_at", MOMENT, server_default=sa.text("'-infinity'"), nullable=False), schema=SCHEMA
    )
    op.create_check_constraint(op.f("ck_lanes_way"), "lanes", "way in ('kept', 'webhook')", schema=SCHEMA)
    op.drop_index("ix_lanes_due", "lanes", schema=SCHEMA)
    op.create_index(
        "ix_lanes_due",
        "lanes",
        ["owner", "due_at"],
        schema=SCHEMA,
        postgresql_where=sa.text(f"{WAITS} and way = 'kept'"),
    )
    op.create_index(
        "ix_lanes_webhook",
        "lanes",
        ["subscription_id", "retry_at", "due_at"],
        schema=SCHEMA,
        postgresql_where=sa.text(f"{WAITS} and way = 'webhook'"),
    )
    op.create_table(
        "webhooks",
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failing_since", MOMENT, nullable=True),
        sa.Column("not_before", MOMENT, nullable=True),
        sa.Column("rate", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "state in ('pending', 'active', 'degraded', 'paused', 'retired')", name=op.f("ck_webhooks_state")
        ),
        sa.PrimaryKeyConstraint("subscription_id", name=op.f("pk_webhooks")),
        schema=SCHEMA,
    )
    op.create_table(
        "webhook_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("public", sa.Text(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("ends_at", MOMENT, nullable=True),
        sa.CheckConstraint("scheme in ('v1a', 'v1')", name=op.f("ck_webhook_keys_scheme")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_keys")),
        schema=SCHEMA,
    )
    op.create_index("ix_webhook_keys_subscription_id", "webhook_keys", ["subscription_id"], schema=SCHEMA)


def downgrade() -> None:
    op.drop_table("webhook_keys", schema=SCHEMA)
    op.drop_table("webhooks", schema=SCHEMA)
    op.drop_index("ix_lanes_webhook", "lanes", schema=SCHEMA)
    op.drop_index("ix_lanes_due", "lanes", schema=SCHEMA)
    for column in ("way", "retry_at"):
        op.drop_column("lanes", column, schema=SCHEMA)
    for column in ("attempts", "attempted_at", "accepted_at", "status", "reason"):
        op.drop_column("deliveries", column, schema=SCHEMA)
    op.create_index("ix_lanes_due", "lanes", ["owner", "due_at"], schema=SCHEMA, postgresql_where=sa.text(WAITS))
