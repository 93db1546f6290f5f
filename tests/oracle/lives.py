"""Invented lives from a seed: dense enough that every signal occurs often, and odd in the ways that lives are odd."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid5

from tests.oracle.dates import AMSTERDAM, days
from tests.oracle.told import NUMBERS, Event

SCHEMAS = Path(__file__).parent.parent.parent / "schemas" / "events"
SPACE = UUID("6a1d3c52-4f0f-4a25-8d0a-5b3b1f0c7e11")
PARTICIPANT = "noor"
# Participant and organisations, with the person who writes for them.
ORG_KINDS = {
    "oosterlo": "municipality",
    "uwv": "uwv",
    "rwc": "work_centre",
    "taalhuis": "trainer",
    "bakker": "employer",
    "kruimel": "employer",
    "zaad": "employer",
    "poolbank": "pool",
}
PEOPLE = {
    "oosterlo": "carla",
    "uwv": "ursula",
    "rwc": "bram",
    "taalhuis": "lotte",
    "bakker": "anton",
    "kruimel": "bea",
    "zaad": "cor",
    "poolbank": "dora",
}
HELPERS = ("oosterlo", "uwv", "rwc", "taalhuis")
EMPLOYERS = ("bakker", "kruimel", "zaad", "poolbank")
NAMES = ("work_history", "wishes", "housing", "school", "travel")
SECTIONS = ("strengths", "what_helps", "pitfalls", "what_to_do_when")
HOURS = (12, 16, 20, 24)
# Most things happen by day; some at the edge of the civil day.
CLOCK = (time(0, 4), time(9), time(11, 30), time(12), time(12), time(16, 45), time(22, 30), time(23, 56))
# Date fields that state.md names.
NAMED = frozenset(
    ("starts_on", "ended_on", "held_on", "evaluated_on", "accepted_on", "entered_on", "completed_on", "attempted_on")
    + ("resolved_on", "estimated_on", "requested_on", "effective_on", "responsible_from")
)
# What can be put right by retracting it, when nothing later rests on it.
RETRACTABLE = (
    "contact-moment.held",
    "retention-check.completed",
    "placement.started",
    "placement.ended",
    "placement.changed",
    "placement.renewed",
    "trial-placement.evaluated",
    "trial-placement.ended",
    "concern.raised",
    "concern.resolved",
    "credential-phase.entered",
    "credential-phase.completed",
    "buddy.matched",
    "scheme.decided",
    "jobcoach.extended",
    "income-effect.estimated",
    "contact-person.appointed",
    "outreach.attempted",
    "intake.completed",
    "appointment.made",
    "question.answered",
    "training.completed",
    "transition.planned",
    "self-manual.shared",
    "trajectory.interrupted",
    "contact.lost",
)


@cache
def _required(name: str) -> dict[str, Any]:
    """The required fields of a type, as its first example fills them."""
    schema = json.loads((SCHEMAS / f"{name}.v1.json").read_text("utf-8"))
    return {key: value for key, value in schema["examples"][0].items() if key in schema["required"]}


@dataclass
class Draft:
    """An event before its place in the order of recording is known; `thread` ties it to those it follows on."""

    name: str
    occurred: datetime
    recorded: datetime
    organisation: str | None
    data: dict[str, Any]
    thread: int
    id: str = ""


@dataclass
class Life:
    """One dossier: its numbers, its events in the order of recording, and the day on which the story stops."""

    seed: int
    numbers: dict[str, Any]
    events: list[Event]
    until: date


@dataclass
class Composer:
    """Composes a life out of threads: small stories that run beside each other, each in its own order."""

    rng: Random
    opened_on: date
    until: date
    drafts: list[Draft] = field(default_factory=list)
    thread: int = 0
    serial: int = 0
    _last: datetime | None = None  # recorded in this thread
    _before: datetime | None = None  # happened in this thread

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def some_day(self, first: int = 0, *, before_end: int = 10) -> date:
        span = max((self.until - self.opened_on).days - before_end, first + 1)
        return self.opened_on + days(self.rng.randint(first, span))

    def new(self, prefix: str) -> str:
        self.serial += 1
        return f"{prefix}{self.serial}"

    def _date_back(self, told: dict[str, Any]) -> None:
        """Told as of today what was some days ago: the date named counts, not the event's day (§1)."""
        for name in sorted(NAMED & told.keys()):
            if told[name] is not None:
                told[name] = str(date.fromisoformat(told[name]) - days(self.rng.randint(1, 5)))

    def begin(self) -> None:
        """From here on a new thread."""
        self.thread += 1
        self._last = self._before = None

    def tell(self, name: str, day: date, *, by: str | None = "oosterlo", prompt: bool = False, **data: Any) -> None:
        """What happened on a day; recorded soon after, or late, and never before what it follows on."""
        occurred = datetime.combine(day, self.rng.choice(CLOCK), AMSTERDAM)
        if prompt:
            occurred = max(occurred, self._last or occurred)
        elif self._before is not None and self._before.date() == day:
            occurred = max(occurred, self._before)  # what follows on something does not happen before it
        self._before = occurred
        lag = timedelta(minutes=self.rng.choice((1, 3, 3, 5, 20)))
        if not prompt and self.chance(0.12):
            lag = timedelta(days=self.rng.choice((1, 2, 4, 9, 20, 45)), minutes=7)
        recorded = occurred + (timedelta() if prompt else lag)
        if self._last is not None and recorded < self._last:
            recorded = self._last + timedelta(minutes=self.rng.choice((0, 1)))
        self._last = recorded
        told = {**_required(name), **data, "occurred_at": occurred.isoformat()}
        if self.chance(0.04):
            self._date_back(told)
        told = {key: value for key, value in told.items() if value is not None}
        self.drafts.append(Draft(name, occurred, recorded, by, told, self.thread))


