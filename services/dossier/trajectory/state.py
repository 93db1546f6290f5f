"""What a dossier is now, folded from its history; each value with the entries that decided it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.dossier.domain.consent import Grant
from services.dossier.domain.days import civil_day
from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import BY_DEFAULT, Timeline
from services.dossier.trajectory.appointments import appointed
from services.dossier.trajectory.contact import contacts
from services.dossier.trajectory.history import NOTHING_READ, History, history_of
from services.dossier.trajectory.outlook import responsible_in_turn, sequences, watched_in
from services.dossier.trajectory.rulebook import RuleFailed, all_due
from services.dossier.trajectory.stage import DECIDES, span_on, spans_over
from services.dossier.trajectory.work import jobs

Derived = Mapping[str, tuple[Any, frozenset[int]]]


def derive(
    entries: Sequence[Entry],
    grants: Iterable[Grant],
    at: datetime,
    participant: str | None,
    timeline: Timeline = BY_DEFAULT,
    read_at: Mapping[UUID, datetime] = NOTHING_READ,
) -> Derived:
    """`participant`: the owner's actor key, to know in which contacts the participant took part."""
    grants = tuple(grants)
    history = history_of(entries, at, participant, grants, read_at)
    found = {
        **_stage(history, timeline),
        "responsible_organisation": _responsible(history),
        "contact_person": _contact_person(history),
        "active_placements": _active_placements(history),
        "active_grants": _active_grants(history, grants, at),
        "open_concerns": _open_concerns(history),
        "last_contact_on": _last_contact(history),
        "next_due": _next_due(history, at, timeline),
    }
    return {name: value for name, value in found.items() if value is not None}


def _stage(history: History, timeline: Timeline) -> Derived:
    span = span_on(spans_over(history, timeline), history.day)
    if span is None:
        return {}
    decided_by = sequences(history.named(*DECIDES))
    return {"stage": (span.stage, decided_by), "stage_since": (span.from_on.isoformat(), decided_by)}


def _next_due(history: History, at: datetime, timeline: Timeline) -> tuple[list[dict[str, str]], frozenset[int]] | None:
    """What the rules would raise next if nothing happens; it rests on all that they look at, and on all of them."""
    try:
        due = all_due(history, timeline)
    except RuleFailed:
        return None
    told = [
        {"rule": b.rule, "code": b.code, "on": b.day.isoformat(), "about": str(b.about.event_id)}
        for b in due
        if b.at > at
    ]
    return told, watched_in(history)


def _responsible(history: History) -> tuple[str, frozenset[int]] | None:
    begun = [r for r in responsible_in_turn(history) if r.from_on is None or r.from_on <= history.day]
    return (begun[-1].organisation, begun[-1].decided_by) if begun else None


def _contact_person(history: History) -> tuple[str, frozenset[int]] | None:
    last = next(reversed(appointed(history, "participant")), None)
    return None if last is None else (last.data["person"], sequences((last,)))


def _active_placements(history: History) -> tuple[list[str], frozenset[int]]:
    active = [job.id for job in jobs(history) if job.is_active(history.day)]
    return active, sequences(history.named("placement.started", "placement.ended"))


def _active_grants(history: History, grants: Iterable[Grant], at: datetime) -> tuple[list[str], frozenset[int]]:
    active = sorted(grant.consent_id for grant in grants if grant.is_live(at))
    return active, frozenset(
        e.sequence for e in history.entries if e.name.startswith("consent.") and "consent_id" in e.data
    )


def _open_concerns(history: History) -> tuple[list[str], frozenset[int]]:
    raised = list(history.named("concern.raised"))
    resolved = {e.data["concern_id"]: e for e in history.named("concern.resolved")}
    still = [e.data["concern_id"] for e in raised if e.data["concern_id"] not in resolved]
    return still, frozenset(e.sequence for e in (*raised, *resolved.values()))


def _last_contact(history: History) -> tuple[str, frozenset[int]] | None:
    found = contacts(history)
    return (civil_day(found[-1].occurred_at).isoformat(), sequences(found[-1:])) if found else None
