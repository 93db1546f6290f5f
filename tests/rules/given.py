"""Given what happened, when the rules look, then what becomes due and when: the words of the tests of the rules."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID, uuid5

from services.dossier.domain.consent import Grant
from services.dossier.domain.days import AMSTERDAM
from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import DEFAULTS, Parameters
from services.dossier.trajectory.history import History, history_of
from services.dossier.trajectory.rulebook import Rule

SPACE = UUID("0a9d6a0e-6a55-4c31-9a0b-1c9d0f6f2f10")
LATER = datetime(2199, 1, 1, tzinfo=UTC)
Told = list[tuple[str, str, str]]


def at_noon(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(12), AMSTERDAM)


def on(day: str, name: str, *, recorded: str | None = None, by: str | None = "oosterlo", **data: Any) -> Entry:
    """What happened on a day at noon, recorded at once unless told otherwise; `by` is the organisation that wrote."""
    return Entry(
        sequence=0,
        event_id=UUID(int=0),
        source="urn:nld:oin:00000099990000000099:systeem:proef",
        type=f"nl.dossier.{name}",
        privacy_class="work",
        usual_class="work",
        recorded_at=at_noon(recorded or day),
        occurred_at=at_noon(day),
        person="carla",
        organisation=by,
        data=data,
    )


def opened(day: str = "2025-01-01") -> Entry:
    return on(day, "dossier.opened")


def intake(day: str = "2025-01-02", regime: str = "participatiewet", **data: Any) -> Entry:
    usual: dict[str, Any] = {
        "intake_id": day,
        "by_org": "oosterlo",
        "legal_regime": regime,
        "reused_fields": [],
        "newly_asked": [],
    }
    return on(day, "intake.completed", **usual | data)


def placed(starts_on: str, id_: str = "p1", *, day: str | None = None, kind: str = "regular", **data: Any) -> Entry:
    usual: dict[str, Any] = {
        "employer_org": "bakker",
        "hours_per_week": 24,
        "starts_on": starts_on,
        "placement_id": id_,
        "kind": kind,
    }
    return on(day or starts_on, "placement.started", **usual | data)


def left(ended_on: str, id_: str = "p1", *, day: str | None = None) -> Entry:
    return on(day or ended_on, "placement.ended", placement_id=id_, ended_on=ended_on, reason="other", next="unknown")


def trial(started_on: str, planned_end_on: str) -> list[Entry]:
    asked: dict[str, Any] = {"employer_org": "bakker", "intended_hours_per_week": 20, "planned_end_on": planned_end_on}
    return [
        on(started_on, "trial-placement.requested", trial_id="t1", **asked),
        on(started_on, "trial-placement.started", trial_id="t1", started_on=started_on),
    ]


def trial_ended(day: str, outcome: str = "retained") -> Entry:
    return on(day, "trial-placement.ended", trial_id="t1", ended_on=day, outcome=outcome)


def evaluated(day: str, side: str = "joint") -> Entry:
    return on(day, "trial-placement.evaluated", trial_id="t1", evaluated_on=day, side=side)


def met(day: str, *, who: str = "noor", **data: Any) -> Entry:
    return on(day, "contact-moment.held", **{"with": [who, "carla"], "held_on": day} | data)


def history(*entries: Entry, grants: Iterable[Grant] = ()) -> History:
    """In the order in which they are given, which is that of recording."""
    return history_of(numbered(entries), LATER, "noor", grants)


def numbered(entries: Iterable[Entry]) -> list[Entry]:
    return [replace(e, sequence=n, event_id=uuid5(SPACE, str(n))) for n, e in enumerate(entries, 1)]


def due(rule: Rule, *entries: Entry, parameters: Parameters = DEFAULTS, grants: Iterable[Grant] = ()) -> Told:
    """Day, code, and the name of the entry that it is about."""
    found = sorted(rule(history(*entries, grants=grants), parameters), key=lambda each: each.at)
    return [(each.day.isoformat(), each.code, each.about.name) for each in found]


def days(rule: Rule, *entries: Entry, parameters: Parameters = DEFAULTS) -> list[str]:
    return [day for day, _, _ in due(rule, *entries, parameters=parameters)]