def stamp(day: date, clock: time = time(9)) -> str:
    return datetime.combine(day, clock, AMSTERDAM).isoformat()


def opening(c: Composer) -> None:
    c.begin()
    by = c.rng.choice((None, "oosterlo", "uwv", "rwc"))
    c.tell("dossier.opened", c.opened_on, by=by, opened_on=str(c.opened_on))
    c.drafts[-1].recorded = c.drafts[-1].occurred
    for _ in range(c.rng.randint(0, 3)):
        c.begin()
        intake(c, c.some_day() if c.chance(0.6) else c.opened_on + days(c.rng.randint(0, 30)))
    for grantee in HELPERS:
        if c.chance(0.35):
            granted(c, grantee, c.opened_on + days(c.rng.randint(0, 20)), "guidance")


def intake(c: Composer, day: date) -> None:
    by = c.rng.choice(HELPERS)
    regime = c.rng.choice(("participatiewet", "participatiewet", "wia", "ww", "none", "nug"))
    names = c.rng.sample(NAMES, 3)
    asked, reused = names[: c.rng.randint(0, 2)], names[2:]
    told = {"intake_id": c.new("i"), "by_org": by, "held_on": str(day), "legal_regime": regime}
    c.tell("intake.completed", day, by=by, newly_asked=asked, reused_fields=reused, **told)


def contact_people(c: Composer) -> None:
    day = c.opened_on + days(c.rng.choice((0, 0, 1, 3, 4, 6, 20)))
    people = c.rng.sample(sorted(PEOPLE), 4)
    c.begin()
    for number in range(c.rng.randint(0, 4)):
        person = PEOPLE[people[number]]
        more: dict[str, Any] = {"from_on": str(day + days(c.rng.choice((0, 0, 0, 5))))}
        if number and c.chance(0.4):
            more["overlap_until_on"] = str(day + days(c.rng.randint(0, 40)))
        c.tell("contact-person.appointed", day, person=person, org=people[number], audience="participant", **more)
        gone_on = day + days(c.rng.choice((3, 8, 12, 20, 60)))
        if c.chance(0.6):
            c.tell("professional.unassigned", gone_on, person=person, org=people[number], until_on=str(gone_on))
        if number and c.chance(0.3):
            who, left_on = people[number - 1], gone_on + days(c.rng.choice((0, 1, 5)))
            c.tell("professional.unassigned", left_on, person=PEOPLE[who], org=who, until_on=str(left_on))
        day = gone_on + days(c.rng.choice((-2, 0, 1, 2, 4, 30)))


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
    if c.chance(0.5):
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


