"""What a dossier is between two events: no more than decisions, the gate and the clock need."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, assert_never
from uuid import UUID

from services.dossier.domain.consent import Grant
from services.dossier.domain.numbers import Change, Numbers, Timeline
from services.dossier.domain.plain import from_plain, to_plain

CODE_VERSION = 3

ReferralState = Literal["offered", "accepted", "declined", "completed", "withdrawn"]
HandoverState = Literal["initiated", "accepted", "cancelled"]


@dataclass(frozen=True)
class AccessRequest:
    """A `consent.requested`, and what became of it."""

    organisation: str
    purpose: str
    declined_at: datetime | None = None
    granted: bool = False


@dataclass(frozen=True)
class Trial:
    """`started_known` and `ended_known`: when these were recorded, because late news opens nothing again (R-11b)."""

    employer: str
    planned_start_on: date
    planned_end_on: date
    started_on: date | None = None
    started_known: datetime | None = None
    ended_on: date | None = None
    ended_known: datetime | None = None


@dataclass(frozen=True)
class Hosting:
    organisation: str
    from_on: date
    known: datetime


@dataclass(frozen=True)
class Placement:
    """`hosts` in order of their first day."""

    employer: str
    kind: str
    starts_on: date
    known: datetime
    hosts: tuple[Hosting, ...] = ()
    ended_on: date | None = None
    ended_known: datetime | None = None


@dataclass(frozen=True)
class JointDecision:
    agreed: bool
    decided_on: date


@dataclass(frozen=True)
class Delegation:
    person: str
    powers: frozenset[str]
    from_on: date
    until_on: date
    withdrawn_at: datetime | None = None


@dataclass(frozen=True)
class Appointment:
    """A contact person for the participant; `at` and `sequence` give its place in the order of history."""

    person: str
    organisation: str
    at: datetime
    sequence: int
    from_on: date
    overlap_until_on: date | None


@dataclass(frozen=True)
class Unassignment:
    person: str
    at: datetime
    sequence: int
    until_on: date


@dataclass(frozen=True)
class Referral:
    sequence: int
    from_org: str
    to_org: str
    state: ReferralState = "offered"
    ended_on: date | None = None
    ended_known: datetime | None = None


@dataclass(frozen=True)
class Recall:
    organisation: str
    consent_id: str
    answered: bool = False


@dataclass(frozen=True)
class Correction:
    """`sequence` is that of the request itself, `about` the entry to be put right."""

    sequence: int
    about: UUID
    to_org: str
    answered: bool = False


@dataclass(frozen=True)
class Handover:
    from_org: str
    to_org: str
    state: HandoverState = "initiated"


@dataclass(frozen=True)
class Attempt:
    attempted_on: date
    channel: str


@dataclass(frozen=True)
class NotOpened:
    """Nothing has happened."""


@dataclass(frozen=True)
class Open:
    """A dossier that lives. `opened_by` and `writers` are organisations; the participant is none.

    `region`: whose numbers the rules count with; `exceptions`: where this dossier has others. `retracted`: by the
    organisation that took its own entries back, which for the participant is "".
    """

    opened_by: str | None
    region: str | None = None
    exceptions: tuple[Change, ...] = ()
    grants: Mapping[str, Grant] = field(default_factory=dict)
    requests: Mapping[str, AccessRequest] = field(default_factory=dict)
    trials: Mapping[str, Trial] = field(default_factory=dict)
    placements: Mapping[str, Placement] = field(default_factory=dict)
    schemes: Mapping[str, str] = field(default_factory=dict)
    opportunities: Mapping[str, str] = field(default_factory=dict)
    decisions: Mapping[str, JointDecision] = field(default_factory=dict)
    delegations: tuple[Delegation, ...] = ()
    appointments: tuple[Appointment, ...] = ()
    unassignments: tuple[Unassignment, ...] = ()
    referrals: Mapping[str, Referral] = field(default_factory=dict)
    recalls: Mapping[str, Recall] = field(default_factory=dict)
    corrections: Mapping[str, Correction] = field(default_factory=dict)
    handovers: Mapping[str, Handover] = field(default_factory=dict)
    manuals: Mapping[str, int] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] = ()
    retracted: Mapping[str, frozenset[UUID]] = field(default_factory=dict)
    writers: frozenset[str] = frozenset()
    closed: bool = False


@dataclass(frozen=True)
class Erased:
    """Its keys are gone; nothing can be done with it, and nobody may know that it was."""


Dossier = NotOpened | Open | Erased


class OtherVersion(ValueError):
    """The snapshot was made by other code: fold the dossier from its events."""


def timeline_of(dossier: Dossier, numbers: Numbers, known_before: datetime | None = None) -> Timeline:
    """Which numbers hold in this dossier on which day."""
    if not isinstance(dossier, Open):
        return numbers.of(None, (), known_before)
    return numbers.of(dossier.region, dossier.exceptions, known_before)


def to_json(dossier: Dossier) -> Any:
    """The state in plain JSON values, for a sealed snapshot."""
    match dossier:
        case NotOpened():
            return {"version": CODE_VERSION, "is": "not-opened"}
        case Open():
            return {"version": CODE_VERSION, "is": "open", "state": to_plain(dossier)}
        case Erased():
            return {"version": CODE_VERSION, "is": "erased"}
    assert_never(dossier)


def from_json(value: Any) -> Dossier:
    """The state that `to_json` wrote, exactly."""
    if not isinstance(value, dict) or value.get("version") != CODE_VERSION:
        raise OtherVersion
    match value["is"]:
        case "not-opened":
            return NotOpened()
        case "open":
            return from_plain(Open, value["state"])
        case "erased":
            return Erased()
    raise OtherVersion
