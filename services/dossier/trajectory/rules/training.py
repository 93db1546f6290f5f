"""R-18: early signs of drop-out in a training or a phase, and a stipend that ends."""

from collections.abc import Iterator
from datetime import date, timedelta
from math import floor

from services.dossier.domain.days import day_in
from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.becoming import Becomes, at_once, on_day
from services.dossier.trajectory.contact import contacts
from services.dossier.trajectory.history import History, day_named, day_of, place

RULE = "R-18"


def training_absence(history: History, parameters: Parameters) -> Iterator[Becomes]:
    for progressed in history.named("training.progressed"):
        if progressed.data["missed_in_a_row"] >= parameters.absence:
            yield at_once(RULE, "training_absence", progressed)


def phase_overdue(history: History, parameters: Parameters) -> Iterator[Becomes]:
    for entered in history.named("credential-phase.entered"):
        days = floor(entered.data["expected_weeks"] * 7 * parameters.phase_factor)
        limit = day_named(entered.data, "entered_on") + timedelta(days)
        completed_on = phase_completed_on(history, entered)
        if completed_on is None or completed_on > limit:
            yield on_day(limit + timedelta(1), RULE, "phase_overdue", entered)


def after_failure_contact(history: History, parameters: Parameters) -> Iterator[Becomes]:
    met = contacts(history)
    for completed in history.named("credential-phase.completed"):
        day = day_named(completed.data, "completed_on") + timedelta(parameters.failure_contact_days + 1)
        since = (e for e in met if place(e) > place(completed) and day_of(e) < day)
        if completed.data["outcome"] == "failed" and not any(since):
            yield on_day(day, RULE, "after_failure_contact", completed)


def stipend_ended(history: History, _parameters: Parameters) -> Iterator[Becomes]:
    decisions = [e for e in history.named("scheme.decided") if e.data["scheme_code"] == "practice_stipend"]
    for decided in decisions:
        ends_on = day_in(decided.data.get("valid_until"))
        if ends_on is not None and not any(place(e) > place(decided) for e in decisions):
            yield on_day(ends_on, RULE, "stipend_ended", decided)


def phase_completed_on(history: History, entered: Entry) -> date | None:
    """Of the same phase and attempt."""
    return next(
        (
            day_named(e.data, "completed_on")
            for e in history.named("credential-phase.completed")
            if all(e.data[name] == entered.data[name] for name in ("phase", "attempt"))
        ),
        None,
    )