def contacts(c: Composer) -> None:
    day = c.opened_on + days(c.rng.randint(0, 25))
    while day <= c.until:
        c.begin()
        contact(c, day)
        day += days(c.rng.choice((0, 5, 12, 21, 22, 28, 29, 45, 60, 95)))


def contact(c: Composer, day: date) -> None:
    name = c.rng.choice(
        ("contact-moment.held",) * 5 + ("employability.reviewed", "joint-decision.recorded", "match.agreed")
    )
    if name == "contact-moment.held":
        who = [PARTICIPANT, "carla"] if c.chance(0.85) else ["carla", "anton"]
        agreed = str(day + days(c.rng.choice((0, 10, 30, 60, 100, 190, 200)))) if c.chance(0.35) else None
        told: dict[str, Any] = {"with": who, "next_on": agreed}
        c.tell(name, day, moment_id=c.new("m"), held_on=str(day), **told)
    else:
        fields = {"employability.reviewed": "reviewed_on", "match.agreed": "agreed_on"}
        told = {fields[name]: str(day)} if name in fields else {"decision_id": c.new("d")}
        c.tell(name, day, **told)


def appointments(c: Composer) -> None:
    c.begin()
    day, previous = c.some_day(), None
    for _ in range(c.rng.randint(1, 3)):
        id_, at = c.new("a"), day + days(c.rng.choice((3, 14, 30, 70, 200)))
        told: dict[str, Any] = {"appointment_id": id_, "at": stamp(at), "with": [PARTICIPANT, "carla"]}
        told["replaces_appointment_id"] = previous if c.chance(0.6) else None
        c.tell("appointment.made", day, **told)
        day += days(c.rng.choice((0, 2, 15, 40)))
        previous = id_
        if c.chance(0.3):
            c.tell("appointment.cancelled", day, appointment_id=id_, cancelled_on=str(day))
            previous = None


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


def out_of_sight(c: Composer) -> None:
    c.begin()
    day = c.some_day(before_end=50)
    for _ in range(c.rng.randint(0, 3)):
        attempt(c, day)
        day += days(c.rng.choice((1, 7, 14, 30)))
    c.tell("contact.lost", day, since_on=str(day), last_contact_on=str(day))
    for _ in range(c.rng.randint(0, 3)):
        day += days(c.rng.choice((0, 10, 27, 28, 29, 35)))
        attempt(c, day)
    if c.chance(0.6):
        day += days(c.rng.choice((0, 5, 28, 29, 40)))
        c.tell("contact.restored", day, restored_on=str(day))


def attempt(c: Composer, day: date) -> None:
    outcome = c.rng.choice(("no_answer", "no_answer", "refused", "reached", "wrong_details"))
    c.tell("outreach.attempted", day, attempt_id=c.new("o"), attempted_on=str(day), outcome=outcome)


def away(c: Composer) -> None:
    c.begin()
    day = c.some_day()
    if c.chance(0.5):
        c.tell("trajectory.interrupted", day, interrupted_on=str(day))
    else:
        c.tell("trajectory.dropped-out", day, dropped_out_on=str(day))
    if c.chance(0.7):
        day += days(c.rng.choice((0, 20, 60)))
        c.tell("trajectory.reentered", day, reentered_on=str(day))


def concern(c: Composer) -> None:
    c.begin()
    id_, day = c.new("k"), c.some_day()
    c.tell("concern.raised", day, concern_id=id_, severity=c.rng.randint(1, 5))
    if c.chance(0.7):
        day += days(c.rng.choice((0, 6, 13, 14, 15, 30)))
        c.tell("concern.resolved", day, concern_id=id_, resolved_on=str(day))


