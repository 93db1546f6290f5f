"""What of the outlooks of dossiers one reader may know now: decided under the fence, each value by all its sources."""

from collections.abc import Awaitable, Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from services.dossier.domain.commands import Parameters
from services.dossier.domain.days import civil_day
from services.dossier.gate import facts, fence, ledger, outlooks
from services.dossier.gate.decision import Permit, Prohibitions, Reader, Subject, decide, live_grants
from services.dossier.gate.facts import Known
from services.dossier.gate.outlooks import id_of, raised_of, subject_of
from services.dossier.gate.overviews import last_moment
from services.dossier.gate.release import MOST_TRIES, Json, may_know, standing
from services.dossier.store.keyrings import Keyrings, StaleKeys
from services.dossier.trajectory.outlook import ABOUT_GRANTS
from services.dossier.trajectory.raised import Raised
from services.foundation.database.connection import Connection, Database
from services.foundation.problems import UNAVAILABLE, Problem

STATES: Final = (None, "open", "handled", "overtaken")
OPEN: Final = (None, "open")  # as far as the reader can know


@dataclass(frozen=True)
class Signal:
    """A signal that the reader may read. `state` is absent where what became of it rests on what is not readable."""

    raised: Raised
    event_id: str
    class_: str
    state: str | None


@dataclass(frozen=True)
class Addressed:
    """A signal as it concerns its addressees. `reads_cause`: the reader may read what it is about.

    `is_open`: that nobody handled it and that it still follows, whatever the reader may read; for who it is for alone.
    """

    signal: Signal
    reads_signal: bool
    reads_cause: bool
    is_open: bool


@dataclass(frozen=True)
class Question:
    sequence: int
    to_actor: str
    due_on: date
    event_id: str | None
    class_: str


class Sight:
    """What of an outlook a reader may know: a value only if all that decided it is readable, never from a part."""

    def __init__(self, plain: Json, may: Callable[[Subject], bool]) -> None:
        self._plain, self._may = plain, may
        self._read: dict[int, bool] = {}
        self._subjects: dict[int, Subject] = {}
        self._told: set[str] = set()
        self._classes: set[str] = set()

    @property
    def told(self) -> tuple[list[UUID], set[str]]:
        """Of which entries something was told here, and of which classes: for the ledger."""
        return [UUID(id_) for id_ in sorted(self._told)], self._classes

    def stage(self, day: date) -> str | None:
        places, ids = self._plain["staged"]
        found = _last(self._plain["stages"], day)
        if found is None or not self._reads_all(places):
            return None
        self._tell(places, ids)
        return str(found[0])

    def last_contact(self) -> str | None:
        contact = self._plain["contact"]
        if contact is None or not self._reads(contact[1]):
            return None
        self._tell([contact[1]])
        return str(contact[0])

    def responsible(self, day: date) -> str | None:
        found = _last(self._plain["responsible"], day)
        if found is None or not self._reads_all(found[2]):
            return None
        self._tell(found[2])
        return str(found[0])

    def next_due(self, at: datetime) -> Json | None:
        found = next((due for due in self._plain["due"] if datetime.fromisoformat(due[0]) > at), None)
        if found is None or not self._reads_all(self._plain["watched"]):
            return None
        self._told.add(found[4])
        return {"rule": found[1], "code": found[2], "on": found[3], "about": found[4]}

    def signals(self, states: Container[str | None] = STATES) -> list[Signal]:
        """Those that may be read, of these states, in the order in which they were raised."""
        found = []
        for told in self._plain["signals"]:
            if self._reads(told["subject"]) and (state := self._state(told)) in states:
                subject = self._plain["subjects"][told["subject"]]
                found.append(Signal(raised_of(told, subject[0]), id_of(subject), subject[3], state))
        return found

    # What somebody must act on

    def addressed(self) -> list[Addressed]:
        """Every signal that was not dealt with, for its addressees: also those who may not read it."""
        found = []
        for told in self._plain["signals"]:
            place = told["subject"]
            subject = self._subject(place)
            state = self._state(told)
            if state in (None, "open"):
                signal = Signal(
                    raised_of(told, subject.sequence),
                    id_of(self._plain["subjects"][place]),
                    subject.privacy_class,
                    state,
                )
                reads_cause = subject.about is not None and self._may(subject.about)
                is_open = told["handled"] is None and told["follows"]
                found.append(Addressed(signal, self._reads(place), reads_cause, is_open))
        return found

    def asked(self) -> list[Question]:
        """The questions that wait for an answer; `event_id` only of those that may be read."""
        return [
            Question(
                self._plain["subjects"][place][0],
                to_actor,
                date.fromisoformat(due_on),
                id_of(self._plain["subjects"][place]) if self._reads(place) else None,
                self._subject(place).privacy_class,
            )
            for place, to_actor, due_on in self._plain["asked"]
        ]

    def counterpart(self, employer: str | None) -> str | None:
        """Whom one can turn to: who has a task is always told that (V10), whatever else may be read."""
        own: str | None = self._plain["employer_contacts"].get(employer)
        appointed = self._plain["contact_person"]
        return own or (None if appointed is None else str(appointed[0]))

    def contact_person(self) -> str | None:
        """The one appointed last."""
        appointed = self._plain["contact_person"]
        if appointed is None or not self._reads(appointed[1]):
            return None
        self._tell([appointed[1]])
        return str(appointed[0])

    def tell(self, event_id: UUID, class_: str) -> None:
        """That something of an entry was told beside this."""
        self._told.add(str(event_id))
        self._classes.add(class_)

    def tell_signal(self, signal: Signal) -> None:
        self._told |= {signal.event_id, *([signal.raised.about] if signal.raised.about else [])}
        self._classes.add(signal.class_)

    def _state(self, told: Json) -> str | None:
        if told["handled"] is not None and self._reads(told["handled"]):
            return "handled"
        rest_on = [self._plain["signalled"]] + ([self._plain["granted"]] if told["rule"] in ABOUT_GRANTS else [])
        if not all(self._reads_all(places) for places in rest_on):
            return None
        return "open" if told["follows"] else "overtaken"

    # Deciding, each subject once

    def _reads_all(self, places: Iterable[int]) -> bool:
        return all(self._reads(place) for place in places)

    def _reads(self, place: int) -> bool:
        if place not in self._read:
            self._read[place] = self._may(self._subject(place))
        return self._read[place]

    def _subject(self, place: int) -> Subject:
        if place not in self._subjects:
            self._subjects[place] = subject_of(self._plain["subjects"][place])
        return self._subjects[place]

    def _tell(self, places: Iterable[int], ids: Iterable[str] = ()) -> None:
        for place in places:
            self._told.add(id_of(self._plain["subjects"][place]))
            self._classes.add(self._subject(place).privacy_class)
        self._told |= set(ids)


