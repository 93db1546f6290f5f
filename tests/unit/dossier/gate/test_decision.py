"""The steps of design §4 in their order, each clause by itself: who reads which entry, and which of its classes."""

from dataclasses import replace
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
    PAUL,
    PIETER,
    TANTE,
    UNTIL,
    a_grant,
    an_entry,
    given,
    raised,
    the_owner,
)

# Step 2: the participant, and a delegate with the power for it


def test_the_participant_reads_everything_whole() -> None:
    the_owner().may_read(an_entry(fields=("health-sensitive", "income")), because="own_dossier")
    the_owner().may_read(raised(an_entry()), because="own_dossier")
    the_owner().may_read(an_entry("consent.revoked", privacy_class="identity"), because="own_dossier")
    the_owner().may_read(an_entry(is_withheld=True), because="own_dossier")


def test_a_delegate_with_the_power_to_read_reads_everything_whole() -> None:
    given(TANTE).as_delegate().may_read(an_entry(fields=("income",)), because="delegate")


def test_a_delegate_without_that_power_reads_nothing() -> None:
    given(TANTE).may_not_read(an_entry(), "no_grant")


def test_a_participant_reads_nothing_of_another_dossier() -> None:
    case = the_owner()
    replace(case, place=replace(case.place, is_owner=False)).may_not_read(an_entry(by=None), "no_grant")


def test_a_purpose_narrows_grants_and_not_the_participant() -> None:
    the_owner().for_("matching").may_read(an_entry())


# Step 3: a live grant to this caller for this operation


def test_without_a_grant_nothing_is_read() -> None:
    given(CARLA).may_not_read(an_entry(), "no_grant")


def test_what_one_wrote_oneself_needs_a_grant_too() -> None:
    given(PIETER).may_not_read(an_entry(by="uwv"), "no_grant")


def test_a_grant_to_another_organisation_is_none() -> None:
    given(CARLA, a_grant(PIETER, *ALL)).may_not_read(an_entry(), "no_grant")


def test_a_grant_that_names_a_person_is_held_by_that_person_alone() -> None:
    for_carla = a_grant(CARLA, person="carla")
    given(CARLA, for_carla).may_read(an_entry())
    given(CEES, for_carla).may_not_read(an_entry(), "no_grant")
    given(MACHINE, for_carla).may_not_read(an_entry(), "no_grant")


def test_a_grant_that_names_no_person_is_held_by_all_of_the_organisation() -> None:
    for reader in (CARLA, CEES, MACHINE):
        given(reader, a_grant()).may_read(an_entry())


@pytest.mark.parametrize("operations", [("emit",), ("subscribe",), ("emit", "subscribe"), ()])
def test_another_operation_does_not_read(operations: tuple[str, ...]) -> None:
    given(CARLA, a_grant(operations=frozenset(operations))).may_not_read(an_entry(), "no_grant")


def test_the_purpose_that_is_named_is_the_only_one_that_serves() -> None:
    case = given(CARLA, a_grant(purpose="guidance"))
    case.for_("guidance").may_read(an_entry())
    case.for_("handover").may_not_read(an_entry(), "no_grant")


def test_without_a_purpose_any_serves() -> None:
    given(CARLA, a_grant(purpose="evaluation")).may_read(an_entry())


def test_a_window_includes_its_first_moment_and_excludes_its_last() -> None:
    case = given(CARLA, a_grant())
    case.at(GIVEN - MOMENT).may_not_read(an_entry(), "no_grant")
    case.at(GIVEN).may_read(an_entry())
    case.at(UNTIL - MOMENT).may_read(an_entry())
    case.at(UNTIL).may_not_read(an_entry(), "no_grant")


def test_at_the_moment_of_withdrawal_it_is_withdrawn() -> None:
    case = given(CARLA, a_grant(ended_at=NOW))
    case.at(NOW - MOMENT).may_read(an_entry())
    case.at(NOW).may_not_read(an_entry(), "no_grant")