def handover(c: Composer) -> None:
    c.begin()
    items = ["goals", "self_manual", "jobfolio", "active_schemes", "open_concerns"]
    items += ["open_questions", "consents", "contact_person", "last_contacts", "income_effects"]
    present = items[: c.rng.choice((7, 9, 10, 10))]
    missing = [item for item in items if item not in present]
    id_, day, (giver, taker) = c.new("h"), c.some_day(), c.rng.sample(HELPERS, 2)
    due = day + days(c.rng.choice((7, 14)))
    whole = {"items_missing": missing, "completeness": len(present) / 10, "handover_id": id_}
    parties = {"from_org": giver, "to_org": taker}
    c.tell("handover.initiated", day, by=giver, due_on=str(due), items_present=present, **whole, **parties)
    if c.chance(0.4):
        day += days(c.rng.randint(0, 5))
        c.tell("handover.held", day, handover_id=id_, held_on=str(day), participant_present=c.chance(0.5))
    if c.chance(0.6):
        day = due + days(c.rng.choice((-2, 0, 1, 5)))
        told = {"accepted_on": str(day), "responsible_from": str(day + days(c.rng.choice((0, 0, 7))))}
        c.tell("handover.accepted", day, by=taker, **whole, **told)
    elif c.chance(0.5):
        day = due + days(c.rng.choice((-1, 0, 1)))
        c.tell("handover.cancelled", day, by=giver, handover_id=id_, cancelled_on=str(day))


def phase(c: Composer) -> None:
    c.begin()
    name, number = c.rng.choice(("orientation", "language", "application")), c.serial
    day, weeks = c.some_day(), c.rng.choice((1, 3, 5, 10))
    told: dict[str, Any] = {"phase": name, "attempt": number + 1}
    c.tell("credential-phase.entered", day, entered_on=str(day), expected_weeks=weeks, **told)
    entered = day
    if c.chance(0.6):
        day += days(c.rng.choice((5, 10, int(weeks * 10.5), int(weeks * 10.5) + 1, 90)))
        outcome = c.rng.choice(("passed", "failed", "failed"))
        c.tell("credential-phase.completed", day, completed_on=str(day), outcome=outcome, **told)
    if c.chance(0.6):
        c.begin()
        day = entered + days(c.rng.choice((0, 13, 14, 15)))
        until = str(day + days(c.rng.choice((3, 13, 60)))) if c.chance(0.4) else None
        buddy = {"phase": c.rng.choice((None, name, "registration")), "until_on": until}
        c.tell("buddy.matched", day, from_on=str(day + days(c.rng.choice((0, 0, 3)))), **buddy)


def scheme(c: Composer) -> None:
    c.begin()
    code = c.rng.choice(("wage_subsidy", "practice_stipend", "practice_stipend", "transport"))
    day = c.some_day()
    for _ in range(c.rng.randint(1, 3)):
        outcome = c.rng.choice(("granted", "partly_granted", "extended", "refused", "withdrawn"))
        is_good = outcome not in ("refused", "withdrawn")
        until = str(day + days(c.rng.choice((10, 30, 50, 100)))) if is_good and c.chance(0.85) else None
        told = {"request_id": c.new("sr"), "scheme_code": code, "outcome": outcome, "valid_until": until}
        c.tell("scheme.decided", day, by="uwv", decided_on=str(day), by_org="uwv", **told)
        day += days(c.rng.choice((5, 16, 40, 70)))


def jobcoach(c: Composer) -> None:
    c.begin()
    id_, by, day = c.new("ja"), c.rng.choice(("oosterlo", "uwv", "bakker")), c.some_day()
    begins, until = day + days(c.rng.choice((0, 0, 5, -10))), day + days(c.rng.choice((20, 60, 100, 150)))
    c.tell("jobcoach.assigned", day, by=by, arrangement_id=id_, from_on=str(begins), until_on=str(until))
    for _ in range(c.rng.randint(0, 2)):
        day = min(day + days(c.rng.choice((0, 10, 50))), until)
        until += days(c.rng.choice((20, 90)))
        c.tell("jobcoach.extended", day, by=c.rng.choice((by, "rwc")), arrangement_id=id_, until_on=str(until))


