"""A dossier's history as every rule sees it: the entries that count, in the order in which they happened."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from types import MappingProxyType
from typing import Final
from uuid import UUID

from services.dossier.domain.consent import Grant
from services.dossier.domain.days import civil_day
from services.dossier.domain.days import day_named as day_named  # the rules read days here, beside `day_of`
from services.dossier.domain.entries import Entry
from services.dossier.domain.evolution import counting

NOTHING_READ: Final[Mapping[UUID, datetime]] = MappingProxyType({})


@dataclass(frozen=True)
class History:
    """The effective entries in the order of history: by when they occurred, then by sequence (state.md §1).

    `participant`: the owner's actor key, to know in which contacts the participant took part. `grants`: as they stand,
    with the ends of their purposes, which rest on who is an employer and so are handed in. `read_at`: when the
    participant or a delegate first read an entry, which stands in the ledger and so is handed in.
    """

    entries: tuple[Entry, ...]
    day: date
    participant: str | None = None
    grants: tuple[Grant, ...] = field(default=())
    read_at: Mapping[UUID, datetime] = field(default_factory=dict)

    def named(self, *names: str) -> Iterable[Entry]:
        """In the order of history."""
        if len(names) == 1:
            return self._by_name.get(names[0], ())
        found = [entry for name in names for entry in self._by_name.get(name, ())]
        return sorted(found, key=place) if len(found) > 1 else found

    @cached_property
    def _by_name(self) -> dict[str, list[Entry]]:
        found: dict[str, list[Entry]] = {}
        for entry in self.entries:
            found.setdefault(entry.name, []).append(entry)
        return found


def place(entry: Entry) -> tuple[datetime, int]:
    """Where an entry stands in the order of history."""
    return entry.occurred_at, entry.sequence


def history_of(
    entries: Sequence[Entry],
    at: datetime,
    participant: str | None = None,
    grants: Iterable[Grant] = (),
    read_at: Mapping[UUID, datetime] = NOTHING_READ,
) -> History:
    """What was retracted counts for nothing (R-35); what occurs after the moment does not count yet."""
    counted = (entry for entry in counting(entries) if entry.occurred_at <= at)
    return History(tuple(sorted(counted, key=place)), civil_day(at), participant, tuple(grants), read_at)


def day_of(entry: Entry) -> date:
    """An event's day is the day of its `occurred_at`."""
    return civil_day(entry.occurred_at)
