"""The numbers of the rules as they hold now (rules.md): defaults, and what a region has set instead."""

import json
import time
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from services.dossier.domain.commands import Parameters
from services.foundation.database.connection import Connection, Database

FRESH_FOR: Final = 5.0
KNOWN: Final = frozenset(field.name for field in fields(Parameters))


class ParameterShelf:
    """Holds them for a few seconds: they change by decision of a region, not by the minute."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: Parameters = Parameters()
        self._until = float("-inf")

    async def current(self) -> Parameters:
        if time.monotonic() >= self._until:
            await self.refresh()
        return self._held

    async def refresh(self) -> None:
        async with self._database.connection() as conn:
            rows = await conn.fetch("select name, value from dossier.parameters where name = any($1)", list(KNOWN))
        self._held = Parameters(**{row["name"]: json.loads(row["value"]) for row in rows})
        self._until = time.monotonic() + FRESH_FOR


async def set_parameters(conn: Connection, values: Mapping[str, Any]) -> None:
    """Keeps every number that a scene brings, also those whose rule comes later."""
    await conn.executemany(
        "insert into dossier.parameters (name, value) values ($1, $2) on conflict (name) do update set value = $2",
        [(name, json.dumps(value)) for name, value in sorted(values.items())],
    )
