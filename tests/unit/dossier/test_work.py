"""Trials, placements, and deciding together first (R-02, R-03, R-17, R-28)."""

import pytest

from services.dossier.domain.refusals import AgainstState, RuleBroken
from tests.unit.dossier.lives import (
    ANTON,
    CARLA,
    CONTACT,
    EMPLOYER,
    HETTY,
    MIEKE,
    NOOR,
    OPENED,
    PAUL,
    Happening,
    event,
    given,
    grant,
)

AGREED = event("joint-decision.recorded", MIEKE, "2024-12-01", decision_id="d1", participant_agreed=True)
REQUESTED = event(
    "trial-placement.requested",
    HETTY,
    "2024-12-19",
    trial_id="tp1",
    employer_org="proefpagina",
    planned_start_on="2025-01-13",
    planned_end_on="2025-03-12",
    hours_per_week=20,
    intent_to_retain=True,
    intended_contract="temporary",
    intended_months=6,
    intended_hours_per_week=20,
    decision_id="d1",
)
DECIDED = event("trial-placement.decided", CARLA, "2025-01-06", trial_id="tp1", outcome="approved")
EXTENDED = event(
    "trial-placement.decided", CARLA, "2025-03-01", trial_id="tp1", outcome="extended", new_end_on="2025-05-01"
)
STARTED = event("trial-placement.started", HETTY, "2025-01-13", trial_id="tp1", started_on="2025-01-13")
EVALUATED = event("trial-placement.evaluated", NOOR, "2025-03-04", trial_id="tp1", side="participant")
ENDED = event("trial-placement.ended", HETTY, "2025-03-12", trial_id="tp1", ended_on="2025-03-12")
PLACED = event(
    "placement.started",
    HETTY,
    "2025-03-13",
    placement_id="p1",
    employer_org="proefpagina",
    starts_on="2025-03-13",
)
CHANGED = event("placement.changed", HETTY, "2025-06-01", placement_id="p1", change="hours")
RENEWED = event("placement.renewed", HETTY, "2025-06-01", placement_id="p1")
LEFT = event("placement.ended", HETTY, "2025-06-02", placement_id="p1", ended_on="2025-06-02", reason="moved_on")
BEFORE = (OPENED, CONTACT, EMPLOYER, AGREED)
OTHER = grant("c6", "nepdoos", "2024-09-03", purpose="placement")


def test_a_trial_with_its_promise_is_recorded() -> None:
    given(*BEFORE).when(REQUESTED).then_recorded()
    permanent = REQUESTED.without("intended_months").but(intended_contract="permanent")
    given(*BEFORE).when(permanent).then_recorded()


@pytest.mark.parametrize(
    ("field", "value"), [("intent_to_retain", False), ("intended_months", 5), ("intended_hours_per_week", 19.5)]
)
def test_r02_a_trial_states_the_intention_to_retain(field: str, value: object) -> None:
    given(*BEFORE).when(REQUESTED.but(**{field: value})).then_refused(RuleBroken, "R-02", field)


def test_r02_no_months_said_is_no_promise() -> None:
    given(*BEFORE).when(REQUESTED.without("intended_months")).then_refused(RuleBroken, "R-02", "intended_months")


@pytest.mark.parametrize("end", ["2025-03-13", "2025-03-16", "2025-01-12"])
def test_r03_a_trial_lasts_two_months_at_most(end: str) -> None:
    given(*BEFORE).when(REQUESTED.but(planned_end_on=end)).then_refused(RuleBroken, "R-03", "planned_end_on")


def test_r03_two_months_end_with_a_short_month() -> None:
    winter = REQUESTED.but(planned_start_on="2024-12-31")
    given(*BEFORE).when(winter.but(planned_end_on="2025-02-27")).then_recorded()
    given(*BEFORE).when(winter.but(planned_end_on="2025-02-28")).then_refused(RuleBroken, "R-03", "planned_end_on")


def test_r03_longer_needs_a_reason_and_has_an_end() -> None:
    life = given(*BEFORE, REQUESTED, STARTED, grant("c9", "oosterlo"))
    life.when(EXTENDED).then_refused(RuleBroken, "R-03", "reason")
    life.when(EXTENDED.but(reason=" ")).then_refused(RuleBroken, "R-03", "reason")
    life.when(EXTENDED.but(reason="ziek geweest")).then_recorded()
    life.when(EXTENDED.but(reason="ziek", new_end_on="2025-07-12")).then_recorded()
    life.when(EXTENDED.but(reason="ziek", new_end_on="2025-07-13")).then_refused(RuleBroken, "R-03", "new_end_on")
    life.when(EXTENDED.but(outcome="approved")).then_refused(RuleBroken, "R-03", "reason")


