"""The product's signals and state against those that the slow walk finds, on lives from a seed: 200, or 2,000."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time
from random import Random
from typing import Any
from uuid import uuid5

import pytest

from services.dossier.trajectory.rulebook import UNWATCHED
from services.foundation import contract
from tests.long import IS_LONG
from tests.oracle import state
from tests.oracle.dates import AMSTERDAM, days
from tests.oracle.diary import Diary, Signal
from tests.oracle.lives import Life, compose
from tests.oracle.product import entries_of, parameters_of, signals_of, state_of
from tests.oracle.stories.composer import ORG_KINDS, PARTICIPANT, SPACE, required
from tests.oracle.told import Event, Told

LIVES = 2_000 if IS_LONG else 200
SLICE = 200
LOOKS = 3  # days on which the state is compared, in each life
OFTEN = 5  # in each slice
CODES = (
    "retention_check_missed",
    "trial_evaluation_due",
    "trial_evaluation_missing",
    "trial_promise_broken",
    "support_ending",
    "contract_ending",
    "contact_silence",
    "between_jobs",
    "handover_incomplete",
    "handover_overdue",
    "story_repeated",
    "consent_purpose_ended",
    "consent_expiring",
    "income_check_missing",
    "income_surprise",
    "training_absence",
    "phase_overdue",
    "after_failure_contact",
    "stipend_ended",
    "buddy_missing",
    "outreach_due",
    "plan_overdue",
    "employer_revisit_due",
    "concern_urgent",
    "concern_open_too_long",
    "overshared",
    "manual_review_due",
    "contact_person_gap",
    "support_maximum_near",
    "overlap",
    "employer_contact_missing",
    "question_overdue",
    "correction_overdue",
    "referral_overdue",
)

Difference = tuple[int, str, Any, Any]


def walked(life: Life) -> list[Signal]:
    diary = Diary(Told(PARTICIPANT, ORG_KINDS, life.numbers))
    diary.walk(life.events, life.until)
    return sorted(diary.signals)


def told_until(life: Life, day: date) -> Told:
    """As it happened: what occurred up to and including a day, whenever it was told; less what was retracted."""
    told = Told(PARTICIPANT, ORG_KINDS, life.numbers)
    wrong = {event["event_id"] for event in life.events if event.name == "entry.retracted"}
    for event in life.events:
        if event.day <= day and event.id not in wrong:
            told.learn(event)
    return told


def state_on(life: Life, day: date) -> Mapping[str, Any]:
    told = told_until(life, day)
    contact = state.last_contact_on(told, day)
    found = {
        "stage": state.stage(told, day),
        "responsible_organisation": state.responsible_organisation(told, day),
        "contact_person": state.contact_person(told, day),
        "active_placements": state.active_placements(told, day),
        "open_concerns": state.open_concerns(told, day),
        "last_contact_on": None if contact is None else str(contact),
    }
    return {name: value for name, value in found.items() if value is not None}


@pytest.mark.parametrize("first", range(0, LIVES, SLICE))
def test_both_computations_agree(first: int) -> None:
    seen: Counter[str] = Counter()
    differences: list[Difference] = []
    for seed in range(first, first + SLICE):
        life = compose(seed)
        ours, theirs = walked(life), signals_of(life)
        seen.update(signal.code for signal in ours)
        if ours != theirs:
            differences.append((seed, "signals", *_apart(ours, theirs)))
        differences.extend(_states_apart(life))
    assert differences == []
    assert [code for code in CODES if seen[code] < OFTEN] == [], "each code occurs often"
    assert seen.keys() <= set(CODES)


def _apart(ours: list[Signal], theirs: list[Signal]) -> tuple[list[Signal], list[Signal]]:
    return sorted((Counter(ours) - Counter(theirs)).elements()), sorted((Counter(theirs) - Counter(ours)).elements())


def _states_apart(life: Life) -> Iterator[Difference]:
    entries, parameters = entries_of(life.events), parameters_of(life)
    opened_on = life.events[0].day
    for look in range(LOOKS):
        day = opened_on + days((life.seed * 7 + look * (life.until - opened_on).days // (LOOKS - 1)) % 421)
        at = datetime.combine(day, time(23, 59, 59), AMSTERDAM)
        ours, told = state_on(life, day), state_of(entries, at, parameters)
        theirs = {name: told[name][0] for name in ("stage", *ours) if name in told}
        if ours != theirs:
            yield life.seed, f"state on {day}", ours, theirs


def test_what_no_rule_looks_at_changes_nothing() -> None:
    for seed in range(60):
        life = compose(seed)
        beside = [*life.events, *_unrelated(life, len(life.events))]
        noisy = [replace(e, number=n) for n, e in enumerate(sorted(beside, key=lambda e: e.recorded), 1)]
        names = {event.number: event.id for event in noisy}
        quiet = {event.number: event.id for event in life.events}
        assert Counter((s.on, s.rule, s.code, quiet[s.about]) for s in signals_of(life)) == Counter(
            (s.on, s.rule, s.code, names[s.about]) for s in signals_of(replace(life, events=noisy))
        )


def _unrelated(life: Life, count: int) -> Iterator[Event]:
    """At any moment of a life, told in time or late, what the rulebook says that no rule looks at."""
    rng = Random(life.seed)
    for number in range(count):
        name = rng.choice(sorted(UNWATCHED))
        recorded = rng.choice(life.events).recorded
        occurred = max(life.events[0].occurred, recorded - days(rng.choice((0, 0, 30))))
        data = {**required(name), "occurred_at": occurred.isoformat()}
        yield Event(
            0, str(uuid5(SPACE, f"unrelated {life.seed} {number}")), name, occurred, recorded, None, "uwv", data
        )


def test_the_lives_are_odd_in_the_ways_that_lives_are_odd() -> None:
    lives = [compose(seed) for seed in range(200)]
    events = [event for life in lives for event in life.events]
    assert sum(event.recorded_on > event.day + days(3) for event in events) > 200, "late news (R-29)"
    assert sum(event.name == "entry.retracted" for event in events) > 50
    assert sum(_is_told_ahead(event) for event in events) > 50
    assert sum(_is_at_the_edge_of_a_day(event) for event in events) > 200
    assert {event["outcome"] for event in events if event.name == "trial-placement.ended"} == {
        "retained",
        "not_retained",
        "stopped_early",
    }
    assert len({str(life.numbers) for life in lives}) > 50, "changed parameters"
    switches = {(3, 31), (3, 30), (3, 29), (10, 26), (10, 27), (10, 25)}
    assert sum((event.day.month, event.day.day) in switches for event in events) > 20, "summer time begins and ends"


def test_the_lives_fit_the_schemas() -> None:
    known = contract.load()
    for seed in range(100):
        for event in compose(seed).events:
            assert known.faults(f"nl.dossier.{event.name}", dict(event.data)) == [], (seed, event.name)


def _is_told_ahead(event: Event) -> bool:
    return event.name in ("placement.started", "placement.ended") and any(
        event.on(name) > event.day for name in ("starts_on", "ended_on") if event[name]
    )


def _is_at_the_edge_of_a_day(event: Event) -> bool:
    clock = event.occurred.astimezone(AMSTERDAM).time()
    return clock < time(0, 30) or clock > time(23, 30)