def training(c: Composer) -> None:
    c.begin()
    id_, kind, provider = c.new("tr"), c.rng.choice(("language", "vocational")), c.rng.choice(("taalhuis", "rwc"))
    day = c.some_day()
    told = {"training_id": id_, "kind": kind, "provider_org": provider, "started_on": str(day)}
    c.tell("training.started", day, by=provider, planned_end_on=str(day + days(60)), **told)
    for _ in range(c.rng.randint(0, 3)):
        day += days(c.rng.choice((3, 7, 14)))
        missed = c.rng.randint(0, 3)
        c.tell("training.progressed", day, by=provider, training_id=id_, reported_on=str(day), missed_in_a_row=missed)
    if c.chance(0.6):
        day += days(c.rng.choice((0, 7, 14, 40)))
        if c.chance(0.5):
            c.tell("training.completed", day, by=provider, training_id=id_, completed_on=str(day))
        else:
            c.tell("training.discontinued", day, by=provider, training_id=id_, stopped_on=str(day))


def manual(c: Composer) -> None:
    day = c.some_day()
    for version in range(1, c.rng.randint(1, 3) + 1):
        c.begin()
        told: dict[str, Any] = {"manual_id": "sm", "version": version}
        c.tell("self-manual.published", day, by=None, review_on=str(day + days(180)), **told)
        if c.chance(0.7):
            c.begin()
            shared_on, sections = day + days(c.rng.randint(0, 9)), c.rng.sample(SECTIONS, c.rng.randint(0, 4))
            more = {"recipient_org": c.rng.choice(EMPLOYERS), "shared_on": str(shared_on), "sections": sections}
            c.tell("self-manual.shared", shared_on, by=None, **told, **more)
        if c.chance(0.4):
            c.begin()
            changed_on = day + days(c.rng.choice((0, 30, 181, 183, 190)))
            c.tell("capacity.changed", changed_on, from_on=str(changed_on))
        day += days(c.rng.choice((0, 40, 182, 183, 200)))


def briefing(c: Composer) -> None:
    c.begin()
    day, used = c.some_day(), c.rng.sample(SECTIONS, c.rng.randint(0, 2))
    told = {"held_on": str(day), "sections_used": used, "participant_approved_text": c.chance(0.8)}
    c.tell("team-briefing.held", day, by=c.rng.choice(EMPLOYERS), **told)


def grant(c: Composer) -> None:
    purpose = c.rng.choice(("guidance", "placement", "handover"))
    granted(c, c.rng.choice(EMPLOYERS if purpose == "placement" else HELPERS), c.some_day(), purpose)


def asked_twice(c: Composer) -> None:
    """Two intakes about the same, perhaps with a grant for who asks the second time."""
    day = c.some_day(before_end=50)
    c.begin()
    intake(c, day)
    c.begin()
    first, later = c.drafts[-1], day + days(c.rng.choice((0, 5, 40)))
    intake(c, later)
    again = c.drafts[-1]
    again.data["newly_asked"] = c.rng.choice((first.data["newly_asked"], first.data["reused_fields"], ["other"]))
    if c.chance(0.8):
        granted(c, again.data["by_org"], max(later - days(c.rng.choice((1, 9))), c.opened_on), "guidance")


