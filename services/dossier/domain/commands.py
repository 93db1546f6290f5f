"""What can be asked of a dossier: to record one event, or to see which grants have ended by now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Protocol
from uuid import UUID

from services.dossier.domain.entries import Actor


class EmployerLaw(Protocol):
    """What the law file says about employers (R-17)."""

    @property
    def forbidden_classes(self) -> frozenset[str]: ...

    def is_employer(self, kind: str | None) -> bool: ...

    def employer_may_read(self, type_: str) -> bool: ...

    def forbidden_in_emission(self, data: Mapping[str, Any]) -> Sequence[str]:
        """JSON pointers, into the data, of what an employer may not send."""
        ...


SILENCE_WEEKS: Final = MappingProxyType(
    {
        "intake": 3,
        "preparation": 6,
        "trial": 4,
        "placement_early": 6,
        "placement": 13,
        "between_jobs": 3,
        "out_of_sight": 5,
        "interrupted": 8,
        "dropped_out": 8,
    }
)


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """The numbers of `rules.md`, with their defaults; a region may set others."""

    trial_max_months: int = 2
    trial_hard_max_months: int = 6
    trial_contract_months: int = 6
    decision_days: int = 60
    purpose_end_days: int = 14
    referral_end_days: int = 14
    request_repeat_days: int = 14
    overlap_days: int = 14
    lost_attempts: int = 3
    lost_days: int = 14
    lost_channels: int = 2
    # Over time
    silence_weeks: Mapping[str, int] = field(default_factory=lambda: SILENCE_WEEKS)
    next_on_grace_days: int = 7
    next_on_cap_weeks: int = 26
    early_weeks: int = 13
    placement_clock: Sequence[int] = (4, 13)
    labour_clock: Sequence[int] = (26, 52, 104)
    retention_window_days: int = 14
    support_warn_days: Sequence[int] = (84, 42, 14)
    contract_warn_days: Sequence[int] = (84, 42, 14)
    trial_eval_days: int = 14
    promise_days: int = 14
    income_days: int = 90
    income_gap_eur: float = 100
    clawback_eur: float = 250
    buddy_days: int = 14
    phase_factor: float = 1.5
    absence: int = 2
    concern_severity: int = 4
    concern_days: int = 14
    consent_warn_days: int = 30
    consent_last_warn_days: int = 7
    outreach_days: int = 28
    tolerance_days: int = 91
    story_months: int = 24
    between_jobs_working_days: int = 5
    between_jobs_repeat_days: int = 14
    task_reminder_days: int = 3
    task_handover_days: int = 7
    appointment_days: int = 3
    gap_working_days: int = 1
    failure_contact_days: int = 7
    failure_contact_working_days: int = 5
    new_plan_days: int = 28
    employer_revisit_days: int = 56
    support_maximum_weeks: int = 156
    support_ask_weeks: int = 26
    support_overlap_days: int = 14
    manual_review_weeks: int = 26
    employer_contact_days: int = 1
    question_working_days: int = 3
    correction_days: int = 28
    referral_answer_working_days: int = 5
    recall_days: int = 30

    def __post_init__(self) -> None:
        """A stage of which nothing was said keeps its default."""
        object.__setattr__(self, "silence_weeks", {**SILENCE_WEEKS, **self.silence_weeks})


DEFAULTS = Parameters()


@dataclass(frozen=True, kw_only=True)
class AboutEntry:
    """The entry that an event is about. `organisation` is absent when the participant or a delegate wrote it."""

    event_id: UUID
    type: str
    privacy_class: str
    organisation: str | None
    retracted: bool = False


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
    parameters: Parameters = DEFAULTS


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


@dataclass(frozen=True, kw_only=True)
class EndDue:
    """The clock: which grants have ended by now. `by` is the platform."""

    now: datetime
    by: Actor
    employers: frozenset[str]
    parameters: Parameters = DEFAULTS


Command = Record | EndDue
