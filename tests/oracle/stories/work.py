"""Stories of work: jobs, trials, what they do to income, and whether they last."""

from datetime import date
from typing import Any

from tests.oracle.dates import days
from tests.oracle.stories.composer import EMPLOYERS, PEOPLE, Composer
from tests.oracle.stories.help import granted

HOURS = (12, 16, 20, 24)


def job(c: Composer) -> None:
    c.begin()
    id_, employer = c.new("p"), c.rng.choice(EMPLOYERS)
    starts = c.some_day()
    told_on = starts - days(c.rng.choice((0, 0, 0, 0, 1, 10))) if starts > c.opened_on + days(10) else starts
    kind = c.rng.choice(("regular", "regular", "subsidised", "sheltered", "work_experience", "pool"))
    hours = c.rng.choice(HOURS)
    ends = starts + days(c.rng.choice((30, 60, 90, 120, 180)))
    told: dict[str, Any] = {"placement_id": id_, "employer_org": employer, "kind": kind, "hours_per_week": hours}
    told |= {"starts_on": str(starts), "ends_on": str(ends) if c.chance(0.6) else None}
    told["host_org"] = c.rng.choice(EMPLOYERS) if c.chance(0.3) else None
    if c.chance(0.5):
        estimate(c, starts - days(c.rng.choice((0, 3, 30, 89, 90, 91))), hours)
    if c.chance(0.6):
        granted(c, employer, max(starts - days(c.rng.choice((0, 3, -5))), c.opened_on), "placement")
        c.begin()
    if c.chance(0.4):
        employer_contact(c, employer, starts + days(c.rng.choice((-5, 0, 0, 1, 3))))
    c.tell("placement.started", told_on, by=employer, **told)
    in_job(c, id_, employer, starts, ends)


def in_job(c: Composer, id_: str, employer: str, starts: date, ends: date) -> None:
    day = starts
    for _ in range(c.rng.randint(0, 3)):
        day += days(c.rng.choice((0, 7, 21, 40)))
        change = c.rng.choice(("hours", "wage", "host", "role"))
        told: dict[str, Any] = {"placement_id": id_, "effective_on": str(day + days(c.rng.choice((0, 0, 5))))}
        told["hours_per_week"] = c.rng.choice((*HOURS, None)) if change in ("hours", "wage") else None
        told["host_org"] = c.rng.choice(EMPLOYERS) if change == "host" else None
        c.tell("placement.changed", day, by=employer, change=change, **told)
    if c.chance(0.35):
        plan_on = max(day, starts) + days(c.rng.randint(0, 60))
        more = {"transition_id": c.new("t"), "from_placement_id": id_, "target_on": str(ends)}
        c.tell("transition.planned", plan_on, **more)
        day = plan_on
    if c.chance(0.35):
        renewed_on = max(day, starts) + days(c.rng.choice((1, 15, 40)))
        until = ends + days(c.rng.choice((30, 90)))
        told = {"placement_id": id_, "renewed_on": str(renewed_on), "ends_on": str(until) if c.chance(0.7) else None}
        c.tell("placement.renewed", renewed_on, by=employer, **told)
        day, ends = renewed_on, until
    if c.chance(0.75):
        ended = max(day, starts) + days(c.rng.choice((0, 10, 25, 45, 80, 130)))
        told_on = ended - days(c.rng.choice((0, 0, 0, 1, 6))) if ended - days(6) >= day else ended
        c.tell("placement.ended", told_on, by=employer, placement_id=id_, ended_on=str(ended))
        if c.chance(0.4):
            next_job(c, told_on, ended + days(c.rng.choice((0, 1, 1, 2, 2, 3))))


def next_job(c: Composer, told_on: date, starts: date) -> None:
    """Work that follows on the work that ended, perhaps told before that end."""
    c.begin()
    told = {"placement_id": c.new("p"), "starts_on": str(starts), "kind": c.rng.choice(("regular", "work_experience"))}
    day = min(starts, told_on - days(c.rng.choice((0, 3, -3))))
    c.tell("placement.started", max(day, c.opened_on), by=EMPLOYERS[0], employer_org=EMPLOYERS[0], **told)


def employer_contact(c: Composer, employer: str, day: date) -> None:
    c.begin()
    told = {"person": PEOPLE["rwc"], "org": "rwc", "audience": "employer", "employer_org": employer}
    c.tell("contact-person.appointed", max(day, c.opened_on), from_on=str(max(day, c.opened_on)), **told)
    c.begin()


def estimate(c: Composer, day: date, hours: int) -> str:
    c.begin()
    id_ = c.new("e")
    day = max(day, c.opened_on)
    told = {"estimate_id": id_, "estimated_on": str(day), "scenario_hours_per_week": hours}
    c.tell("income-effect.estimated", day, net_change_month_eur=c.rng.choice((100, 150.5)), **told)
    c.begin()
    return id_


