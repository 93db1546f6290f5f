"""Work, as the rules count it: placements with what became of them, trials with what was promised."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from services.dossier.domain.days import day_in
from services.dossier.domain.entries import Entry
from services.dossier.trajectory.history import History, day_named, place

COUNTED: Final = frozenset(("regular", "subsidised", "sheltered", "pool"))


@dataclass(frozen=True)
class Job:
    """A placement, both its days included. Passing a planned end ends nothing."""

    started: Entry
    ended: Entry | None

    @property
    def id(self) -> str:
        return str(self.started.data["placement_id"])

    @property
    def employer(self) -> str:
        return str(self.started.data["employer_org"])

    @property
    def is_counted(self) -> bool:
        return self.started.data["kind"] in COUNTED

    @property
    def starts_on(self) -> date:
        return day_named(self.started.data, "starts_on")

    @property
    def ended_on(self) -> date | None:
        return None if self.ended is None else day_named(self.ended.data, "ended_on")

    def is_active(self, day: date) -> bool:
        return self.starts_on <= day and (self.ended_on is None or day <= self.ended_on)


@dataclass(frozen=True)
class Trial:
    requested: Entry
    planned_end_on: date
    started: Entry | None
    ended: Entry | None
    evaluations: tuple[Entry, ...]

    @property
    def ended_on(self) -> date | None:
        return None if self.ended is None else day_named(self.ended.data, "ended_on")

    def is_evaluated_by_both(self, day: date) -> bool:
        sides = {e.data["side"] for e in self.evaluations if day_named(e.data, "evaluated_on") <= day}
        return "joint" in sides or {"participant", "employer"} <= sides

    def is_running(self, day: date) -> bool:
        began = self.started is not None and day_named(self.started.data, "started_on") <= day
        return began and (self.ended_on is None or day < self.ended_on)


def jobs(history: History) -> list[Job]:
    """Every placement, in the order of history."""
    ended = {e.data["placement_id"]: e for e in history.named("placement.ended")}
    return [Job(e, ended.get(e.data["placement_id"])) for e in history.named("placement.started")]


def counted(history: History) -> list[Job]:
    return [job for job in jobs(history) if job.is_counted]


def any_active(several: Iterable[Job], day: date) -> bool:
    return any(job.is_active(day) for job in several)


def trials(history: History) -> Iterator[Trial]:
    started, ended = _by_trial(history, "started"), _by_trial(history, "ended")
    for requested in history.named("trial-placement.requested"):
        id_ = requested.data["trial_id"]
        planned = day_named(requested.data, "planned_end_on")
        for decided in history.named("trial-placement.decided"):
            if decided.data["trial_id"] == id_ and place(decided) > place(requested):
                planned = day_in(decided.data.get("new_end_on")) or planned
        evaluations = tuple(e for e in history.named("trial-placement.evaluated") if e.data["trial_id"] == id_)
        yield Trial(requested, planned, started.get(id_), ended.get(id_), evaluations)


def keeps_promise(trial: Trial, several: Sequence[Job], promise_days: int) -> bool:
    """Kept on, and work of a counted kind there in time, for the hours that were meant (R-04)."""
    if trial.ended is None or trial.ended_on is None or trial.ended.data["outcome"] != "retained":
        return False
    wanted = trial.requested.data
    latest = trial.ended_on + timedelta(promise_days)
    return any(
        job.employer == wanted["employer_org"]
        and trial.ended_on <= job.starts_on <= latest
        and job.started.data["hours_per_week"] >= wanted["intended_hours_per_week"]
        for job in several
        if job.is_counted
    )


def _by_trial(history: History, verb: str) -> dict[str, Entry]:
    return {e.data["trial_id"]: e for e in history.named(f"trial-placement.{verb}")}
