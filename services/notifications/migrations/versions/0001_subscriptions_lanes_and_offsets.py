"""Who wants to be told, what is on its way to them, and how far the bus was read."""

import sqlalchemy as sa
from alembic import op

revision = "notifications_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("dossier_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("replay", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("state", sa.Text(), server_default=sa.text("'pending'"), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "state <> 'delivered' or ordinal is not null", name=op.f("ck_deliveries_delivered_has_numbers")
        ),
        sa.CheckConstraint("state in ('pending', 'delivered', 'dropped')", name=op.f("ck_deliveries_state")),
        sa.CheckConstraint("(ordinal is null) = (number is null)", name=op.f("ck_deliveries_numbered_twice")),
        sa.PrimaryKeyConstraint("subscription_id", "dossier_id", "sequence", name=op.f("pk_deliveries")),
        schema="notifications",
    )
    op.create_index(
        "ix_deliveries_pending",
        "deliveries",
        ["subscription_id", "dossier_id", "place", "replay", "sequence"],
        unique=False,
        schema="notifications",
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "uq_deliveries_number",
        "deliveries",
        ["subscription_id", "dossier_id", "number"],
        unique=True,
        schema="notifications",
        postgresql_where=sa.text("number is not null"),
    )
    op.create_index(
        "uq_deliveries_ordinal",
        "deliveries",
        ["subscription_id", "ordinal"],
        unique=True,
        schema="notifications",
        postgresql_where=sa.text("ordinal is not null"),
    )
    op.create_table(
        "lanes",
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("dossier_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("is_waiting", sa.Boolean(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("'-infinity'"), nullable=False),
        sa.Column("attempt", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_number", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("subscription_id", "dossier_id", name=op.f("pk_lanes")),
        schema="notifications",
    )
    op.create_index(
        "ix_lanes_due",
        "lanes",
        ["owner", "due_at"],
        unique=False,
        schema="notifications",
        postgresql_where=sa.text("is_waiting and parked_at is null"),
    )
    op.create_table(
        "offsets",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "partition", name=op.f("pk_offsets")),
        schema="notifications",
    )
    op.create_table(
        "parked",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("partition", sa.SmallInteger(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=True),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("parked_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "partition", "offset", name=op.f("pk_parked")),
        schema="notifications",
    )
    op.create_index(
        "ix_parked_key",
        "parked",
        ["consumer", "key", "sequence"],
        unique=False,
        schema="notifications",
    )
    op.create_table(
        "streams",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("dossier_id", sa.Uuid(), nullable=False),
        sa.Column("last_sequence", sa.Integer(), nullable=False),
        sa.Column("blocked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("consumer", "dossier_id", name=op.f("pk_streams")),
        schema="notifications",
    )
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=True),
        sa.Column("person", sa.Text(), nullable=True),
        sa.Column("roles", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("types", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("dossiers", sa.ARRAY(sa.Uuid()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("foundation.now()"), nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("is_ready", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("last_ordinal", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("channel in ('pull', 'feed')", name=op.f("ck_subscriptions_channel")),
        sa.CheckConstraint("organisation is not null or person is not null", name=op.f("ck_subscriptions_owner_named")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
        schema="notifications",
    )
    op.create_index(
        "ix_subscriptions_reader", "subscriptions", ["organisation", "person", "position"], schema="notifications"
    )
    op.create_index(
        "ix_subscriptions_owner",
        "subscriptions",
        ["owner"],
        unique=False,
        schema="notifications",
    )
    op.create_index(
        "uq_subscriptions_feed",
        "subscriptions",
        ["organisation", "person"],
        unique=True,
        schema="notifications",
        postgresql_where=sa.text("channel = 'feed'"),
        postgresql_nulls_not_distinct=True,
    )


def downgrade() -> None:
    for table in ("deliveries", "lanes", "offsets", "parked", "streams", "subscriptions"):
        op.drop_table(table, schema="notifications")
