"""The tables of notifications: who wants to be told, what is on its way to them, and how far the bus was read.

Nothing here has content: ids, states and numbers. Rows point at each other without foreign keys, so that a consumer
that writes many of them never waits for one that deletes a subscription; what is left behind is found by its lane.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)

metadata = MetaData(
    schema="notifications",
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    },
)

MOMENT = DateTime(timezone=True)
WAITS = "is_waiting and parked_at is null"

# Who wants to be told. A feed is a subscription too, of channel `feed`, made at its reader's first read.

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("organisation", Text),
    Column("person", Text),
    Column("roles", ARRAY(Text), nullable=False),
    Column("channel", Text, nullable=False),
    Column("types", ARRAY(Text), nullable=False),
    Column("dossiers", ARRAY(Uuid)),
    Column("created_at", MOMENT, nullable=False, server_default=text("foundation.now()")),
    Column("position", BigInteger, Identity(always=True), nullable=False),
    Column("is_ready", Boolean, nullable=False, server_default=text("true")),
    Column("last_ordinal", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("channel in ('pull', 'feed', 'inbox', 'webhook')", name="channel"),
    CheckConstraint("organisation is not null or person is not null", name="owner_named"),
    Index("ix_subscriptions_reader", "owner", text("coalesce(person, '')"), "position"),
    Index(
        "uq_subscriptions_feed",
        "organisation",
        "person",
        unique=True,
        postgresql_where=text("channel = 'feed'"),
        postgresql_nulls_not_distinct=True,
    ),
)

# What is on its way: one row per subscription and entry, one lane per subscription and dossier. `due_at` of a lane is
# real time (leases), `retry_at` business time (when a receiver is tried again).

deliveries = Table(
    "deliveries",
    metadata,
    Column("subscription_id", Uuid, primary_key=True),
    Column("dossier_id", Uuid, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("place", Integer, nullable=False),
    Column("replay", Boolean, nullable=False, server_default=text("false")),
    Column("state", Text, nullable=False, server_default=text("'pending'")),
    Column("ordinal", BigInteger),
    Column("number", Integer),
    Column("is_read", Boolean, nullable=False, server_default=text("false")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("attempted_at", MOMENT),
    Column("accepted_at", MOMENT),
    Column("status", SmallInteger),
    Column("reason", Text),
    CheckConstraint("state in ('pending', 'delivered', 'dropped')", name="state"),
    CheckConstraint("(ordinal is null) = (number is null)", name="numbered_twice"),
    CheckConstraint("state <> 'delivered' or ordinal is not null", name="delivered_has_numbers"),
    Index(
        "uq_deliveries_ordinal",
        "subscription_id",
        "ordinal",
        unique=True,
        postgresql_where=text("ordinal is not null"),
    ),
    Index(
        "uq_deliveries_number",
        "subscription_id",
        "dossier_id",
        "number",
        unique=True,
        postgresql_where=text("number is not null"),
    ),
    Index(
        "ix_deliveries_pending",
        "subscription_id",
        "dossier_id",
        "place",
        "replay",
        "sequence",
        postgresql_where=text("state = 'pending'"),
    ),
)

lanes = Table(
    "lanes",
    metadata,
    Column("subscription_id", Uuid, primary_key=True),
    Column("dossier_id", Uuid, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("is_waiting", Boolean, nullable=False),
    Column("due_at", MOMENT, nullable=False, server_default=text("'-infinity'")),
    Column("attempt", BigInteger, nullable=False, server_default=text("0")),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("last_number", Integer, nullable=False, server_default=text("0")),
    Column("parked_at", MOMENT),
    Column("reason", Text),
    Column("way", Text, nullable=False, server_default=text("'kept'")),
    Column("retry_at", MOMENT, nullable=False, server_default=text("'-infinity'")),
    CheckConstraint("way in ('kept', 'webhook')", name="way"),
    Index("ix_lanes_due", "owner", "due_at", postgresql_where=text(f"{WAITS} and way = 'kept'")),
    Index(
        "ix_lanes_webhook",
        "subscription_id",
        "retry_at",
        "due_at",
        postgresql_where=text(f"{WAITS} and way = 'webhook'"),
    ),
    Index("ix_lanes_parked", "parked_at", postgresql_where=text("parked_at is not null")),
)

# Where webhooks go, how each endpoint stands, and the keys that sign for it.

webhooks = Table(
    "webhooks",
    metadata,
    Column("subscription_id", Uuid, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'pending'")),
    Column("reason", Text),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("failing_since", MOMENT),
    Column("not_before", MOMENT),
    Column("rate", Integer),
    CheckConstraint("state in ('pending', 'active', 'degraded', 'paused', 'retired')", name="state"),
)

webhook_keys = Table(
    "webhook_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("subscription_id", Uuid, nullable=False),
    Column("scheme", Text, nullable=False),
    Column("public", Text),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", MOMENT, nullable=False, server_default=text("clock_timestamp()")),
    Column("ends_at", MOMENT),
    CheckConstraint("scheme in ('v1a', 'v1')", name="scheme"),
    Index("ix_webhook_keys_subscription_id", "subscription_id"),
)

# How far the bus was read, and what could not be taken from it.

offsets = Table(
    "offsets",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next_offset", BigInteger, nullable=False),
)

streams = Table(
    "streams",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("dossier_id", Uuid, primary_key=True),
    Column("last_sequence", Integer, nullable=False),
    Column("blocked_at", MOMENT),
)

parked = Table(
    "parked",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("partition", SmallInteger, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("key", Text, nullable=False),
    Column("sequence", Integer),
    Column("value", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("parked_at", MOMENT, nullable=False, server_default=text("clock_timestamp()")),
    Index("ix_parked_key", "consumer", "key", "sequence"),
)
