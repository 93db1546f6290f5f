"""The shapes of answers, for the documentation; answers are made by the gate, not from these."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, NotRequired
from uuid import UUID

from fastapi import Path
from pydantic import Field
from typing_extensions import TypedDict

from services.foundation.answers import Next

DossierId = Annotated[UUID, Path(alias="dossierId", description="The id of the dossier; it tells nothing of a person")]
EventId = Annotated[UUID, Path(alias="eventId", description="The id that the sender gave the event")]

Stage = Literal[
    "intake",
    "preparation",
    "trial",
    "placement_early",
    "placement",
    "between_jobs",
    "out_of_sight",
    "interrupted",
    "dropped_out",
]
PrivacyClass = Literal["identity", "contact", "health-sensitive", "income", "work", "evaluation"]
Sequence = Annotated[
    str, Field(description="Counts the dossier's events, from 1; for the participant and a delegate alone")
]
Data = Annotated[
    dict[str, Any],
    Field(description="As `GET /v1/event-types/{type}` has it, without the fields that you may not read"),
]


class Event(TypedDict):
    """A CloudEvent as this reader may read it. `data` is absent for a writer who may write and not read."""

    specversion: Literal["1.0"]
    id: UUID
    source: Annotated[str, Field(description="The system that sent it, as a URN")]
    type: str
    subject: Annotated[str, Field(description="`dossier/` and the id of the dossier")]
    time: Annotated[datetime, Field(description="When it was recorded, by the platform's clock, in UTC")]
    datacontenttype: Literal["application/json"]
    dataschema: Annotated[str, Field(description="The schema of `data`")]
    privacyclass: PrivacyClass
    actor: NotRequired[Annotated[str, Field(description="Who wrote it; absent for a machine")]]
    sequence: NotRequired[Sequence]
    sequencetype: NotRequired[Literal["Integer"]]
    data: NotRequired[Data]


class EventPage(TypedDict):
    items: list[Event]
    next: Next


class Made(TypedDict):
    """A dossier that is there from now on, or is the caller's from now on."""

    id: UUID
    claim_code: NotRequired[
        Annotated[str, Field(description="Told once: hand it to the participant, who redeems it by `POST /v1/claims`")]
    ]
    claim_within_days: NotRequired[int]


class DossierItem(TypedDict):
    id: UUID
    stage: NotRequired[Stage]
    last_event_at: NotRequired[datetime]
    contact_person: NotRequired[Annotated[str, Field(description="An actor key")]]


class DossierPage(TypedDict):
    items: list[DossierItem]
    next: Next


class NextDue(TypedDict):
    rule: str
    code: str
    on: date
    about: Annotated[UUID, Field(description="The event that gave rise to it")]


class DossierState(TypedDict):
    """Each value stands here only if all events that decided it are readable."""

    id: UUID
    responsible_organisation: NotRequired[Annotated[str, Field(description="An organisation key")]]
    contact_person: NotRequired[Annotated[str, Field(description="An actor key")]]
    active_placements: NotRequired[Annotated[list[str], Field(description="Ids as in the events")]]
    active_grants: NotRequired[Annotated[list[str], Field(description="Ids as in the events")]]
    open_concerns: NotRequired[Annotated[list[str], Field(description="Ids as in the events")]]
    last_contact_on: NotRequired[date]
    stage: NotRequired[Stage]
    stage_since: NotRequired[Annotated[date, Field(description="The first day of the present unbroken run")]]
    next_due: NotRequired[
        Annotated[list[NextDue], Field(description="What the rules would raise next if nothing happens")]
    ]


SignalShown = TypedDict(
    "SignalShown",
    {
        "signal_id": Annotated[str, Field(description="What `signal.handled` names")],
        "code": str,
        "rule": str,
        "raised_on": Annotated[date, Field(description="The civil day of its moment, in Amsterdam")],
        "due_on": date,
        "about": NotRequired[Annotated[UUID, Field(description="The event that gave rise to it")]],
        "for": Annotated[str, Field(description="An actor key")],
        "severity": Annotated[int, Field(description="From 1, take a look, to 3, today")],
        "state": NotRequired[Literal["open", "handled", "overtaken"]],
        "reminded_on": NotRequired[
            Annotated[date, Field(description="Still open after a further period: the last day on which it came back")]
        ],
        "organisations": NotRequired[
            Annotated[list[str], Field(description="Whom it names: who gives the same, who asked again (R-25, R-10)")]
        ],
        "also_for": NotRequired[
            Annotated[str, Field(description="Still open: the organisation that has to see to it as well")]
        ],
    },
)


