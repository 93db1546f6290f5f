"""The numbers of the rules: their defaults, what a region or one dossier has instead, and from which day on."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from services.dossier.domain.days import days_after, midnight

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
    decision_read_days: int = 14

    def __post_init__(self) -> None:
        """A stage of which nothing was said keeps its default."""
        object.__setattr__(self, "silence_weeks", {**SILENCE_WEEKS, **self.silence_weeks})


DEFAULTS: Final = Parameters()
KNOWN: Final = frozenset(each.name for each in fields(Parameters))
# Access rests on these: what the participant gave is not made longer by an exception that somebody else makes.
NOT_FOR_ONE_DOSSIER: Final = frozenset(("purpose_end_days", "referral_end_days", "overlap_days"))
MOST: Final = 36_500  # days of a hundred years
MOST_OF: Final = {"phase_factor": 100, "income_gap_eur": 1_000_000, "clawback_eur": 1_000_000}
MOST_IN_A_ROW: Final = 20

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """Other numbers from a day on, up to and including another where one is named; the rest stays as it was.

    A number that is None is again what it is without any change.
    """

    values: Values
    from_on: date
    until_on: date | None = None
    recorded_at: datetime | None = None
    reason: str = ""

    def holds(self, day: date) -> bool:
        return self.from_on <= day and (self.until_on is None or day <= self.until_on)


@dataclass(frozen=True)
class Stretch:
    """Days with the same numbers: from the beginning where no first day is named, until a day that is not in it."""

    from_on: date | None
    until: date | None
    parameters: Parameters

    @property
    def begins_at(self) -> datetime | None:
        return None if self.from_on is None else midnight(self.from_on)

    @property
    def ends_at(self) -> datetime | None:
        return None if self.until is None else midnight(self.until)


@dataclass(frozen=True)
class Timeline:
    """Which numbers hold on which day; one stretch is the usual case."""

    stretches: tuple[Stretch, ...]

    def on(self, day: date) -> Parameters:
        return next(s.parameters for s in self.stretches if s.until is None or day < s.until)


def always(parameters: Parameters) -> Timeline:
    return Timeline((Stretch(None, None, parameters),))


BY_DEFAULT: Final = always(DEFAULTS)


def layered(below: Timeline, changes: Sequence[Change]) -> Timeline:
    """`changes` in the order in which they were decided: of two from the same day the later one has the say."""
    if not changes:
        return below
    several = sorted(changes, key=lambda change: change.from_on)
    turns = {s.from_on for s in below.stretches if s.from_on is not None} | {change.from_on for change in several}
    turns |= {days_after(change.until_on, 1) for change in several if change.until_on is not None}
    found: list[tuple[date | None, Parameters]] = [(None, below.stretches[0].parameters)]
    for day in sorted(turns):
        parameters = _applied(below.on(day), [change for change in several if change.holds(day)])
        if parameters != found[-1][1]:
            found.append((day, parameters))
    ends = [*(day for day, _ in found[1:]), None]
    return Timeline(tuple(Stretch(day, end, each) for (day, each), end in zip(found, ends, strict=True)))


def _applied(beginning: Parameters, changes: Iterable[Change]) -> Parameters:
    now = beginning
    for change in changes:
        for name, value in change.values.items():
            if name not in KNOWN:
                continue
            now = replace(now, **{name: getattr(beginning, name) if value is None else _merged(now, name, value)})
    return now


def _merged(now: Parameters, name: str, value: Any) -> Any:
    """A rhythm that is set for some stages stays what it was for the others."""
    return {**now.silence_weeks, **value} if name == "silence_weeks" else _plain(value)


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def faults(values: Values) -> Iterator[tuple[str, str]]:
    """Name and advice of each number that no rule can count with; it would stop every rule from then on."""
    for name, value in values.items():
        usual = getattr(DEFAULTS, name, None)
        most = MOST_OF.get(name, MOST)
        if name not in KNOWN:
            yield name, "This is not one of the numbers of GET /v1/rules."
        elif value is None:
            continue
        elif isinstance(usual, tuple):
            if not (isinstance(value, list | tuple) and len(value) <= MOST_IN_A_ROW and all(map(_counts, value))):
                yield name, f"This must be a row of at most {MOST_IN_A_ROW} whole numbers, from 0 to {MOST}."
        elif isinstance(usual, Mapping):
            if not (isinstance(value, Mapping) and value.keys() <= usual.keys() and all(map(_counts, value.values()))):
                yield name, f"This must name a whole number, from 0 to {MOST}, for each of some stages."
        elif isinstance(usual, float) or name in MOST_OF:
            if type(value) not in (int, float) or not 0 <= value <= most:
                yield name, f"This must be a number, from 0 to {most}."
        elif not _counts(value):
            yield name, f"This must be a whole number, from 0 to {MOST}."


def _counts(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MOST


@dataclass(frozen=True)
class Numbers:
    """All that is set: what holds from the beginning, and what each region has decided, in the order of deciding."""

    beginning: Parameters = DEFAULTS
    regions: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)

    def of(
        self, region: str | None, exceptions: Sequence[Change] = (), known_before: datetime | None = None
    ) -> Timeline:
        """For a dossier of this region with its own exceptions, as far as it was decided before that moment."""
        if known_before is None:
            regional = self._of_regions.get(region or "", self._usual)
        else:
            known = (c for c in self.regions.get(region or "", ()) if _is_known(c, known_before))
            regional = layered(self._usual, tuple(known))
        return layered(regional, exceptions)

    @cached_property
    def _usual(self) -> Timeline:
        return always(self.beginning)

    @cached_property
    def _of_regions(self) -> Mapping[str, Timeline]:
        return {code: layered(self._usual, changes) for code, changes in self.regions.items()}


def _is_known(change: Change, before: datetime) -> bool:
    return change.recorded_at is None or change.recorded_at < before
