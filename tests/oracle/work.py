"""The signals of work, trials and income, each as state.md §4 has it."""

from collections.abc import Iterator
from datetime import date

from tests.oracle.dates import days, weeks, working_day_after
from tests.oracle.state import end_of, is_active, is_counted, is_in_counted_work, placement_of
from tests.oracle.told import Event, Follows, Told, at_once


def retention_check_missed(told: Told) -> Iterator[Follows]:
    """R-01. Due + 15, not satisfied; about that placement, on the labour market about the first one."""
    counted = [placement for placement in told.all("placement.started") if is_counted(placement)]
    for placement in counted:
        for checkpoint in told.numbers["placement_clock"]:
            due = placement.on("starts_on") + weeks(checkpoint)
            if is_active(told, placement, due):
                yield from _check_missed(told, placement, "placement", checkpoint, due)
    if counted:
        first = min(counted, key=lambda placement: placement.on("starts_on"))
        for checkpoint in told.numbers["labour_clock"]:
            due = first.on("starts_on") + weeks(checkpoint)
            yield from _check_missed(told, first, "labour_market", checkpoint, due)


def _check_missed(told: Told, about: Event, clock: str, checkpoint: int, due: date) -> Iterator[Follows]:
    window = days(told.numbers["retention_window_days"])
    for check in told.all("retention-check.completed"):
        of_this = check["clock"] == clock and check["checkpoint_weeks"] == checkpoint
        if of_this and due - window <= check.on("held_on") <= due + window:
            return
    yield Follows(due + window + days(1), "R-01", "retention_check_missed", about, (clock, checkpoint))


def _request_of(told: Told, trial: Event) -> Event | None:
    for request in told.all("trial-placement.requested"):
        if request["trial_id"] == trial["trial_id"]:
            return request
    return None


def _evaluated_by_both_sides(told: Told, trial: Event, day: date) -> bool:
    evaluations = told.all("trial-placement.evaluated")
    sides = {e["side"] for e in evaluations if e["trial_id"] == trial["trial_id"] and e.on("evaluated_on") <= day}
    return "joint" in sides or {"participant", "employer"} <= sides


def trial_evaluation_due(told: Told) -> Iterator[Follows]:
    """R-04. Planned end − 14, not both by then, not ended by then; about the start."""
    for started in told.all("trial-placement.started"):
        request = _request_of(told, started)
        if request is None:
            continue
        planned_end = request.on("planned_end_on")
        for decided in told.all("trial-placement.decided"):
            if decided["trial_id"] == started["trial_id"] and request.is_before(decided):
                planned_end = decided.on_or_none("new_end_on") or planned_end
        due = planned_end - days(told.numbers["trial_eval_days"])
        endings = [e for e in told.all("trial-placement.ended") if e["trial_id"] == started["trial_id"]]
        has_ended = any(ended.on("ended_on") <= due for ended in endings)
        if not has_ended and not _evaluated_by_both_sides(told, started, due):
            yield Follows(due, "R-04", "trial_evaluation_due", started, due)


def trial_evaluation_missing(told: Told) -> Iterator[Follows]:
    for ended in told.all("trial-placement.ended"):
        if not _evaluated_by_both_sides(told, ended, ended.on("ended_on")):
            yield Follows(ended.on("ended_on"), "R-04", "trial_evaluation_missing", ended, None)


def trial_promise_broken(told: Told) -> Iterator[Follows]:
    promise = days(told.numbers["promise_days"])
    for ended in told.all("trial-placement.ended"):
        request = _request_of(told, ended)
        if ended["outcome"] != "retained" or request is None:
            continue
        first, last = ended.on("ended_on"), ended.on("ended_on") + promise
        is_kept = any(
            is_counted(placement)
            and placement["employer_org"] == request["employer_org"]
            and first <= placement.on("starts_on") <= last
            and placement["hours_per_week"] >= request["intended_hours_per_week"]
            for placement in told.all("placement.started")
        )
        if not is_kept:
            yield Follows(last + days(1), "R-04", "trial_promise_broken", ended, None)


def contract_ending(told: Told) -> Iterator[Follows]:
    """R-05. 84, 42 and 14 days before the end of a contract; a renewal starts anew."""
    for placement in told.all("placement.started"):
        if not is_counted(placement):
            continue
        renewals = [
            e for e in told.all("placement.renewed") if e["placement_id"] == placement["placement_id"]
        ]  # fmt: skip
        for period, began in [(placement, placement.on("starts_on")), *((e, e.on("renewed_on")) for e in renewals)]:
            ends_on = period.on_or_none("ends_on")
            if ends_on is None:
                continue
            stops = [e.day for e in renewals if period.is_before(e)]
            for plan in told.all("transition.planned"):
                if plan["from_placement_id"] == placement["placement_id"] and period.is_before(plan):
                    stops.append(plan.day)
            ended = end_of(told, placement)
            if ended is not None:
                stops.append(ended.on("ended_on"))
            for ahead in told.numbers["contract_warn_days"]:
                warning = ends_on - days(ahead)
                if warning >= began and not any(stop <= warning for stop in stops):
                    yield Follows(warning, "R-05", "contract_ending", period, ahead)