def income(c: Composer) -> None:
    day = c.some_day()
    id_ = estimate(c, day, c.rng.choice(HOURS)) if c.chance(0.8) else None
    if c.chance(0.8):
        c.begin()
        seen_on = day + days(c.rng.choice((5, 30, 60)))
        net, clawback = c.rng.choice((0, 100, 150.5, 250, 250.5)), c.rng.choice((0, 0, 250, 250.5))
        told = {"estimate_id": id_, "net_change_month_eur": net, "clawback_eur": clawback}
        c.tell("income-effect.observed", seen_on, period_from=str(day), period_until=str(seen_on), **told)


def trial(c: Composer) -> None:
    c.begin()
    id_, employer, hours = c.new("tp"), c.rng.choice(EMPLOYERS), c.rng.choice(HOURS)
    asked_on = c.some_day(before_end=60)
    starts = asked_on + days(c.rng.choice((0, 3, 10)))
    planned = starts + days(c.rng.choice((10, 30, 45, 60)))
    told: dict[str, Any] = {"trial_id": id_, "employer_org": employer, "planned_start_on": str(starts)}
    told |= {"planned_end_on": str(planned), "intended_hours_per_week": hours}
    c.tell("trial-placement.requested", asked_on, by=employer, **told)
    if c.chance(0.4):
        c.tell(
            "trial-placement.decided", asked_on, by="uwv", trial_id=id_, outcome="approved", decided_on=str(asked_on)
        )
        c.drafts[-1].data.pop("new_end_on", None)
    c.tell("trial-placement.started", starts, by=employer, trial_id=id_, started_on=str(starts))
    day = starts
    if c.chance(0.35):
        day = starts + days(c.rng.choice((5, 20, 35)))
        planned += days(c.rng.choice((7, 14, 30)))
        told = {"trial_id": id_, "outcome": "extended", "decided_on": str(day), "new_end_on": str(planned)}
        c.tell("trial-placement.decided", day, by="uwv", reason="bouwvak", **told)
    ended = max(day, planned + days(c.rng.choice((-20, -14, -3, 0, 0, 6))))
    for side in c.rng.choice(((), ("joint",), ("participant",), ("employer",), ("participant", "employer"))):
        on = ended - days(c.rng.choice((0, 1, 10, 14, 15, 16, -2)))
        c.tell("trial-placement.evaluated", max(on, starts), trial_id=id_, side=side, evaluated_on=str(max(on, starts)))
    if c.chance(0.9):
        outcome = c.rng.choice(("retained", "retained", "not_retained", "stopped_early"))
        ended = max(ended, starts)
        c.tell("trial-placement.ended", ended, by=employer, trial_id=id_, ended_on=str(ended), outcome=outcome)
        after_trial(c, id_, employer, hours, ended, outcome)


def after_trial(c: Composer, id_: str, employer: str, hours: int, ended: date, outcome: str) -> None:
    c.begin()
    if outcome == "retained" and c.chance(0.6):
        starts = ended + days(c.rng.choice((0, 1, 14, 15)))
        told: dict[str, Any] = {"placement_id": c.new("p"), "employer_org": employer, "starts_on": str(starts)}
        kind = c.rng.choice(("regular", "regular", "pool", "work_experience"))
        more = {"kind": kind, "hours_per_week": hours + c.rng.choice((0, 0, 4, -4)), "trial_id": id_}
        c.tell("placement.started", starts, by=employer, **told, **more)
    if outcome != "retained" and c.chance(0.6):
        day = ended + days(c.rng.choice((0, 5, 20, 28, 29)))
        if c.chance(0.5):
            c.tell("trajectory.reentered", day, reentered_on=str(day))
        else:
            c.tell("development-plan.agreed", day, plan_id=c.new("dp"))


def checks(c: Composer) -> None:
    """Retention checks around the checkpoints of the jobs told so far."""
    first: date | None = None
    for draft in [draft for draft in c.drafts if draft.name == "placement.started"]:
        starts = date.fromisoformat(draft.data["starts_on"])
        first = starts if first is None else min(first, starts)
        for clock, origin, checkpoints in (
            ("placement", starts, (2, 4, 13)),
            ("labour_market", first, (8, 16, 26, 52)),
        ):
            for checkpoint in checkpoints:
                held = origin + days(7 * checkpoint + c.rng.choice((-15, -14, -5, 0, 9, 14, 15)))
                if c.chance(0.3) and held <= c.until:
                    c.begin()
                    told = {"check_id": c.new("rc"), "checkpoint_weeks": checkpoint, "clock": clock}
                    c.tell(
                        "retention-check.completed", max(held, c.opened_on), held_on=str(max(held, c.opened_on)), **told
                    )
