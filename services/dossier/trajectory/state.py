"""What a dossier is now, folded from its history; each value with the entries that decided it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from services.dossier.domain.consent import Grant
from services.dossier.domain.days import civil_day, day_in
from services.dossier.domain.entries import Entry
from services.dossier.domain.evolution import counting

Derived = Mapping[str, tuple[Any, frozenset[int]]]

# Contact in which the participant took part, always (state.md §3).
CONTACTS: Final = frozenset(
    (
        "intake.completed",
        "retention-check.completed",
        "contact.restored",
        "employability.reviewed",
        "joint-decision.recorded",
        "match.agreed",
    )
)


@dataclass(frozen=True)
class History:
    """The effective entries in the order of history: by when they occurred, then by sequence (state.md §1)."""

    entries: tuple[Entry, ...]
    day: date

    def named(self, *names: str) -> Iterable[Entry]:
        return (entry for entry in self.entries if entry.name in names)


def history_of(entries: Sequence[Entry], at: datetime) -> History:
    """What was retracted counts for nothing (R-35); what occurs after the moment does not count yet."""
    counted = (entry for entry in counting(entries) if entry.occurred_at <= at)
    return History(tuple(sorted(counted, key=lambda e: (e.occurred_at, e.sequence))), civil_day(at))


def derive(entries: Sequence[Entry], grants: Iterable[Grant], at: datetime, participant: str | None) -> Derived:
    """`participant`: the owner's actor key, to know in which contacts the participant took part."""
    history = history_of(entries, at)
    found = {
        "responsible_organisation": _responsible(history),
        "contact_person": _contact_person(history),
        "active_placements": _active_placements(history),
        "active_grants": _active_grants(history, grants, at),
        "open_concerns": _open_concerns(history),
        "last_contact_on": _last_contact(history, participant),
    }
    return {name: value for name, value in found.items() if value is not None}


def _responsible(history: History) -> tuple[str, frozenset[int]] | None:
    accepted = {e.data["handover_id"]: e for e in history.named("handover.accepted")}
    begun = {e.data["handover_id"]: e for e in history.named("handover.initiated")}
    done = [e for id_, e in accepted.items() if id_ in begun and e.data["responsible_from"] <= history.day.isoformat()]
    if done:
        last = max(done, key=lambda e: (e.data["responsible_from"], e.occurred_at, e.sequence))
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
    ended = {e.data["placement_id"]: e for e in history.named("placement.ended")}
    started = list(history.named("placement.started"))
    active = [
        e.data["placement_id"]
        for e in started
        if _day(e, "starts_on") <= history.day
        and (e.data["placement_id"] not in ended or history.day <= _day(ended[e.data["placement_id"]], "ended_on"))
    ]
    return active, frozenset(e.sequence for e in (*started, *ended.values()))


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


def _last_contact(history: History, participant: str | None) -> tuple[str, frozenset[int]] | None:
    contacts = [e for e in history.entries if is_contact(e, participant)]
    if not contacts:
        return None
    return civil_day(contacts[-1].occurred_at).isoformat(), frozenset((contacts[-1].sequence,))


def is_contact(entry: Entry, participant: str | None) -> bool:
    """Contact in which the participant took part, and nothing else (state.md §3)."""
    data = entry.data
    match entry.name:
        case "contact-moment.held":
            return participant in data["with"]
        case "handover.held":
            return bool(data["participant_present"])
        case "outreach.attempted":
            return bool(data["outcome"] == "reached")
        case "trial-placement.evaluated":
            return data["side"] in ("participant", "joint")
    return entry.name in CONTACTS


def _day(entry: Entry, name: str) -> date:
    day = day_in(entry.data[name])
    assert day is not None  # required by the schema
    return day
