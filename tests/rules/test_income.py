"""R-16: an estimate before each step, and a warning when it turned out otherwise."""

from typing import Any

import pytest

from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.rules.income import income_check_missing, income_surprise
from tests.rules.given import days, due, intake, on, placed


def estimated(day: str, hours: float = 24) -> Entry:
    told: dict[str, Any] = {"estimate_id": "e1", "scenario_hours_per_week": hours, "net_change_month_eur": 300.0}
    return on(day, "income-effect.estimated", estimated_on=day, **told)


def changed(day: str, change: str = "hours", **data: Any) -> Entry:
    return on(day, "placement.changed", placement_id="p1", effective_on=day, change=change, **data)


INTAKE, JOB = intake("2024-12-01"), placed("2025-03-13")
MISSING = ["2025-03-13"]


@pytest.mark.parametrize(
    ("what", "entries", "expected"),
    [
        ("no estimate", [INTAKE, JOB], MISSING),
        ("before any intake", [JOB, intake("2025-03-14")], []),
        ("no benefit", [intake("2024-12-01", "none"), JOB], []),
        ("not registered for any", [intake("2024-12-01", "nug"), JOB], []),
        ("the last intake counts", [INTAKE, intake("2025-01-01", "none"), JOB], []),
        ("90 days old", [INTAKE, estimated("2024-12-13"), JOB], []),
        ("91 days old", [INTAKE, estimated("2024-12-12"), JOB], MISSING),
        ("for other hours", [INTAKE, estimated("2025-03-01", 22), JOB], MISSING),
        ("no counted work", [INTAKE, placed("2025-03-13", kind="work_experience")], []),
        (
            "other hours of work that is not counted",
            [INTAKE, placed("2025-03-13", kind="work_experience"), changed("2025-04-01", hours_per_week=26)],
            ["2025-04-01"],
        ),
        ("on the day of recording", [INTAKE, placed("2025-03-13", day="2025-03-10")], ["2025-03-10"]),
        ("another role is no step", [INTAKE, estimated("2025-03-01"), JOB, changed("2025-04-01", "role")], []),
        ("other wage, the same hours", [INTAKE, estimated("2025-03-01"), JOB, changed("2025-04-01", "wage")], []),
        (
            "later, the same hours",
            [INTAKE, estimated("2025-03-01"), JOB, changed("2025-08-01", "wage")],
            ["2025-08-01"],
        ),
        (
            "other hours",
            [INTAKE, estimated("2025-03-01"), JOB, changed("2025-04-01", hours_per_week=26)],
            ["2025-04-01"],
        ),
    ],
)
def test_a_step_needs_an_estimate(what: str, entries: list[Entry], expected: list[str]) -> None:
    assert days(income_check_missing, *entries) == expected, what


def observed(net: float, clawback: float = 0.0, **data: Any) -> Entry:
    return on("2025-06-01", "income-effect.observed", net_change_month_eur=net, clawback_eur=clawback, **data)


@pytest.mark.parametrize(
    ("what", "entry", "fires"),
    [
        ("as estimated", observed(300, estimate_id="e1"), False),
        ("100 less", observed(200, estimate_id="e1"), False),
        ("more than 100 less", observed(199.99, estimate_id="e1"), True),
        ("without an estimate", observed(0), False),
        ("250 back", observed(300, 250), False),
        ("more than 250 back", observed(300, 250.01), True),
    ],
)
def test_a_surprise(what: str, entry: Entry, fires: bool) -> None:
    found = due(income_surprise, estimated("2025-03-01"), entry)
    assert found == [("2025-06-01", "income_surprise", "income-effect.observed")] * fires, what


def test_the_parameters_decide() -> None:
    assert (
        days(income_check_missing, INTAKE, estimated("2025-03-01"), JOB, parameters=Parameters(income_days=5))
        == MISSING
    )
    strict = Parameters(income_gap_eur=10, clawback_eur=0)
    assert days(income_surprise, estimated("2025-03-01"), observed(280, estimate_id="e1"), parameters=strict)
    assert days(income_surprise, observed(280, 1), parameters=strict)
