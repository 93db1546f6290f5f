"""Every signal of the rules: it fires, it does not, it stops the day before and not the day after, numbers move it."""

import pytest

from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import DEFAULTS, Parameters, always
from tests.oracle.product import Clockwork
from tests.oracle.test_two_computations import CODES
from tests.rules.given import LATER, numbered
from tests.rules.kinds import (
    AT_WORK,
    OPENED,
    Kinds,
    accepted,
    answered,
    appointed,
    briefed,
    buddy,
    check,
    coach,
    completed,
    concern,
    corrected,
    correction,
    cut,
    decided,
    erased,
    estimated,
    evaluated,
    for_bakker,
    granted,
    handover,
    intake,
    it,
    job,
    left,
    lost,
    met,
    observed,
    phase,
    progressed,
    published,
    question,
    recalled,
    referred,
    replied,
    shared,
    solved,
    trial,
    trial_over,
    tried,
    withdrawn,
)
from tests.rules.test_days import TIMED

AT_ONCE = "at once, by what is recorded"

ALL = (
    Kinds(
        "R-01", "retention_check_missed", fires=[job("2025-01-06")], on="2025-02-18",
        quiet=[job("2025-01-06", kind="work_experience")], in_time=[check("2025-02-17")],
        too_late=[check("2025-02-18")], numbers=Parameters(retention_window_days=7), then="2025-02-11",
    ),
    Kinds(
        "R-04", "trial_evaluation_due", fires=trial(), on="2025-02-26", quiet=trial()[:1],
        in_time=[evaluated("2025-02-25")], too_late=[evaluated("2025-02-26")],
        numbers=Parameters(trial_eval_days=7), then="2025-03-05",
    ),
    Kinds(
        "R-04", "trial_evaluation_missing", fires=trial_over(), on="2025-03-12", quiet=trial(),
        in_time=[evaluated("2025-03-11")], too_late=[evaluated("2025-03-13")],
        without_numbers="on the day on which the trial ends",
    ),
    Kinds(
        "R-04", "trial_promise_broken", fires=trial_over("retained"), on="2025-03-27", quiet=trial_over(),
        in_time=[job("2025-03-26")], too_late=[job("2025-03-27")],
        numbers=Parameters(promise_days=7), then="2025-03-20",
    ),
    Kinds(
        "R-05", "support_ending", fires=[decided("2025-01-10")], on="2025-06-16",
        quiet=[decided("2025-01-10", outcome="refused", valid_until=None)], in_time=[cut("2025-06-15")],
        too_late=[cut("2025-06-16")], numbers=Parameters(support_warn_days=(7,)), then="2025-06-23",
    ),
    Kinds(
        "R-05", "contract_ending", fires=[job("2025-01-06", ends_on="2025-06-30")], on="2025-06-16",
        quiet=[job("2025-01-06")], in_time=[left("2025-06-15")], too_late=[left("2025-06-17")],
        numbers=Parameters(contract_warn_days=(7,)), then="2025-06-23",
    ),
    Kinds(
        "R-06", "contact_silence", fires=[], on="2025-01-23",
        quiet=[it("2025-01-20", "dossier.closed", closed_on="2025-01-20")], in_time=[met("2025-01-22")],
        too_late=[met("2025-01-23")], numbers=Parameters(silence_weeks={"intake": 2}), then="2025-01-16",
    ),
    Kinds(
        "R-07", "between_jobs", fires=[job("2025-01-06"), left("2025-03-31")], on="2025-03-31",
        quiet=[job("2025-01-06")], in_time=[job("2025-03-30", "p2")], too_late=[job("2025-04-02", "p2")],
        without_numbers="on the day on which the work ends; the number moves only until when to act",
    ),
    Kinds(
        "R-09", "handover_incomplete", fires=[handover(9)], on="2025-02-01", quiet=[handover()], in_time=[],
        too_late=[accepted("2025-02-02")], without_numbers=AT_ONCE,
    ),
    Kinds(
        "R-09", "handover_overdue", fires=[handover()], on="2025-02-15", quiet=[], in_time=[accepted("2025-02-14")],
        too_late=[accepted("2025-02-15")], without_numbers="the day stands in the handover",
    ),
    Kinds(
        "R-10", "story_repeated", on="2025-05-12",
        fires=[granted("2025-01-02"), intake("2025-01-10", "work"), intake("2025-05-12", "work")],
        quiet=[granted("2025-01-02"), intake("2025-01-10", "work"), intake("2025-05-12", "school")],
        in_time=[withdrawn("2025-05-11")], too_late=[withdrawn("2025-05-13")],
        numbers=Parameters(story_months=3), then="",
    ),
    Kinds(
        "R-11b", "consent_purpose_ended", fires=[*AT_WORK, left("2025-03-31")], on="2025-04-15", quiet=AT_WORK,
        in_time=[job("2025-04-14", "p2")], too_late=[job("2025-04-15", "p2")],
        numbers=Parameters(purpose_end_days=7), then="2025-04-08",
    ),
    Kinds(
        "R-12", "consent_expiring", fires=[granted("2025-01-02")], on="2025-06-01", quiet=[granted("2025-06-25")],
        in_time=[withdrawn("2025-05-31")], too_late=[withdrawn("2025-06-02")],
        numbers=Parameters(consent_warn_days=10), then="2025-06-21",
    ),
    Kinds(
        "R-14", "contact_person_gap", fires=[], on="2025-01-05", quiet=[appointed("2025-01-01")],
        in_time=[appointed("2025-01-04")], too_late=[appointed("2025-01-05")],
        numbers=Parameters(appointment_days=7), then="2025-01-09",
    ),
    Kinds(
        "R-16", "income_check_missing", fires=[intake("2025-01-02"), job("2025-03-13")], on="2025-03-13",
        quiet=[intake("2025-01-02", regime="none"), job("2025-03-13")], in_time=[estimated("2025-03-12")],
        too_late=[estimated("2025-03-14")], numbers=Parameters(income_days=5), then="2025-03-13",
    ),
    Kinds(
        "R-16", "income_surprise", fires=[estimated("2025-03-01"), observed(199)], on="2025-03-10",
        quiet=[estimated("2025-03-01"), observed(200)], in_time=[], too_late=[estimated("2025-03-11")],
        numbers=Parameters(income_gap_eur=150), then="",
    ),
    Kinds(
        "R-18", "training_absence", fires=[progressed(2)], on="2025-03-10", quiet=[progressed(1)], in_time=[],
        too_late=[met("2025-03-11")], numbers=Parameters(absence=3), then="",
    ),
    Kinds(
        "R-18", "phase_overdue", fires=[phase()], on="2025-06-15", quiet=[], in_time=[completed("2025-06-14")],
        too_late=[completed("2025-06-15")], numbers=Parameters(phase_factor=1), then="2025-05-11",
    ),
    Kinds(
        "R-18", "after_failure_contact", fires=[phase(), completed("2025-04-01", "failed")], on="2025-04-09",
        quiet=[phase(), completed("2025-04-01")], in_time=[met("2025-04-08")], too_late=[met("2025-04-09")],
        numbers=Parameters(failure_contact_days=3), then="2025-04-05",
    ),
    Kinds(
        "R-18", "stipend_ended", fires=[decided("2025-01-10", "practice_stipend")], on="2025-06-30",
        quiet=[decided("2025-01-10")], in_time=[decided("2025-06-29", "practice_stipend", valid_until=None)],
        too_late=[decided("2025-06-30", "practice_stipend", valid_until=None)],
        without_numbers="the day stands in the decision",
    ),
    Kinds(
        "R-19", "buddy_missing", fires=[phase()], on="2025-03-15", quiet=[], in_time=[buddy("2025-03-14")],
        too_late=[buddy("2025-03-15")], numbers=Parameters(buddy_days=7), then="2025-03-08",
    ),
    Kinds(
        "R-20", "outreach_due", fires=[tried("2025-03-03"), lost("2025-03-04")], on="2025-04-01",
        quiet=[tried("2025-03-03")], in_time=[tried("2025-03-31")], too_late=[tried("2025-04-01")],
        numbers=Parameters(outreach_days=14), then="2025-03-18",
    ),
    Kinds(
        "R-21", "after_failure_contact", fires=trial_over(), on="2025-03-20", quiet=trial_over("retained"),
        in_time=[met("2025-03-19")], too_late=[met("2025-03-20")],
        numbers=Parameters(failure_contact_working_days=3), then="2025-03-18",
    ),
    Kinds(
        "R-21", "plan_overdue", fires=trial_over(), on="2025-04-10", quiet=trial_over("retained"),
        in_time=[it("2025-04-09", "development-plan.agreed")], too_late=[it("2025-04-10", "development-plan.agreed")],
        numbers=Parameters(new_plan_days=14), then="2025-03-27",
    ),
    Kinds(
        "R-21", "employer_revisit_due", fires=trial_over(), on="2025-05-07", quiet=trial_over("retained"), in_time=[],
        too_late=[met("2025-05-08")], numbers=Parameters(employer_revisit_days=28), then="2025-04-09",
    ),
    Kinds(
        "R-22", "support_maximum_near", fires=[coach("2025-01-06", "uwv", "2029-12-31")], on="2027-07-04",
        quiet=[coach("2025-01-06", "uwv")], in_time=[], too_late=[coach("2025-01-06", "oosterlo")],
        numbers=Parameters(support_maximum_weeks=40), then="2025-04-13",
    ),
    Kinds(
        "R-23", "concern_urgent", fires=[concern(4)], on="2025-05-21", quiet=[concern(3)], in_time=[],
        too_late=[solved("2025-05-22")], numbers=Parameters(concern_severity=5), then="",
    ),
    Kinds(
        "R-23", "concern_open_too_long", fires=[concern(2)], on="2025-06-05", quiet=[], in_time=[solved("2025-06-04")],
        too_late=[solved("2025-06-05")], numbers=Parameters(concern_days=7), then="2025-05-29",
    ),
    Kinds(
        "R-25", "overlap", fires=[coach("2025-02-01", "uwv"), coach("2025-03-01", "oosterlo")], on="2025-03-15",
        quiet=[coach("2025-02-01", "uwv", "2025-02-20"), coach("2025-03-01", "oosterlo")], in_time=[],
        too_late=[coach("2025-03-16", "bakker")], numbers=Parameters(support_overlap_days=7), then="2025-03-08",
    ),
    Kinds(
        "R-27", "overshared", fires=[briefed("pitfalls")], on="2025-05-20", quiet=[briefed()],
        in_time=[shared("2025-05-19")], too_late=[shared("2025-05-21")], without_numbers=AT_ONCE,
    ),
    Kinds(
        "R-27", "manual_review_due", fires=[published("2025-02-01")], on="2025-08-03", quiet=[],
        in_time=[published("2025-08-02")], too_late=[published("2025-08-03")],
        numbers=Parameters(manual_review_weeks=4), then="2025-03-02",
    ),
    Kinds(
        "R-32", "employer_contact_missing", fires=[job("2025-03-13")], on="2025-03-14",
        quiet=[job("2025-03-13", kind="work_experience")], in_time=[for_bakker("2025-03-12")],
        too_late=[for_bakker("2025-03-14")], numbers=Parameters(employer_contact_days=3), then="2025-03-16",
    ),
    Kinds(
        "R-32", "question_overdue", fires=[question()], on="2025-04-24", quiet=[], in_time=[answered("2025-04-23")],
        too_late=[answered("2025-04-24")], numbers=Parameters(question_working_days=1), then="2025-04-22",
    ),
    Kinds(
        "R-35", "correction_overdue", fires=[correction()], on="2025-03-30", quiet=[],
        in_time=[corrected("2025-03-29")], too_late=[corrected("2025-03-30")],
        numbers=Parameters(correction_days=7), then="2025-03-09",
    ),
    Kinds(
        "R-36", "referral_overdue", fires=[referred()], on="2025-04-28", quiet=[], in_time=[replied("2025-04-27")],
        too_late=[replied("2025-04-28")], numbers=Parameters(referral_answer_working_days=1), then="2025-04-22",
    ),
    Kinds(
        "R-37", "recall_overdue", fires=[recalled()], on="2025-04-01", quiet=[], in_time=[erased("2025-03-31")],
        too_late=[erased("2025-04-01")], numbers=Parameters(recall_days=7), then="2025-03-09",
    ),
)  # fmt: skip
# Raised by what is recorded, and by that alone: there is no time in which it can be stopped.
UNSTOPPABLE = {
    "handover_incomplete",
    "income_surprise",
    "training_absence",
    "employer_revisit_due",
    "support_maximum_near",
    "concern_urgent",
    "overlap",
}