def test_a_decision_moves_the_planned_end_if_it_says_so() -> None:
    life = given(*BEFORE, REQUESTED, grant("c9", "oosterlo"))
    life.when(DECIDED).then_recorded()
    life.when(DECIDED.but(new_end_on="2025-03-10")).then_recorded()
    assert str(given(*BEFORE, REQUESTED, DECIDED).open.trials["tp1"].planned_end_on) == "2025-03-12"
    assert str(given(*BEFORE, REQUESTED, EXTENDED).open.trials["tp1"].planned_end_on) == "2025-05-01"


@pytest.mark.parametrize("happening", [STARTED, EVALUATED, ENDED])
def test_what_happens_in_a_trial_needs_the_trial(happening: Happening) -> None:
    given(*BEFORE).when(happening).then_refused(AgainstState, "R-04", "trial_id")
    given(*BEFORE, REQUESTED).when(happening).then_recorded()


def test_a_trial_begins_and_ends_once() -> None:
    given(*BEFORE, REQUESTED).when(REQUESTED.but(criteria=["tempo"])).then_refused(AgainstState, "R-04", "trial_id")
    given(*BEFORE, REQUESTED, STARTED).when(STARTED).then_refused(AgainstState, "R-04", "trial_id")
    given(*BEFORE, REQUESTED, STARTED, ENDED).when(ENDED).then_refused(AgainstState, "R-04", "trial_id")
    given(*BEFORE, REQUESTED, STARTED, ENDED).when(EVALUATED.but(lesson="te laat, toch waar")).then_recorded()


@pytest.mark.parametrize("happening", [CHANGED, RENEWED, LEFT])
def test_what_happens_in_a_placement_needs_the_placement(happening: Happening) -> None:
    given(*BEFORE).when(happening).then_refused(AgainstState, "R-01", "placement_id")
    given(*BEFORE, PLACED).when(happening).then_recorded()


def test_a_placement_begins_and_ends_once() -> None:
    given(*BEFORE).when(PLACED).then_recorded()
    given(*BEFORE, PLACED).when(PLACED.but(role_title="kok")).then_refused(AgainstState, "R-01", "placement_id")
    given(*BEFORE, PLACED, LEFT).when(LEFT).then_refused(AgainstState, "R-01", "placement_id")
    given(*BEFORE, PLACED, LEFT).when(CHANGED).then_recorded()


def test_r17_another_employers_relation_does_not_exist() -> None:
    life = given(*BEFORE, OTHER, REQUESTED, PLACED)
    for happening, rule, field in ((STARTED, "R-04", "trial_id"), (LEFT, "R-01", "placement_id")):
        unknown = happening.but(**{field: "x"}).by_whom(ANTON)
        life.when(happening.by_whom(ANTON)).then_refused(AgainstState, rule, field)
        life.when(unknown).then_refused(AgainstState, rule, field)
        assert str(life.when(unknown).refusal) == str(life.when(happening.by_whom(ANTON)).refusal)
    life.when(LEFT.by_whom(MIEKE)).then_recorded()


def test_r17_a_host_speaks_for_the_placement_too() -> None:
    hosted = PLACED.but(employer_org="pool", host_org="nepdoos", kind="pool")
    life = given(*BEFORE, OTHER, grant("c8", "pool", purpose="placement"), hosted)
    life.when(CHANGED.by_whom(ANTON)).then_recorded()
    life.when(CHANGED.by_whom(PAUL)).then_recorded()
    life.when(CHANGED).then_refused(AgainstState, "R-01", "placement_id")


# Deciding together


@pytest.mark.parametrize("name", ["development-plan.agreed", "transition.planned", "trial-placement.requested"])
def test_r28_a_step_rests_on_a_recent_agreement(name: str) -> None:
    step = REQUESTED if name == REQUESTED.name else event(name, MIEKE, "2024-12-19", decision_id="d1")
    given(*BEFORE).when(step).then_recorded()
    given(OPENED, CONTACT, EMPLOYER).when(step).then_refused(RuleBroken, "R-28", "decision_id")
    disagreed = AGREED.but(participant_agreed=False)
    given(OPENED, CONTACT, EMPLOYER, disagreed).when(step).then_refused(RuleBroken, "R-28", "decision_id")


@pytest.mark.parametrize(
    ("on", "is_recent"), [("2024-10-20", True), ("2024-10-19", False), ("2024-12-19", True), ("2024-12-20", False)]
)
def test_r28_recent_is_sixty_days_and_before(on: str, is_recent: bool) -> None:
    agreed = event("joint-decision.recorded", MIEKE, on, decision_id="d1", participant_agreed=True)
    asked = given(OPENED, CONTACT, EMPLOYER, agreed).when(REQUESTED)
    if is_recent:
        asked.then_recorded()
    else:
        asked.then_refused(RuleBroken, "R-28", "decision_id")