def test_a_grant_ends_with_its_purpose() -> None:
    case = given(HETTY, a_grant(HETTY, purpose="placement", purpose_ends_at=NOW))
    placement = an_entry("placement.started", relation=frozenset(("proefpagina",)))
    case.at(NOW - MOMENT).may_read(placement)
    case.at(NOW).may_not_read(placement, "no_grant")


@pytest.mark.parametrize("first", ["valid_until", "ended_at", "purpose_ends_at"])
def test_whatever_ends_a_grant_first_ends_it(first: str) -> None:
    ends: dict[str, Any] = {"valid_until": UNTIL, "ended_at": UNTIL, "purpose_ends_at": UNTIL} | {first: NOW}
    given(CARLA, a_grant(**ends)).may_not_read(an_entry(), "no_grant")


def test_an_offer_is_read_whole_without_a_grant() -> None:
    offer = an_entry("referral.made", offered_to="oosterlo", fields=("health-sensitive",))
    given(CARLA).may_read(offer, because="offer")
    given(MACHINE).may_read(offer, because="offer")


def test_an_offer_is_read_by_the_party_that_was_asked_alone() -> None:
    given(PIETER).may_not_read(an_entry("referral.made", by="rwc", offered_to="oosterlo"), "no_grant")
    given(TANTE).may_not_read(an_entry("referral.made", by="rwc", offered_to=None), "no_grant")


def test_an_offer_that_was_closed_is_read_no_more() -> None:
    given(CARLA).may_not_read(an_entry("referral.made", offered_to="oosterlo", offer_is_open=False), "no_grant")


def test_an_offer_about_the_wrong_person_is_read_no_more() -> None:
    given(CARLA).may_not_read(an_entry("referral.made", offered_to="oosterlo", is_withheld=True), "no_grant")


def test_an_offer_opens_nothing_else() -> None:
    given(CARLA).may_not_read(an_entry("referral.answered", by="uwv"), "no_grant")


# Step 4: retracted as about another person


def test_what_is_about_the_wrong_person_is_closed_to_every_grant_and_to_its_writer() -> None:
    wrong = an_entry(is_withheld=True, by="oosterlo")
    given(CARLA, a_grant(CARLA, *ALL)).may_not_read(wrong, "retracted")
    given(CARLA, a_grant(CARLA, *ALL)).as_contact_person().may_not_read(wrong, "retracted")


# Step 5: what is about access itself

PARTY = {"privacy_class": "identity", "by": None, "party": "oosterlo"}
READABLE = ("consent.requested", "consent.granted", "consent.narrowed", "consent.expired")
CLOSED = ("consent.revoked", "consent.declined")


@pytest.mark.parametrize("name", [*READABLE, *CLOSED, "delegate.appointed", "delegate.withdrawn"])
def test_the_contact_person_with_any_live_grant_reads_what_is_about_access(name: str) -> None:
    entry = an_entry(name, privacy_class="identity", by=None, party="uwv")
    given(CARLA, a_grant(CARLA, "work")).as_contact_person().may_read(entry, because="contact_person")
    given(CARLA).as_contact_person().may_not_read(entry, "no_grant")


@pytest.mark.parametrize("name", READABLE)
def test_the_party_named_reads_what_gives_while_it_has_any_access(name: str) -> None:
    given(CARLA, a_grant(CARLA, "work")).may_read(an_entry(name, **PARTY), because="party_named")
    given(CARLA).may_not_read(an_entry(name, **PARTY), "no_grant")


@pytest.mark.parametrize("name", CLOSED)
def test_the_party_named_never_reads_what_takes_away(name: str) -> None:
    given(CARLA, a_grant(CARLA, *ALL)).may_not_read(an_entry(name, **PARTY), "about_access")


def test_where_the_grant_names_a_person_that_person_alone_is_the_party() -> None:
    entry = an_entry("consent.granted", **(PARTY | {"party_person": "carla"}))
    given(CARLA, a_grant()).may_read(entry)
    given(CEES, a_grant()).may_not_read(entry, "about_access")
    given(MACHINE, a_grant()).may_not_read(entry, "about_access")