# No entry stops these: their kinds stand in test_decision.py.
STOPPED_BY_READING = {"R-26"}


def raised(kinds: Kinds, *entries: Entry, parameters: Parameters = DEFAULTS) -> list[str]:
    """The days of this signal, under a clock that walks."""
    clockwork = Clockwork(always(parameters))
    for entry in numbered(sorted((OPENED, *entries), key=lambda e: e.recorded_at)):
        clockwork.walk(entry.recorded_at)
        clockwork.learn(entry)
    clockwork.walk(LATER)
    found = clockwork.raised.values()
    return [str(signal.on) for signal in found if (signal.rule, signal.code) == (kinds.rule, kinds.code)]


def named(kinds: Kinds) -> str:
    return f"{kinds.rule} {kinds.code}"


each = pytest.mark.parametrize("kinds", ALL, ids=named)


def test_every_signal_has_all_kinds() -> None:
    assert {kinds.rule.removesuffix("b") for kinds in ALL} | {"R-11"} == {*TIMED, "R-11"} - STOPPED_BY_READING
    assert {kinds.code for kinds in ALL} >= {*CODES}
    assert {kinds.code for kinds in ALL if not kinds.in_time} == UNSTOPPABLE
    assert all((kinds.numbers is None) == bool(kinds.without_numbers) for kinds in ALL)


@each
def test_it_fires_on_its_day(kinds: Kinds) -> None:
    assert kinds.on in raised(kinds, *kinds.fires)


@each
def test_it_does_not_fire_of_itself(kinds: Kinds) -> None:
    assert raised(kinds, *kinds.quiet) == []


@pytest.mark.parametrize("kinds", [kinds for kinds in ALL if kinds.in_time], ids=named)
def test_it_stops_until_the_day_before(kinds: Kinds) -> None:
    assert kinds.on not in raised(kinds, *kinds.fires, *kinds.in_time)


@each
def test_a_day_later_is_too_late(kinds: Kinds) -> None:
    assert kinds.on in raised(kinds, *kinds.fires, *kinds.too_late)


@pytest.mark.parametrize("kinds", [kinds for kinds in ALL if kinds.numbers], ids=named)
def test_other_numbers_move_it(kinds: Kinds) -> None:
    found = raised(kinds, *kinds.fires, parameters=kinds.numbers or DEFAULTS)
    assert kinds.then in found if kinds.then else found == []
