"""The exits of what is watched over time: the signals of a dossier and of all one's dossiers, and its figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from services.dossier.domain.days import civil_day, moment_in
from services.dossier.domain.entries import Entry
from services.dossier.domain.evolution import numbered
from services.dossier.domain.numbers import Numbers
from services.dossier.domain.state import timeline_of
from services.dossier.gate import facts, ledger
from services.dossier.gate.decision import Permit, Prohibitions, Reader, decide, live_grants
from services.dossier.gate.facts import Known, Row
from services.dossier.gate.overviews import MIGHT_KNOW, all_grants, last_moment, owner_of
from services.dossier.gate.release import Json, may_know, open_permitted, released, standing
from services.dossier.store import streams
from services.dossier.store.keyrings import Keyrings
from services.dossier.trajectory.history import History, history_of
from services.dossier.trajectory.metrics import metrics
from services.dossier.trajectory.rulebook import UNWATCHED, RuleFailed, all_due
from services.foundation.database.connection import Connection, Database

SignalState = Literal["open", "handled", "overtaken"]
ABOUT_GRANTS: Final = ("R-11b", "R-12")
MOST: Final = 25


SIGNALS: Final = """
select sequence from dossier.index_entries
where dossier_id = $1 and sequence > $2 and type = 'nl.dossier.signal.raised' order by sequence
"""


@dataclass(frozen=True)
class Page:
    """`last`: the place of the last one, from which reading goes on."""

    items: list[Json]
    last: int


class Watching:
    def __init__(self, database: Database, keyrings: Keyrings, law: Prohibitions) -> None:
        self._database, self._keyrings, self._law = database, keyrings, law

    async def metrics(
        self,
        reader: Reader,
        dossier_id: UUID,
        occurred_before: datetime | None,
        recorded_before: datetime | None,
        parameters: Numbers,
    ) -> Json:
        """All of them or none: each rests on the whole history, so only who may read all of it has figures."""

        async def attempt(conn: Connection) -> Json | None:
            known, now = await facts.place(conn, dossier_id, reader)
            if known is None or not may_know(reader, known):
                await ledger.refused(conn, dossier_id, known is not None, reader, now, "read", None, "no_grant")
                return None
            history = await self._history(conn, known, last_moment(now, occurred_before), recorded_before)
            readable = await self._readable(conn, reader, known, [entry.sequence for entry in history.entries])
            if len(readable) < len(history.entries):
                await ledger.refused(conn, dossier_id, True, reader, now, "read", None, "not_covered")
                return None
            await self._log(conn, reader, known, "read", [row for row, _ in readable])
            timeline = timeline_of(numbered(history.entries), parameters, recorded_before)
            return metrics(history, timeline.on(history.day))

        return await released(self._database, self._keyrings, dossier_id, attempt)

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

        async def attempt(conn: Connection) -> Page | None:
            known, now = await facts.place(conn, dossier_id, reader)
            if known is None or not may_know(reader, known):
                await ledger.refused(conn, dossier_id, known is not None, reader, now, "list", None, "no_grant")
                return None
            shown = await self._shown(conn, reader, known, state, after, limit, parameters)
            await self._log(conn, reader, known, "list", [row for row, _ in shown])
            return _page(shown, after)

        return await released(self._database, self._keyrings, dossier_id, attempt)

    async def all_signals(
        self, reader: Reader, state: SignalState | None, after: tuple[int, int], limit: int, parameters: Numbers
    ) -> tuple[list[Json], tuple[int, int]]:
        """Over all dossiers that the reader may know, dossier after dossier; a ledger row for each that is shown.

        `after`: the number of a dossier, and a sequence in it.
        """
        items: list[Json] = []
        number, sequence = after
        while True:
            async with self._database.connection() as conn:
                rows = await conn.fetch(MIGHT_KNOW, reader.person, reader.organisation, max(number - 1, 0), MOST)
            for row in rows:
                begin = sequence if row["number"] == number else 0
                dossier_id = UUID(int=row["id"].int)
                page = await self._of_one(reader, dossier_id, state, begin, limit - len(items), parameters)
                if page.items:
                    items += [{"dossier": str(dossier_id), **item} for item in page.items]
                    after = row["number"], page.last
                if len(items) >= limit:
                    return items, after
            if len(rows) < MOST:
                return items, after
            number, sequence = rows[-1]["number"] + 1, 0

    async def _of_one(
        self,
        reader: Reader,
        dossier_id: UUID,
        state: SignalState | None,
        after: int,
        limit: int,
        parameters: Numbers,
    ) -> Page:
        """Of a dossier that the list leads to: what it may not know is not there, and was not asked for."""

        async def attempt(conn: Connection) -> Page:
            known, _ = await facts.place(conn, dossier_id, reader)
            if known is None or not may_know(reader, known):
                return Page([], after)
            shown = await self._shown(conn, reader, known, state, after, limit, parameters)
            if shown:
                await self._log(conn, reader, known, "list", [row for row, _ in shown])
            return _page(shown, after)

        return await released(self._database, self._keyrings, dossier_id, attempt)

    async def _shown(
        self,
        conn: Connection,
        reader: Reader,
        known: Known,
        state: SignalState | None,
        after: int,
        limit: int,
        parameters: Numbers,
    ) -> list[tuple[Row, Json]]:
        raised = await conn.fetch(SIGNALS, known.dossier_id, after)
        found = await self._readable(conn, reader, known, [row["sequence"] for row in raised])
        if not found:
            return []
        history = await self._history(conn, known, known.now, None)
        states = await self._states(conn, reader, known, history, parameters)
        ring = self._keyrings.at_hand(known.dossier_id, known.epoch)
        items = [(row, _item(open_permitted(ring, known.dossier_id, row, permit), states)) for row, permit in found]
        return [(row, item) for row, item in items if state is None or item.get("state", state) == state][:limit]

    async def _history(self, conn: Connection, known: Known, at: datetime, recorded_before: datetime | None) -> History:
        ring = self._keyrings.at_hand(known.dossier_id, known.epoch)
        entries = await streams.entries(conn, known.dossier_id, ring, recorded_before)
        grants = await all_grants(conn, known.dossier_id)
        read_at = await ledger.first_reads(conn, known.dossier_id, entries)
        return history_of(entries, at, await owner_of(conn, known.dossier_id), grants, read_at)

    async def _states(
        self, conn: Connection, reader: Reader, known: Known, history: History, parameters: Numbers
    ) -> Mapping[str, SignalState]:
        """By signal id; none of what rests on something that this reader may not read."""
        watched = [e for e in history.entries if e.name not in UNWATCHED or e.name == "signal.handled"]
        rows = await self._readable(conn, reader, known, [e.sequence for e in watched])
        readable = {row.subject.sequence for row, _ in rows}
        handled = {e.data["signal_id"] for e in history.named("signal.handled") if e.sequence in readable}
        timeline = timeline_of(numbered(history.entries), parameters)
        try:
            still = {str(due.signal_id(known.dossier_id)) for due in all_due(history, timeline)}
        except RuleFailed:  # what still stands is not known; what was handled is
            return dict.fromkeys(handled, "handled")
        found: dict[str, SignalState] = {}
        for raised in history.named("signal.raised"):
            id_ = raised.data["signal_id"]
            if id_ in handled:
                found[id_] = "handled"
            elif all(e.sequence in readable for e in watched if _decides(raised, e)):
                found[id_] = "open" if id_ in still else "overtaken"
        return found

    async def _readable(
        self, conn: Connection, reader: Reader, known: Known, sequences: Sequence[int]
    ) -> list[tuple[Row, Permit]]:
        found: list[tuple[Row, Permit]] = []
        for raw in await conn.fetch(facts.THESE, known.dossier_id, list(sequences)):
            row = facts.row_of(raw, raw["sealed"])
            decision = decide(reader, known.place, row.subject, known.now, self._law)
            if isinstance(decision, Permit):
                found.append((row, decision))
        return found

    async def _log(self, conn: Connection, reader: Reader, known: Known, way: str, rows: Sequence[Row]) -> None:
        await ledger.permitted(
            conn,
            known.dossier_id,
            standing(reader, known),
            known.now,
            way,
            [row.subject.event_id for row in rows],
            {row.subject.privacy_class for row in rows},
            live_grants(reader, known.place, known.now, "read"),
            ledger.reason_of(known.place),
        )


def _page(shown: Sequence[tuple[Row, Json]], after: int) -> Page:
    return Page([item for _, item in shown], shown[-1][0].subject.sequence if shown else after)


def _decides(raised: Entry, entry: Entry) -> bool:
    """Whether this entry may have to do with what became of that signal: grants only with one about a grant."""
    return not entry.name.startswith("consent.") or raised.data["rule"] in ABOUT_GRANTS


def _item(data: Json, states: Mapping[str, SignalState]) -> Json:
    item: dict[str, Any] = {
        "signal_id": data["signal_id"],
        "code": data["code"],
        "rule": data["rule"],
        "raised_on": civil_day(moment_in(data["raised_at"])).isoformat(),
        "due_on": data["due_on"],
        "about": data.get("about_event_id"),
        "for": data["for_actor"],
        "severity": data["severity"],
        "state": states.get(data["signal_id"]),
    }
    return {name: value for name, value in item.items() if value is not None}
