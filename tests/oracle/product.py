"""The product's own computation of a life: its pure side, fired as the clock and each append fire it."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, time
from uuid import UUID, uuid4

from services.dossier.domain import ends
from services.dossier.domain.consent import Grant
from services.dossier.domain.days import civil_day
from services.dossier.domain.entries import Entry
from services.dossier.domain.evolution import evolve, fold, needs_whole_history
from services.dossier.domain.numbers import Parameters, Timeline, always
from services.dossier.domain.state import Dossier, NotOpened
from services.dossier.store.changes import grants_of
from services.dossier.trajectory.becoming import Becomes
from services.dossier.trajectory.history import history_of
from services.dossier.trajectory.rulebook import all_due
from services.dossier.trajectory.state import Derived, derive
from services.foundation import contract
from tests.oracle.dates import AMSTERDAM
from tests.oracle.diary import Signal
from tests.oracle.lives import Life
from tests.oracle.stories.composer import ORG_KINDS, PARTICIPANT
from tests.oracle.told import Event

TYPES = contract.load().types
EMPLOYERS = frozenset(key for key, kind in ORG_KINDS.items() if kind in ("employer", "pool"))
UNNUMBERED = 1_000_000  # what the platform records itself; no signal is about it


def entries_of(events: Sequence[Event]) -> list[Entry]:
    return [_entry(event) for event in events]


def parameters_of(life: Life) -> Timeline:
    known = {field.name for field in fields(Parameters)}
    return always(Parameters(**{name: value for name, value in life.numbers.items() if name in known}))


def signals_of(life: Life) -> list[Signal]:
    """What was raised in a life, once each."""
    clockwork = Clockwork(parameters_of(life))
    for entry in entries_of(life.events):
        clockwork.walk(entry.recorded_at)
        clockwork.learn(entry)
    clockwork.walk(datetime.combine(life.until, time(23, 59, 59), AMSTERDAM))
    return sorted(clockwork.raised.values())


class Clockwork:
    """A dossier under the clock: it fires and ends what comes due; what follows from news is dated when it is told."""

    def __init__(self, parameters: Timeline) -> None:
        self.raised: dict[object, Signal] = {}
        self._parameters = parameters
        self._entries: list[Entry] = []
        self._dossier: Dossier = NotOpened()
        self._ahead: list[Becomes] = []
        self._ends: tuple[ends.Due, ...] = ()

    def walk(self, until: datetime) -> None:
        while self._ends and self._ends[0].at <= until:
            at = self._ends[0].at
            self._fire(at)
            self._end_grants(at)
        self._fire(until)

    def learn(self, entry: Entry) -> None:
        self._append(entry)
        for due in self._ahead:
            if due.at <= entry.recorded_at:
                self._raise(due, entry.recorded_at)
        self._end_grants(entry.recorded_at)

    def _append(self, entry: Entry) -> None:
        self._entries.append(entry)
        is_retraction = needs_whole_history([entry])
        self._dossier = fold(self._entries) if is_retraction else evolve(self._dossier, entry)
        grants = _grants(self._dossier, self._parameters)
        self._ends = ends.due(self._dossier, EMPLOYERS, self._parameters)
        self._ahead = all_due(history_of(self._entries, entry.recorded_at, PARTICIPANT, grants), self._parameters)

    def _end_grants(self, now: datetime) -> None:
        for end in self._ends:
            if end.at <= now:
                told = {"consent_id": end.consent_id, "expired_at": end.at.isoformat()}
                expired = Event(UNNUMBERED, str(uuid4()), "consent.expired", end.at, now, None, "platform", told)
                self._append(_entry(expired))

    def _fire(self, until: datetime) -> None:
        for due in self._ahead:
            if due.at <= until:
                self._raise(due, due.at)

    def _raise(self, due: Becomes, at: datetime) -> None:
        identity = (due.rule, due.code, due.about.event_id, due.once)  # what the id of its signal is made of
        if identity not in self.raised:
            self.raised[identity] = Signal(civil_day(at), due.rule, due.code, due.about.sequence)


def state_of(entries: Sequence[Entry], at: datetime, parameters: Timeline) -> Derived:
    return derive(entries, _grants(fold(entries), parameters), at, PARTICIPANT, parameters)


def _grants(dossier: Dossier, parameters: Timeline) -> list[Grant]:
    return list(grants_of(dossier, EMPLOYERS, parameters).values())


def _entry(event: Event) -> Entry:
    type_ = TYPES[f"nl.dossier.{event.name}"]
    return Entry(
        sequence=event.number,
        event_id=UUID(event.id),
        source="urn:nld:oin:00000099990000000099:systeem:proef",
        type=f"nl.dossier.{event.name}",
        privacy_class=type_.privacy_class,
        usual_class=type_.privacy_class,
        recorded_at=event.recorded,
        occurred_at=event.occurred,
        person=event.person,
        organisation=event.organisation,
        data=event.data,
    )
