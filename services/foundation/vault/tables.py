"""The tables of the key database: wrapped keys, and the list of dossiers whose keys were destroyed."""

from sqlalchemy import DateTime, ForeignKey, LargeBinary, MetaData, SmallInteger, Table, Text, Uuid, func
from sqlalchemy.schema import Column

from services.foundation.metadata import NAMING_CONVENTION

metadata = MetaData(schema="keys", naming_convention=NAMING_CONVENTION)

dossier_keys = Table(
    "dossier_keys",
    metadata,
    Column("dossier_id", Uuid, primary_key=True),
    Column("version", SmallInteger, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
)

class_keys = Table(
    "class_keys",
    metadata,
    Column("dossier_id", ForeignKey(dossier_keys.c.dossier_id, ondelete="CASCADE"), primary_key=True),
    Column("class", Text, primary_key=True),
    Column("version", SmallInteger, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
)

destroyed = Table(
    "destroyed",
    metadata,
    Column("dossier_id", Uuid, primary_key=True),
    Column("destroyed_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
)
