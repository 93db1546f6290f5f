"""The stage machine (state.md §2), day by day."""

from datetime import date

import pytest

from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.stage import span_on, spans
from tests.rules.given import history, intake, left, on, opened, placed, trial, trial_ended

OPENED, INTAKE = opened("2025-01-01"), intake("2025-01-02")
JOB = placed("2025-02-01")
TRIAL = trial("2025-01-10", "2025-03-10")
LOST = on("2025-02-10", "contact.lost")
DROPPED = on("2025-02-10", "trajectory.dropped-out")
PAUSED = on("2025-02-10", "trajectory.interrupted")
BACK = on("2025-02-20", "trajectory.reentered")
HERE = on("2025-02-20", "contact.restored")


def told(*entries: Entry, parameters: Parameters | None = None) -> str:
    found = spans(history(*entries), parameters or Parameters())
    return ", ".join(f"{span.stage} {span.from_on:%m-%d}" for span in found)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([OPENED], "intake 01-01"),
        ([OPENED, INTAKE], "intake 01-01, preparation 01-02"),
        ([OPENED, INTAKE, *TRIAL], "intake 01-01, preparation 01-02, trial 01-10"),
        ([OPENED, *TRIAL, trial_ended("2025-03-10")], "intake 01-01, trial 01-10, intake 03-10"),
        ([OPENED, *TRIAL, trial_ended("2025-03-10", "stopped_early")],
         "intake 01-01, trial 01-10, between_jobs 03-10"),
        ([OPENED, INTAKE, JOB], "intake 01-01, preparation 01-02, placement_early 02-01, placement 05-03"),
        ([OPENED, JOB, left("2025-02-28")], "intake 01-01, placement_early 02-01, between_jobs 03-01"),
        ([OPENED, JOB, placed("2025-04-01", "p2")], "intake 01-01, placement_early 02-01, placement 07-01"),
        ([OPENED, placed("2025-02-01", kind="work_experience"), left("2025-02-28")],
         "intake 01-01, placement_early 02-01, intake 03-01"),
        ([OPENED, INTAKE, JOB, PAUSED, BACK],
         "intake 01-01, preparation 01-02, placement_early 02-01, interrupted 02-10, placement_early 02-20, "
         "placement 05-03"),
        ([OPENED, DROPPED], "intake 01-01, dropped_out 02-10"),
        ([OPENED, DROPPED, LOST, BACK], "intake 01-01, out_of_sight 02-10"),
        ([OPENED, LOST, BACK, HERE], "intake 01-01, out_of_sight 02-10, intake 02-20"),
        ([OPENED, LOST, HERE, on("2025-03-01", "contact.lost")],
         "intake 01-01, out_of_sight 02-10, intake 02-20, out_of_sight 03-01"),
        ([OPENED, on("2025-02-01", "safe-haven.entered")], "intake 01-01"),
        ([OPENED, JOB, on("2025-03-01", "dossier.closed"), left("2025-04-01")],
         "intake 01-01, placement_early 02-01"),
        ([OPENED, placed("2025-02-01", day="2025-01-05")],
         "intake 01-01, placement_early 02-01, placement 05-03"),
    ],
)  # fmt: skip
def test_the_first_match_holds(entries: list[Entry], expected: str) -> None:
    assert told(*entries) == expected


def test_how_long_work_is_early_is_a_parameter() -> None:
    assert told(OPENED, JOB, parameters=Parameters(early_weeks=2)) == (
        "intake 01-01, placement_early 02-01, placement 02-15"
    )


def test_both_days_of_a_period_are_in_it() -> None:
    found = spans(history(OPENED, JOB, left("2025-02-28")), Parameters())
    stages = [span_on(found, date(2025, month, day)) for month, day in ((1, 31), (2, 1), (2, 28), (3, 1))]
    assert [span and span.stage for span in stages] == ["intake", "placement_early", "placement_early", "between_jobs"]


def test_before_the_opening_there_is_no_stage() -> None:
    assert span_on(spans(history(OPENED), Parameters()), date(2024, 12, 31)) is None
