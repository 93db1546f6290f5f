"""Delegates, contact persons and assigned professionals (R-14)."""

import pytest

from services.dossier.domain.access import live_delegation, live_grants
from services.dossier.domain.contact import contact_periods, contact_persons
from services.dossier.domain.refusals import AgainstState, NotAllowed, RuleBroken
from tests.unit.dossier.lives import (
    BRAM,
    CARLA,
    CONTACT,
    EMPLOYERS,
    MIEKE,
    NOOR,
    OPENED,
    TANTE,
    Happening,
    event,
    given,
    grant,
    moment,
)

APPOINTED = event(
    "delegate.appointed",
    NOOR,
    "2024-09-10",
    delegate="tante",
    powers=["read", "emit"],
    from_on="2024-09-10",
    until_on="2024-12-31",
)
WITHDRAWN = event("delegate.withdrawn", NOOR, "2024-10-01", delegate="tante", effective_at="2024-10-01T10:00:00Z")


def contact(person: str, at: str, from_on: str, **data: str) -> Happening:
    usual = {"person": person, "org": "rwc", "audience": "participant", "from_on": from_on}
    return event("contact-person.appointed", CARLA, at, **(usual | data))


FIRST = contact("mieke", "2024-09-03", "2024-09-03")
SECOND = contact("bram", "2024-10-01", "2024-10-01")
ASSIGNED = event("professional.assigned", MIEKE, "2024-10-01", person="bram", org="rwc")
UNASSIGNED = event("professional.unassigned", MIEKE, "2024-10-10", person="mieke", org="rwc", until_on="2024-10-05")


# Delegates


def test_the_participant_appoints_someone_else_for_a_time() -> None:
    given(OPENED).when(APPOINTED).then_recorded()
    given(OPENED).when(APPOINTED.but(delegate="stranger")).then_refused(RuleBroken, None, "delegate")
    given(OPENED).when(APPOINTED.but(delegate="noor")).then_refused(RuleBroken, None, "delegate")
    given(OPENED).when(APPOINTED.but(until_on="2024-09-09")).then_refused(RuleBroken, None, "until_on")
    past = APPOINTED.but(from_on="2024-01-01", until_on="2024-09-09")
    given(OPENED).when(past).then_refused(RuleBroken, None, "until_on")


def test_only_the_participant_appoints() -> None:
    given(OPENED, APPOINTED).when(APPOINTED.by_whom(TANTE)).then_refused(NotAllowed, None)


def test_a_delegate_has_their_powers_on_their_days() -> None:
    dossier = given(OPENED, APPOINTED).dossier
    assert live_delegation(dossier, "tante", moment("2024-09-10")) == {"read", "emit"}
    assert live_delegation(dossier, "tante", moment("2025-01-01")) == frozenset()
    assert live_delegation(dossier, "joris", moment("2024-09-10")) == frozenset()
    assert live_delegation(given().dossier, "tante", moment("2024-09-10")) == frozenset()
    more = APPOINTED.but(powers=["consent"], from_on="2024-11-01")
    assert live_delegation(given(OPENED, APPOINTED, more).dossier, "tante", moment("2024-11-01")) == {
        "read",
        "emit",
        "consent",
    }


def test_a_delegate_goes_or_is_sent() -> None:
    life = given(OPENED, APPOINTED)
    life.when(WITHDRAWN).then_recorded()
    life.when(WITHDRAWN.by_whom(TANTE)).then_recorded()
    life.when(WITHDRAWN.but(effective_at="2024-10-02T10:00:00Z")).then_refused(RuleBroken, None, "effective_at")
    assert live_delegation(given(OPENED, APPOINTED, WITHDRAWN).dossier, "tante", moment("2024-10-01")) == frozenset()
    given(OPENED, APPOINTED, WITHDRAWN).when(WITHDRAWN).then_refused(AgainstState, "R-11", "delegate")
    given(OPENED).when(WITHDRAWN).then_refused(AgainstState, "R-11", "delegate")


def test_a_delegate_sends_no_other_delegate() -> None:
    other = APPOINTED.but(delegate="joris")
    given(OPENED, APPOINTED, other).when(WITHDRAWN.but(delegate="joris").by_whom(TANTE)).then_refused(NotAllowed, None)


