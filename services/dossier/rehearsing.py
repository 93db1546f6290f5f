"""Rehearses other numbers: what the coming days would raise with and without them, in counts alone, raising nothing."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from services.dossier.domain.contact import contact_persons
from services.dossier.domain.days import civil_day, midnight
from services.dossier.domain.numbers import Change, Numbers
from services.dossier.domain.state import Dossier, Open
from services.dossier.gate import ledger
from services.dossier.gate.release import released
from services.dossier.store import streams
from services.dossier.store.keyrings import Keyrings
from services.dossier.trajectory.rulebook import RULES, RuleFailed
from services.dossier.writing import firing
from services.dossier.writing.drafting import drafted
from services.dossier.writing.firing import Standing
from services.dossier.writing.surroundings import Surroundings, Surveyor
from services.foundation import clock
from services.foundation.database.connection import Connection, Database

MOST: Final = 100
NOBODY: Final = "-"  # no organisation: a participant who has no contact person yet

Progress = Callable[[int, int], None]
# Organisation and code.
Where = tuple[str, str]

NEXT: Final = "select id, number from dossier.dossiers where number > $1 and erased_at is null order by number limit $2"


@dataclass(frozen=True)
class Rehearsed:
    """`failed`: dossiers in which a rule threw, so that nothing can be said of them."""

    dossiers: int
    failed: int
    now: Counter[Where]
    then: Counter[Where]

    def rows(self) -> Iterator[tuple[str, str, int, int]]:
        """Organisation, code, as things are, with the other numbers."""
        for organisation, code in sorted(self.now.keys() | self.then.keys()):
            yield organisation, code, self.now[organisation, code], self.then[organisation, code]


class Rehearsals:
    def __init__(self, database: Database, keyrings: Keyrings, surveyor: Surveyor) -> None:
        self._database, self._keyrings, self._surveyor = database, keyrings, surveyor

    async def rehearse(
        self, region: str, values: dict[str, Any], from_on: date | None, days: int, progress: Progress
    ) -> Rehearsed:
        """`from_on` absent means tomorrow; `progress` is told how many dossiers of how many were looked at."""
        async with self._database.connection() as conn:
            now = await clock.now(conn)
            total = await conn.fetchval("select count(*) from dossier.dossiers where erased_at is null")
        change = Change(values, from_on or civil_day(now) + timedelta(1))
        until = midnight(civil_day(now) + timedelta(days + 1))
        around = await self._surveyor.survey(None, ())
        other = replace(around, parameters=_with(around.parameters, region, change))
        found = Rehearsed(0, 0, Counter(), Counter())
        looked_at, number = 0, 0
        while True:
            async with self._database.connection() as conn:
                rows = await conn.fetch(NEXT, number, MOST)
            for row in rows:
                found = await self._one(found, UUID(int=row["id"].int), region, (around, other), until)
                looked_at, number = looked_at + 1, row["number"]
                progress(looked_at, max(total, looked_at))
            if len(rows) < MOST:
                return found

    async def _one(
        self, found: Rehearsed, dossier_id: UUID, region: str, both: tuple[Surroundings, Surroundings], until: datetime
    ) -> Rehearsed:
        async def attempt(conn: Connection) -> Rehearsed:
            head = await streams.head(conn, dossier_id, ())
            if head.erased or not head.exists:
                return found
            draft = drafted(head, self._keyrings.at_hand(dossier_id, head.epoch), [])
            if not isinstance(draft.state, Open) or draft.state.region != region:
                return found
            entries = await draft.history(conn)
            read_at = await ledger.first_reads(conn, dossier_id, entries)
            try:
                now, then = (
                    _raised(Standing(dossier_id, entries, draft.state, head.owner, around, read_at), draft.now, until)
                    for around in both
                )
            except RuleFailed:
                return replace(found, dossiers=found.dossiers + 1, failed=found.failed + 1)
            return replace(found, dossiers=found.dossiers + 1, now=found.now + now, then=found.then + then)

        return await released(self._database, self._keyrings, dossier_id, attempt)


def _with(numbers: Numbers, region: str, change: Change) -> Numbers:
    return replace(numbers, regions={**numbers.regions, region: (*numbers.regions.get(region, ()), change)})


def _raised(standing: Standing, now: datetime, until: datetime) -> Counter[Where]:
    """From now on, if nothing else happens."""
    known = {entry.event_id for entry in standing.entries if entry.type == firing.RAISED}
    coming = (due for due in firing.due_in(standing, now, RULES) if now < due.at < until)
    return Counter(
        (_organisation(standing, due.at), due.code) for due in coming if due.signal_id(standing.dossier_id) not in known
    )


def _organisation(standing: Standing, at: datetime) -> str:
    """Of the contact person then; while there is none, of whoever opened the dossier."""
    dossier: Dossier = standing.dossier
    assert isinstance(dossier, Open)
    contacts = contact_persons(dossier, at, standing.around.timeline(dossier))
    own = (a.organisation for a in reversed(dossier.appointments) if contacts and a.person == contacts[-1])
    return next(own, None) or dossier.opened_by or NOBODY