def granted(c: Composer, grantee: str, day: date, purpose: str) -> None:
    c.begin()
    id_ = c.new("c")
    until = day + days(c.rng.choice((5, 7, 8, 29, 30, 31, 60, 200, 300, 300)))
    told: dict[str, Any] = {"consent_id": id_, "grantee_org": grantee, "purpose": purpose, "basis": "consent"}
    told |= {"valid_until": stamp(until, c.rng.choice((time(0), time(9)))), "legal_ref": None}
    told["classes"] = classes = c.rng.choice((["work"], ["work", "identity", "contact"], ["contact"]))
    told["operations"] = c.rng.choice((["read"], ["read", "subscribe"], ["emit"]))
    told["history"] = c.rng.choice(("all", "from_grant"))
    told["event_types"] = c.rng.choice((None, None, ["nl.dossier.intake.completed"], ["nl.dossier.placement.ended"]))
    told["grantee_actor"] = c.rng.choice((None, None, None, "carla"))
    c.tell("consent.granted", day, by=None, prompt=True, **told)
    c.drafts[-1].data["valid_from"] = c.drafts[-1].occurred.isoformat()
    if c.chance(0.15):
        day += days(c.rng.randint(0, 20))
        sooner = stamp(day + days(c.rng.randint(1, 40))) if c.chance(0.7) and day + days(40) < until else None
        told = {"consent_id": id_, "classes": classes[:1], "event_types": told["event_types"], "valid_until": sooner}
        c.tell("consent.narrowed", day, by=None, prompt=True, **told)
        c.drafts[-1].data["effective_at"] = c.drafts[-1].occurred.isoformat()
    if c.chance(0.2):
        day += days(c.rng.randint(0, 40))
        if day < until and day <= c.until:
            c.tell("consent.revoked", day, by=None, prompt=True, consent_id=id_, erase_copies_requested=False)
            c.drafts[-1].data["effective_at"] = c.drafts[-1].occurred.isoformat()


def question(c: Composer) -> None:
    c.begin()
    id_, day = c.new("q"), c.some_day()
    due = day + days(c.rng.choice((3, 10)))
    c.tell("question.asked", day, by=None, question_id=id_, asked_on=str(day), due_on=str(due))
    if c.chance(0.6):
        day = due + days(c.rng.choice((0, 2, 4, 5, 6, 7)))
        c.tell("question.answered", day, question_id=id_, answered_on=str(day))


def correction(c: Composer) -> None:
    c.begin()
    id_, day = c.new("cr"), c.some_day()
    told = {"request_id": id_, "requested_on": str(day), "event_id": str(uuid5(SPACE, "nothing")), "to_org": "uwv"}
    c.tell("correction.requested", day, by=None, **told)
    if c.chance(0.5):
        day += days(c.rng.choice((10, 28, 29, 40)))
        c.tell("correction.answered", day, by="uwv", request_id=id_, outcome="noted_beside_it", answered_on=str(day))


def referral(c: Composer) -> None:
    c.begin()
    id_, day = c.new("rf"), c.some_day()
    told = {"from_org": "oosterlo", "to_org": "taalhuis", "answer_by_on": str(day + days(7))}
    c.tell("referral.made", day, referral_id=id_, **told)
    answered = day + days(c.rng.choice((1, 5, 7, 8, 9, 12)))
    if c.chance(0.7):
        told = {"answer": "accepted", "answered_on": str(answered)}
        c.tell("referral.answered", answered, by="taalhuis", referral_id=id_, **told)
    elif c.chance(0.4):
        c.tell("referral.withdrawn", answered, referral_id=id_, withdrawn_on=str(answered))


def noise(c: Composer) -> None:
    """What no rule looks at."""
    c.begin()
    day = c.some_day()
    names = {"safe-haven.entered": "entered_on", "success.recorded": "recorded_on", "goal.set": "target_on"}
    name = c.rng.choice(sorted(names))
    c.tell(name, day, **{names[name]: str(day)})


THREADS: tuple[tuple[Callable[[Composer], None], int, int], ...] = (
    (contact_people, 0, 1),
    (job, 0, 2),
    (trial, 0, 1),
    (contacts, 0, 1),
    (appointments, 0, 1),
    (out_of_sight, 0, 1),
    (away, 0, 1),
    (concern, 0, 1),
    (handover, 0, 1),
    (phase, 0, 1),
    (scheme, 0, 1),
    (jobcoach, 0, 2),
    (training, 0, 2),
    (manual, 0, 1),
    (briefing, 0, 1),
    (income, 0, 1),
    (grant, 0, 2),
    (question, 0, 1),
    (correction, 0, 1),
    (referral, 0, 1),
    (asked_twice, 0, 1),
    (noise, 0, 1),
)


