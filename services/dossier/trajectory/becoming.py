"""What a rule over time yields: what becomes due, when, and about which entry, unless something happens first."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID, uuid5

from services.dossier.domain.days import civil_day, midnight
from services.dossier.domain.entries import Entry

LOOK: Final = 1
SOON: Final = 2
TODAY: Final = 3


@dataclass(frozen=True)
class Becomes:
    """`once` tells this moment from others of the same rule, code and cause: of each there is one signal."""

    at: datetime
    rule: str
    code: str
    about: Entry
    due_on: date
    severity: int
    once: str

    @property
    def day(self) -> date:
        return civil_day(self.at)

    def signal_id(self, dossier_id: UUID) -> UUID:
        """The same for who computes it again, so nothing is raised twice."""
        cause = f"{self.about.source}/{self.about.event_id}"
        return uuid5(dossier_id, f"signal:{self.rule}:{self.code}:{cause}:{self.once}")


def on_day(
    day: date,
    rule: str,
    code: str,
    about: Entry,
    *,
    due_on: date | None = None,
    severity: int = SOON,
    once: str | None = None,
) -> Becomes:
    """At 00:00 of a day, on what has been recorded by then."""
    moment = day.isoformat() if once is None else once
    return Becomes(midnight(day), rule, code, about, due_on or day, severity, moment)


def at_once(rule: str, code: str, about: Entry, *, due_on: date | None = None, severity: int = SOON) -> Becomes:
    """In the transaction that records the entry; the day is that of recording."""
    return Becomes(about.recorded_at, rule, code, about, due_on or civil_day(about.recorded_at), severity, "")
