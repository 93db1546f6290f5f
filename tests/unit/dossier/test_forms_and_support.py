"""Forms are not bounced, decisions are understood, nobody is given up too soon (R-08, R-17, R-19, R-20, R-26)."""

import pytest

from services.dossier.domain.refusals import AgainstState, RuleBroken
from tests.unit.dossier.lives import CONTACT, EMPLOYER, HETTY, MIEKE, OPENED, PIETER, Happening, event, given, grant

SCHEME = event(
    "scheme.requested", HETTY, "2024-10-01", request_id="sr1", applicant_org="proefpagina", form_version="2019-01"
)
DECIDED = event("scheme.decided", PIETER, "2024-10-10", request_id="sr1", outcome="refused", by_org="uwv")
TOLD = event("decision.communicated", PIETER, "2024-10-10")
OFFER = event("opportunity.proposed", MIEKE, "2024-10-01", opportunity_ref="o1", employer_org="proefpagina")
BUDDY = event("buddy.matched", MIEKE, "2024-10-01", experience="same_background")
LOST = event("contact.lost", MIEKE, "2024-11-01")
BEFORE = (OPENED, CONTACT, EMPLOYER, grant("c2", "uwv", classes=["work", "income"]))


def attempt(on: str, channel: str = "phone", outcome: str = "no_answer") -> Happening:
    return event("outreach.attempted", MIEKE, on, attempted_on=on, channel=channel, outcome=outcome)


def test_r08_a_form_is_never_bounced() -> None:
    given(*BEFORE).when(SCHEME).then_recorded()
    given(*BEFORE, SCHEME).when(SCHEME.but(form_version="2024-01")).then_recorded()
    given(*BEFORE).when(event("scheme.supplemented", HETTY, "2024-10-02", request_id="paper")).then_recorded()
    given(*BEFORE).when(DECIDED.but(request_id="paper")).then_recorded()


def test_r08_the_version_of_a_form_is_no_ground() -> None:
    life = given(*BEFORE, SCHEME)
    life.when(DECIDED).then_recorded()
    life.when(DECIDED.but(reason="not_eligible")).then_recorded()
    life.when(DECIDED.but(reason="form_version")).then_refused(RuleBroken, "R-08", "reason")


def test_r17_nobody_takes_over_a_request_or_an_offer_of_another() -> None:
    life = given(*BEFORE, SCHEME, OFFER)
    life.when(SCHEME.but(applicant_org="nepdoos")).then_refused(AgainstState, "R-17", "request_id")
    life.when(OFFER.but(employer_org="nepdoos")).then_refused(AgainstState, "R-17", "opportunity_ref")
    life.when(OFFER.but(role_title="kok")).then_recorded()


@pytest.mark.parametrize("field", ["plain_summary", "consequences", "ask_whom"])
def test_r26_a_decision_is_told_in_words(field: str) -> None:
    given(*BEFORE).when(TOLD).then_recorded()
    given(*BEFORE).when(TOLD.without(field)).then_refused(RuleBroken, "R-26", field)


def test_r26_blanks_are_no_words() -> None:
    given(*BEFORE).when(TOLD.but(plain_summary=" \n")).then_refused(RuleBroken, "R-26", "plain_summary")


def test_r19_a_buddy_has_walked_it() -> None:
    given(*BEFORE).when(BUDDY).then_recorded()
    given(*BEFORE).when(BUDDY.but(experience="none")).then_refused(RuleBroken, "R-19", "experience")


ENOUGH = [("2024-10-01", "phone"), ("2024-10-07", "visit"), ("2024-10-15", "phone")]


@pytest.mark.parametrize(
    "tried",
    [
        [],
        ENOUGH[:1] + ENOUGH[2:],
        [("2024-10-01", "phone"), ("2024-10-07", "visit"), ("2024-10-14", "phone")],
        [(on, "phone") for on, _ in ENOUGH],
    ],
    ids=["none", "two", "thirteen days", "one way"],
)
def test_r20_nobody_is_out_of_sight_before_enough_was_tried(tried: list[tuple[str, str]]) -> None:
    given(*BEFORE, *(attempt(*each) for each in tried)).when(LOST).then_refused(RuleBroken, "R-20")


def test_r20_three_attempts_over_two_weeks_in_two_ways_are_enough() -> None:
    given(*BEFORE, *(attempt(*each) for each in ENOUGH)).when(LOST).then_recorded()
    given(*BEFORE, *(attempt(on, channel, "refused") for on, channel in ENOUGH)).when(LOST).then_recorded()


def test_r20_who_was_reached_or_found_again_is_looked_for_anew() -> None:
    reached = attempt("2024-10-16", outcome="reached")
    restored = event("contact.restored", MIEKE, "2024-10-16")
    for found in (reached, restored):
        life = given(*BEFORE, *(attempt(*each) for each in ENOUGH), found)
        life.when(LOST).then_refused(RuleBroken, "R-20")
