"""What can be asked of a dossier: to record one event, or to see which grants have ended by now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.dossier.domain.days import civil_day
from services.dossier.domain.entries import Actor
from services.dossier.domain.numbers import BY_DEFAULT, Parameters, Timeline


class EmployerLaw(Protocol):
    """What the law file says about employers (R-17)."""

    @property
    def forbidden_classes(self) -> frozenset[str]: ...

    def is_employer(self, kind: str | None) -> bool: ...

    def employer_may_read(self, type_: str) -> bool: ...

    def forbidden_in_emission(self, data: Mapping[str, Any]) -> Sequence[str]:
        """JSON pointers, into the data, of what an employer may not send."""
        ...


@dataclass(frozen=True, kw_only=True)
class AboutEntry:
    """The entry that an event is about. `organisation` is absent when the participant or a delegate wrote it."""

    event_id: UUID
    type: str
    privacy_class: str
    organisation: str | None
    sequence: int


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a decision needs and the dossier does not hold, looked up once by who asks.

    `grantee_kind` is the kind of `grantee_org` or `requester_org` (absent: unknown organisation); `about` is absent
    when there is no such entry that the caller may know; `known_people` maps an actor key to an organisation (absent
    value: no organisation) and misses who is unknown; `employers` are organisations of kind employer or pool.
    """

    law: EmployerLaw
    grantee_kind: str | None = None
    grantee_person_organisation: str | None = None
    actor_kind: str | None = None
    about: AboutEntry | None = None
    legal_ref: str | None = None
    known_people: Mapping[str, str | None] = field(default_factory=dict)
    employers: frozenset[str] = frozenset()
    timeline: Timeline = BY_DEFAULT


@dataclass(frozen=True, kw_only=True)
class Record:
    """One event, as it was sent, with who sends it, when, and what its schema says of its type."""

    dossier_id: UUID
    event_id: UUID
    type: str
    data: Mapping[str, Any] = field(repr=False)
    privacy_class: str
    usual_class: str
    may_emit: frozenset[str]
    may_emit_rule: str | None = None
    authorises: bool = False
    by: Actor
    now: datetime
    occurred_at: datetime
    facts: Facts

    @property
    def name(self) -> str:
        return self.type.removeprefix("nl.dossier.")

    @property
    def organisation(self) -> str | None:
        return self.by.organisation

    @property
    def parameters(self) -> Parameters:
        """The numbers that hold today."""
        return self.facts.timeline.on(civil_day(self.now))


@dataclass(frozen=True, kw_only=True)
class EndDue:
    """The clock: which grants have ended by now. `by` is the platform."""

    now: datetime
    by: Actor
    employers: frozenset[str]
    timeline: Timeline = BY_DEFAULT


Command = Record | EndDue