def test_a_withdrawal_takes_only_whom_it_names_and_later_appointments_stand() -> None:
    other = APPOINTED.but(delegate="joris")
    dossier = given(OPENED, APPOINTED, other, WITHDRAWN, APPOINTED.but(powers=["answer"])).dossier
    assert live_delegation(dossier, "joris", moment("2024-11-01")) == {"read", "emit"}
    assert live_delegation(dossier, "tante", moment("2024-11-01")) == {"answer"}


# The contact person


@pytest.mark.parametrize(
    ("on", "who"),
    [
        ("2024-09-02", ()),
        ("2024-09-03", ("mieke",)),
        ("2024-10-01", ("mieke", "bram")),
        ("2024-10-15T21:59:00+00:00", ("mieke", "bram")),
        ("2024-10-15T22:00:00+00:00", ("bram",)),
    ],
)
def test_r14_a_replacement_overlaps_by_two_weeks(on: str, who: tuple[str, ...]) -> None:
    assert contact_persons(given(OPENED, FIRST, SECOND).dossier, moment(on)) == who


def test_r14_the_overlap_can_be_said() -> None:
    dossier = given(OPENED, FIRST, SECOND.but(overlap_until_on="2024-10-02")).dossier
    assert contact_persons(dossier, moment("2024-10-02")) == ("mieke", "bram")
    assert contact_persons(dossier, moment("2024-10-03")) == ("bram",)


def test_r14_who_is_unassigned_is_no_contact_person_any_more() -> None:
    dossier = given(OPENED, FIRST, UNASSIGNED).dossier
    assert contact_persons(dossier, moment("2024-10-05")) == ("mieke",)
    assert contact_persons(dossier, moment("2024-10-06")) == ()
    again = contact("mieke", "2024-11-01", "2024-11-01")
    assert contact_persons(given(OPENED, FIRST, UNASSIGNED, again).dossier, moment("2024-12-01")) == ("mieke",)


def test_r14_late_news_of_an_earlier_appointment_replaces_nobody() -> None:
    late = SECOND.but(occurred_at="2024-09-01T10:00:00Z", from_on="2024-09-01")
    assert contact_persons(given(OPENED, FIRST, late).dossier, moment("2025-01-01")) == ("mieke",)


def test_r14_the_employers_contact_person_is_another_matter() -> None:
    assert (
        contact_periods(given(OPENED, contact("bram", "2024-10-01", "2024-10-01", audience="employer")).dossier) == []
    )
    assert contact_periods(given().dossier) == []


def test_r14_periods_are_told_with_their_appointment() -> None:
    assert contact_periods(given(OPENED, FIRST, SECOND).dossier) == [
        (2, "mieke", moment("2024-09-02T22:00:00Z"), moment("2024-10-15T22:00:00Z")),
        (3, "bram", moment("2024-09-30T22:00:00Z"), None),
    ]


def test_r14_a_contact_person_is_of_the_organisation_named() -> None:
    life = given(OPENED.by_whom(CARLA))
    life.when(FIRST).then_recorded()
    life.when(FIRST.but(person="sanne")).then_refused(RuleBroken, "R-14", "person")
    life.when(FIRST.but(person="stranger")).then_refused(RuleBroken, "R-14", "person")


# Professionals


def test_an_organisation_assigns_its_own_people() -> None:
    life = given(OPENED, CONTACT, grant("c2", "oosterlo", classes=["contact"]))
    life.when(ASSIGNED).then_recorded()
    life.when(ASSIGNED.but(person="sanne")).then_refused(RuleBroken, None, "person")
    life.when(ASSIGNED.by_whom(CARLA)).then_refused(NotAllowed, None)
    life.when(UNASSIGNED).then_recorded()
    life.when(UNASSIGNED.by_whom(CARLA)).then_refused(NotAllowed, None)


def test_being_assigned_gives_no_access() -> None:
    life = given(OPENED, CONTACT, ASSIGNED)
    assert live_grants(life.open, MIEKE, moment("2024-10-02"), EMPLOYERS) == (life.open.grants["c1"],)
    assert live_grants(life.open, BRAM, moment("2024-10-02"), EMPLOYERS) == ()
    assert live_grants(life.open, NOOR, moment("2024-10-02"), EMPLOYERS) == ()
