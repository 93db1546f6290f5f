"""R-04 and R-21: a trial is evaluated by both sides and keeps its promise; one that was not retained is followed up."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.becoming import TODAY, Becomes, on_day
from services.dossier.trajectory.contact import contacts
from services.dossier.trajectory.history import History, day_of, place
from services.dossier.trajectory.work import jobs, keeps_promise, trials
from services.dossier.trajectory.working_days import working_days_after

NEW_STEPS = ("development-plan.agreed", "trial-placement.requested", "placement.started", "trajectory.reentered")


def trial_evaluated_and_kept(history: History, parameters: Parameters) -> Iterator[Becomes]:
    several = jobs(history)
    for trial in trials(history):
        ask_on = trial.planned_end_on - timedelta(parameters.trial_eval_days)
        is_over = trial.ended_on is not None and trial.ended_on <= ask_on
        if trial.started is not None and not is_over and not trial.is_evaluated_by_both(ask_on):
            due_on = trial.planned_end_on
            yield on_day(ask_on, "R-04", "trial_evaluation_due", trial.started, due_on=due_on)
        if trial.ended is None or trial.ended_on is None:
            continue
        if not trial.is_evaluated_by_both(trial.ended_on):
            yield on_day(trial.ended_on, "R-04", "trial_evaluation_missing", trial.ended)
        if trial.ended.data["outcome"] == "retained" and not keeps_promise(trial, several, parameters.promise_days):
            broken_on = trial.ended_on + timedelta(parameters.promise_days + 1)
            yield on_day(broken_on, "R-04", "trial_promise_broken", trial.ended, severity=TODAY)


def trial_followed_up(history: History, parameters: Parameters) -> Iterator[Becomes]:
    met = contacts(history)
    for trial in trials(history):
        ended, ended_on = trial.ended, trial.ended_on
        if ended is None or ended_on is None or ended.data["outcome"] == "retained":
            continue
        reentered = _after(history.named("trajectory.reentered"), ended)
        call_on = working_days_after(ended_on, parameters.failure_contact_working_days + 1)
        if not _before(_after(met, ended), call_on) and not _before(reentered, call_on):
            yield on_day(call_on, "R-21", "after_failure_contact", ended)
        plan_on = ended_on + timedelta(parameters.new_plan_days + 1)
        if not _before(_after(history.named(*NEW_STEPS), ended), plan_on):
            yield on_day(plan_on, "R-21", "plan_overdue", ended)
        yield on_day(ended_on + timedelta(parameters.employer_revisit_days), "R-21", "employer_revisit_due", ended)


def _after(entries: Iterable[Entry], ended: Entry) -> list[Entry]:
    return [e for e in entries if place(e) > place(ended)]


def _before(entries: list[Entry], day: date) -> bool:
    return any(day_of(e) < day for e in entries)
