"""A life to be replayed: one trajectory file, read and checked for shape, and the people in it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

CIVIL = ZoneInfo("Europe/Amsterdam")
_SAID_TO_BE_INVENTED = re.compile(r"\s*\((?:fictief|synthetisch|fictional|synthetic)\)\s*$")


class NotATrajectory(Exception):
    """A file that cannot be replayed; the message says which and why."""


@dataclass(frozen=True)
class Person:
    """Somebody who acts, with the role and the organisation in which they do."""

    key: str
    name: str
    role: str
    organisation: str
    organisation_name: str
    kind: str

    @property
    def is_owner(self) -> bool:
        return self.role == "P"

    @property
    def is_platform(self) -> bool:
        return self.role == "SYS"

    @property
    def is_employer(self) -> bool:
        return self.kind in ("employer", "pool")


@dataclass(frozen=True)
class Row:
    """An event of the file: who posts it, and how often."""

    seq: int
    actor: str
    event: Mapping[str, Any] = field(repr=False)
    times: int

    @property
    def id(self) -> str:
        return str(self.event["id"])

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(self.event["time"])


@dataclass(frozen=True)
class Check:
    """A look that the file prescribes, and what must come of it: full, redacted or denied."""

    at: datetime
    actor: str
    seq: int
    expect: str
    redacted: frozenset[str]


@dataclass(frozen=True)
class Attempt:
    """Something that the file tries, and the answer that must come."""

    at: datetime
    actor: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: Any = field(repr=False)
    status: int
    rule: str | None
    check: Mapping[str, Any]


@dataclass(frozen=True)
class Life:
    """One dossier from its first event to the end of its file."""

    id: str
    dossier: str
    story: str = field(repr=False)
    owner: Person
    people: Mapping[str, Person]
    names: Mapping[str, str]
    rows: tuple[Row, ...] = field(repr=False)
    checks: tuple[Check, ...]
    attempts: tuple[Attempt, ...] = field(repr=False)
    ends: datetime
    scene: Mapping[str, Any] = field(repr=False)

    @property
    def root(self) -> str:
        return f"/v1/dossiers/{self.dossier}"

    @property
    def first_name(self) -> str:
        return self.owner.name.split()[0]

    def row(self, seq: int) -> Row:
        return next(row for row in self.rows if row.seq == seq)


def read(path: Path) -> Life:
    """The life in a file; NotATrajectory with a sentence for a person when there is none."""
    try:
        return _life(json.loads(path.read_text("utf-8")))
    except OSError as unreadable:
        raise NotATrajectory(f"{path}: cannot be read ({unreadable.strerror}). Give the path of a file.") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as garbled:
        raise NotATrajectory(f"{path}: is not JSON ({garbled}).") from None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, StopIteration) as shape:
        raise NotATrajectory(
            f"{path}: is not a trajectory file ({type(shape).__name__}: {shape}). "
            "The shape is that of tests/acceptance/trajectories."
        ) from None


def _life(told: dict[str, Any]) -> Life:
    if not str(told["format"]).startswith("dossier-trajectory/1"):
        raise ValueError(f"format {told['format']!r} is unknown")
    organisations = {org["key"]: org for org in told["organisations"]}
    people = {actor["key"]: _person(actor, organisations[actor["org"]]) for actor in told["actors"]}
    rows = tuple(_row(row) for row in told["events"])
    return Life(
        id=str(told["id"]),
        dossier=str(told["dossier_id"]),
        story=str(told.get("story", "")),
        owner=next(person for person in people.values() if person.is_owner),
        people=people,
        names={key: _plain(org["name"]) for key, org in organisations.items() if key not in people}
        | {key: person.name for key, person in people.items()},
        rows=tuple(sorted(rows, key=lambda row: (row.at, row.seq))),
        checks=tuple(_check(check, rows) for check in told.get("access_checks", ())),
        attempts=tuple(_attempt(attempt) for attempt in told.get("attempts", ())),
        ends=datetime.combine(date.fromisoformat(told["as_of"]), time(23, 59, 59), CIVIL),
        scene={key: told[key] for key in ("dossier_id", "organisations", "actors", "parameters")},
    )


def _plain(name: str) -> str:
    """A name without the remark that it is invented, which the story says once for all."""
    return _SAID_TO_BE_INVENTED.sub("", name)


def _person(actor: dict[str, Any], organisation: dict[str, Any]) -> Person:
    return Person(
        key=actor["key"],
        name=_plain(actor["name"]),
        role=actor["role"],
        organisation=actor["org"],
        organisation_name=_plain(organisation["name"]),
        kind=organisation["kind"],
    )


def _row(row: dict[str, Any]) -> Row:
    made = Row(int(row["seq"]), row["actor"], row["event"], int(row.get("deliver_times", 1)))
    if not (isinstance(made.event["data"], dict) and made.event["type"] and made.id and made.at.tzinfo):
        raise ValueError(f"event {made.seq} has no type, id, data or time with an offset")
    return made


def _check(check: dict[str, Any], rows: tuple[Row, ...]) -> Check:
    seq = next(row.seq for row in rows if row.seq == check["event_seq"])
    at = datetime.fromisoformat(check["at"])
    return Check(at, check["actor"], seq, check["expect"], frozenset(check.get("redacted_fields", ())))


def _attempt(attempt: dict[str, Any]) -> Attempt:
    request, expect = attempt["request"], attempt["expect"]
    return Attempt(
        at=datetime.fromisoformat(attempt["at"]),
        actor=attempt["actor"],
        method=request["method"],
        path=request["path"],
        headers=request.get("headers") or {},
        body=request.get("body"),
        status=int(expect["status"]),
        rule=expect.get("rule"),
        check=expect.get("check") or {},
    )