def between_jobs(told: Told) -> Iterator[Follows]:
    """R-07. `ended_on`, and no counted work the day after; of a trial not retained: none on that day."""
    for ended in told.all("placement.ended"):
        placement = placement_of(told, ended)
        if placement is not None and is_counted(placement):
            day = ended.on("ended_on")
            if not is_in_counted_work(told, day + days(1)):
                yield Follows(day, "R-07", "between_jobs", ended, None)
    for ended in told.all("trial-placement.ended"):
        day = ended.on("ended_on")
        if ended["outcome"] != "retained" and not is_in_counted_work(told, day):
            yield Follows(day, "R-07", "between_jobs", ended, None)


def _steps(told: Told) -> Iterator[tuple[Event, date, float]]:
    """R-16: new counted work, or a change of hours or wage; its day, and its hours."""
    for placement in told.all("placement.started"):
        if is_counted(placement):
            yield placement, placement.on("starts_on"), placement["hours_per_week"]
    for change in told.all("placement.changed"):
        if change["change"] in ("hours", "wage"):
            changed = placement_of(told, change)
            if changed is None:
                continue
            hours = changed["hours_per_week"]
            for other in told.all("placement.changed"):
                is_until = other is change or other.is_before(change)
                if is_until and other["placement_id"] == change["placement_id"] and other["hours_per_week"] is not None:
                    hours = other["hours_per_week"]
            yield change, change.on("effective_on"), hours


def income_check_missing(told: Told) -> Iterator[Follows]:
    for step, day, hours in _steps(told):
        intakes = [intake for intake in told.all("intake.completed") if intake.is_before(step)]
        if not intakes or intakes[-1]["legal_regime"] in ("none", "nug"):
            continue
        oldest = day - days(told.numbers["income_days"])
        is_valid = any(
            estimate["scenario_hours_per_week"] == hours and oldest <= estimate.on("estimated_on") <= day
            for estimate in told.all("income-effect.estimated")
        )
        if not is_valid:
            yield at_once("R-16", "income_check_missing", step)


def income_surprise(told: Told) -> Iterator[Follows]:
    for observed in told.all("income-effect.observed"):
        estimates = [
            e for e in told.all("income-effect.estimated") if e["estimate_id"] == observed["estimate_id"]
        ]  # fmt: skip
        is_far_off = any(
            abs(observed["net_change_month_eur"] - estimate["net_change_month_eur"]) > told.numbers["income_gap_eur"]
            for estimate in estimates
        )
        if observed["clawback_eur"] > told.numbers["clawback_eur"] or is_far_off:
            yield at_once("R-16", "income_surprise", observed)


def after_a_trial_not_retained(told: Told) -> Iterator[Follows]:
    """R-21: contact within 5 working days, a new plan within 28 days, the employer approached again on day 56."""
    plans = ("development-plan.agreed", "trial-placement.requested", "placement.started", "trajectory.reentered")
    for ended in told.all("trial-placement.ended"):
        if ended["outcome"] == "retained":
            continue
        day = ended.on("ended_on")
        sixth = working_day_after(day, told.numbers["failure_contact_working_days"] + 1)
        reentries = [e for e in told.all("trajectory.reentered") if ended.is_before(e)]
        answers = [e for e in told.contacts if ended.is_before(e)] + reentries
        if not any(answer.day < sixth for answer in answers):
            yield Follows(sixth, "R-21", "after_failure_contact", ended, None)
        too_late = day + days(told.numbers["new_plan_days"] + 1)
        if not any(ended.is_before(plan) and plan.day < too_late for plan in told.of(*plans)):
            yield Follows(too_late, "R-21", "plan_overdue", ended, None)
        yield Follows(day + days(told.numbers["employer_revisit_days"]), "R-21", "employer_revisit_due", ended, None)


def employer_contact_missing(told: Told) -> Iterator[Follows]:
    """R-32. `starts_on` + 1, nobody appointed for that employer."""
    for placement in told.all("placement.started"):
        if not is_counted(placement):
            continue
        too_late = placement.on("starts_on") + days(told.numbers["employer_contact_days"])
        is_there = any(
            e["audience"] == "employer" and e["employer_org"] == placement["employer_org"] and e.day < too_late
            for e in told.all("contact-person.appointed")
        )
        if not is_there:
            yield Follows(too_late, "R-32", "employer_contact_missing", placement, None)
