"""R-16: no step in work without knowing what it does to income, and a warning when it turned out otherwise."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.becoming import TODAY, Becomes, at_once
from services.dossier.trajectory.history import History, day_named, place
from services.dossier.trajectory.work import jobs

WITHOUT_BENEFIT = ("none", "nug")


@dataclass(frozen=True)
class Step:
    """New work, or other hours or wage, of somebody with a benefit."""

    entry: Entry
    day: date
    hours: float


def income_check_missing(history: History, parameters: Parameters) -> Iterator[Becomes]:
    for step in steps(history):
        if not is_checked(history, step, parameters):
            yield at_once("R-16", "income_check_missing", step.entry, severity=TODAY)


def income_surprise(history: History, parameters: Parameters) -> Iterator[Becomes]:
    estimates = {
        e.data["estimate_id"]: e.data["net_change_month_eur"] for e in history.named("income-effect.estimated")
    }
    for observed in history.named("income-effect.observed"):
        data = observed.data
        estimated = estimates.get(data.get("estimate_id"))
        differs = estimated is not None and abs(data["net_change_month_eur"] - estimated) > parameters.income_gap_eur
        if data["clawback_eur"] > parameters.clawback_eur or differs:
            yield at_once("R-16", "income_surprise", observed, severity=TODAY)


def steps(history: History) -> list[Step]:
    """Those for which an estimate is needed, in the order of history."""
    return [step for step in _all_steps(history) if _has_benefit(history, step.entry)]


def is_checked(history: History, step: Step, parameters: Parameters) -> bool:
    return any(
        e.data["scenario_hours_per_week"] == step.hours
        and 0 <= (step.day - day_named(e.data, "estimated_on")).days <= parameters.income_days
        for e in history.named("income-effect.estimated")
    )


def _all_steps(history: History) -> Iterator[Step]:
    started = {job.id: job for job in jobs(history)}
    hours: dict[str, float] = {}
    for entry in history.named("placement.started", "placement.changed"):
        id_ = entry.data["placement_id"]
        if id_ not in started:
            continue
        hours[id_] = entry.data.get("hours_per_week", hours.get(id_, 0.0))
        if entry.name == "placement.started":
            if started[id_].is_counted:
                yield Step(entry, started[id_].starts_on, hours[id_])
        elif entry.data["change"] in ("hours", "wage"):
            yield Step(entry, day_named(entry.data, "effective_on"), hours[id_])


def _has_benefit(history: History, step: Entry) -> bool:
    before = [e for e in history.named("intake.completed") if place(e) < place(step)]
    return bool(before) and before[-1].data["legal_regime"] not in WITHOUT_BENEFIT