class SignalPage(TypedDict):
    items: list[SignalShown]
    next: Next


class SignalOfDossier(SignalShown):
    dossier: UUID


class SignalListPage(TypedDict):
    items: list[SignalOfDossier]
    next: Next


class Call(SignalShown):
    """An open signal, with what answers it. `state` is absent where it may be overtaken by what you may not read."""

    group: Annotated[Literal["a", "b", "c", "d"], Field(description="Today, overdue, within a week, by date")]
    acts: Annotated[list[str], Field(description="Types of the events that answer it, the first act first")]
    numbers: Annotated[
        dict[str, int | str], Field(description="Of the sentence about it: since when, weeks, times, what is missing")
    ]


class CaseloadItem(TypedDict):
    """Each value stands here only if all events that decided it are readable."""

    dossier: UUID
    stage: NotRequired[Stage]
    last_contact_on: NotRequired[date]
    next_due: NotRequired[NextDue]
    responsible_organisation: NotRequired[Annotated[str, Field(description="An organisation key")]]
    signals: Annotated[list[Call], Field(description="The open ones; the first decides the place in the list")]


class CaseloadPage(TypedDict):
    items: list[CaseloadItem]
    next: Next


Task = TypedDict(
    "Task",
    {
        "dossier": UUID,
        "kind": Literal["signal", "question"],
        "due_on": date,
        "with": NotRequired[
            Annotated[str, Field(description="Whom to turn to about it: an actor key; absent when that is the caller")]
        ],
        "code": NotRequired[Annotated[str, Field(description="Absent for who may not read what it is about")]],
        "rule": NotRequired[str],
        "about": NotRequired[Annotated[UUID, Field(description="The event that gave rise to it")]],
        "acts": NotRequired[Annotated[list[str], Field(description="Types of the events that answer it")]],
        "numbers": NotRequired[dict[str, int | str]],
        "signal_id": NotRequired[Annotated[str, Field(description="What `signal.handled` names")]],
        "reminded_on": NotRequired[date],
        "from_participant": NotRequired[
            Annotated[bool, Field(description="It was the participant's as well, and is no longer (R-15)")]
        ],
    },
)


class TaskPage(TypedDict):
    items: list[Task]
    next: Next


class Figures(TypedDict):
    """Figures without counted work, trials, handovers or phases are absent; null means: not yet."""

    placements_started_M3: int
    employers: int
    first_work_on: NotRequired[date]
    M1_retained_labour_market_26w: NotRequired[int | None]
    M1_retained_labour_market_52w: NotRequired[int | None]
    M1_tolerant_26w: NotRequired[int]
    M1_tolerant_52w: NotRequired[int]
    M2_retained_first_employer_26w: NotRequired[int | None]
    M2_retained_first_employer_52w: NotRequired[int | None]
    M4_work_continuity: NotRequired[float]
    M5_gap_days: NotRequired[list[int]]
    M6_trials_ended: NotRequired[int]
    M6_trials_converted: NotRequired[int]
    M7_trials_evaluated_both_sides: NotRequired[int]
    M8_handover_days: NotRequired[list[int]]
    M8_completeness_start_end: NotRequired[list[list[float]]]
    M8_repeat_stories: int
    M9_contact_persons: int
    M9_days_without_contact_person: int | None
    M10_silence_signals: int
    M13_clawback_eur: float
    M13_income_steps: int
    M13_income_steps_checked: int
    M14_consents: dict[str, int]
    M15_days_out_of_sight: int
    M15_outreach_attempts: int
    M15_reentries: int
    M17_buddy_coverage: NotRequired[float]
    M17_phase_weeks: NotRequired[list[list[str | int | float]]]


class GrantShown(TypedDict):
    consent_id: str
    event_id: Annotated[UUID, Field(description="The `consent.granted` that gave it")]
    grantee_org: Annotated[str, Field(description="An organisation key")]
    grantee_actor: NotRequired[Annotated[str, Field(description="Only this person of the organisation")]]
    classes: list[PrivacyClass]
    event_types: NotRequired[Annotated[list[str], Field(description="Only these types; absent: all of the classes")]]
    operations: list[Literal["read", "emit", "subscribe"]]
    purpose: str
    basis: Literal["consent", "no_objection", "statutory_task"]
    basis_in_words: str
    legal_ref: NotRequired[Annotated[str, Field(description="The article, for a statutory task")]]
    history: Annotated[Literal["all", "from_grant"], Field(description="Everything, or what occurs from the grant on")]
    valid_from: datetime
    valid_until: datetime
    ended_at: NotRequired[Annotated[datetime, Field(description="Withdrawn or expired")]]
    purpose_ends_at: NotRequired[Annotated[datetime, Field(description="When the purpose ends (R-11b)")]]
    as_of: Annotated[datetime, Field(description="The moment at which this was so")]
    is_live: bool
    can_be_withdrawn: bool