@pytest.mark.parametrize("name", [*READABLE, *CLOSED, "delegate.appointed"])
def test_no_grant_opens_to_others_what_is_about_access(name: str) -> None:
    entry = an_entry(name, privacy_class="identity", by=None, party="uwv")
    given(CARLA, a_grant(CARLA, *ALL)).may_not_read(entry, "about_access")


def test_its_own_request_is_no_way_around() -> None:
    declined = an_entry("consent.declined", **(PARTY | {"by": "oosterlo"}))
    given(CARLA, a_grant(CARLA, *ALL)).may_not_read(declined, "about_access")


RECALL = ("copy-recall.requested", "copy-recall.answered", "referral.withdrawn")


@pytest.mark.parametrize("name", RECALL)
def test_of_a_recall_or_a_withdrawn_offer_the_party_gets_the_notice_alone(name: str) -> None:
    case = given(CARLA, a_grant(CARLA, *ALL))
    case.may_not_read(an_entry(name, **PARTY), "about_access")
    case.may_not_read(an_entry(name, **(PARTY | {"by": "oosterlo"})), "about_access")
    case.may_not_read(an_entry(name, **(PARTY | {"party_person": "cees"})), "about_access")


@pytest.mark.parametrize("name", RECALL)
def test_others_read_a_recall_or_a_withdrawn_offer_as_any_entry(name: str) -> None:
    entry = an_entry(name, **(PARTY | {"party": "uwv"}))
    given(CARLA, a_grant(CARLA, "identity")).may_read(entry, because="grant")
    given(CARLA, a_grant(CARLA, "work")).may_not_read(entry, "not_covered")
    given(CARLA, a_grant(CARLA, "work")).as_contact_person().may_not_read(entry, "not_covered")
    given(CARLA, a_grant(CARLA, "work")).may_read(replace(entry, organisation="oosterlo"), because="own_entry")


# Step 6: an entry with an addressee

EXTRACT = an_entry("self-manual.shared", by=None, addressee="proefpagina", relation=frozenset(("proefpagina",)))


def test_the_addressee_reads_it_under_a_grant_that_covers_it() -> None:
    given(HETTY, a_grant(HETTY, "work")).may_read(EXTRACT)
    given(HETTY, a_grant(HETTY, "evaluation")).may_not_read(EXTRACT, "not_covered")


def test_the_contact_person_reads_it_under_a_grant_that_covers_it() -> None:
    given(CARLA, a_grant(CARLA, "work")).as_contact_person().may_read(EXTRACT)
    given(CARLA, a_grant(CARLA, "evaluation")).as_contact_person().may_not_read(EXTRACT, "not_covered")


def test_nobody_else_reads_it_whatever_the_grant() -> None:
    given(CARLA, a_grant(CARLA, *ALL)).may_not_read(EXTRACT, "addressed_to_another")
    given(PAUL, a_grant(PAUL, *ALL)).may_not_read(EXTRACT, "addressed_to_another")


def test_an_addressed_entry_of_a_forbidden_class_stays_closed_to_an_employer() -> None:
    given(HETTY, a_grant(HETTY, *ALL)).may_not_read(raised(EXTRACT), "prohibited")


# Step 7: giving back is no disclosure


def test_what_one_wrote_oneself_comes_back_whole_under_any_live_grant() -> None:
    entry = an_entry(by="oosterlo", fields=("health-sensitive", "income"))
    given(CARLA, a_grant(CARLA, "evaluation")).may_read(entry, because="own_entry")


def test_an_employer_reads_whole_what_it_wrote_before_any_prohibition() -> None:
    case = given(HETTY, a_grant(HETTY, "work", purpose="placement"))
    case.may_read(an_entry("placement.started", by="proefpagina", fields=("income",)), because="own_entry")
    case.may_read(an_entry("question.asked", by="proefpagina"), because="own_entry")
    case.may_read(raised(an_entry("absence.reported", by="proefpagina")), because="own_entry")


def test_an_applicant_reads_whole_the_decision_on_its_own_request() -> None:
    decision = an_entry("scheme.decided", applicant="proefpagina", fields=("income",))
    given(HETTY, a_grant(HETTY, "work")).may_read(decision, because="own_request")
    given(PAUL, a_grant(PAUL, "work")).may_read(decision, "work")


