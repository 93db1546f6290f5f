"""What of an outlook one reader may know: a value only if all that decided it is readable, never from a part."""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from services.dossier.envelopes import Json
from services.dossier.gate.decision import Subject
from services.dossier.gate.outlooks import id_of, raised_of, subject_of
from services.dossier.trajectory.outlook import ABOUT_GRANTS
from services.dossier.trajectory.raised import Raised
from services.dossier.trajectory.tasks import TaskDays

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
        found = next((due for due in self._plain["due"] or () if datetime.fromisoformat(due[0]) > at), None)
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
                is_open = told["handled"] is None and (told["follows"] or self._plain["due"] is None)
                found.append(Addressed(signal, self._reads(place), reads_cause, is_open))
        return found

    @property
    def task_days(self) -> TaskDays:
        return TaskDays(*self._plain["task_days"])

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
        if self._plain["due"] is None:
            return None  # a rule threw: what still follows is not known
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