class GrantList(TypedDict):
    items: list[GrantShown]


class LogItem(TypedDict):
    """One request that concerned this dossier."""

    at: datetime
    actor: Annotated[str | None, Field(description="An actor key; null for a machine")]
    organisation: str | None
    role: str | None
    purpose: Annotated[str | None, Field(description="Of the grants it rested on, with commas")]
    basis: Annotated[str | None, Field(description="Of the grants it rested on, with commas, or what else opened it")]
    event_ids: Annotated[list[UUID], Field(description="What was disclosed; for a refused single read: what was asked")]
    classes: list[PrivacyClass]
    way: Literal["read", "list", "delivery", "export", "preview", "handover"]
    decision: Literal["permit", "deny"]
    reason: str


class LogPage(TypedDict):
    items: list[LogItem]
    next: Next


class Stopped(TypedDict):
    withdrawn: Annotated[list[str], Field(description="The grants that were withdrawn: their `consent_id`")]
    remaining: Annotated[list[GrantShown], Field(description="What the law gives and nobody can withdraw")]


class EventTypeShown(TypedDict):
    type: str
    version: int
    phase: str
    title: Annotated[str, Field(description="English")]
    title_nl: Annotated[str, Field(description="Dutch")]
    description: str
    description_nl: str
    privacyclass: Annotated[
        PrivacyClass | None, Field(description="null: about no person, or the class of the event that it is about")
    ]
    may_emit: Annotated[list[str], Field(description="Roles")]
    typical_subscribers: Annotated[list[str], Field(description="Roles")]
    dataschema: Annotated[str, Field(description="What the event names as its schema")]


class EventTypeList(TypedDict):
    items: list[EventTypeShown]


class EventTypeWithSchema(EventTypeShown):
    schema: Annotated[dict[str, Any], Field(description="JSON Schema 2020-12 of `data`, with two examples")]


class InBoth(TypedDict):
    nl: str
    en: str


class Term(TypedDict):
    group: str
    key: Annotated[str, Field(description="The one English word that code and data use")]
    nl: str
    en: str
    meaning: InBoth


Glossary = TypedDict("Glossary", {"title": str, "x-title-nl": str, "terms": list[Term]})


class RegionalEvent(TypedDict):
    """A CloudEvent about a region, so about no person."""

    specversion: Literal["1.0"]
    id: UUID
    source: str
    type: str
    subject: Annotated[str, Field(description="`region/` and the code of the region")]
    time: Annotated[datetime, Field(description="When it was recorded, by the platform's clock, in UTC")]
    datacontenttype: Literal["application/json"]
    dataschema: Annotated[str, Field(description="The schema of `data`")]
    actor: NotRequired[Annotated[str, Field(description="Who wrote it; absent for a machine")]]
    data: Annotated[dict[str, Any], Field(description="As `GET /v1/event-types/{type}` has it")]


class RegionalEventPage(TypedDict):
    items: list[RegionalEvent]
    next: Next


class InWords(TypedDict):
    nl: str
    en: str


Number = int | float | list[int] | dict[str, int]


class ComingNumber(TypedDict):
    value: Annotated[Number | None, Field(description="null: as without a decision")]
    from_on: date
    reason: str


class RuleParameter(TypedDict):
    name: str
    unit: str
    value: Annotated[Number, Field(description="In force today")]
    usual: Annotated[Number, Field(description="Where a region decided nothing")]
    since: NotRequired[Annotated[date, Field(description="From which day on the region has decided so")]]
    reason: NotRequired[str]
    coming: NotRequired[Annotated[list[ComingNumber], Field(description="Decided for later")]]


class RuleItem(TypedDict):
    id: Annotated[str, Field(description="As in problems and signals", examples=["R-06"])]
    title: InWords
    says: InWords
    parameters: list[RuleParameter]
    codes: Annotated[list[str], Field(description="Of the signals that it raises")]
    in_force: Annotated[bool, Field(description="false: this version of Draad does not apply it yet")]
    source: NotRequired[Annotated[str, Field(description="The article or policy behind it, where one is named")]]


class RuleList(TypedDict):
    items: list[RuleItem]
