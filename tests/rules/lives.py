"""Lives the public trajectories through the rules alone: no database, no HTTP; the clock walks as the sandbox does."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from uuid import UUID

from services.dossier.domain.days import AMSTERDAM, civil_day
from services.dossier.domain.ends import with_ends
from services.dossier.domain.entries import Entry
from services.dossier.domain.evolution import fold
from services.dossier.domain.numbers import Parameters, always
from services.dossier.domain.state import Open
from services.dossier.trajectory.becoming import Becomes
from services.dossier.trajectory.history import History, history_of
from services.dossier.trajectory.rulebook import all_due, next_moment
from services.foundation import contract

FILES = sorted((Path(__file__).parent.parent / "acceptance" / "trajectories").glob("*.json"))
USUAL = contract.load().types


@dataclass
class Life:
    file: dict[str, Any]
    entries: list[Entry] = field(default_factory=list)
    raised: dict[UUID, tuple[datetime, Becomes]] = field(default_factory=dict)

    @property
    def parameters(self) -> Parameters:
        known = {f.name for f in fields(Parameters)}
        return Parameters(**{name: value for name, value in self.file["parameters"].items() if name in known})

    @property
    def owner(self) -> str:
        return str(next(actor["key"] for actor in self.file["actors"] if actor["role"] == "P"))

    def history(self, at: datetime) -> History:
        dossier = fold(self.entries)
        assert isinstance(dossier, Open)
        employers = frozenset(o["key"] for o in self.file["organisations"] if o["kind"] in ("employer", "pool"))
        grants = [with_ends(grant, dossier, employers, always(self.parameters)) for grant in dossier.grants.values()]
        return history_of(self.entries, at, self.owner, grants)

    def live(self) -> "Life":
        for row in self.file["events"]:
            at = datetime.fromisoformat(row["event"]["time"])
            self.walk(at)
            self.entries.append(self.entry(row, at))
            self.fire(at)
        self.walk(datetime.combine(date.fromisoformat(self.file["as_of"]), time(23, 59, 59), AMSTERDAM))
        return self

    def walk(self, until: datetime) -> None:
        while self.entries:
            at = next_moment(all_due(self.history(until), always(self.parameters)), self.now)
            if at is None or at > until:
                return
            self.fire(at)

    def fire(self, at: datetime) -> None:
        self.now = at
        for due in all_due(self.history(at), always(self.parameters)):
            if due.at <= at:
                self.raised.setdefault(due.signal_id(UUID(self.file["dossier_id"])), (at, due))

    def entry(self, row: dict[str, Any], at: datetime) -> Entry:
        event = row["event"]
        actor = next(actor for actor in self.file["actors"] if actor["key"] == row["actor"])
        return Entry(
            sequence=len(self.entries) + 1,
            event_id=UUID(event["id"]),
            source=event["source"],
            type=event["type"],
            privacy_class=event["privacyclass"],
            usual_class=USUAL[event["type"]].privacy_class,
            recorded_at=at,
            occurred_at=datetime.fromisoformat(event["data"]["occurred_at"]),
            person=actor["key"],
            organisation=None if actor["role"] == "P" else actor["org"],
            data=event["data"],
        )

    def signals(self) -> Iterator[tuple[str, str, str, int]]:
        """As the files tell them: civil day, rule, code, place in the file of the event that it is about."""
        places = {row["event"]["id"]: row["seq"] for row in self.file["events"]}
        for at, due in self.raised.values():
            yield civil_day(at).isoformat(), due.rule, due.code, places[str(due.about.event_id)]


def life(path: Path) -> Life:
    return Life(json.loads(path.read_text("utf-8"))).live()
