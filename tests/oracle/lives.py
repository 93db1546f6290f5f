"""Invented lives from a seed: dense enough that every signal occurs often, and odd in the ways that lives are odd."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any
from uuid import uuid5

from tests.oracle.dates import AMSTERDAM, days
from tests.oracle.stories.composer import HELPERS, PARTICIPANT, PEOPLE, SPACE, Composer, Draft, required
from tests.oracle.stories.help import (
    asked_twice,
    briefing,
    grant,
    granted,
    handover,
    jobcoach,
    manual,
    phase,
    referral,
    scheme,
    training,
)
from tests.oracle.stories.meeting import (
    appointments,
    away,
    concern,
    contact_people,
    contacts,
    correction,
    intake,
    noise,
    out_of_sight,
    question,
)
from tests.oracle.stories.work import checks, income, job, trial
from tests.oracle.told import NUMBERS, Event

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


@dataclass
class Life:
    """One dossier: its numbers, its events in the order of recording, and the day on which the story stops."""

    seed: int
    numbers: dict[str, Any]
    events: list[Event]
    until: date


THREADS: tuple[tuple[Callable[[Composer], None], int, int], ...] = (
    (contact_people, 0, 1),
    (job, 0, 2),
    (trial, 0, 1),
    (contacts, 0, 1),
    (appointments, 0, 1),
    (out_of_sight, 0, 1),
    (away, 0, 1),
    (concern, 0, 1),
    (handover, 0, 2),
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
        data = {**required("entry.retracted"), "occurred_at": at.isoformat(), "ground": "wrong_fact"}
        c.drafts.append(Draft("entry.retracted", at, at, draft.organisation, data | {"event_id": draft.id}, 0))


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


def compose(seed: int) -> Life:
    rng = Random(seed)
    opened_on = date(2024, 1, 1) + days(rng.randint(0, 730))
    c = Composer(rng, opened_on, opened_on + days(rng.choice((60, 90, 120, 150, 180, 240))))
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