def test_what_the_participant_wrote_is_nobodys_own() -> None:
    given(CARLA, a_grant(CARLA, "evaluation")).may_not_read(an_entry(by=None), "not_covered")


# Step 8: the prohibition

OWN_RELATION = frozenset(("proefpagina",))


@pytest.mark.parametrize("name", ["intake.completed", "training.started", "self-manual.published", "goal.set"])
def test_an_employer_never_reads_outside_the_allow_list(name: str) -> None:
    given(HETTY, a_grant(HETTY, *ALL)).may_not_read(an_entry(name), "prohibited")


def test_an_employer_never_reads_of_another_employers_relation() -> None:
    placement = an_entry("placement.started", relation=OWN_RELATION)
    given(HETTY, a_grant(HETTY, "work")).may_read(placement)
    given(PAUL, a_grant(PAUL, *ALL)).may_not_read(placement, "another_employer")


def test_an_entry_of_no_relation_is_decided_by_list_and_grant() -> None:
    given(HETTY, a_grant(HETTY, "work")).may_read(an_entry("jobfolio-item.added"))
    given(HETTY, a_grant(HETTY, "evaluation")).may_not_read(an_entry("jobfolio-item.added"), "not_covered")


def test_an_entry_whose_relation_nobody_knows_is_no_employers() -> None:
    entry = an_entry("placement.started", relation=frozenset(("",)))
    given(HETTY, a_grant(HETTY, *ALL)).may_not_read(entry, "another_employer")


def test_an_employer_never_gets_a_field_about_health_or_income() -> None:
    entry = an_entry("placement.ended", relation=OWN_RELATION, fields=("health-sensitive", "income", "evaluation"))
    given(HETTY, a_grant(HETTY, *ALL)).may_read(entry, "work", "evaluation")


@pytest.mark.parametrize("privacy_class", ["health-sensitive", "income"])
def test_an_employer_never_reads_an_entry_of_such_a_class(privacy_class: str) -> None:
    entry = an_entry("placement.changed", relation=OWN_RELATION, privacy_class=privacy_class)
    given(HETTY, a_grant(HETTY, *ALL)).may_not_read(entry, "prohibited")


def test_an_employer_never_reads_an_entry_that_was_raised() -> None:
    entry = raised(an_entry("placement.changed", relation=OWN_RELATION))
    given(HETTY, a_grant(HETTY, *ALL)).may_not_read(entry, "prohibited")


def test_who_is_no_employer_is_bound_by_no_relation() -> None:
    given(CARLA, a_grant()).may_read(an_entry("placement.started", relation=OWN_RELATION))


def test_an_employer_is_one_by_its_kind_whatever_the_role() -> None:
    coach = replace(HETTY, role="JC")
    given(coach, a_grant(HETTY, *ALL)).may_not_read(an_entry("intake.completed"), "prohibited")


# Step 9: class, type and history of one and the same grant


def test_the_class_must_be_covered() -> None:
    given(CARLA, a_grant(CARLA, "contact")).may_not_read(an_entry(), "not_covered")


@pytest.mark.parametrize(
    ("listed", "is_covered"),
    [
        ("nl.dossier.contact-moment.held", True),
        ("nl.dossier.contact-moment.*", True),
        ("nl.dossier.contact.*", False),
        ("nl.dossier.contact-moment", False),
        ("nl.dossier.contact-moment.held.v2", False),
        ("nl.dossier.goal.set", False),
    ],
)
def test_the_type_must_be_listed_where_types_are(listed: str, is_covered: bool) -> None:
    case = given(CARLA, a_grant(event_types=(listed,)))
    case.may_read(an_entry()) if is_covered else case.may_not_read(an_entry(), "not_covered")


def test_history_from_the_grant_on_begins_with_its_first_moment() -> None:
    case = given(CARLA, a_grant(history="from_grant"))
    case.may_read(an_entry(occurred_at=GIVEN))
    case.may_not_read(an_entry(occurred_at=GIVEN - MOMENT), "not_covered")


