"""R-10, R-11b and R-12: what is asked twice, grants about to end, purposes that ended."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from services.dossier.domain.consent import Grant
from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.rules.consent_ends import consent_ends
from services.dossier.trajectory.rules.story import story_repeated
from tests.rules.given import at_noon, due, intake, on

GRANTED = on("2024-09-01", "consent.granted", consent_id="c1")


def grant(**terms: Any) -> Grant:
    usual = Grant(
        consent_id="c1",
        event_id=UUID(int=1),
        organisation="uwv",
        person=None,
        classes=frozenset(("work",)),
        event_types=(),
        operations=frozenset(("read",)),
        purpose="placement",
        basis="consent",
        legal_ref=None,
        history="all",
        valid_from=at_noon("2024-09-01"),
        valid_until=at_noon("2025-03-01"),
    )
    return replace(usual, **terms)


MONTH, WEEK = "2025-01-30", "2025-02-22"
ENDED = "consent_purpose_ended"
OVER = datetime.fromisoformat("2025-01-15T00:00:00+01:00")


def answered(answer: str) -> Entry:
    return on("2025-01-05", "referral.answered", referral_id="r1", answer=answer)


def completed(day: str, referral_id: str = "r1") -> Entry:
    return on("2025-01-12", "referral.completed", referral_id=referral_id, completed_on=day)


@pytest.mark.parametrize(
    ("what", "terms", "expected"),
    [
        ("thirty and seven days ahead", {}, [MONTH, WEEK]),
        ("begun on the first of them", {"valid_from": at_noon(MONTH)}, [WEEK]),
        ("begun the day before", {"valid_from": at_noon("2025-01-29")}, [MONTH, WEEK]),
        ("withdrawn in between", {"ended_at": at_noon("2025-02-01")}, [MONTH]),
        ("withdrawn before", {"ended_at": at_noon("2025-01-29")}, []),
        ("the law's, too", {"basis": "statutory_task", "purpose": "guidance"}, [MONTH, WEEK]),
        ("its purpose ended before", {"purpose_ends_at": OVER}, ["2025-01-15"]),
        ("and that was recorded", {"purpose_ends_at": OVER, "ended_at": OVER}, ["2025-01-15"]),
        ("withdrawn before its purpose ended", {"purpose_ends_at": OVER, "ended_at": at_noon("2025-01-14")}, []),
        ("over before its purpose ended", {"purpose_ends_at": at_noon("2025-03-02")}, [MONTH, WEEK]),
    ],
)
def test_grants_that_end(what: str, terms: dict[str, Any], expected: list[str]) -> None:
    found = due(consent_ends, GRANTED, grants=[grant(**terms)])
    assert [day for day, _, _ in found] == expected, what
    assert all(about == "consent.granted" for _, _, about in found)


@pytest.mark.parametrize(
    ("what", "news", "ends_at", "expected"),
    [
        ("the referral was completed two weeks before", completed("2024-12-31"), OVER, []),
        ("it was declined then", answered("declined"), at_noon("2025-01-05"), []),
        ("it was withdrawn then", on("2025-01-05", "referral.withdrawn", referral_id="r1"), at_noon("2025-01-05"), []),
        ("it was accepted, and runs", answered("accepted"), OVER, ["2025-01-15"]),
        ("it was completed later", completed("2025-01-10"), OVER, ["2025-01-15"]),
        ("another was completed", completed("2024-12-31", "r2"), OVER, ["2025-01-15"]),
    ],
)
def test_what_ends_with_its_referral_did_not_end_with_a_relation(
    what: str, news: Entry, ends_at: datetime, expected: list[str]
) -> None:
    """R-11b says so of the relation alone; a grant can have been given for both (R-36)."""
    for_both = grant(referral_id="r1", purpose_ends_at=ends_at, valid_until=at_noon("2025-01-31"))
    assert [day for day, code, _ in due(consent_ends, GRANTED, news, grants=[for_both]) if code == ENDED] == expected, (
        what
    )


def test_the_parameters_decide() -> None:
    numbers = Parameters(consent_warn_days=10, consent_last_warn_days=1)
    found = due(consent_ends, GRANTED, grants=[grant()], parameters=numbers)
    assert [day for day, _, _ in found] == ["2025-02-19", "2025-02-28"]


FIRST = intake("2024-01-10", newly_asked=["work_history"])
AGAIN = on("2025-06-03", "intake.completed", by="uwv", newly_asked=["work_history"], reused_fields=[])
READS = grant(valid_from=at_noon("2025-01-01"), valid_until=at_noon("2026-01-01"))


@pytest.mark.parametrize(
    ("what", "first", "grants", "fires"),
    [
        ("it may read what is there", FIRST, [READS], True),
        ("it may not", FIRST, [], False),
        ("not that class", FIRST, [replace(READS, classes=frozenset(("contact",)))], False),
        ("not that far back", FIRST, [replace(READS, history="from_grant")], False),
        ("not any more", FIRST, [replace(READS, ended_at=at_noon("2025-06-02"))], False),
        ("withdrawn later", FIRST, [replace(READS, ended_at=at_noon("2025-06-04"))], True),
        ("reused then, asked now", intake("2024-01-10", reused_fields=["work_history"]), [READS], True),
        ("something else was asked", intake("2024-01-10", newly_asked=["wishes"]), [READS], False),
        ("24 months back", intake("2023-06-03", newly_asked=["work_history"]), [READS], True),
        ("longer ago", intake("2023-06-02", newly_asked=["work_history"]), [READS], False),
    ],
)
def test_the_same_story_twice(what: str, first: Any, grants: list[Grant], fires: bool) -> None:
    assert due(story_repeated, first, AGAIN, grants=grants) == (
        [("2025-06-03", "story_repeated", "intake.completed")] * fires
    ), what


def test_the_first_intake_repeats_nothing_and_the_parameter_decides() -> None:
    assert due(story_repeated, FIRST) == []
    assert due(story_repeated, FIRST, AGAIN, grants=[READS], parameters=Parameters(story_months=12)) == []
