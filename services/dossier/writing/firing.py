"""What the clock and each new event make due: signals, once each, in the transaction that finds them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any, Final
from uuid import UUID

from services.dossier.domain.contact import contact_persons
from services.dossier.domain.entries import Entry, NewEntry
from services.dossier.domain.state import Dossier
from services.dossier.store.changes import grants_of
from services.dossier.trajectory.becoming import Becomes
from services.dossier.trajectory.history import history_of
from services.dossier.trajectory.rulebook import UNWATCHED, Rule, all_due
from services.dossier.writing.surroundings import PLATFORM, SYSTEM, Surroundings

RAISED: Final = "nl.dossier.signal.raised"


@dataclass(frozen=True)
class Signal:
    """About to be raised. `at` is its moment: later than the rule says when it followed from late news (R-29)."""

    due: Becomes
    event_id: UUID
    at: datetime


@dataclass(frozen=True)
class Standing:
    """A dossier as the rules see it at one moment: its whole history, opened, and what was folded from it.

    `read_at`: when the participant first read what the ledger was asked about.
    """

    dossier_id: UUID
    entries: Sequence[Entry]
    dossier: Dossier
    owner: str | None
    around: Surroundings
    read_at: Mapping[UUID, datetime]


def follows_from(news: Iterable[Entry]) -> bool:
    """Whether these entries can make anything due, or keep it from becoming so."""
    return any(entry.name not in UNWATCHED for entry in news)


def due_in(standing: Standing, at: datetime, rules: Sequence[Rule]) -> list[Becomes]:
    timeline = standing.around.timeline(standing.dossier)
    grants = grants_of(standing.dossier, standing.around.employers, timeline)
    history = history_of(standing.entries, at, standing.owner, grants.values(), standing.read_at)
    return all_due(history, timeline, rules)


def unraised(standing: Standing, due: Iterable[Becomes], now: datetime) -> list[Signal]:
    """Due by now and not raised before, at the moments at which the rules put them; `due` in the order of those.

    None before its entry was recorded, also where a rule threw when it was (R-29).
    """
    known = {entry.event_id for entry in standing.entries if entry.type == RAISED}
    found: dict[UUID, Signal] = {}
    for each in takewhile(lambda becomes: becomes.at <= now, due):
        id_ = each.signal_id(standing.dossier_id)
        if id_ not in known:
            found.setdefault(id_, Signal(each, id_, max(each.at, each.about.recorded_at)))
    return sorted(found.values(), key=lambda signal: signal.at)


def news_of(found: Iterable[Signal], overdue: Iterable[Signal], now: datetime) -> list[Signal]:
    """What was due before the news came keeps its moment; what follows from the news is dated now."""
    known = {signal.event_id for signal in overdue}
    return [Signal(signal.due, signal.event_id, now) for signal in found if signal.event_id not in known]


def raised(signal: Signal, dossier: Dossier, now: datetime, around: Surroundings, opened: Entry) -> NewEntry:
    """In the class of the entry that it is about, whatever the usual class of a signal."""
    due, at = signal.due, signal.at.astimezone(UTC).isoformat()
    data: Mapping[str, Any] = {
        "signal_id": str(signal.event_id),
        "rule": due.rule,
        "code": due.code,
        "about_event_id": str(due.about.event_id),
        "for_actor": _for_actor(dossier, now, around, opened),
        "raised_at": at,
        "due_on": due.due_on.isoformat(),
        "severity": due.severity,
        "occurred_at": at,
    }
    class_ = due.about.privacy_class
    return NewEntry(RAISED, data, class_, class_, SYSTEM)


def _for_actor(dossier: Dossier, now: datetime, around: Surroundings, opened: Entry) -> str:
    """The contact person; while there is none, whoever opened the dossier."""
    contacts = contact_persons(dossier, now, around.timeline(dossier))
    return contacts[-1] if contacts else opened.person or opened.organisation or PLATFORM