def _last(several: Sequence[Any], day: date) -> Any:
    """The last one that has begun; its second member says when, and is absent for one from the beginning."""
    return next((each for each in reversed(several) if each[1] is None or each[1] <= day.isoformat()), None)


@dataclass(frozen=True)
class Seen:
    """A dossier that the reader may know, with what it may know of it at a moment."""

    known: Known
    at: datetime
    sight: Sight

    @cached_property
    def day(self) -> date:
        return civil_day(self.at)


# Picks, in the transaction that decides, what is shown of what may be.
Show = Callable[[Connection, Sequence[Seen]], Awaitable[Sequence[Seen]]]


@dataclass(frozen=True)
class Look:
    """Who looks, by which numbers of the rules, and until when it counts what happened; absent: until now."""

    reader: Reader
    parameters: Parameters
    occurred_before: datetime | None = None

    @cached_property
    def made_by(self) -> int:
        return outlooks.maker(self.parameters)


class Sights:
    def __init__(self, database: Database, keyrings: Keyrings, law: Prohibitions) -> None:
        self._database, self._keyrings, self._law = database, keyrings, law

    async def over(self, look: Look, dossier_ids: Iterable[UUID], show: Show) -> list[Seen]:
        """Of those that the reader may know, what `show` picks: of these alone something was told, and is logged.

        Fences in ascending order of id, at most 25 a transaction. What this gives was decided under them.
        """
        found: list[Seen] = []
        ids = sorted(dossier_ids)
        for begin in range(0, len(ids), fence.MOST_FENCES):
            found += await self._chunk(look, ids[begin : begin + fence.MOST_FENCES], show)
        return found

    async def _chunk(self, look: Look, ids: Sequence[UUID], show: Show) -> list[Seen]:
        for _ in range(MOST_TRIES):
            missing: list[UUID] = []
            async with self._database.transaction(*(fence.shared(id_) for id_ in ids)) as conn:
                seen = await self._seen(conn, look, ids, missing)
                if not missing:
                    shown = await show(conn, seen)
                    await ledger.permitted_each(conn, [logged(look.reader, each) for each in shown])
            if not missing:
                return list(shown)
            await self._keyrings.fetch_many(missing)
        raise Problem(UNAVAILABLE, "Access to a dossier is changing, or its keys cannot be had now; ask again.")

    async def _seen(self, conn: Connection, look: Look, ids: Sequence[UUID], missing: list[UUID]) -> list[Seen]:
        """`missing` takes the dossiers whose keys are not at hand: they are fetched outside the fence."""
        reader = look.reader
        may = {known.dossier_id: known for known in await facts.places(conn, ids, reader) if may_know(reader, known)}
        for id_, known in may.items():
            try:
                self._keyrings.at_hand(id_, known.epoch)
            except StaleKeys:
                missing.append(id_)
        if missing:
            return []
        return await self.within(conn, look, list(may.values()))

    async def within(self, conn: Connection, look: Look, several: Sequence[Known]) -> list[Seen]:
        """In a transaction that holds their fences; of dossiers that the reader may know. Raises `StaleKeys`."""
        kept = await outlooks.kept(conn, [known.dossier_id for known in several], look.made_by)
        found: list[Seen] = []
        fresh: list[outlooks.Made] = []
        for known in several:
            id_, ring = known.dossier_id, self._keyrings.at_hand(known.dossier_id, known.epoch)
            at = last_moment(known.now, look.occurred_before)
            sequence, sealed = kept.get(id_, (0, b""))
            if at == known.now and sequence == known.head:
                plain = outlooks.opened(ring, id_, sequence, sealed)
            else:
                made = await outlooks.make(conn, id_, ring, at, look.parameters)
                plain = made.plain
                if at == known.now:
                    fresh.append(made)
            found.append(Seen(known, at, Sight(plain, self._may(look.reader, known))))
        rings = {each.dossier_id: self._keyrings.at_hand(each.dossier_id, each.epoch) for each in several}
        await outlooks.keep(conn, rings.__getitem__, look.made_by, fresh)
        return found

    def _may(self, reader: Reader, known: Known) -> Callable[[Subject], bool]:
        return lambda subject: isinstance(decide(reader, known.place, subject, known.now, self._law), Permit)


def logged(reader: Reader, seen: Seen) -> ledger.Row:
    known = seen.known
    event_ids, classes = seen.sight.told
    return ledger.Row(
        known.dossier_id,
        standing(reader, known),
        known.now,
        "list",
        event_ids,
        classes,
        live_grants(reader, known.place, known.now, "read"),
        ledger.reason_of(known.place),
    )
