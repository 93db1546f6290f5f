"""What a dossier is now, folded from its history; each value with the entries that decided it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.dossier.domain.consent import Grant
from services.dossier.domain.days import civil_day
from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import BY_DEFAULT, Timeline
from services.dossier.trajectory.contact import contacts
from services.dossier.trajectory.history import NOTHING_READ, History, history_of, place
from services.dossier.trajectory.rulebook import UNWATCHED, RuleFailed, all_due
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
        "stage": _stage(history, timeline),
        "stage_since": _stage_since(history, timeline),
        "responsible_organisation": _responsible(history),
        "contact_person": _contact_person(history),
        "active_placements": _active_placements(history),
        "active_grants": _active_grants(history, grants, at),
        "open_concerns": _open_concerns(history),
        "last_contact_on": _last_contact(history),
        "next_due": _next_due(history, at, timeline),
    }
    return {name: value for name, value in found.items() if value is not None}


def _stage(history: History, timeline: Timeline) -> tuple[str, frozenset[int]] | None:
    span = span_on(spans_over(history, timeline), history.day)
    return None if span is None else (span.stage, _sequences(history.named(*DECIDES)))


def _stage_since(history: History, timeline: Timeline) -> tuple[str, frozenset[int]] | None:
    span = span_on(spans_over(history, timeline), history.day)
    return None if span is None else (span.from_on.isoformat(), _sequences(history.named(*DECIDES)))


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
    return told, watched(history)


def watched(history: History) -> frozenset[int]:
    """What the rules look at."""
    return _sequences(e for e in history.entries if e.name not in UNWATCHED)


def _sequences(entries: Iterable[Entry]) -> frozenset[int]:
    return frozenset(entry.sequence for entry in entries)


def _responsible(history: History) -> tuple[str, frozenset[int]] | None:
    accepted = {e.data["handover_id"]: e for e in history.named("handover.accepted")}
    begun = {e.data["handover_id"]: e for e in history.named("handover.initiated")}
    done = [e for id_, e in accepted.items() if id_ in begun and e.data["responsible_from"] <= history.day.isoformat()]
    if done:
        last = max(done, key=place)
        first = begun[last.data["handover_id"]]
        return first.data["to_org"], frozenset((first.sequence, last.sequence))
    for opened in history.named("dossier.opened"):
        if opened.organisation is not None:
            return opened.organisation, frozenset((opened.sequence,))
    for intake in history.named("intake.completed"):
        return intake.data["by_org"], frozenset((intake.sequence,))
    return None


def _contact_person(history: History) -> tuple[str, frozenset[int]] | None:
    appointed = [e for e in history.named("contact-person.appointed") if e.data["audience"] == "participant"]
    return (appointed[-1].data["person"], frozenset((appointed[-1].sequence,))) if appointed else None


def _active_placements(history: History) -> tuple[list[str], frozenset[int]]:
    active = [job.id for job in jobs(history) if job.is_active(history.day)]
    return active, _sequences(history.named("placement.started", "placement.ended"))


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
    return (civil_day(found[-1].occurred_at).isoformat(), _sequences(found[-1:])) if found else None
