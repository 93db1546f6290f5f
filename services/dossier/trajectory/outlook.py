"""What a history tells of its dossier from now on, for as long as nothing else happens; each value with its sources."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from services.dossier.domain.days import civil_day
from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters, Timeline
from services.dossier.trajectory.appointments import appointed
from services.dossier.trajectory.becoming import Becomes
from services.dossier.trajectory.contact import contacts
from services.dossier.trajectory.history import History, day_named, place
from services.dossier.trajectory.raised import Raised, all_raised
from services.dossier.trajectory.rulebook import UNWATCHED, RuleFailed, all_due
from services.dossier.trajectory.stage import DECIDES, Span, spans_over

# Beside what the rules look at: what became of a signal rests on these too.
ALSO_DECIDE_SIGNALS: Final = ("signal.handled", "safe-haven.entered", "scheme.requested", "opportunity.proposed")
ABOUT_GRANTS: Final = ("R-11b", "R-12")


@dataclass(frozen=True)
class Responsible:
    """From a day on; the first one from the opening on."""

    organisation: str
    from_on: date | None
    decided_by: frozenset[int]


@dataclass(frozen=True)
class Asked:
    """A question that was not answered yet."""

    sequence: int
    to_actor: str
    due_on: date


@dataclass(frozen=True)
class Outlook:
    """`stages` and `due` reach into the future: on a later day the same outlook tells what holds then.

    `watched`: the sequences on which all that the rules say rests; `staged`: those on which the stage does. What became
    of a signal rests on `signalled`, of one about a grant also on `granted`. `employer_contacts`: an employer and the
    person whom it can turn to. `due` is absent when a rule threw: then it is not known what still follows. `unread`:
    what the participant has not read yet; that they do makes no entry.
    """

    stages: tuple[Span, ...]
    staged: frozenset[int]
    last_contact: tuple[date, int] | None
    contact_person: tuple[str, int] | None
    employer_contacts: tuple[tuple[str, str], ...]
    responsible: tuple[Responsible, ...]
    due: tuple[Becomes, ...] | None
    watched: frozenset[int]
    signals: tuple[Raised, ...]
    signalled: frozenset[int]
    granted: frozenset[int]
    asked: tuple[Asked, ...]
    unread: tuple[UUID, ...]
    numbers: Parameters

    def stage_on(self, day: date) -> str | None:
        return next((span.stage for span in reversed(self.stages) if span.from_on <= day), None)

    def responsible_on(self, day: date) -> Responsible | None:
        return next((r for r in reversed(self.responsible) if r.from_on is None or r.from_on <= day), None)

    def next_due(self, at: datetime) -> Becomes | None:
        return next((each for each in self.due or () if each.at > at), None)


def outlook(history: History, dossier_id: UUID, timeline: Timeline) -> Outlook:
    stages = spans_over(history, timeline)
    try:
        due: list[Becomes] | None = all_due(history, timeline)
    except RuleFailed:
        due = None
    still = frozenset(str(each.signal_id(dossier_id)) for each in due or ())
    last = next(reversed(contacts(history)), None)
    return Outlook(
        stages=tuple(stages),
        staged=sequences(history.named(*DECIDES)),
        last_contact=None if last is None else (civil_day(last.occurred_at), last.sequence),
        contact_person=_contact_person(history),
        employer_contacts=tuple(sorted(_employer_contacts(history).items())),
        responsible=tuple(responsible_in_turn(history)),
        due=None if due is None else tuple(due),
        watched=watched_in(history),
        signals=all_raised(history, still, stages, timeline),
        signalled=sequences(e for e in history.entries if decides_signals(e) and not is_about_grants(e)),
        granted=sequences(e for e in history.entries if is_about_grants(e)),
        asked=tuple(_asked(history)),
        unread=tuple(e.event_id for e in history.named("decision.communicated") if e.event_id not in history.read_at),
        numbers=timeline.on(history.day),
    )


def _contact_person(history: History) -> tuple[str, int] | None:
    last = next(reversed(appointed(history, "participant")), None)
    return None if last is None else (last.data["person"], last.sequence)


def _employer_contacts(history: History) -> dict[str, str]:
    """The last one appointed for each employer."""
    named = (entry.data for entry in appointed(history, "employer"))
    return {data["employer_org"]: data["person"] for data in named if "employer_org" in data}


def responsible_in_turn(history: History) -> list[Responsible]:
    """In the order of history: of those whose day has come the last one, a handover's being that of its acceptance."""
    accepted = {e.data["handover_id"]: e for e in history.named("handover.accepted")}
    begun = {e.data["handover_id"]: e for e in history.named("handover.initiated")}
    done = sorted((e for id_, e in accepted.items() if id_ in begun), key=place)
    later = [_handed_over(begun[e.data["handover_id"]], e) for e in done]
    return [*_first_responsible(history), *later]


def _handed_over(begun: Entry, accepted: Entry) -> Responsible:
    from_on = day_named(accepted.data, "responsible_from")
    return Responsible(begun.data["to_org"], from_on, frozenset((begun.sequence, accepted.sequence)))


def _first_responsible(history: History) -> list[Responsible]:
    """The organisation of the professional who opened; opened by the participant: that of the first intake."""
    opened = (e for e in history.named("dossier.opened") if e.organisation is not None)
    for entry in opened:
        return [Responsible(str(entry.organisation), None, frozenset((entry.sequence,)))]
    for intake in history.named("intake.completed"):
        return [Responsible(intake.data["by_org"], None, frozenset((intake.sequence,)))]
    return []


def _asked(history: History) -> Iterable[Asked]:
    answered = {e.data["question_id"] for e in history.named("question.answered")}
    for entry in history.named("question.asked"):
        if entry.data["question_id"] not in answered:
            yield Asked(entry.sequence, entry.data["to_actor"], day_named(entry.data, "due_on"))


def watched_in(history: History) -> frozenset[int]:
    """What the rules look at."""
    return sequences(e for e in history.entries if e.name not in UNWATCHED)


def decides_signals(entry: Entry) -> bool:
    """Whether what became of signals may have to do with it."""
    return entry.name not in UNWATCHED or entry.name in ALSO_DECIDE_SIGNALS


def is_about_grants(entry: Entry) -> bool:
    """Grants have to do with a signal about a grant alone."""
    return entry.name.startswith("consent.")


def sequences(entries: Iterable[Entry]) -> frozenset[int]:
    return frozenset(entry.sequence for entry in entries)
