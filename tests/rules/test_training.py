"""R-18: absence, a phase too long, a failed attempt, a stipend that ends."""

from typing import Any

import pytest

from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.rules.training import (
    after_failure_contact,
    phase_overdue,
    stipend_ended,
    training_absence,
)
from tests.rules.given import days, met, on

ENTERED = on(
    "2025-01-01", "credential-phase.entered", phase="language", attempt=1, entered_on="2025-01-01", expected_weeks=10
)


def completed(day: str, outcome: str = "passed", attempt: int = 1) -> Entry:
    told: dict[str, Any] = {"phase": "language", "attempt": attempt, "completed_on": day, "outcome": outcome}
    return on(day, "credential-phase.completed", **told)


def stipend(day: str, **data: Any) -> Entry:
    return on(day, "scheme.decided", scheme_code="practice_stipend", outcome="granted", decided_on=day, **data)


@pytest.mark.parametrize(("missed", "expected"), [(1, []), (2, ["2025-02-01"]), (3, ["2025-02-01"])])
def test_two_missed_in_a_row(missed: int, expected: list[str]) -> None:
    assert days(training_absence, on("2025-02-01", "training.progressed", missed_in_a_row=missed)) == expected


@pytest.mark.parametrize(
    ("what", "entries", "expected"),
    [
        ("open on day 106", [ENTERED], ["2025-04-17"]),
        ("completed on day 105", [ENTERED, completed("2025-04-16")], []),
        ("a day too late", [ENTERED, completed("2025-04-17")], ["2025-04-17"]),
        ("another attempt", [ENTERED, completed("2025-04-16", attempt=2)], ["2025-04-17"]),
    ],
)
def test_a_phase_too_long(what: str, entries: list[Entry], expected: list[str]) -> None:
    assert days(phase_overdue, *entries) == expected, what


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([completed("2025-02-01", "failed")], ["2025-02-09"]),
        ([completed("2025-02-01")], []),
        ([completed("2025-02-01", "failed"), met("2025-02-08")], []),
        ([completed("2025-02-01", "failed"), met("2025-02-09")], ["2025-02-09"]),
        ([met("2025-01-31"), completed("2025-02-01", "failed")], ["2025-02-09"]),
    ],
)
def test_a_failed_attempt(entries: list[Entry], expected: list[str]) -> None:
    assert days(after_failure_contact, *entries) == expected


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([stipend("2025-01-01", valid_until="2025-03-01")], ["2025-03-01"]),
        ([stipend("2025-01-01")], []),
        ([stipend("2025-01-01", valid_until="2025-03-01"), stipend("2025-02-01", valid_until="2025-06-01")],
         ["2025-06-01"]),
    ],
)  # fmt: skip
def test_a_stipend_that_ends(entries: list[Entry], expected: list[str]) -> None:
    assert days(stipend_ended, *entries) == expected


def test_the_parameters_decide() -> None:
    numbers = Parameters(absence=1, phase_factor=1.05, failure_contact_days=3)
    assert days(training_absence, on("2025-02-01", "training.progressed", missed_in_a_row=1), parameters=numbers)
    assert days(phase_overdue, ENTERED, parameters=numbers) == ["2025-03-16"]  # 73.5 days, rounded down
    assert days(after_failure_contact, completed("2025-02-01", "failed"), parameters=numbers) == ["2025-02-05"]
