"""R-07: active work ends without other active work, or a trial is not retained: a stage, not an exit."""

from collections.abc import Iterator
from datetime import date, timedelta

from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.becoming import Becomes, on_day
from services.dossier.trajectory.history import History
from services.dossier.trajectory.work import any_active, counted, trials
from services.dossier.trajectory.working_days import working_days_after


def between_jobs(history: History, parameters: Parameters) -> Iterator[Becomes]:
    several = counted(history)
    for job in several:
        if job.ended is not None and job.ended_on and not any_active(several, job.ended_on + timedelta(1)):
            yield _signal(job.ended_on, job.ended, parameters)
    for trial in trials(history):
        if trial.ended is None or trial.ended_on is None or trial.ended.data["outcome"] == "retained":
            continue
        if not any_active(several, trial.ended_on):
            yield _signal(trial.ended_on, trial.ended, parameters)


def _signal(ended_on: date, about: Entry, parameters: Parameters) -> Becomes:
    due_on = working_days_after(ended_on, parameters.between_jobs_working_days)
    return on_day(ended_on, "R-07", "between_jobs", about, due_on=due_on)
