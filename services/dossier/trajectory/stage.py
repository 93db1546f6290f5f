"""The stage of a dossier on each day (state.md §2): the machine is the data below, its days are computed from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters, Timeline
from services.dossier.trajectory.history import History, day_named, day_of, place
from services.dossier.trajectory.work import COUNTED, Job, Trial, jobs, trials

# What decides the stage; of the dossier's closing only that the stage stays what it was.
DECIDES: Final = (
    "dossier.opened",
    "contact.lost",
    "contact.restored",
    "trajectory.dropped-out",
    "trajectory.interrupted",
    "trajectory.reentered",
    "trial-placement.requested",
    "trial-placement.started",
    "trial-placement.ended",
    "placement.started",
    "placement.ended",
    "intake.completed",
    "dossier.closed",
)


@dataclass(frozen=True)
class Span:
    """An unbroken run of days in one stage; without `until_on` there is no end in sight."""

    stage: str
    from_on: date
    until_on: date | None

    def days_to(self, day: date) -> int:
        last = day if self.until_on is None else min(day, self.until_on)
        return max((last - self.from_on).days + 1, 0)


@dataclass(frozen=True)
class _Past:
    """What had happened up to and including a day, and what runs on it."""

    day: date
    last: Mapping[str, Entry]  # by name, the last one
    trials: tuple[Trial, ...]
    active: tuple[Job, ...]
    early_days: int

    def is_open(self, begun: str, ended: str) -> bool:
        """Begun, and not ended after it."""
        if begun not in self.last:
            return False
        return ended not in self.last or place(self.last[begun]) > place(self.last[ended])

    @property
    def is_early(self) -> bool:
        return bool(self.active) and (self.day - max(job.starts_on for job in self.active)).days < self.early_days

    @property
    def has_lost_work(self) -> bool:
        return "lost" in self.last


# The machine: a stage, when it holds, and that in words. First match.
STAGES: Final[tuple[tuple[str, Callable[[_Past], bool], str], ...]] = (
    (
        "out_of_sight",
        lambda past: past.is_open("contact.lost", "contact.restored"),
        "contact.lost, and no contact.restored since",
    ),
    (
        "dropped_out",
        lambda past: past.is_open("trajectory.dropped-out", "trajectory.reentered"),
        "trajectory.dropped-out, and no trajectory.reentered since",
    ),
    (
        "interrupted",
        lambda past: past.is_open("trajectory.interrupted", "trajectory.reentered"),
        "trajectory.interrupted, and no trajectory.reentered since",
    ),
    ("trial", lambda past: any(trial.is_running(past.day) for trial in past.trials), "a trial runs"),
    ("placement_early", lambda past: past.is_early, "at work, the latest start less than early_weeks ago"),
    ("placement", lambda past: bool(past.active), "at work"),
    (
        "between_jobs",
        lambda past: past.has_lost_work,
        "a placement of a counted kind ended, or a trial not retained, ever",
    ),
    ("preparation", lambda past: "intake.completed" in past.last, "intake.completed, ever"),
    ("intake", lambda _past: True, "otherwise"),
)


def spans(history: History, parameters: Parameters) -> list[Span]:
    """Every run from the opening on, those still to come included if nothing else happens."""
    opened = next(iter(history.named("dossier.opened")), None)
    if opened is None:
        return []
    machine = _Machine(history, parameters)
    closed = next(iter(history.named("dossier.closed")), None)
    found: list[Span] = []
    days = sorted({day_of(opened), *(day for day in machine.turns if day > day_of(opened))})
    if closed is not None:
        days = [day for day in days if day < day_of(closed)] or days[:1]
    for day in days:
        stage = machine.on(day)
        if not found or found[-1].stage != stage:
            if found:
                found[-1] = Span(found[-1].stage, found[-1].from_on, day - timedelta(1))
            found.append(Span(stage, day, None))
    return found


def spans_over(history: History, timeline: Timeline) -> list[Span]:
    """As `spans`, each day by the numbers that hold on it."""
    if len(timeline.stretches) == 1:
        return spans(history, timeline.stretches[0].parameters)
    found: list[Span] = []
    for stretch in timeline.stretches:
        begin, end = stretch.from_on or date.min, stretch.until
        last = None if end is None else end - timedelta(1)
        for span in spans(history, stretch.parameters):
            until_on = min((day for day in (span.until_on, last) if day is not None), default=None)
            from_on = max(span.from_on, begin)
            if until_on is not None and until_on < from_on:
                continue
            if found and found[-1].stage == span.stage:
                found[-1] = Span(span.stage, found[-1].from_on, until_on)
            else:
                found.append(Span(span.stage, from_on, until_on))
    return found


def span_on(several: list[Span], day: date) -> Span | None:
    return next((span for span in reversed(several) if span.from_on <= day), None)


class _Machine:
    def __init__(self, history: History, parameters: Parameters) -> None:
        self._early_days = 7 * parameters.early_weeks
        self._jobs, self._trials = tuple(jobs(history)), tuple(trials(history))
        kinds = {job.id: job.started.data["kind"] for job in self._jobs}
        self._named = [(day_of(e), e.name, e) for e in history.named(*DECIDES)]
        lost = [e for e in history.named("placement.ended") if kinds.get(e.data["placement_id"]) in COUNTED]
        lost += [e for e in history.named("trial-placement.ended") if e.data["outcome"] != "retained"]
        self._named += [(day_named(e.data, "ended_on"), "lost", e) for e in lost]

    @property
    def turns(self) -> set[date]:
        """Days on which the stage may change."""
        found = {day for day, _, _ in self._named}
        for job in self._jobs:
            found |= {job.starts_on, job.starts_on + timedelta(self._early_days)}
            if job.ended_on is not None:
                found.add(job.ended_on + timedelta(1))
        for trial in self._trials:
            found |= {day for day in (_began(trial), trial.ended_on) if day is not None}
        return found

    def on(self, day: date) -> str:
        last = {name: entry for on, name, entry in self._named if on <= day}
        active = tuple(job for job in self._jobs if job.is_active(day))
        past = _Past(day, last, self._trials, active, self._early_days)
        return next(stage for stage, holds, _ in STAGES if holds(past))


def _began(trial: Trial) -> date | None:
    return None if trial.started is None else day_named(trial.started.data, "started_on")
