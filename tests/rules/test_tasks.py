"""Who has something to do about a signal, and since when it is somebody else's (R-15)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from services.dossier.domain.numbers import DEFAULTS
from services.dossier.gate.caseload import signal_item
from services.dossier.gate.sight import Signal
from services.dossier.trajectory.raised import Addressee, Raised, Reminding
from services.dossier.trajectory.tasks import Somebody, TaskDays, is_first, is_handed_over, is_warned, reminded_on

DUE = date(2025, 3, 12)
USUAL = TaskDays(DEFAULTS.task_reminder_days, DEFAULTS.task_handover_days)
SIGNAL = Raised(
    sequence=9,
    signal_id="s1",
    rule="R-04",
    code="trial_evaluation_due",
    raised_on=date(2025, 2, 26),
    due_on=DUE,
    severity=2,
    for_actor="mieke",
    about=None,
    numbers={},
    follows=True,
    handled_in=None,
    answered_on=None,
    is_last=True,
    reminding=Reminding(28, None, date(2025, 3, 26), "rwc"),
    others=(Addressee("participant"), Addressee("organisation", "bakker"), Addressee("role", "WSP")),
)
NOOR = Somebody("noor", None, "P", is_participant=True, is_contact_person=False)
MIEKE = Somebody("mieke", "rwc", "FC", is_participant=False, is_contact_person=False)
DAAN = replace(MIEKE, person="daan")
HETTY = Somebody("hetty", "bakker", "EMP", is_participant=False, is_contact_person=False)
WIM = Somebody("wim", "wsp", "WSP", is_participant=False, is_contact_person=False)
PAUL = Somebody("paul", "pool", "EMP", is_participant=False, is_contact_person=False)


@pytest.mark.parametrize("state", ["open", "overtaken", "handled", None])
def test_an_organisation_is_named_only_where_all_that_it_rests_on_is_readable(state: str | None) -> None:
    overlap = replace(SIGNAL, rule="R-25", code="overlap", organisations=("rwc", "school"))
    shown = signal_item(Signal(overlap, "e1", "work", state), DUE)
    assert shown.get("organisations") == (["rwc", "school"] if state in ("open", "overtaken") else None)


def test_it_is_first_for_who_it_was_raised_for_and_later_for_their_organisation() -> None:
    assert [is_first(SIGNAL, who, date(2025, 3, 25)) for who in (MIEKE, DAAN, HETTY, NOOR)] == [True] + [False] * 3
    assert [is_first(SIGNAL, who, date(2025, 3, 26)) for who in (MIEKE, DAAN, HETTY, NOOR)] == [
        True,
        True,
        False,
        False,
    ]


def test_who_becomes_the_contact_person_takes_it_over_but_what_is_the_organisations() -> None:
    els = replace(DAAN, person="els", organisation="uwv", is_contact_person=True)
    assert is_first(SIGNAL, els, SIGNAL.raised_on)
    assert not is_first(replace(SIGNAL, code="contact_person_gap"), els, SIGNAL.raised_on)


def test_an_organisation_that_stands_in_for_nobody_has_it_from_the_beginning() -> None:
    assert is_first(replace(SIGNAL, for_actor="rwc"), DAAN, SIGNAL.raised_on)


def test_others_are_warned_by_key_or_role_and_nobody_else_is() -> None:
    warned = [is_warned(SIGNAL, who, SIGNAL.raised_on, USUAL) for who in (NOOR, HETTY, WIM, PAUL, DAAN)]
    assert warned == [True, True, True, False, False]
    assert not is_warned(replace(SIGNAL, others=()), NOOR, SIGNAL.raised_on, USUAL)


@pytest.mark.parametrize(
    ("days", "reminded", "still_theirs"), [(2, None, True), (3, 3, True), (6, 3, True), (7, 3, False)]
)
def test_r15_a_task_of_the_participant_is_asked_again_and_then_moves(
    days: int, reminded: int | None, still_theirs: bool
) -> None:
    day = DUE + timedelta(days)
    again = None if reminded is None else DUE + timedelta(reminded)
    assert reminded_on(SIGNAL, day, USUAL) == again
    assert is_warned(SIGNAL, NOOR, day, USUAL) == still_theirs
    assert is_handed_over(SIGNAL, day, USUAL) != still_theirs
    assert is_warned(SIGNAL, HETTY, day, USUAL)  # of an employer nothing moves


def test_r15_the_numbers_are_parameters() -> None:
    slow = TaskDays(10, 20)
    assert reminded_on(SIGNAL, DUE + timedelta(9), slow) is None
    assert is_warned(SIGNAL, NOOR, DUE + timedelta(19), slow)
    assert is_handed_over(SIGNAL, DUE + timedelta(20), slow)


def test_r15_what_was_never_the_participants_is_not_handed_over() -> None:
    assert not is_handed_over(replace(SIGNAL, others=()), DUE + timedelta(30), USUAL)
