"""R-07: work or a trial ends without other work."""

import pytest

from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.rules.between_jobs import between_jobs
from tests.rules.given import days, due, history, left, placed, trial, trial_ended

JOB, GONE = placed("2024-07-22"), left("2025-05-21", day="2025-05-27")
OPEN = [("2025-05-21", "between_jobs", "placement.ended")]
TRIAL = trial("2024-05-06", "2024-07-01")


@pytest.mark.parametrize(
    ("what", "entries", "expected"),
    [
        ("it runs", [JOB], []),
        ("it ended", [JOB, GONE], OPEN),
        ("a second one runs", [JOB, placed("2025-01-01", "p2"), GONE], []),
        ("the next begins the day after", [JOB, placed("2025-05-22", "p2", day="2025-05-01"), GONE], []),
        ("or a day later", [JOB, placed("2025-05-23", "p2", day="2025-05-01"), GONE], OPEN),
        ("work experience is no work", [JOB, placed("2025-01-01", "p2", kind="work_experience"), GONE], OPEN),
        ("nor does its end", [placed("2024-07-22", kind="work_experience"), GONE], []),
        ("a trial that ran out", [*TRIAL, trial_ended("2024-06-03", "stopped_early")],
         [("2024-06-03", "between_jobs", "trial-placement.ended")]),
        ("a trial that was kept", [*TRIAL, trial_ended("2024-06-03")], []),
        ("a trial beside work", [JOB, *TRIAL, trial_ended("2024-09-01", "not_retained")], []),
    ],
)  # fmt: skip
def test_between_jobs(what: str, entries: list[Entry], expected: list[tuple[str, str, str]]) -> None:
    assert due(between_jobs, *entries) == expected, what


def test_somebody_calls_within_five_working_days() -> None:
    assert [b.due_on.isoformat() for b in between_jobs(history(JOB, GONE), Parameters())] == ["2025-05-28"]
    numbers = Parameters(between_jobs_working_days=6)
    # 29 May 2025 is Ascension Day.
    assert [b.due_on.isoformat() for b in between_jobs(history(JOB, GONE), numbers)] == ["2025-05-30"]
    assert days(between_jobs, JOB, GONE) == ["2025-05-21"]
