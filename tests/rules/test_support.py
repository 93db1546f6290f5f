"""R-05 and R-22: support, contracts, and the most that a scheme gives."""

from typing import Any

import pytest

from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.rules.support import contract_ending, support_ending, support_maximum_near
from tests.rules.given import days, due, left, on, placed

WARNED = ["2025-06-19", "2025-07-31", "2025-08-28"]


def coach(day: str, until_on: str, id_: str = "j1", **data: Any) -> Entry:
    return on(day, "jobcoach.assigned", arrangement_id=id_, from_on=day, until_on=until_on, **data)


def longer(day: str, until_on: str) -> Entry:
    return on(day, "jobcoach.extended", arrangement_id="j1", until_on=until_on, reason="x")


def decided(day: str, outcome: str = "granted", code: str = "wage_subsidy", **data: Any) -> Entry:
    return on(day, "scheme.decided", request_id=day, scheme_code=code, outcome=outcome, decided_on=day, **data)


COACH = coach("2025-03-13", "2025-09-11")


@pytest.mark.parametrize(
    ("what", "entries", "expected"),
    [
        ("a coach", [COACH], WARNED),
        ("assigned after the first warning day", [coach("2025-06-20", "2025-09-11")], WARNED[1:]),
        ("assigned on it", [coach("2025-06-19", "2025-09-11")], WARNED),
        ("extended on the second warning day", [COACH, longer("2025-07-31", "2026-09-11")], [WARNED[0], "2026-06-19",
                                                                                           "2026-07-31", "2026-08-28"]),
        ("another arrangement stops nothing", [COACH, coach("2025-07-01", "2025-07-02", "j2")], WARNED),
        ("a scheme", [decided("2025-03-13", valid_until="2025-09-11")], WARNED),
        ("refused", [decided("2025-03-13", "refused", valid_until="2025-09-11")], []),
        ("without an end", [decided("2025-03-13")], []),
        ("a later decision, whatever it says",
         [decided("2025-03-13", valid_until="2025-09-11"), decided("2025-08-28", "refused")], WARNED[:2]),
        ("of another scheme",
         [decided("2025-03-13", valid_until="2025-09-11"), decided("2025-04-01", code="transport")], WARNED),
    ],
)  # fmt: skip
def test_support_ending(what: str, entries: list[Entry], expected: list[str]) -> None:
    assert days(support_ending, *entries) == expected, what


JOB = placed("2025-03-13", ends_on="2025-09-11")
PLAN = on("2025-08-01", "transition.planned", from_placement_id="p1")
RENEWED = on("2025-08-01", "placement.renewed", placement_id="p1", renewed_on="2025-08-01", ends_on="2026-09-11")


@pytest.mark.parametrize(
    ("what", "entries", "expected"),
    [
        ("a contract", [JOB], WARNED),
        ("permanent", [placed("2025-03-13")], []),
        ("no counted work", [placed("2025-03-13", ends_on="2025-09-11", kind="work_experience")], []),
        ("a plan for what comes next", [JOB, PLAN], WARNED[:2]),
        ("over already", [JOB, left("2025-07-31")], WARNED[:1]),
        ("renewed: anew", [JOB, RENEWED], [*WARNED[:2], "2026-06-19", "2026-07-31", "2026-08-28"]),
    ],
)
def test_contract_ending(what: str, entries: list[Entry], expected: list[str]) -> None:
    assert days(contract_ending, *entries) == expected, what


def test_a_renewal_is_what_its_warnings_are_about() -> None:
    abouts = [about for _, _, about in due(contract_ending, JOB, RENEWED)]
    assert abouts == ["placement.started"] * 2 + ["placement.renewed"] * 3


def test_the_parameters_decide() -> None:
    numbers = Parameters(support_warn_days=(10,), contract_warn_days=(20,))
    assert days(support_ending, COACH, parameters=numbers) == ["2025-09-01"]
    assert days(contract_ending, JOB, parameters=numbers) == ["2025-08-22"]


def test_the_most_that_coaching_gives_comes_near() -> None:
    assert due(support_maximum_near, coach("2023-01-01", "2025-06-28")) == [
        ("2025-06-28", "support_maximum_near", "jobcoach.assigned")
    ]
    assert days(support_maximum_near, coach("2023-01-01", "2025-06-27")) == []


def test_days_that_two_coaches_cover_count_once_and_extensions_add() -> None:
    both = [coach("2023-01-01", "2024-12-31"), coach("2023-01-01", "2024-12-31", "j2")]
    assert days(support_maximum_near, *both) == []
    extended = on("2024-12-01", "jobcoach.extended", arrangement_id="j1", until_on="2025-12-31", reason="x")
    assert due(support_maximum_near, *both, extended) == [("2025-06-28", "support_maximum_near", "jobcoach.extended")]
    numbers = Parameters(support_maximum_weeks=104, support_ask_weeks=4)
    assert days(support_maximum_near, both[0], parameters=numbers) == ["2024-11-30"]