def _numbers(rng: Random) -> dict[str, Any]:
    """Half of the lives have the numbers of rules.md, the others changed ones."""
    numbers = dict(NUMBERS)
    if rng.random() < 0.5:
        numbers["silence_weeks"] = {name: rng.randint(2, 8) for name in NUMBERS["silence_weeks"]}
        numbers["labour_clock"], numbers["placement_clock"] = (
            rng.choice(((8, 16), (16, 26))),
            rng.choice(((2,), (4, 13))),
        )
        numbers["support_warn_days"] = numbers["contract_warn_days"] = rng.choice(((60, 10), (30,), (84, 42, 14)))
        numbers["support_maximum_weeks"], numbers["support_ask_weeks"] = rng.choice(((20, 10), (30, 26), (40, 30)))
        numbers["manual_review_weeks"] = rng.choice((4, 12))
        for name in ("early_weeks", "next_on_cap_weeks", "next_on_grace_days", "concern_days", "buddy_days"):
            numbers[name] = max(1, numbers[name] + rng.choice((-3, -1, 0, 2, 5)))
        for name in ("outreach_days", "promise_days", "retention_window_days", "appointment_days", "new_plan_days"):
            numbers[name] = max(1, numbers[name] + rng.choice((-5, -2, 0, 1, 7)))
        for name in ("support_overlap_days", "trial_eval_days", "purpose_end_days", "consent_warn_days", "income_days"):
            numbers[name] = max(1, numbers[name] + rng.choice((-6, -1, 0, 3)))
        numbers["absence"], numbers["concern_severity"] = rng.choice((1, 2, 3)), rng.choice((3, 4, 5))
        numbers["phase_factor"] = rng.choice((1.0, 1.2, 1.5, 2))
    return numbers


def _retract(c: Composer) -> None:
    """Put right what was wrong: the last word of a thread, some while after it was recorded."""
    last = {draft.thread: draft for draft in sorted(c.drafts, key=lambda draft: draft.recorded)}
    wrong = [draft for draft in last.values() if draft.name in RETRACTABLE]
    for draft in c.rng.sample(wrong, min(len(wrong), c.rng.choice((0, 0, 1, 1, 2, 3)))):
        at = draft.recorded + timedelta(days=c.rng.choice((0, 1, 10, 40)), minutes=c.rng.choice((1, 90)))
        data = {**_required("entry.retracted"), "occurred_at": at.isoformat(), "ground": "wrong_fact"}
        c.drafts.append(Draft("entry.retracted", at, at, draft.organisation, data | {"event_id": draft.id}, 0))


def compose(seed: int) -> Life:
    rng = Random(seed)
    opened_on = date(2024, 1, 1) + days(rng.randint(0, 730))
    c = Composer(rng, opened_on, opened_on + days(rng.choice((60, 90, 120, 160, 200, 280))))
    opening(c)
    for thread, least, most in THREADS:
        for _ in range(rng.randint(least, most)):
            thread(c)
    checks(c)
    c.begin()
    if c.chance(0.07):
        closed_on = c.some_day(40)
        c.tell("dossier.closed", closed_on, closed_on=str(closed_on), reason="goal_reached")
    for number, draft in enumerate(c.drafts):
        draft.id = str(uuid5(SPACE, f"{seed}:{number}"))
    _retract(c)
    return Life(seed, _numbers(rng), list(_in_order(c)), c.until)


def _in_order(c: Composer) -> Iterator[Event]:
    """In the order of recording, after the opening and up to the day on which the story stops; late edges and all."""
    opened = c.drafts[0]
    end = datetime.combine(c.until, time(23, 59), AMSTERDAM)
    rest = sorted((draft for draft in c.drafts[1:] if draft.recorded <= end), key=lambda draft: draft.recorded)
    for number, draft in enumerate([opened, *rest], 1):
        recorded = max(draft.recorded, opened.recorded)
        occurred = max(draft.occurred, opened.occurred)
        draft.data["occurred_at"] = occurred.isoformat()
        id_ = draft.id or str(uuid5(SPACE, f"{opened.id}:{number}"))
        person = PARTICIPANT if draft.organisation is None else PEOPLE[draft.organisation]
        yield Event(number, id_, draft.name, occurred, recorded, person, draft.organisation, draft.data)