def test_granting_again_does_not_open_the_gap_nor_what_the_first_grant_covered() -> None:
    ended = a_grant(history="from_grant", ended_at=GIVEN + timedelta(30))
    again = a_grant(history="from_grant", valid_from=NOW - timedelta(30), number=2)
    case = given(CARLA, ended, again)
    case.may_not_read(an_entry(occurred_at=GIVEN + timedelta(10)), "not_covered")
    case.may_not_read(an_entry(occurred_at=GIVEN + timedelta(60)), "not_covered")
    case.may_read(an_entry(occurred_at=NOW - timedelta(20)))


def test_only_a_new_grant_of_all_history_opens_the_gap() -> None:
    ended = a_grant(history="from_grant", ended_at=GIVEN + timedelta(30))
    again = a_grant(history="all", valid_from=NOW - timedelta(30), number=2)
    given(CARLA, ended, again).may_read(an_entry(occurred_at=GIVEN + timedelta(60)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            {"classes": frozenset(("work",)), "event_types": ("nl.dossier.goal.*",)},
            {"classes": frozenset(("contact",))},
        ),
        (
            {"classes": frozenset(("work",)), "history": "from_grant", "valid_from": NOW - timedelta(1)},
            {"classes": frozenset(("contact",)), "history": "all"},
        ),
        (
            {
                "event_types": ("nl.dossier.contact-moment.*",),
                "history": "from_grant",
                "valid_from": NOW - timedelta(1),
            },
            {"event_types": ("nl.dossier.goal.*",), "history": "all"},
        ),
    ],
)
def test_two_grants_that_only_together_cover_do_not(one: dict[str, Any], other: dict[str, Any]) -> None:
    given(CARLA, a_grant(**one), a_grant(number=2, **other)).may_not_read(an_entry(), "not_covered")


def test_a_raised_entry_needs_its_usual_class_as_well() -> None:
    entry = raised(an_entry())
    given(CARLA, a_grant(CARLA, "work")).may_not_read(entry, "not_covered")
    given(CARLA, a_grant(CARLA, "health-sensitive")).may_not_read(entry, "not_covered")
    given(CARLA, a_grant(CARLA, "health-sensitive", "work")).may_read(entry)


def test_a_raised_entry_needs_both_classes_in_one_grant() -> None:
    both = a_grant(CARLA, "work"), a_grant(CARLA, "health-sensitive", number=2)
    given(CARLA, *both).may_not_read(raised(an_entry()), "not_covered")


def test_a_field_of_a_class_that_is_not_covered_is_left_out() -> None:
    entry = an_entry(fields=("health-sensitive", "income"))
    given(CARLA, a_grant(CARLA, "work")).may_read(entry, "work")
    given(CARLA, a_grant(CARLA, "work", "income")).may_read(entry, "work", "income")


def test_fields_are_opened_by_every_grant_that_covers_the_entry() -> None:
    entry = an_entry(fields=("health-sensitive", "income"))
    grants = a_grant(CARLA, "work", "health-sensitive"), a_grant(CARLA, "work", "income", number=2)
    given(CARLA, *grants).may_read(entry)


@pytest.mark.parametrize(
    "terms",
    [
        {"classes": frozenset(("health-sensitive",))},
        {"classes": frozenset(("work", "health-sensitive")), "event_types": ("nl.dossier.goal.set",)},
        {"classes": frozenset(("work", "health-sensitive")), "history": "from_grant", "valid_from": NOW},
        {"classes": frozenset(("work", "health-sensitive")), "operations": frozenset(("subscribe",))},
        {"classes": frozenset(("work", "health-sensitive")), "ended_at": NOW},
    ],
)
def test_a_field_is_not_opened_by_a_grant_that_does_not_cover_the_entry(terms: dict[str, Any]) -> None:
    entry = an_entry(fields=("health-sensitive",))
    given(CARLA, a_grant(CARLA, "work"), a_grant(number=2, **terms)).may_read(entry, "work")


def test_the_permit_names_the_grants_on_which_it_rests() -> None:
    given(CARLA, a_grant(), a_grant(CARLA, "contact", number=2)).may_read(an_entry(), because="grant")
