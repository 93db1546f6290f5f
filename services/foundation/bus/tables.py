"""The tables of the PostgreSQL bus: topics, the offsets of their partitions, and the entries."""

from sqlalchemy import BigInteger, DateTime, ForeignKey, Integer, LargeBinary, MetaData, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import Column

from services.foundation.metadata import NAMING_CONVENTION

metadata = MetaData(schema="bus", naming_convention=NAMING_CONVENTION)

topics = Table(
    "topics",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partitions", Integer, nullable=False),
)

partitions = Table(
    "partitions",
    metadata,
    Column("topic", ForeignKey(topics.c.topic), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("first_offset", BigInteger, nullable=False, server_default="0"),
    Column("next_offset", BigInteger, nullable=False, server_default="0"),
)

entries = Table(
    "entries",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("published_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
)
