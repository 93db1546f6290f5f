"""The contact person's list: the dossiers in which the reader is the contact person, in order of what calls first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Final
from uuid import UUID

from services.dossier.domain.numbers import Numbers
from services.dossier.envelopes import Json
from services.dossier.gate import fence
from services.dossier.gate.decision import Reader
from services.dossier.gate.looking import Look, Seen, Sights
from services.dossier.gate.sight import OPEN, Signal
from services.dossier.trajectory.acts import GROUPS, NOT_IN_THE_LIST, acts_for, group_of
from services.foundation.database.connection import Connection, Database

# Where the reader is the contact person for the participant at a moment; over is not when the business clock says so.
MINE: Final = """
select d.id, d.number
from dossier.index_contacts c join dossier.dossiers d on d.id = c.dossier_id and d.erased_at is null
cross join (select least(foundation.now(), $2::timestamptz) as at) clock
where c.person = $1 and c.from_at <= clock.at and (c.until_at is null or clock.at < c.until_at)
"""
NO_SIGNAL: Final = len(GROUPS)
# A place in the list in one number, so that a page goes on after it: group, day, and the number of the dossier.
_DAY_BITS: Final = 22
_NUMBER_BITS: Final = 38


@dataclass(frozen=True)
class Line:
    """A dossier in the list, with the calls that are open, the first one first."""

    seen: Seen
    number: int
    calls: Sequence[Signal]

    @cached_property
    def place(self) -> int:
        """By group, then by day, then always in the same order: no weights, no prediction."""
        if self.calls:
            group, day = _place_of(self.calls[0], self.seen.day)
        else:
            due = self.seen.sight.next_due(self.seen.at)
            group, day = NO_SIGNAL, date.max if due is None else date.fromisoformat(due["on"])
        return (group << _DAY_BITS | day.toordinal()) << _NUMBER_BITS | self.number


class Caseload:
    def __init__(self, database: Database, sights: Sights) -> None:
        self._database, self._sights = database, sights

    async def page(
        self, reader: Reader, occurred_before: datetime | None, after: int, limit: int, numbers: Numbers
    ) -> tuple[list[Json], int | None]:
        """Who comes first rests on all that the reader may know; only what is shown is logged, so it is decided anew.

        Gives the items, and the place of the last one.
        """
        if reader.person is None:
            return [], None
        async with self._database.connection() as conn:
            rows = await conn.fetch(MINE, reader.person, occurred_before)
        number_of = {UUID(int=row["id"].int): row["number"] for row in rows}

        look = Look(reader, numbers, occurred_before)

        def lines(several: Sequence[Seen]) -> list[Line]:
            found = (_line(seen, number_of[seen.known.dossier_id]) for seen in several)
            return sorted((line for line in found if line.place > after), key=lambda line: line.place)

        shown: dict[int, Json] = {}

        async def show(_conn: Connection, several: Sequence[Seen]) -> list[Seen]:
            page = lines(several)[:limit]
            shown.update((line.place, _item(line)) for line in page)
            return [line.seen for line in page]

        ids = list(number_of)
        if len(ids) > fence.MOST_FENCES:
            places: list[tuple[int, UUID]] = []

            async def order(_conn: Connection, several: Sequence[Seen]) -> list[Seen]:
                places.extend((line.place, line.seen.known.dossier_id) for line in lines(several))
                return []

            await self._sights.over(look, ids, order)
            ids = [id_ for _, id_ in sorted(places)[:limit]]
        await self._sights.over(look, ids, show)
        return [shown[place] for place in sorted(shown)], max(shown, default=None)


def _line(seen: Seen, number: int) -> Line:
    calls = [s for s in seen.sight.signals(OPEN) if _is_call(s, seen.day)]
    return Line(seen, number, sorted(calls, key=lambda s: (*_place_of(s, seen.day), s.raised.sequence)))


def _is_call(signal: Signal, day: date) -> bool:
    """What may be overtaken, or answered, by something unreadable calls all the same."""
    if signal.raised.code in NOT_IN_THE_LIST:
        return False
    return signal.state is None or signal.raised.calls(day)


def _place_of(signal: Signal, day: date) -> tuple[int, date]:
    return GROUPS.index(group_of(signal.raised.code, signal.raised.due_on, day)), signal.raised.due_on


def _item(line: Line) -> Json:
    seen, sight = line.seen, line.seen.sight
    item: Json = {
        "dossier": str(seen.known.dossier_id),
        "stage": sight.stage(seen.day),
        "last_contact_on": sight.last_contact(),
        "next_due": sight.next_due(seen.at),
        "responsible_organisation": sight.responsible(seen.day),
        "signals": [_call(signal, seen) for signal in line.calls],
    }
    return {name: value for name, value in item.items() if value is not None}


def _call(signal: Signal, seen: Seen) -> Json:
    seen.sight.tell_signal(signal)
    raised = signal.raised
    return signal_item(signal, seen.day) | {
        "group": group_of(raised.code, raised.due_on, seen.day),
        "acts": list(acts_for(raised.code)),
        "numbers": dict(raised.numbers),
    }


def signal_item(signal: Signal, day: date) -> Json:
    """As every list of signals shows it."""
    raised = signal.raised
    is_open = signal.state == "open"
    # Whom it names rests on what "open" and "overtaken" rest on; that it was handled rests on less.
    names = list(raised.organisations) if signal.state in ("open", "overtaken") else []
    reminded_on = raised.reminding.last(raised.raised_on, day) if is_open else None
    item: Json = {
        "signal_id": raised.signal_id,
        "code": raised.code,
        "rule": raised.rule,
        "raised_on": raised.raised_on.isoformat(),
        "due_on": raised.due_on.isoformat(),
        "about": raised.about,
        "for": raised.for_actor,
        "severity": raised.severity,
        "state": signal.state,
        "organisations": names or None,
        "reminded_on": None if reminded_on is None else reminded_on.isoformat(),
        "also_for": raised.reminding.organisation(day) if is_open else None,
    }
    return {name: value for name, value in item.items() if value is not None}
