"""The rules, stage and figures alone, on the three public lives: what the files expect, no more and no less."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from services.dossier.trajectory.metrics import metrics
from services.dossier.trajectory.stage import spans
from tests.acceptance.drive import CODES
from tests.rules.lives import FILES, Life, life

STAGES = {
    "t1": "intake 2024-09-02, preparation 2024-09-11, trial 2025-01-13, preparation 2025-03-12, "
    "placement_early 2025-03-13, placement 2025-06-12",
    "t2": "intake 2024-03-04, preparation 2024-03-14, trial 2024-05-06, between_jobs 2024-06-03, "
    "placement_early 2024-07-22, placement 2024-10-21, interrupted 2025-02-10, between_jobs 2025-09-01, "
    "placement_early 2025-09-15",
    "t3": "placement 2024-09-30, between_jobs 2025-01-01, placement_early 2025-01-20, placement 2025-04-21, "
    "placement_early 2026-01-01",
}


@pytest.fixture(scope="module", params=FILES, ids=lambda path: path.name[:2])
def lived(request: pytest.FixtureRequest) -> Life:
    path: Path = request.param
    return life(path)


def test_exactly_the_expected_signals(lived: Life) -> None:
    expected = {(s["on"], s["rule"], s["code"], s["about_seq"]) for s in lived.file["expect"]["signals"]}
    grants = {row["seq"]: row["event"] for row in lived.file["events"] if row["event"]["type"].endswith("granted")}
    last_warning = {
        signal
        for signal in lived.signals()
        if signal[2] == "consent_expiring"
        and (datetime.fromisoformat(grants[signal[3]]["data"]["valid_until"]).date() - _day(signal[0])).days < 30
    }
    assert {signal for signal in lived.signals() if signal[2] in CODES} - last_warning == expected


def test_the_stages_that_the_storyline_names(lived: Life) -> None:
    history = lived.history(lived.now)
    told = [
        f"{span.stage} {span.from_on}" for span in spans(history, lived.parameters) if span.from_on <= _as_of(lived)
    ]
    named = STAGES[lived.file["id"][:2]].split(", ")
    assert told[-len(named) :] == named


def test_the_figures(lived: Life) -> None:
    figures: dict[str, Any] = metrics(lived.history(_end(lived)), lived.parameters)
    figures["M10_silence_signals"] = sum(signal[2] == "contact_silence" for signal in lived.signals())
    assert figures == lived.file["expect"]["metrics"]


def _day(text: str) -> Any:
    return datetime.fromisoformat(text).date()


def _as_of(lived: Life) -> Any:
    return _day(lived.file["as_of"])


def _end(lived: Life) -> datetime:
    return datetime.fromisoformat(f"{lived.file['as_of']}T22:00:00+00:00")
