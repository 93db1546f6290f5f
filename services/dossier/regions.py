"""What a region decides about the numbers of the rules: written once, in order, about no person."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import orjson

from services.dossier.domain.admission.exceptions import NOT_BEFORE_TOMORROW
from services.dossier.domain.days import civil_day
from services.dossier.domain.numbers import faults
from services.dossier.envelopes import Json, utc
from services.dossier.explained import explained
from services.dossier.parameters import FRESH_FOR, LOOK_AGAIN, SETS, ParameterShelf
from services.dossier.writing.incoming import Incoming
from services.dossier.writing.refusing import refuse_faults
from services.dossier.writing.repeats import USED, canonical_data
from services.foundation import clock
from services.foundation.callers import Caller
from services.foundation.contract import Contract
from services.foundation.database.connection import Connection, Database
from services.foundation.problems import BAD_REQUEST, CONFLICT, FORBIDDEN, FieldError, Problem

TAKEN: Final = (SETS,)
CORRECT: Final = "Correct what errors[] names and send it again; nothing was stored."

ALONE: Final = "lock table dossier.regional_events in share row exclusive mode"

COLUMNS: Final = "number, region, event_id, source, type, data, recorded_at, actor, organisation"


@dataclass(frozen=True)
class Page:
    items: list[Json]
    last: int | None


class Regions:
    def __init__(self, database: Database, contract: Contract, parameters: ParameterShelf) -> None:
        self._database, self._contract, self._parameters = database, contract, parameters

    async def record(self, caller: Caller, region: str, incoming: Incoming) -> tuple[Json, bool]:
        """The event as it stands, and whether it is new; what rests on it is looked at again soon."""
        async with self._database.transaction() as conn:
            await conn.execute(ALONE)  # numbers are given in the order of commit: what is decided later, counts later
            now = await clock.now(conn)
            refuse_faults([incoming], now)
            known = await self._repeated(conn, region, incoming)
            if known is not None:
                return known, False
            self._refuse(caller, region, incoming, now)
            row = await conn.fetchrow(
                f"""insert into dossier.regional_events (region, event_id, source, type, data, recorded_at, actor,
                      organisation)
                    values ($1, $2, $3, $4, $5, $6, $7, $8) returning {COLUMNS}""",
                region,
                incoming.event_id,
                incoming.source,
                incoming.type,
                canonical_data(incoming),
                now,
                caller.person,
                caller.organisation,
            )
            await conn.execute(LOOK_AGAIN, 2 * FRESH_FOR)
        await self._parameters.refresh()
        return _event(row), True

    async def events(self, region: str, after: int, limit: int) -> Page:
        async with self._database.connection() as conn:
            rows = await conn.fetch(
                f"select {COLUMNS} from dossier.regional_events where region = $1 and number > $2"
                " order by number limit $3",
                region,
                after,
                limit,
            )
        return Page([_event(row) for row in rows], rows[-1]["number"] if rows else None)

    async def rules(self, region: str | None) -> list[Json]:
        """As they hold today in this region."""
        async with self._database.connection() as conn:
            now = await clock.now(conn)
        return explained(await self._parameters.current(), region, civil_day(now))

    async def _repeated(self, conn: Connection, region: str, incoming: Incoming) -> Json | None:
        row = await conn.fetchrow(
            f"select {COLUMNS} from dossier.regional_events where source = $1 and event_id = $2",
            incoming.source,
            incoming.event_id,
        )
        if row is None:
            return None
        if (row["region"], row["type"], row["data"]) != (region, incoming.type, canonical_data(incoming)):
            raise Problem(CONFLICT, USED)
        return _event(row)

    def _refuse(self, caller: Caller, region: str, incoming: Incoming, now: datetime) -> None:
        if caller.kind != "professional" or not caller.roles & self._contract.regional[incoming.type].may_emit:
            raise Problem(FORBIDDEN, "The coordinator of the region sets its numbers.")
        data = incoming.data
        wrong = [FieldError(f"/data/parameters/{name}", told) for name, told in faults(data["parameters"])]
        if data["region_code"] != region:
            wrong.append(FieldError("/data/region_code", "Name the region that you post to."))
        if date.fromisoformat(data["from_on"]) <= civil_day(now):
            wrong.append(FieldError("/data/from_on", NOT_BEFORE_TOMORROW))
        if wrong:
            raise Problem(
                BAD_REQUEST, "Correct what errors[] names and send it again; nothing was stored.", errors=wrong
            )


def _event(row: Any) -> Json:
    event: Json = {
        "specversion": "1.0",
        "id": str(row["event_id"]),
        "source": row["source"],
        "type": row["type"],
        "subject": f"region/{row['region']}",
        "time": utc(row["recorded_at"]),
        "datacontenttype": "application/json",
        "dataschema": f"https://dossier.example.org/schema/{row['type']}/v1",
        "data": orjson.loads(row["data"]),
    }
    return event if row["actor"] is None else event | {"actor": row["actor"]}
