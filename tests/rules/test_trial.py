"""R-04 and R-21: evaluations, the promise, and what follows when it was not retained."""

import pytest

from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.rules.trial import trial_evaluated_and_kept, trial_followed_up
from tests.rules.given import days, due, evaluated, met, on, placed, trial, trial_ended

BEGUN = trial("2025-01-13", "2025-03-12")
DUE = ("2025-02-26", "trial_evaluation_due", "trial-placement.started")
MISSING = ("2025-03-12", "trial_evaluation_missing", "trial-placement.ended")
BROKEN = ("2025-03-27", "trial_promise_broken", "trial-placement.ended")
EXTENDED = on("2025-02-01", "trial-placement.decided", trial_id="t1", outcome="extended", new_end_on="2025-04-12")
DONE = evaluated("2025-02-20")
KEPT = placed("2025-03-13", day="2025-03-12", hours_per_week=20)


@pytest.mark.parametrize(
    ("what", "entries", "expected"),
    [
        ("nobody evaluates", BEGUN, [DUE]),
        ("one side is not both", [*BEGUN, evaluated("2025-02-20", "participant")], [DUE]),
        ("both sides", [*BEGUN, evaluated("2025-02-20", "participant"), evaluated("2025-02-26", "employer")], []),
        ("a day late", [*BEGUN, evaluated("2025-02-27")], [DUE]),
        ("together", [*BEGUN, DONE], []),
        ("extended", [*BEGUN, EXTENDED], [("2025-03-29", *DUE[1:])]),
        ("over by then", [*BEGUN, trial_ended("2025-02-26", "not_retained"), evaluated("2025-02-26")], []),
        ("ended without", [*BEGUN, trial_ended("2025-03-12", "not_retained")], [DUE, MISSING]),
        ("retained, and no work", [*BEGUN, DONE, trial_ended("2025-03-12")], [BROKEN]),
        ("retained, and work", [*BEGUN, DONE, trial_ended("2025-03-12"), KEPT], []),
        ("too few hours", [*BEGUN, DONE, trial_ended("2025-03-12"), placed("2025-03-13", hours_per_week=19)], [BROKEN]),
        ("the last day", [*BEGUN, DONE, trial_ended("2025-03-12"), placed("2025-03-26")], []),
        ("too late", [*BEGUN, DONE, trial_ended("2025-03-12"), placed("2025-03-27")], [BROKEN]),
        ("elsewhere", [*BEGUN, DONE, trial_ended("2025-03-12"), placed("2025-03-13", employer_org="x")], [BROKEN]),
        ("no counted work", [*BEGUN, DONE, trial_ended("2025-03-12"), placed("2025-03-13", kind="work_experience")],
         [BROKEN]),
    ],
)  # fmt: skip
def test_evaluated_and_kept(what: str, entries: list[Entry], expected: list[tuple[str, str, str]]) -> None:
    assert due(trial_evaluated_and_kept, *entries) == expected, what


def test_the_parameters_decide() -> None:
    numbers = Parameters(trial_eval_days=7, promise_days=21)
    found = days(
        trial_evaluated_and_kept, *BEGUN, trial_ended("2025-03-12"), evaluated("2025-03-12"), parameters=numbers
    )
    assert found == ["2025-03-05", "2025-04-03"]


LOST = [*trial("2024-05-06", "2024-06-30"), trial_ended("2024-06-03", "not_retained")]
CALL, PLAN, REVISIT = "2024-06-11", "2024-07-02", "2024-07-29"


@pytest.mark.parametrize(
    ("what", "more", "expected"),
    [
        ("nobody does anything", [], [CALL, PLAN, REVISIT]),
        ("a call in time", [met("2024-06-10")], [PLAN, REVISIT]),
        ("a call too late", [met("2024-06-11")], [CALL, PLAN, REVISIT]),
        ("a plan on the last day", [on("2024-07-01", "development-plan.agreed")], [CALL, REVISIT]),
        ("re-entered at once", [on("2024-06-04", "trajectory.reentered")], [REVISIT]),
        ("re-entered on day 28", [met("2024-06-10"), on("2024-07-01", "trajectory.reentered")], [REVISIT]),
    ],
)
def test_followed_up(what: str, more: list[Entry], expected: list[str]) -> None:
    assert days(trial_followed_up, *LOST, *more) == expected, what


def test_one_that_was_retained_is_not_followed_up() -> None:
    assert days(trial_followed_up, *BEGUN, trial_ended("2025-03-12")) == []
