"""The outlook: the same history read ahead; and what became of a signal that was raised."""

import ast
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest

from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import BY_DEFAULT
from services.dossier.trajectory import rulebook
from services.dossier.trajectory.acts import ANSWERS, acts_for, group_of
from services.dossier.trajectory.outlook import Outlook, outlook
from services.dossier.trajectory.raised import Addressee, Raised
from services.dossier.trajectory.rulebook import all_due
from services.foundation.contract import load
from tests.rules.given import SPACE, at_noon, history, intake, left, met, on, opened, placed, trial, trial_ended

DOSSIER = UUID("6f1c7f0e-94a3-4b8e-8d56-0a5e4d3c2b1a")
APPOINTED = on(
    "2025-01-02",
    "contact-person.appointed",
    person="mieke",
    org="rwc",
    audience="participant",
    from_on="2025-01-02",
)


def seen(*entries: Entry) -> Outlook:
    return outlook(history(*entries), DOSSIER, BY_DEFAULT)


def raised(code: str, about: int, day: str, *, due_on: str | None = None, rule: str = "R-06", **data: Any) -> Entry:
    """About the entry that was recorded as so many-th."""
    usual: dict[str, Any] = {
        "signal_id": f"{code}-{day}",
        "rule": rule,
        "code": code,
        "about_event_id": str(uuid5(SPACE, str(about))),
        "for_actor": "mieke",
        "raised_at": at_noon(day).isoformat(),
        "due_on": due_on or day,
        "severity": 2,
    }
    return on(day, "signal.raised", **usual | data)


def one(*entries: Entry) -> Raised:
    (found,) = seen(*entries).signals
    return found


# Looking ahead


def test_the_stage_of_a_later_day_is_known_today() -> None:
    ahead = seen(opened(), intake(), placed("2025-03-01"))
    assert [ahead.stage_on(date.fromisoformat(day)) for day in ("2025-03-01", "2025-05-30", "2025-05-31")] == [
        "placement_early",
        "placement_early",
        "placement",
    ]
    assert ahead.stage_on(date(2024, 12, 31)) is None


def test_responsible_is_who_took_it_over_from_the_day_agreed_and_not_before() -> None:
    handed_over = [
        on("2025-02-01", "handover.initiated", handover_id="h1", to_org="uwv", due_on="2025-02-10", completeness=1.0),
        on(
            "2025-02-05", "handover.accepted", handover_id="h1", accepted_on="2025-02-05", responsible_from="2025-02-08"
        ),
    ]
    ahead = seen(opened(), *handed_over)
    told = [ahead.responsible_on(date.fromisoformat(day)) for day in ("2025-02-05", "2025-02-08")]
    assert [each.organisation for each in told if each] == ["oosterlo", "uwv"]


def test_next_due_is_what_the_rules_say_next() -> None:
    several = history(opened(), intake(), met("2025-01-10"))
    first = all_due(several, BY_DEFAULT)[0]
    ahead = outlook(several, DOSSIER, BY_DEFAULT)
    assert ahead.next_due(at_noon("2025-01-10")) == next(d for d in ahead.due or () if d.at > at_noon("2025-01-10"))
    assert first in (ahead.due or ())


# What became of a signal


def test_a_call_is_answered_by_its_act_and_by_nothing_else() -> None:
    lost = [opened(), placed("2025-01-10"), left("2025-02-10"), raised("between_jobs", 3, "2025-02-10", rule="R-07")]
    day = date(2025, 2, 12)
    assert one(*lost).calls(day)
    assert one(*lost, met("2025-02-09")).calls(day)  # before it was raised
    assert one(*lost, met("2025-02-11", who="somebody-else")).calls(day)  # without the participant
    assert not one(*lost, met("2025-02-11")).calls(day)


def test_r07_comes_back_every_14_days_until_work_a_haven_or_training() -> None:
    lost = [opened(), placed("2025-01-10"), left("2025-02-10"), raised("between_jobs", 3, "2025-02-10", rule="R-07")]
    spoken = one(*lost, met("2025-02-11"))
    assert not spoken.calls(date(2025, 2, 23))
    assert spoken.reminding.last(spoken.raised_on, date(2025, 2, 23)) is None
    assert spoken.calls(date(2025, 2, 24))
    assert spoken.reminding.last(spoken.raised_on, date(2025, 2, 24)) == date(2025, 2, 24)
    assert spoken.reminding.last(spoken.raised_on, date(2025, 3, 20)) == date(2025, 3, 10)
    haven = on("2025-02-20", "safe-haven.entered", entered_on="2025-02-20")
    training = on(
        "2025-02-20", "training.started", started_on="2025-02-20", kind="hop", provider_org="p", training_id="t"
    )
    for taken_up in (haven, training, placed("2025-02-20", "p2")):
        settled = one(*lost, taken_up)
        assert not settled.calls(date(2025, 2, 24))
        assert settled.reminding.last(settled.raised_on, date(2025, 5, 1)) is None


def test_r06_a_second_silent_period_also_goes_to_the_organisation_of_the_contact_person() -> None:
    silent = one(opened(), APPOINTED, intake("2025-01-02"), raised("contact_silence", 3, "2025-02-14"))
    assert silent.numbers == {"since": "2025-01-02", "weeks": 6}
    assert silent.reminding.organisation(date(2025, 3, 27)) is None
    assert silent.reminding.organisation(date(2025, 3, 28)) == "rwc"
    assert silent.reminding.last(silent.raised_on, date(2025, 3, 28)) == date(2025, 3, 28)


