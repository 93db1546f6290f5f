"""Who is told of an entry: a permit and one live grant to subscribe that covers it, but for the notices."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.dossier.gate.cases import (
    ALL,
    CARLA,
    CEES,
    GIVEN,
    HETTY,
    MACHINE,
    MOMENT,
    NOW,
    PIETER,
    TANTE,
    a_grant,
    an_entry,
    given,
    raised,
    the_owner,
)

READS = frozenset(("read",))
IS_TOLD = frozenset(("subscribe",))


def test_who_may_read_and_subscribe_is_told() -> None:
    given(CARLA, a_grant()).is_told_of(an_entry())
    given(MACHINE, a_grant()).is_told_of(an_entry())


def test_reading_and_being_told_may_rest_on_two_grants() -> None:
    given(CARLA, a_grant(operations=READS), a_grant(operations=IS_TOLD, number=2)).is_told_of(an_entry())


def test_who_may_only_read_is_not_told() -> None:
    given(CARLA, a_grant(operations=READS)).is_not_told_of(an_entry(), "no_subscription_granted")


def test_who_may_not_read_is_not_told() -> None:
    given(CARLA, a_grant(operations=IS_TOLD)).is_not_told_of(an_entry(), "no_grant")


@pytest.mark.parametrize(
    "terms",
    [
        {"classes": frozenset(("contact",))},
        {"event_types": ("nl.dossier.goal.*",)},
        {"history": "from_grant", "valid_from": NOW - timedelta(1)},
        {"ended_at": NOW},
        {"valid_until": NOW},
        {"purpose_ends_at": NOW},
        {"person": "cees"},
    ],
)
def test_the_grant_to_subscribe_must_cover_the_entry(terms: dict[str, Any]) -> None:
    reads = a_grant(operations=READS)
    tells = a_grant(operations=IS_TOLD, number=2, **terms)
    given(CARLA, reads, tells).is_not_told_of(an_entry(), "no_subscription_granted")


def test_two_grants_to_subscribe_that_only_together_cover_do_not() -> None:
    entry = raised(an_entry())
    grants = (
        a_grant(CARLA, *ALL, operations=READS),
        a_grant(CARLA, "work", operations=IS_TOLD, number=2),
        a_grant(CARLA, "health-sensitive", operations=IS_TOLD, number=3),
    )
    given(CARLA, *grants).is_not_told_of(entry, "no_subscription_granted")


def test_the_participant_reads_and_is_not_told() -> None:
    the_owner().is_not_told_of(an_entry(), "no_grant")
    given(TANTE).as_delegate().is_not_told_of(an_entry(), "no_grant")


def test_being_a_delegate_opens_no_delivery_that_the_grant_would_not() -> None:
    given(CARLA).as_delegate().is_not_told_of(an_entry(), "no_grant")
    given(CARLA, a_grant(operations=IS_TOLD)).as_delegate().is_not_told_of(an_entry(), "no_grant")
    employer = given(HETTY, a_grant(HETTY, *ALL)).as_delegate()
    employer.may_read(an_entry("intake.completed"))
    employer.is_not_told_of(an_entry("intake.completed"), "prohibited")


def test_what_one_wrote_oneself_is_read_back_and_not_delivered() -> None:
    entry = an_entry(by="oosterlo", privacy_class="contact")
    case = given(CARLA, a_grant(CARLA, "work"))
    case.may_read(entry)
    case.is_not_told_of(entry, "no_subscription_granted")


def test_an_employer_is_not_told_of_what_it_may_not_read() -> None:
    case = given(HETTY, a_grant(HETTY, *ALL))
    case.is_not_told_of(an_entry("intake.completed"), "prohibited")
    case.is_not_told_of(an_entry("placement.started", relation=frozenset(("nepdoos",))), "another_employer")
    case.is_told_of(an_entry("placement.started", relation=frozenset(("proefpagina",))))


# Notices: they need no grant to subscribe

PARTY = {"privacy_class": "identity", "by": None, "party": "oosterlo"}
WHILE_ACCESS = ("consent.requested", "consent.granted", "consent.narrowed", "consent.expired")
ALWAYS = (
    "consent.revoked",
    "consent.declined",
    "copy-recall.requested",
    "copy-recall.answered",
    "referral.withdrawn",
)


@pytest.mark.parametrize("name", WHILE_ACCESS)
def test_the_party_named_gets_a_notice_while_it_has_any_access(name: str) -> None:
    given(CARLA, a_grant(operations=READS)).is_told_of(an_entry(name, **PARTY), "notice")
    given(CARLA).is_not_told_of(an_entry(name, **PARTY), "no_grant")


@pytest.mark.parametrize("name", ALWAYS)
def test_of_what_takes_away_it_gets_the_notice_also_without_access(name: str) -> None:
    given(CARLA).is_told_of(an_entry(name, **PARTY), "notice")
    given(CARLA, a_grant(ended_at=GIVEN + MOMENT)).is_told_of(an_entry(name, **PARTY), "notice")
    given(MACHINE).is_told_of(an_entry(name, **PARTY), "notice")


@pytest.mark.parametrize("name", ALWAYS)
def test_nobody_else_gets_that_notice(name: str) -> None:
    given(PIETER).is_not_told_of(an_entry(name, **PARTY), "no_grant")
    given(TANTE).is_not_told_of(an_entry(name, **(PARTY | {"party": None})), "no_grant")


@pytest.mark.parametrize("name", ALWAYS)
def test_where_the_grant_names_a_person_that_person_alone_gets_the_notice(name: str) -> None:
    entry = an_entry(name, **(PARTY | {"party_person": "carla"}))
    given(CARLA).is_told_of(entry, "notice")
    given(CEES).is_not_told_of(entry, "no_grant")
    given(MACHINE).is_not_told_of(entry, "no_grant")


def test_no_other_entry_reaches_the_party_without_access() -> None:
    given(CARLA).is_not_told_of(an_entry("delegate.appointed", **PARTY), "no_grant")


def test_the_offer_of_a_referral_reaches_whom_it_is_made_to() -> None:
    given(CARLA).is_told_of(an_entry("referral.made", by="rwc", offered_to="oosterlo"), "notice")
    closed = an_entry("referral.made", by="rwc", offered_to="oosterlo", offer_is_open=False)
    given(CARLA).is_not_told_of(closed, "no_grant")


def test_the_request_for_a_correction_reaches_who_wrote_the_entry() -> None:
    asked = an_entry("correction.requested", by=None, party="uwv", offered_to="uwv")
    given(PIETER).is_told_of(asked, "notice")
    given(PIETER, a_grant(PIETER, "work", operations=READS)).is_told_of(asked, "notice")


def test_the_contact_person_reads_about_access_and_is_told_under_a_grant_that_covers_it() -> None:
    entry = an_entry("consent.revoked", privacy_class="identity", by=None, party="uwv")
    given(CARLA, a_grant()).as_contact_person().is_not_told_of(entry, "no_subscription_granted")
    given(CARLA, a_grant(CARLA, "identity")).as_contact_person().is_told_of(entry)


def test_an_entry_about_the_wrong_person_is_delivered_to_nobody() -> None:
    given(CARLA, a_grant(CARLA, *ALL)).is_not_told_of(an_entry(is_withheld=True), "retracted")
