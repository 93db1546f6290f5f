"""R-01: two clocks of retention checks."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.metrics import metrics
from services.dossier.trajectory.rules.retention import retention_check_missed
from tests.rules.given import days, due, history, left, on, placed


def check(held_on: str, weeks: int = 4, clock: str = "placement", **data: Any) -> Entry:
    told: dict[str, Any] = {"clock": clock, "checkpoint_weeks": weeks, "held_on": held_on}
    return on(held_on, "retention-check.completed", **told | data)


JOB = placed("2025-09-15")
ALL = ["2025-10-28", "2025-12-30", "2026-03-31", "2026-09-29", "2027-09-28"]


def test_each_check_of_both_clocks_is_missed_fifteen_days_after_it_was_due() -> None:
    assert days(retention_check_missed, JOB) == ALL
    assert due(retention_check_missed, JOB)[0] == ("2025-10-28", "retention_check_missed", "placement.started")


@pytest.mark.parametrize(
    ("held_on", "counts"),
    [("2025-09-28", False), ("2025-09-29", True), ("2025-10-13", True), ("2025-10-27", True), ("2025-10-28", False)],
)
def test_a_check_counts_within_fourteen_days_on_either_side(held_on: str, counts: bool) -> None:
    assert ("2025-10-28" not in days(retention_check_missed, JOB, check(held_on))) is counts


@pytest.mark.parametrize("other", [check("2025-10-13", 13), check("2025-10-13", clock="labour_market")])
def test_another_check_does_not_count(other: Entry) -> None:
    assert days(retention_check_missed, JOB, other) == ALL


def test_what_is_over_before_the_due_day_needs_no_check_but_the_labour_market_clock_goes_on() -> None:
    assert days(retention_check_missed, JOB, left("2025-10-12")) == ALL[2:]
    assert days(retention_check_missed, JOB, left("2025-10-13")) == [ALL[0], *ALL[2:]]


def test_changing_employer_does_not_reset_the_labour_market_clock() -> None:
    second = placed("2026-01-01", "p2", employer_org="slager")
    found = due(retention_check_missed, JOB, left("2025-10-01"), second)
    assert [day for day, _, _ in found] == ["2026-02-13", "2026-03-31", "2026-04-17", "2026-09-29", "2027-09-28"]


def test_work_experience_starts_no_clock() -> None:
    assert days(retention_check_missed, placed("2025-09-15", kind="work_experience")) == []


def test_the_parameters_decide() -> None:
    numbers = Parameters(placement_clock=(2,), labour_clock=(), retention_window_days=7)
    assert days(retention_check_missed, JOB, parameters=numbers) == ["2025-10-07"]


@pytest.mark.parametrize(("tolerance_days", "tolerated"), [(91, 1), (18, 0)])
def test_r24_a_gap_that_has_ended_counts_as_retained_up_to_the_tolerance(tolerance_days: int, tolerated: int) -> None:
    """Work from 2 January to 25 June, again from 15 July: 26 weeks fall into nineteen days without work."""
    entries = history(placed("2025-01-02"), left("2025-06-25"), placed("2025-07-15", "p2"))
    figures = metrics(replace(entries, day=date(2025, 12, 1)), Parameters(tolerance_days=tolerance_days))
    assert figures["M1_retained_labour_market_26w"] == 0
    assert figures["M1_tolerant_26w"] == tolerated
    assert figures["M5_gap_days"] == [19]