def test_r32_an_overdue_question_goes_to_the_organisation_of_who_was_asked() -> None:
    asked = on("2025-02-03", "question.asked", question_id="q1", to_actor="mieke", due_on="2025-02-05")
    overdue = one(opened(), APPOINTED, asked, raised("question_overdue", 3, "2025-02-11", rule="R-32"))
    assert overdue.reminding.organisation(date(2025, 2, 11)) == "rwc"


def test_handled_says_so_and_answered_is_something_else() -> None:
    handled = on("2025-02-20", "signal.handled", signal_id="contact_silence-2025-02-14", handled_on="2025-02-20")
    found = one(opened(), intake(), raised("contact_silence", 2, "2025-02-14"), handled)
    assert (found.handled_in, found.answered_on) == (4, None)


def test_a_missed_check_tells_after_how_many_weeks_also_when_it_was_raised_late() -> None:
    work = [opened(), placed("2025-01-06")]
    for weeks, due_on in ((4, "2025-02-18"), (13, "2025-04-22")):
        late = raised("retention_check_missed", 2, "2025-05-30", due_on=due_on, rule="R-01")
        assert one(*work, late).numbers == {"weeks": weeks}


def test_of_three_warnings_of_one_end_the_last_calls() -> None:
    ending = placed("2025-01-10", ends_on="2025-06-30")
    several = seen(
        opened(),
        ending,
        raised("contract_ending", 2, "2025-04-07", due_on="2025-06-30", rule="R-05"),
        raised("contract_ending", 2, "2025-05-19", due_on="2025-06-30", rule="R-05"),
    )
    assert [each.calls(date(2025, 5, 20)) for each in several.signals] == [False, True]


def test_an_act_about_another_trial_answers_nothing() -> None:
    over = [opened(), *trial("2025-01-10", "2025-03-10"), trial_ended("2025-03-10", "not_retained")]
    missing = raised("trial_evaluation_missing", 4, "2025-03-10", rule="R-04")
    other = on("2025-03-12", "trial-placement.evaluated", trial_id="t2", evaluated_on="2025-03-12", side="joint")
    own = on("2025-03-12", "trial-placement.evaluated", trial_id="t1", evaluated_on="2025-03-12", side="employer")
    assert one(*over, missing, other).calls(date(2025, 3, 13))
    assert not one(*over, missing, own).calls(date(2025, 3, 13))


def test_others_are_warned_as_the_rule_says() -> None:
    ending = placed("2025-01-10", ends_on="2025-06-30")
    contract_ends = one(opened(), ending, raised("contract_ending", 2, "2025-04-07", rule="R-05"))
    assert contract_ends.others == (Addressee("participant"), Addressee("organisation", "bakker"))
    told_again = one(opened(), intake(), raised("story_repeated", 2, "2025-01-02", rule="R-10"))
    assert told_again.others == (Addressee("person", "carla"),)


def test_r25_an_overlap_names_both_and_r10_a_repeated_story_who_asked() -> None:
    first = on("2025-01-10", "training.started", training_id="t1", kind="vocational", provider_org="rwc", by="rwc",
               started_on="2025-01-10")  # fmt: skip
    second = on("2025-02-01", "training.started", training_id="t2", kind="vocational", provider_org="school",
                by="school", started_on="2025-02-01")  # fmt: skip
    other = on("2025-02-02", "training.started", training_id="t3", kind="language", provider_org="taal", by="taal",
               started_on="2025-02-02")  # fmt: skip
    told = raised("overlap", 3, "2025-02-15", rule="R-25")
    assert one(opened(), first, second, other, told).organisations == ("rwc", "school")
    repeated = raised("story_repeated", 2, "2025-01-02", rule="R-10")
    assert len(one(opened(), intake(), repeated).organisations) == 1


# The table


def test_every_code_that_a_rule_raises_stands_in_the_table() -> None:
    rules = Path(rulebook.__file__).parent / "rules"
    called = (node for file in rules.glob("*.py") for node in ast.walk(ast.parse(file.read_text("utf-8"))))
    calls = (
        n for n in called if isinstance(n, ast.Call) and getattr(n.func, "id", "") in ("on_day", "at_once", "_warnings")
    )
    words = {a.value for call in calls for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    codes = {word for word in words if not word.startswith("R-")}
    assert len(codes) > 30
    assert codes <= ANSWERS.keys()


def test_every_act_is_a_type() -> None:
    types = load().types
    assert {act for code in ANSWERS for act in acts_for(code)} <= types.keys()
    assert {f"nl.dossier.{name}" for answer in ANSWERS.values() for name in answer.also} <= types.keys()


@pytest.mark.parametrize(
    ("code", "due_on", "group"),
    [
        ("between_jobs", "2025-06-30", "a"),
        ("contact_silence", "2025-03-09", "b"),
        ("contact_silence", "2025-03-10", "c"),
        ("contract_ending", "2025-03-17", "c"),
        ("contract_ending", "2025-03-18", "d"),
        ("buddy_missing", "2025-01-01", "c"),
        ("consent_expiring", "2025-03-11", "d"),
        ("an_unknown_code", "2025-03-09", "b"),
    ],
)
def test_the_group_is_that_of_the_table(code: str, due_on: str, group: str) -> None:
    assert group_of(code, date.fromisoformat(due_on), date(2025, 3, 10)) == group
