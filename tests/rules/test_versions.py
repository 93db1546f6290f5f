"""Numbers with a first day (C5): other ones never change what was raised before they held."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given as generated
from hypothesis import settings
from hypothesis import strategies as st

from services.dossier.domain.days import civil_day
from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import (
    BY_DEFAULT,
    Change,
    Numbers,
    Parameters,
    Timeline,
    always,
    faults,
    layered,
)
from services.dossier.trajectory.rulebook import Rule, all_due
from services.dossier.trajectory.rules.buddy import buddy_missing
from services.dossier.trajectory.rules.concern import concern_answered
from services.dossier.trajectory.rules.retention import retention_check_missed
from services.dossier.trajectory.rules.silence import contact_silence
from services.dossier.trajectory.rules.support import support_ending
from services.dossier.trajectory.stage import spans_over
from tests.rules.given import history, intake, met, on, opened, placed
from tests.rules.lives import FILES, Life, life

CONCERN = on("2025-03-01", "concern.raised", concern_id="k1", severity=3)
COACH = on("2025-01-10", "jobcoach.assigned", arrangement_id="a1", from_on="2025-01-10", until_on="2025-06-30")


def from_(day: str, until: str | None = None, /, **values: Any) -> Change:
    return Change(values, date.fromisoformat(day), None if until is None else date.fromisoformat(until))


def with_(*changes: Change) -> Timeline:
    return Numbers(regions={"waterkant": changes}).of("waterkant")


def raised(rule: Rule, entries: Sequence[Entry], *changes: Change) -> list[tuple[str, str]]:
    return [(each.day.isoformat(), each.code) for each in all_due(history(*entries), with_(*changes), [rule])]


# Which numbers hold


def test_without_a_change_there_is_one_stretch_and_it_is_made_once() -> None:
    numbers = Numbers()
    assert numbers.of("waterkant") is numbers.of(None)
    assert numbers.of(None) == BY_DEFAULT


def test_a_change_holds_from_its_day_and_names_only_what_changes() -> None:
    timeline = with_(from_("2025-04-01", concern_days=7), from_("2025-05-01", silence_weeks={"trial": 2}))
    assert [timeline.on(date(2025, month, 1)).concern_days for month in (3, 4, 5)] == [14, 7, 7]
    last = timeline.on(date(2025, 5, 1)).silence_weeks
    assert (last["trial"], last["intake"]) == (2, 3)


def test_a_change_is_taken_back_by_naming_no_number() -> None:
    timeline = with_(from_("2025-04-01", concern_days=7), from_("2025-05-01", concern_days=None))
    assert [timeline.on(date(2025, month, 1)).concern_days for month in (3, 4, 5)] == [14, 7, 14]


def test_of_two_decisions_for_one_day_the_later_one_holds() -> None:
    assert with_(from_("2025-04-01", concern_days=7), from_("2025-04-01", concern_days=14)) == BY_DEFAULT


def test_an_exception_stands_above_the_region_and_ends() -> None:
    numbers = Numbers(regions={"waterkant": (from_("2025-04-01", concern_days=7),)})
    timeline = numbers.of("waterkant", [from_("2025-03-15", "2025-04-10", concern_days=30)])
    days = [date(2025, 3, 14), date(2025, 3, 15), date(2025, 4, 10), date(2025, 4, 11)]
    assert [timeline.on(day).concern_days for day in days] == [14, 30, 30, 7]
    assert [s.from_on for s in timeline.stretches] == [None, date(2025, 3, 15), date(2025, 4, 11)]


def test_what_was_decided_later_was_not_known_before() -> None:
    decided = datetime(2025, 3, 20, tzinfo=UTC)
    numbers = Numbers(regions={"waterkant": (Change({"concern_days": 7}, date(2025, 4, 1), None, decided),)})
    assert numbers.of("waterkant", (), decided) == BY_DEFAULT
    assert numbers.of("waterkant", (), decided + timedelta(seconds=1)) != BY_DEFAULT


def test_other_regions_keep_their_numbers() -> None:
    numbers = Numbers(Parameters(concern_days=10), {"waterkant": (from_("2025-04-01", concern_days=7),)})
    assert numbers.of("heuvelrug") == always(Parameters(concern_days=10))


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"concern_days": 7, "phase_factor": 2.5, "silence_weeks": {"trial": 3}, "labour_clock": [26]}, []),
        ({"concern_days": None}, []),
        ({"unheard_of": 1}, ["unheard_of"]),
        ({"concern_days": -1}, ["concern_days"]),
        ({"concern_days": True}, ["concern_days"]),
        ({"concern_days": 36_501}, ["concern_days"]),
        ({"phase_factor": "2"}, ["phase_factor"]),
        ({"phase_factor": 101}, ["phase_factor"]),
        ({"phase_factor": float("nan")}, ["phase_factor"]),
        ({"labour_clock": 26}, ["labour_clock"]),
        ({"labour_clock": [-1]}, ["labour_clock"]),
        ({"labour_clock": [1] * 21}, ["labour_clock"]),
        ({"silence_weeks": {"asleep": 1}}, ["silence_weeks"]),
        ({"silence_weeks": {"trial": 1.5}}, ["silence_weeks"]),
        ({"clawback_eur": 1e12, "income_gap_eur": 0}, ["clawback_eur"]),
    ],
)
def test_a_number_that_no_rule_can_count_with_is_named(values: dict[str, Any], wrong: list[str]) -> None:
    assert [name for name, _ in faults(values)] == wrong


def test_other_numbers_begin_at_midnight_in_amsterdam_also_in_the_night_of_summer_time() -> None:
    starts = [with_(from_(day, concern_days=7)).stretches[1].begins_at for day in ("2025-03-30", "2025-10-27")]
    assert starts == [datetime(2025, 3, 29, 23, tzinfo=UTC), datetime(2025, 10, 26, 23, tzinfo=UTC)]


# What is raised


def test_what_was_raised_before_a_change_stays_and_is_not_raised_again() -> None:
    assert raised(concern_answered, [CONCERN]) == [("2025-03-16", "concern_open_too_long")]
    for begin in ("2025-03-20", "2025-04-01"):
        assert raised(concern_answered, [CONCERN], from_(begin, concern_days=28)) == [
            ("2025-03-16", "concern_open_too_long")
        ]


def test_what_falls_after_a_change_goes_by_the_new_numbers() -> None:
    assert raised(concern_answered, [CONCERN], from_("2025-03-10", concern_days=28)) == [
        ("2025-03-30", "concern_open_too_long")
    ]
    assert raised(concern_answered, [CONCERN], from_("2025-03-10", concern_days=11)) == [
        ("2025-03-13", "concern_open_too_long")
    ]


def test_what_was_pending_and_is_due_already_by_the_new_numbers_is_due_on_their_first_day() -> None:
    assert raised(concern_answered, [CONCERN], from_("2025-03-10", concern_days=3)) == [
        ("2025-03-10", "concern_open_too_long")
    ]
    silent = [opened(), intake(), met("2025-01-10")]
    assert raised(contact_silence, silent) == [("2025-02-22", "contact_silence")]
    assert raised(contact_silence, silent, from_("2025-02-15", silence_weeks={"preparation": 2})) == [
        ("2025-02-15", "contact_silence")
    ]


def test_what_the_numbers_before_had_settled_is_not_dug_up() -> None:
    """A check twelve days late was in time then; the narrower window of later says nothing about it."""
    check = on(
        "2025-04-10",
        "retention-check.completed",
        check_id="rc1",
        clock="placement",
        checkpoint_weeks=4,
        held_on="2025-04-12",
    )
    work = [placed("2025-03-03"), check]
    narrow = from_("2025-05-15", retention_window_days=2, placement_clock=[4], labour_clock=[])
    plain = Numbers(Parameters(placement_clock=(4,), labour_clock=()), {"waterkant": (narrow,)}).of("waterkant")
    assert all_due(history(*work), plain, [retention_check_missed]) == []


def test_what_is_raised_at_once_goes_by_the_numbers_of_the_day_of_recording() -> None:
    later = on("2025-04-05", "concern.raised", concern_id="k2", severity=3)
    found = raised(concern_answered, [CONCERN, later], from_("2025-04-01", concern_severity=3, concern_days=60))
    assert [day for day, code in found if code == "concern_urgent"] == ["2025-04-05"]


def test_of_several_warnings_no_more_come_on_the_first_day_than_one_and_none_that_was_given() -> None:
    assert [day for day, _ in raised(support_ending, [COACH])] == ["2025-04-07", "2025-05-19", "2025-06-16"]
    early = from_("2025-03-20", support_warn_days=[120, 110, 42])
    assert [day for day, _ in raised(support_ending, [COACH], early)] == ["2025-03-20", "2025-05-19"]
    after_one = from_("2025-05-01", support_warn_days=[80, 70, 10])
    assert [day for day, _ in raised(support_ending, [COACH], after_one)] == ["2025-04-07", "2025-06-20"]


def test_taking_a_change_back_leaves_what_it_raised() -> None:
    phase = on(
        "2025-03-01",
        "credential-phase.entered",
        phase="assessment",
        attempt=1,
        entered_on="2025-03-01",
        expected_weeks=8,
    )
    trial_period = [from_("2025-03-05", buddy_days=7), from_("2025-03-12", buddy_days=None)]
    assert raised(buddy_missing, [phase], *trial_period) == [("2025-03-08", "buddy_missing")]


def test_the_stage_of_a_day_goes_by_the_numbers_of_that_day() -> None:
    entries = history(opened("2025-01-01"), intake("2025-01-02"), placed("2025-02-03"))
    shorter = layered(BY_DEFAULT, [from_("2025-04-01", early_weeks=4)])
    told = [(span.stage, span.from_on.isoformat()) for span in spans_over(entries, shorter)]
    assert told == [
        ("intake", "2025-01-01"),
        ("preparation", "2025-01-02"),
        ("placement_early", "2025-02-03"),
        ("placement", "2025-04-01"),
    ]


# C5, on whole lives

CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "silence_weeks": st.dictionaries(
            st.sampled_from(["intake", "trial", "placement", "between_jobs"]), st.integers(0, 30), min_size=1
        ),
        "concern_days": st.integers(0, 60),
        "concern_severity": st.integers(1, 5),
        "retention_window_days": st.integers(0, 60),
        "support_warn_days": st.lists(st.integers(0, 200), max_size=5),
        "early_weeks": st.integers(0, 52),
        "buddy_days": st.integers(0, 60),
        "phase_factor": st.floats(0, 5),
        "outreach_days": st.integers(1, 60),
        "promise_days": st.integers(0, 60),
        "consent_warn_days": st.integers(0, 90),
    },
)


@cache
def lived(place: int) -> Life:
    return life(FILES[place])


@settings(max_examples=60, deadline=None)
@generated(st.integers(0, len(FILES) - 1), CHANGES, st.integers(1, 700))
def test_c5_signals_before_the_date_are_unchanged_on_recomputation(
    place: int, values: dict[str, Any], after: int
) -> None:
    lives = lived(place)
    entries = lives.history(datetime(2199, 1, 1, tzinfo=UTC))
    begin = civil_day(entries.entries[0].occurred_at) + timedelta(after)
    usual = always(lives.parameters)
    before = [each for each in all_due(entries, usual) if each.day < begin]
    found = all_due(entries, layered(usual, [Change(values, begin)]))
    assert [each for each in found if each.day < begin] == before
    ids = [each.signal_id(UUID(lives.file["dossier_id"])) for each in found]
    assert len(ids) == len(set(ids))
