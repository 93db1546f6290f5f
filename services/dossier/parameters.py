"""The numbers of the rules as they are set: by a scene from the beginning, by a region from a day on."""

import json
import time
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from services.dossier.domain.numbers import KNOWN, Change, Numbers, Parameters, faults
from services.foundation.database.connection import Connection, Database
from services.foundation.problems import BAD_REQUEST, FieldError, Problem

FRESH_FOR: Final = 5.0
SETS: Final = "nl.regio.rule-parameters.set"

CHANGES = "select region, data, recorded_at from dossier.regional_events where type = $1 order by number"

# Not before every process has let go of the numbers it holds; without a cause, so that no append takes it away.
LOOK_AGAIN: Final = """
insert into dossier.timers (id, dossier_id, due_at, sealed)
select gen_random_uuid(), id, foundation.now() + $1 * interval '1 second', '' from dossier.dossiers
where erased_at is null
"""


class ParameterShelf:
    """Holds them for a few seconds: they change by decision of a region, not by the minute."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held = Numbers()
        self._until = float("-inf")

    async def current(self) -> Numbers:
        if time.monotonic() >= self._until:
            await self.refresh()
        return self._held

    async def refresh(self) -> None:
        async with self._database.connection() as conn:
            self._held = await all_numbers(conn)
        self._until = time.monotonic() + FRESH_FOR


async def all_numbers(conn: Connection) -> Numbers:
    rows = await conn.fetch("select name, value from dossier.parameters where name = any($1)", list(KNOWN))
    beginning = Parameters(**{row["name"]: json.loads(row["value"]) for row in rows})
    regions: dict[str, tuple[Change, ...]] = {}
    for row in await conn.fetch(CHANGES, SETS):
        change = change_of(json.loads(row["data"]), row["recorded_at"])
        regions[row["region"]] = (*regions.get(row["region"], ()), change)
    return Numbers(beginning, regions)


def change_of(data: Mapping[str, Any], recorded_at: Any = None) -> Change:
    """What a `rule-parameters.set` says."""
    return Change(data["parameters"], date.fromisoformat(data["from_on"]), None, recorded_at, data["reason"])


async def set_parameters(conn: Connection, values: Mapping[str, Any]) -> bool:
    """Keeps every number that a scene brings, also those whose rule comes later; tells whether a rule changed.

    Ends of grants and terms of contact persons rest on these numbers: each dossier is then due to be looked at again.
    """
    wrong = [FieldError(f"/parameters/{name}", told) for name, told in faults(_of_rules(values))]
    if wrong:
        raise Problem(BAD_REQUEST, errors=wrong)
    changed = await conn.fetch(
        """insert into dossier.parameters as known (name, value) select * from unnest($1::text[], $2::text[])
           on conflict (name) do update set value = excluded.value where known.value <> excluded.value
           returning name""",
        sorted(values),
        [json.dumps(values[name]) for name in sorted(values)],
    )
    if KNOWN.isdisjoint(row["name"] for row in changed):
        return False
    await conn.execute(LOOK_AGAIN, 0.0)
    return True


def _of_rules(values: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in values.items() if name in KNOWN}
