"""The exits of what is watched over time: the signals of a dossier, and of all one's dossiers."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal
from uuid import UUID

from services.dossier.domain.numbers import Numbers
from services.dossier.envelopes import Json
from services.dossier.gate import ledger
from services.dossier.gate.caseload import signal_item
from services.dossier.gate.decision import Reader
from services.dossier.gate.looking import Listed, Look, Seen, Sights, logged
from services.dossier.gate.overviews import MIGHT_KNOW
from services.dossier.gate.release import known_to, released
from services.dossier.gate.sight import STATES, Signal
from services.dossier.store.keyrings import Keyrings
from services.foundation.database.connection import Connection, Database

SignalState = Literal["open", "handled", "overtaken"]


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
            known = await known_to(conn, reader, dossier_id, "list")
            if known is None:
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
        return await self._sights.one_after_another(
            Look(reader, parameters), MIGHT_KNOW, partial(_listed, state), after, limit
        )


def _page(seen: Seen, state: SignalState | None, after: int, limit: int) -> Page:
    left = [each for each in _signals(seen, state) if each.raised.sequence > after][:limit]
    return Page([_told(seen, each) for each in left], left[-1].raised.sequence if left else after)


def _listed(state: SignalState | None, seen: Seen) -> Iterator[Listed]:
    for signal in _signals(seen, state):
        yield signal.raised.sequence, partial(_told, seen, signal, dossier=str(seen.known.dossier_id))


def _signals(seen: Seen, state: SignalState | None) -> list[Signal]:
    return seen.sight.signals(STATES if state is None else (None, state))


def _told(seen: Seen, signal: Signal, **beside: str) -> Json:
    seen.sight.tell_signal(signal)
    return beside | signal_item(signal, seen.day)
