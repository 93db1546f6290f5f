"""Why somebody sees nothing of an event, as far as one can know who saw every grant come and go.

A refusal itself tells nothing (404, the same as for what never was); the reason is for the reader of the story only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from services.sandbox.lives import CIVIL, Person

Ending = Literal["withdrawn", "expired", "purpose_ended"]
Code = Literal[
    "no_access",
    "withdrawn",
    "expired",
    "purpose_ended",
    "not_yet",
    "another_person",
    "employer_health",
    "employer_income",
    "grants_are_private",
    "addressed_elsewhere",
    "class_not_given",
    "type_not_given",
    "before_access",
    "employer_elsewhere",
    "unknown",
]


@dataclass(frozen=True)
class Reason:
    """A code with what its sentence needs: a day, a privacy class, an organisation's key."""

    code: Code
    on: str | None = None
    about: str | None = None


@dataclass(frozen=True)
class Grant:
    """An access that was given, and how it ended."""

    id: str
    organisation: str
    person: str | None
    classes: frozenset[str]
    types: tuple[str, ...]
    history: str
    valid_from: datetime
    valid_until: datetime
    ended_at: datetime | None = None
    ending: Ending | None = None

    def ends_on(self) -> str:
        return min(self.valid_until, self.ended_at or self.valid_until).astimezone(CIVIL).date().isoformat()

    def is_live(self, now: datetime) -> bool:
        return self.valid_from <= now < min(self.valid_until, self.ended_at or self.valid_until)

    def is_for(self, person: Person) -> bool:
        return self.organisation == person.organisation and self.person in (None, person.key)

    def names_type(self, type_: str) -> bool:
        return not self.types or any(
            type_ == listed or (listed.endswith("*") and type_.startswith(listed[:-1])) for listed in self.types
        )

    def covers(self, event: Mapping[str, Any]) -> bool:
        return event["privacyclass"] in self.classes and self.names_type(event["type"]) and self.reaches(event)

    def reaches(self, event: Mapping[str, Any]) -> bool:
        occurred = datetime.fromisoformat(event["data"].get("occurred_at", event["time"]))
        return self.history == "all" or occurred >= self.valid_from


class Grants:
    """The grants of one life as they were given, narrowed, withdrawn and ended so far."""

    def __init__(self) -> None:
        self._held: dict[str, Grant] = {}

    def learn(self, event: Mapping[str, Any]) -> Grant | None:
        """Take in an event; gives the grant when this event ended one."""
        verb, data = event["type"].removeprefix("nl.dossier.consent."), event["data"]
        held = self._held.get(data.get("consent_id", ""))
        if verb == "granted":
            self._held[data["consent_id"]] = _given(data)
        elif verb == "narrowed" and held:
            self._held[held.id] = _narrowed(held, data)
        elif verb == "revoked" and held:
            return self._end(held, datetime.fromisoformat(data["effective_at"]), "withdrawn")
        elif verb == "expired" and held:
            ended = datetime.fromisoformat(data["expired_at"])
            return self._end(held, ended, "purpose_ended" if ended < held.valid_until else "expired")
        return None

    def _end(self, held: Grant, at: datetime, ending: Ending) -> Grant:
        ended = replace(held, ended_at=at, ending=ending)
        self._held[held.id] = ended
        return ended

    def get(self, consent_id: str) -> Grant | None:
        return self._held.get(consent_id)

    def live(self, person: Person, now: datetime) -> list[Grant]:
        return [grant for grant in self._held.values() if grant.is_for(person) and grant.is_live(now)]

    def why(self, event: Mapping[str, Any], person: Person, now: datetime) -> Reason:
        """The plainest true reason why this person finds nothing of this event."""
        mine = [grant for grant in self._held.values() if grant.organisation == person.organisation]
        if not mine:
            return Reason("no_access")
        if not any(grant.is_for(person) for grant in mine):
            return Reason("another_person", about=mine[-1].person)
        live = [grant for grant in mine if grant.is_for(person) and grant.is_live(now)]
        if not live:
            return _ended([grant for grant in mine if grant.is_for(person)], now)
        if gone := [grant for grant in mine if grant.is_for(person) and not grant.is_live(now) and grant.covers(event)]:
            return _ended(gone, now)
        return _outside(live, event, person)


def _given(data: Mapping[str, Any]) -> Grant:
    return Grant(
        id=data["consent_id"],
        organisation=data["grantee_org"],
        person=data.get("grantee_actor"),
        classes=frozenset(data["classes"]),
        types=tuple(data.get("event_types") or ()),
        history=data["history"],
        valid_from=datetime.fromisoformat(data["valid_from"]),
        valid_until=datetime.fromisoformat(data["valid_until"]),
    )


def _narrowed(held: Grant, data: Mapping[str, Any]) -> Grant:
    return replace(
        held,
        classes=frozenset(data["classes"]),
        types=tuple(data.get("event_types") or held.types),
        valid_until=datetime.fromisoformat(data["valid_until"]) if "valid_until" in data else held.valid_until,
    )


def _ended(grants: Iterable[Grant], now: datetime) -> Reason:
    last = max(grants, key=Grant.ends_on)
    if last.valid_from > now:
        return Reason("not_yet", on=last.valid_from.astimezone(CIVIL).date().isoformat())
    return Reason(last.ending or "expired", on=last.ends_on())


def _outside(live: list[Grant], event: Mapping[str, Any], person: Person) -> Reason:
    """There is access, but not to this."""
    type_, class_ = event["type"], event["privacyclass"]
    if person.is_employer and class_ in ("health-sensitive", "income"):
        return Reason("employer_health" if class_ == "health-sensitive" else "employer_income")
    if type_.startswith(("nl.dossier.consent.", "nl.dossier.delegate.")):
        return Reason("grants_are_private")
    addressee = event["data"].get("recipient_org")
    if addressee not in (None, person.organisation):
        return Reason("addressed_elsewhere", about=addressee)
    if not any(class_ in grant.classes for grant in live):
        return Reason("class_not_given", about=class_)
    if not any(grant.names_type(type_) for grant in live):
        return Reason("type_not_given")
    if not any(grant.covers(event) for grant in live):
        return Reason("before_access", on=min(grant.valid_from for grant in live).astimezone(CIVIL).date().isoformat())
    return Reason("employer_elsewhere" if person.is_employer else "unknown")
