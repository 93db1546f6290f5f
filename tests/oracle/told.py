"""What one dossier has been told by a moment: its events in the order of history, less what was retracted."""

from bisect import insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from tests.oracle.dates import date_in, day_of

# rules.md and the parameters of the trajectory files.
NUMBERS: dict[str, Any] = {
    "silence_weeks": {
        "intake": 3,
        "preparation": 6,
        "trial": 4,
        "placement_early": 6,
        "placement": 13,
        "between_jobs": 3,
        "out_of_sight": 5,
        "interrupted": 8,
        "dropped_out": 8,
    },
    "next_on_grace_days": 7,
    "next_on_cap_weeks": 26,
    "early_weeks": 13,
    "placement_clock": (4, 13),
    "labour_clock": (26, 52, 104),
    "retention_window_days": 14,
    "support_warn_days": (84, 42, 14),
    "contract_warn_days": (84, 42, 14),
    "trial_eval_days": 14,
    "promise_days": 14,
    "purpose_end_days": 14,
    "referral_end_days": 14,
    "consent_warn_days": 30,
    "consent_last_warn_days": 7,
    "income_days": 90,
    "income_gap_eur": 100,
    "clawback_eur": 250,
    "buddy_days": 14,
    "phase_factor": 1.5,
    "absence": 2,
    "concern_severity": 4,
    "concern_days": 14,
    "outreach_days": 28,
    "story_months": 24,
    "appointment_days": 3,
    "gap_working_days": 1,
    "failure_contact_days": 7,
    "failure_contact_working_days": 5,
    "new_plan_days": 28,
    "employer_revisit_days": 56,
    "support_maximum_weeks": 156,
    "support_ask_weeks": 26,
    "support_overlap_days": 14,
    "manual_review_weeks": 26,
    "employer_contact_days": 1,
    "question_working_days": 3,
    "correction_days": 28,
    "referral_answer_working_days": 5,
}
COUNTED = ("regular", "subsidised", "sheltered", "pool")


@dataclass(frozen=True)
class Event:
    """One event: `number` is its place in the order of recording, `day` the civil day on which it occurred."""

    number: int
    id: str
    name: str
    occurred: datetime
    recorded: datetime
    person: str | None
    organisation: str | None
    data: Mapping[str, Any] = field(repr=False)
    day: date = field(init=False)
    recorded_on: date = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "day", day_of(self.occurred))
        object.__setattr__(self, "recorded_on", day_of(self.recorded))

    def __getitem__(self, name: str) -> Any:
        return self.data.get(name)

    def on(self, name: str) -> date:
        """A date field that has to be there."""
        return date_in(self.data[name])

    def on_or_none(self, name: str) -> date | None:
        value = self.data.get(name)
        return None if value is None else date_in(value)

    def is_before(self, other: "Event") -> bool:
        return place(self) < place(other)


def place(event: Event) -> tuple[datetime, int]:
    """The order of history (§1): when it occurred, then the sequence."""
    return event.occurred, event.number


@dataclass(frozen=True)
class Follows:
    """That a signal follows, on which day at the earliest, and which of several about one cause it is."""

    on: date
    rule: str
    code: str
    about: Event
    moment: object


def at_once(rule: str, code: str, about: Event) -> Follows:
    return Follows(about.recorded_on, rule, code, about, None)


class Told:
    """Grows with each event that is recorded. `org_kinds` and the participant are facts about the region."""

    def __init__(self, participant: str, org_kinds: Mapping[str, str], numbers: Mapping[str, Any]) -> None:
        self.participant = participant
        self.org_kinds = org_kinds
        self.numbers = numbers
        self.ended_grants: set[str] = set()
        self.contacts: list[Event] = []
        self.stages: dict[date, str] = {}
        self._by_name: dict[str, list[Event]] = {}

    def learn(self, event: Event) -> None:
        self.stages.clear()
        insort(self._by_name.setdefault(event.name, []), event, key=place)
        if event.name == "entry.retracted":
            self._forget(event["event_id"])
        elif self._took_part(event):
            insort(self.contacts, event, key=place)

    def all(self, name: str) -> list[Event]:
        """In the order of history."""
        return self._by_name.get(name, [])

    def of(self, *names: str) -> list[Event]:
        """Those of several types, together in the order of history."""
        if len(names) == 1:
            return self.all(names[0])
        return sorted((event for name in names for event in self.all(name)), key=place)

    def until(self, day: date, *names: str) -> Iterator[Event]:
        """Those that occurred up to and including a day."""
        return (event for event in self.of(*names) if event.day <= day)

    def last(self, *names: str, until: date) -> Event | None:
        found = None
        for found in self.until(until, *names):  # noqa: B007  the last one stays
            pass
        return found

    def _forget(self, id_: str) -> None:
        """A retracted entry counts for nothing from then on (R-35)."""
        for name, events in self._by_name.items():
            self._by_name[name] = [event for event in events if event.id != id_]
        self.contacts = [event for event in self.contacts if event.id != id_]

    def _took_part(self, event: Event) -> bool:
        """Contact in which the participant took part (§3). Nothing else is."""
        match event.name:
            case (
                "intake.completed"
                | "retention-check.completed"
                | "contact.restored"
                | "employability.reviewed"
                | "joint-decision.recorded"
                | "match.agreed"
            ):
                return True
            case "contact-moment.held":
                return self.participant in event["with"]
            case "handover.held":
                return bool(event["participant_present"])
            case "outreach.attempted":
                return bool(event["outcome"] == "reached")
            case "trial-placement.evaluated":
                return event["side"] in ("participant", "joint")
            case _:
                return False
