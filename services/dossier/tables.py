"""The tables of the dossier; names say what may be wiped: `index_*` is deletable and rebuilt from events."""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

metadata = MetaData(
    schema="dossier",
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    },
)

MOMENT = DateTime(timezone=True)
WORDS = ARRAY(Text)

# The dossier itself, and whose it is.

dossiers = Table(
    "dossiers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("number", BigInteger, Identity(always=True), nullable=False, unique=True),
    Column("head", Integer, nullable=False),
    Column("authz_epoch", BigInteger, nullable=False),
    Column("recorded_at", MOMENT, nullable=False),
    Column("erased_at", MOMENT),
)

owners = Table(
    "owners",
    metadata,
    Column("dossier_id", Uuid, primary_key=True),
    Column("person", Text, nullable=False),
    Index(None, "person"),
)

claims = Table(
    "claims",
    metadata,
    Column("code_hash", LargeBinary, primary_key=True),
    Column("dossier_id", Uuid, nullable=False, unique=True),
    Column("expires_at", MOMENT, nullable=False),
    Column("redeemed_at", MOMENT),
)

claim_tries = Table(
    "claim_tries",
    metadata,
    Column("person", Text, primary_key=True),
    Column("day", Text, primary_key=True),
    Column("failed", Integer, nullable=False),
)

parameters = Table(
    "parameters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# About a region, and so about no person.

regional_events = Table(
    "regional_events",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("region", Text, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("source", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("recorded_at", MOMENT, nullable=False),
    Column("actor", Text),
    Column("organisation", Text),
    UniqueConstraint("source", "event_id"),
    Index(None, "region", "number"),
)

# Append-only: no content in clear.

events = Table(
    "events",
    metadata,
    Column("dossier_id", Uuid, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("source", Text, nullable=False),
    Column("recorded_at", MOMENT, nullable=False),
    Column("class", Text, nullable=False),
    Column("neutral_type", Text, nullable=False),
    Column("classes", WORDS, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    UniqueConstraint("dossier_id", "event_id", "source"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("pos", BigInteger, Identity(always=True), primary_key=True),
    Column("dossier_id", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("event", LargeBinary, nullable=False),
    Column("position", BigInteger),
    Column("published_at", MOMENT),
    Index("ix_outbox_unpublished", "pos", postgresql_where=text("published_at is null")),
)

ledger = Table(
    "ledger",
    metadata,
    Column("dossier_id", Uuid, primary_key=True),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", MOMENT, nullable=False),
    Column("actor", Text),
    Column("organisation", Text),
    Column("role", Text),
    Column("purpose", Text),
    Column("basis", Text),
    Column("event_ids", ARRAY(Uuid), nullable=False),
    Column("classes", WORDS, nullable=False),
    Column("way", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

refusals = Table(
    "refusals",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("dossier_id", Uuid, nullable=False),
    Column("at", MOMENT, nullable=False),
    Column("actor", Text),
    Column("organisation", Text),
    Column("role", Text),
    Column("event_ids", ARRAY(Uuid), nullable=False),
    Column("way", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

# Sealed: what is derived from all classes.

snapshots = Table(
    "snapshots",
    metadata,
    Column("dossier_id", Uuid, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("code_version", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

histories = Table(
    "histories",
    metadata,
    Column("dossier_id", Uuid, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

outlooks = Table(
    "outlooks",
    metadata,
    Column("dossier_id", Uuid, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("made_by", BigInteger, nullable=False),
    Column("owner", Text),
    Column("sealed", LargeBinary, nullable=False),
)

timers = Table(
    "timers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("dossier_id", Uuid, nullable=False),
    Column("due_at", MOMENT, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("retry_at", MOMENT),
    Index(None, "due_at"),
    Index(None, "dossier_id"),
    Index("ix_timers_failed", "dossier_id", postgresql_where=text("failures > 0")),
)

# Deletable: rebuilt from events, wiped by erasure.

index_entries = Table(
    "index_entries",
    metadata,
    Column("dossier_id", Uuid, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("type", Text, nullable=False),
    Column("usual_class", Text, nullable=False),
    Column("occurred_at", MOMENT, nullable=False),
    Column("person", Text),
    Column("organisation", Text),
    Column("relation", WORDS),
    Column("addressee", Text),
    Column("party", Text),
    Column("party_person", Text),
    Column("applicant", Text),
    Column("offered_to", Text),
    Column("offer_closed_at", MOMENT),
    Column("withheld", Boolean, nullable=False, server_default=text("false")),
    Column("about", Integer),
    # The few by which an organisation without any grant is told; few of all, so hardly any cost of an append.
    Index("ix_index_entries_party", "party", postgresql_where=text("party is not null")),
    Index("ix_index_entries_offered_to", "offered_to", postgresql_where=text("offered_to is not null")),
)

index_grants = Table(
    "index_grants",
    metadata,
    Column("dossier_id", Uuid, primary_key=True),
    Column("consent_id", Text, primary_key=True),
    Column("event_id", Uuid, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("person", Text),
    Column("classes", WORDS, nullable=False),
    Column("event_types", WORDS, nullable=False),
    Column("operations", WORDS, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("basis", Text, nullable=False),
    Column("legal_ref", Text),
    Column("history", Text, nullable=False),
    Column("valid_from", MOMENT, nullable=False),
    Column("valid_until", MOMENT, nullable=False),
    Column("referral_id", Text),
    Column("ended_at", MOMENT),
    Column("purpose_ends_at", MOMENT),
    Index(None, "organisation", "dossier_id"),
)

index_contacts = Table(
    "index_contacts",
    metadata,
    Column("dossier_id", Uuid, primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("person", Text, nullable=False),
    Column("from_at", MOMENT, nullable=False),
    Column("until_at", MOMENT),
    Index(None, "person"),
)

index_delegates = Table(
    "index_delegates",
    metadata,
    Column("dossier_id", Uuid, primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("person", Text, nullable=False),
    Column("powers", WORDS, nullable=False),
    Column("from_at", MOMENT, nullable=False),
    Column("until_at", MOMENT, nullable=False),
    Index(None, "person"),
)
