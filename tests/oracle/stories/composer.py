"""Composes a life out of threads: events that happened, each recorded soon after it, or late, or ahead."""

import json
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from tests.oracle.dates import AMSTERDAM, days

SCHEMAS = Path(__file__).parents[3] / "schemas" / "events"
SPACE = UUID("6a1d3c52-4f0f-4a25-8d0a-5b3b1f0c7e11")
PARTICIPANT = "noor"
# Participant and organisations, with the person who writes for them.
ORG_KINDS = {
    "oosterlo": "municipality",
    "uwv": "uwv",
    "rwc": "work_centre",
    "taalhuis": "trainer",
    "bakker": "employer",
    "kruimel": "employer",
    "zaad": "employer",
    "poolbank": "pool",
}
PEOPLE = {
    "oosterlo": "carla",
    "uwv": "ursula",
    "rwc": "bram",
    "taalhuis": "lotte",
    "bakker": "anton",
    "kruimel": "bea",
    "zaad": "cor",
    "poolbank": "dora",
}
HELPERS = ("oosterlo", "uwv", "rwc", "taalhuis")
EMPLOYERS = ("bakker", "kruimel", "zaad", "poolbank")
# Most things happen by day; some at the edge of the civil day.
CLOCK = (time(0, 4), time(9), time(11, 30), time(12), time(12), time(16, 45), time(22, 30), time(23, 56))
# Date fields that state.md names.
NAMED = frozenset(
    ("starts_on", "ended_on", "held_on", "evaluated_on", "accepted_on", "entered_on", "completed_on", "attempted_on")
    + ("resolved_on", "estimated_on", "requested_on", "effective_on", "responsible_from")
)


@cache
def required(name: str) -> dict[str, Any]:
    """The required fields of a type, as its first example fills them."""
    schema = json.loads((SCHEMAS / f"{name}.v1.json").read_text("utf-8"))
    return {key: value for key, value in schema["examples"][0].items() if key in schema["required"]}


@dataclass
class Draft:
    """An event before its place in the order of recording is known; `thread` ties it to those it follows on."""

    name: str
    occurred: datetime
    recorded: datetime
    organisation: str | None
    data: dict[str, Any]
    thread: int
    id: str = ""


@dataclass
class Composer:
    """Composes a life out of threads: small stories that run beside each other, each in its own order."""

    rng: Random
    opened_on: date
    until: date
    drafts: list[Draft] = field(default_factory=list)
    thread: int = 0
    serial: int = 0
    _last: datetime | None = None  # recorded in this thread
    _before: datetime | None = None  # happened in this thread

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def some_day(self, first: int = 0, *, before_end: int = 10) -> date:
        span = max((self.until - self.opened_on).days - before_end, first + 1)
        return self.opened_on + days(self.rng.randint(first, span))

    def new(self, prefix: str) -> str:
        self.serial += 1
        return f"{prefix}{self.serial}"

    def _date_back(self, told: dict[str, Any]) -> None:
        """Told as of today what was some days ago: the date named counts, not the event's day (§1)."""
        for name in sorted(NAMED & told.keys()):
            if told[name] is not None:
                told[name] = str(date.fromisoformat(told[name]) - days(self.rng.randint(1, 5)))

    def begin(self) -> None:
        """From here on a new thread."""
        self.thread += 1
        self._last = self._before = None

    def tell(self, name: str, day: date, /, by: Any = "oosterlo", **data: Any) -> None:
        """What happened on a day; recorded soon after, or late, and never before what it follows on."""
        occurred = datetime.combine(day, self.rng.choice(CLOCK), AMSTERDAM)
        if self._before is not None and self._before.date() == day:
            occurred = max(occurred, self._before)  # what follows on something does not happen before it
        lag = timedelta(minutes=self.rng.choice((1, 3, 3, 5, 20)))
        if self.chance(0.12):
            lag = timedelta(days=self.rng.choice((1, 2, 4, 9, 20, 45)), minutes=7)
        recorded = occurred + lag
        if self._last is not None and recorded < self._last:
            recorded = self._last + timedelta(minutes=self.rng.choice((0, 1)))
        if self.chance(0.04):
            self._date_back(data)
        self._write(name, occurred, recorded, by, data)

    def tell_now(self, name: str, day: date, /, **data: Any) -> None:
        """What the participant does here, which happens by being recorded."""
        now = datetime.combine(day, self.rng.choice(CLOCK), AMSTERDAM)
        now = max(now, self._last or now)
        self._write(name, now, now, None, data)

    def _write(self, name: str, occurred: datetime, recorded: datetime, by: str | None, data: dict[str, Any]) -> None:
        self._before, self._last = occurred, recorded
        told = {**required(name), **data, "occurred_at": occurred.isoformat()}
        told = {key: value for key, value in told.items() if value is not None}
        self.drafts.append(Draft(name, occurred, recorded, by, told, self.thread))


def stamp(day: date, clock: time = time(9)) -> str:
    return datetime.combine(day, clock, AMSTERDAM).isoformat()
