"""R-26: whether a decision was read is a fact from the ledger, handed to the rule."""

from dataclasses import replace
from datetime import datetime

import pytest

from services.dossier.domain.numbers import DEFAULTS, Parameters
from services.dossier.trajectory.rules.decision import decision_unread
from tests.rules.given import history, on

TOLD = on("2025-03-03", "decision.communicated", decision_ref="d1")


def days(read_at: str | None, parameters: Parameters = DEFAULTS) -> list[str]:
    entries = history(TOLD)
    read = {} if read_at is None else {entries.entries[0].event_id: datetime.fromisoformat(read_at)}
    return [each.day.isoformat() for each in decision_unread(replace(entries, read_at=read), parameters)]


@pytest.mark.parametrize(
    ("read_at", "raised"),
    [
        (None, ["2025-03-18"]),
        ("2025-03-03T12:00:00+01:00", []),
        ("2025-03-17T23:59:59+01:00", []),
        ("2025-03-18T00:00:00+01:00", ["2025-03-18"]),
        ("2025-04-18T00:00:00+02:00", ["2025-03-18"]),
    ],
)
def test_r26_unread_for_two_weeks(read_at: str | None, raised: list[str]) -> None:
    assert days(read_at) == raised


def test_r26_the_days_are_a_parameter() -> None:
    assert days("2025-03-08T12:00:00+01:00", Parameters(decision_read_days=3)) == ["2025-03-07"]
