"""The tables of the backbone: how far each relay has numbered what it publishes."""

from sqlalchemy import BigInteger, Column, MetaData, Table, Text

metadata = MetaData(
    schema="events",
    naming_convention={"pk": "pk_%(table_name)s"},
)

relay = Table(
    "relay",
    metadata,
    Column("shard", Text, primary_key=True),
    Column("next_position", BigInteger, nullable=False),
)
