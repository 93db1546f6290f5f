"""Civil days in Amsterdam, working days, and what the rulebook looks at."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from services.dossier.trajectory import becoming
from services.dossier.trajectory.becoming import on_day
from services.dossier.trajectory.rulebook import UNWATCHED
from services.dossier.trajectory.working_days import working_days_after
from services.foundation.contract import load
from tests.rules.given import history, opened

HERE = Path(__file__).parent
TRAJECTORY = Path(becoming.__file__).parent
TIMED = [f"R-{n:02}" for n in (1, 4, 5, 6, 7, 9, 10, 12, 14, 16, 18, 19, 20, 21, 22, 23, 25, 26, 27, 32, 35, 36, 37)]


@pytest.mark.parametrize(
    ("day", "moment"),
    [
        ("2025-03-30", datetime(2025, 3, 29, 23, tzinfo=UTC)),  # the night in which summer time begins
        ("2025-03-31", datetime(2025, 3, 30, 22, tzinfo=UTC)),
        ("2025-10-26", datetime(2025, 10, 25, 22, tzinfo=UTC)),
        ("2025-10-27", datetime(2025, 10, 26, 23, tzinfo=UTC)),
    ],
)
def test_a_day_begins_at_midnight_in_amsterdam(day: str, moment: datetime) -> None:
    (about,) = history(opened()).entries
    found = on_day(date.fromisoformat(day), "R-00", "x", about)
    assert (found.at, found.day.isoformat()) == (moment, day)


@pytest.mark.parametrize(
    ("day", "count", "expected"),
    [
        ("2025-05-21", 5, "2025-05-28"),
        ("2025-05-21", 6, "2025-05-30"),  # Ascension Day between
        ("2025-12-24", 1, "2025-12-29"),  # Christmas and a weekend
        ("2025-04-25", 1, "2025-04-28"),  # King's Day is a Saturday
        ("2025-06-06", 1, "2025-06-10"),  # Whit Monday
        ("2025-06-07", 0, "2025-06-07"),
        ("2025-05-02", 1, "2025-05-06"),  # Liberation Day, free once in five years
        ("2026-05-04", 1, "2026-05-05"),
        ("2025-12-31", 1, "2026-01-02"),  # New Year
    ],
)
def test_working_days(day: str, count: int, expected: str) -> None:
    assert working_days_after(date.fromisoformat(day), count).isoformat() == expected


def test_no_rule_looks_at_what_is_said_to_be_unwatched() -> None:
    shared = [TRAJECTORY / f"{name}.py" for name in ("contact", "stage", "work")]
    sources = " ".join(path.read_text("utf-8") for path in (*(TRAJECTORY / "rules").glob("*.py"), *shared))
    assert [name for name in sorted(UNWATCHED) if f'"{name}"' in sources] == []
    assert {name.removeprefix("nl.dossier.") for name in load().types} >= UNWATCHED


def test_each_rule_over_time_is_named_by_a_test() -> None:
    told = " ".join(path.read_text("utf-8") for path in HERE.glob("test_*.py") if path.name != "test_days.py")
    assert [rule for rule in TIMED if rule not in told] == []
