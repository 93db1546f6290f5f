"""The exits of what is watched over time: the signals of a dossier, and of all one's dossiers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from services.dossier.domain.numbers import Numbers
from services.dossier.gate import facts, ledger
from services.dossier.gate.caseload import signal_item
from services.dossier.gate.decision import Reader
from services.dossier.gate.looking import Look, Seen, Sights, logged
from services.dossier.gate.overviews import MIGHT_KNOW
from services.dossier.gate.release import Json, may_know, released
from services.dossier.gate.sight import STATES
from services.dossier.store.keyrings import Keyrings
from services.foundation.database.connection import Connection, Database

SignalState = Literal["open", "handled", "overtaken"]
MOST: Final = 25


@dataclass(frozen=True)
class Page:
    """`last`: the place of the last one, from which reading goes on."""

    items: list[Json]
    last: int


class Watching:
    def __init__(self, database: Database, keyrings: Keyrings, sights: Sights) -> None:
        self._database, self._keyrings, self._sights = database, keyrings, sights

    async def signals(
        self,
        reader: Reader,
        dossier_id: UUID,
        state: SignalState | None,
        after: int,
        limit: int,
        parameters: Numbers,
    ) -> Page:
        """In the order in which they were raised; of each no more than a reader of the entry may know."""
        look = Look(reader, parameters)

        async def attempt(conn: Connection) -> Page | None:
            known, now = await facts.place(conn, dossier_id, reader)
            if known is None or not may_know(reader, known):
                await ledger.refused(conn, dossier_id, known is not None, reader, now, "list", None, "no_grant")
                return None
            (seen,) = await self._sights.within(conn, look, [known])
            page = _page(seen, state, after, limit)
            await ledger.permitted_each(conn, [logged(reader, seen)])
            return page

        return await released(self._database, self._keyrings, dossier_id, attempt)

    async def all_signals(
        self, reader: Reader, state: SignalState | None, after: tuple[int, int], limit: int, parameters: Numbers
    ) -> tuple[list[Json], tuple[int, int]]:
        """Over all dossiers that the reader may know, dossier after dossier; a ledger row for each that is shown.

        `after`: the number of a dossier, and a sequence in it.
        """
        look = Look(reader, parameters)
        items: list[Json] = []
        number, sequence = after
        while True:
            async with self._database.connection() as conn:
                rows = await conn.fetch(MIGHT_KNOW, reader.person, reader.organisation, max(number - 1, 0), MOST)
            for row in rows:
                begin = sequence if row["number"] == number else 0
                dossier_id = UUID(int=row["id"].int)
                page = await self._of_one(look, dossier_id, state, begin, limit - len(items))
                if page.items:
                    items += [{"dossier": str(dossier_id), **item} for item in page.items]
                    after = row["number"], page.last
                if len(items) >= limit:
                    return items, after
            if len(rows) < MOST:
                return items, after
            number, sequence = rows[-1]["number"] + 1, 0

    async def _of_one(self, look: Look, dossier_id: UUID, state: SignalState | None, after: int, limit: int) -> Page:
        """Of a dossier that the list leads to: what it may not know is not there, and was not asked for."""
        page = Page([], after)

        async def show(_conn: Connection, several: Sequence[Seen]) -> Sequence[Seen]:
            nonlocal page
            for seen in several:
                page = _page(seen, state, after, limit)
            return several if page.items else ()

        await self._sights.over(look, [dossier_id], show)
        return page


def _page(seen: Seen, state: SignalState | None, after: int, limit: int) -> Page:
    states = STATES if state is None else (None, state)
    shown = [s for s in seen.sight.signals(states) if s.raised.sequence > after][:limit]
    for signal in shown:
        seen.sight.tell_signal(signal)
    return Page([signal_item(s, seen.day) for s in shown], shown[-1].raised.sequence if shown else after)
