"""The numbers of the rules as they hold now (rules.md): defaults, and what a region has set instead."""

import json
import time
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from services.dossier.domain.commands import DEFAULTS, Parameters
from services.foundation.database.connection import Connection, Database
from services.foundation.problems import BAD_REQUEST, FieldError, Problem

FRESH_FOR: Final = 5.0
MOST: Final = 36_500  # days of a hundred years
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


async def set_parameters(conn: Connection, values: Mapping[str, Any]) -> bool:
    """Keeps every number that a scene brings, also those whose rule comes later; tells whether a rule changed.

    Ends of grants and terms of contact persons rest on these numbers: each dossier is then due to be looked at again.
    """
    _check(values)
    changed = await conn.fetch(
        """insert into dossier.parameters as known (name, value) select * from unnest($1::text[], $2::text[])
           on conflict (name) do update set value = excluded.value where known.value <> excluded.value
           returning name""",
        sorted(values),
        [json.dumps(values[name]) for name in sorted(values)],
    )
    if KNOWN.isdisjoint(row["name"] for row in changed):
        return False
    await conn.execute(
        """insert into dossier.timers (id, dossier_id, due_at, sealed)
           select gen_random_uuid(), id, foundation.now(), '' from dossier.dossiers where erased_at is null"""
    )
    return True


def _check(values: Mapping[str, Any]) -> None:
    """A number that no rule can count with would stop every write from then on."""
    wrong = [
        FieldError(f"/parameters/{name}", "This must be a whole number, from 0 on.")
        for name, value in values.items()
        if type(getattr(DEFAULTS, name, None)) is int and (type(value) is not int or not 0 <= value <= MOST)
    ]
    if wrong:
        raise Problem(BAD_REQUEST, errors=wrong)
