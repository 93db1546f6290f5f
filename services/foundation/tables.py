"""The foundation's own tables: the clock that a sandbox can set."""

from sqlalchemy import Boolean, CheckConstraint, Column, Table, text
from sqlalchemy.dialects.postgresql import TIMESTAMP

from services.foundation.metadata import metadata

sandbox_clock = Table(
    "sandbox_clock",
    metadata,
    Column("single", Boolean, primary_key=True, server_default=text("true")),
    Column("now", TIMESTAMP(timezone=True), nullable=False),
    CheckConstraint("single", name="single"),
)

__all__ = ["metadata", "sandbox_clock"]
