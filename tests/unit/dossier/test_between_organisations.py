"""Handovers, referrals and corrections: answered by who was asked, once (R-09, R-35, R-36)."""

import pytest

from services.dossier.domain.commands import AboutEntry
from services.dossier.domain.evolution import needs_whole_history
from services.dossier.domain.refusals import AgainstState, NotAllowed, RuleBroken, UnknownDossier
from tests.unit.dossier.lives import (
    CARLA,
    CONTACT,
    JORIS,
    MIEKE,
    NOOR,
    OPENED,
    PIETER,
    SANNE,
    TANTE,
    Happening,
    about,
    event,
    given,
    grant,
    recorded,
)

BEFORE = (OPENED, CONTACT, grant("c2", "oosterlo"), grant("c3", "uwv"))
INITIATED = event(
    "handover.initiated", CARLA, "2025-04-14", handover_id="o1", from_org="oosterlo", to_org="uwv", completeness=0.8
)
HELD = event("handover.held", CARLA, "2025-04-29", handover_id="o1")
ACCEPTED = event("handover.accepted", PIETER, "2025-05-06", handover_id="o1")
CANCELLED = event("handover.cancelled", CARLA, "2025-05-01", handover_id="o1")


def test_r09_only_the_sender_begins() -> None:
    given(*BEFORE).when(INITIATED).then_recorded()
    given(*BEFORE).when(INITIATED.by_whom(PIETER)).then_refused(NotAllowed, "R-09")
    given(*BEFORE, INITIATED).when(INITIATED.but(reason="moved")).then_refused(AgainstState, "R-09", "handover_id")


def test_r09_only_what_was_initiated_is_accepted_by_the_receiver_and_once() -> None:
    given(*BEFORE, INITIATED).when(ACCEPTED).then_recorded()
    given(*BEFORE).when(ACCEPTED).then_refused(AgainstState, "R-09", "handover_id")
    given(*BEFORE, INITIATED).when(ACCEPTED.by_whom(CARLA)).then_refused(AgainstState, "R-09", "handover_id")
    given(*BEFORE, INITIATED, ACCEPTED).when(ACCEPTED).then_refused(AgainstState, "R-09", "handover_id")
    given(*BEFORE, INITIATED, CANCELLED).when(ACCEPTED).then_refused(AgainstState, "R-09", "handover_id")


def test_r09_the_sender_cancels_before_it_is_accepted() -> None:
    given(*BEFORE, INITIATED).when(CANCELLED).then_recorded()
    given(*BEFORE).when(CANCELLED).then_refused(AgainstState, "R-09", "handover_id")
    given(*BEFORE, INITIATED).when(CANCELLED.by_whom(PIETER)).then_refused(AgainstState, "R-09", "handover_id")
    given(*BEFORE, INITIATED, ACCEPTED).when(CANCELLED).then_refused(AgainstState, "R-09", "handover_id")
    given(*BEFORE, INITIATED, CANCELLED).when(CANCELLED).then_refused(AgainstState, "R-09", "handover_id")


def test_r09_a_conversation_is_about_a_handover_that_is_not_cancelled() -> None:
    given(*BEFORE, INITIATED).when(HELD).then_recorded()
    given(*BEFORE, INITIATED, ACCEPTED).when(HELD).then_recorded()
    given(*BEFORE).when(HELD).then_refused(AgainstState, "R-09", "handover_id")
    given(*BEFORE, INITIATED, CANCELLED).when(HELD).then_refused(AgainstState, "R-09", "handover_id")


# Referrals

MADE = event("referral.made", MIEKE, "2024-10-01", referral_id="r1", from_org="rwc", to_org="naastwerk")
YES = event("referral.answered", JORIS, "2024-10-03", referral_id="r1", answer="accepted")
NO = YES.but(answer="declined")
DONE = event("referral.completed", JORIS, "2024-12-01", referral_id="r1", completed_on="2024-12-01")
BACK = event("referral.withdrawn", MIEKE, "2024-10-02", referral_id="r1")


def test_r36_help_is_asked_for_ones_own_organisation() -> None:
    given(*BEFORE).when(MADE).then_recorded()
    given(*BEFORE).when(MADE.but(from_org="uwv")).then_refused(NotAllowed, "R-36")
    given(*BEFORE, MADE).when(MADE.but(question="toch")).then_refused(AgainstState, "R-36", "referral_id")


def test_r36_the_asked_answers_without_a_grant_and_once() -> None:
    for answer in (YES, NO):
        given(*BEFORE, MADE).when(answer).then_recorded()
        given(*BEFORE, MADE, answer).when(YES).then_refused(AgainstState, "R-36", "referral_id")
    given(*BEFORE, MADE).when(YES.by_whom(PIETER)).then_refused(AgainstState, "R-36", "referral_id")
    given(*BEFORE, MADE).when(YES.by_whom(SANNE)).then_refused(UnknownDossier, None)
    given(*BEFORE, MADE).when(YES.but(referral_id="r9")).then_refused(AgainstState, "R-36", "referral_id")


def test_r36_an_accepted_referral_ends_with_a_result_once() -> None:
    given(*BEFORE, MADE, YES).when(DONE).then_recorded()
    for state in ((), (NO,), (YES, DONE)):
        given(*BEFORE, MADE, *state).when(DONE).then_refused(AgainstState, "R-36", "referral_id")


def test_r36_what_is_withdrawn_is_unknown_to_who_was_asked() -> None:
    given(*BEFORE, MADE, BACK).when(YES).then_refused(UnknownDossier, None)
    with_access = grant("c7", "naastwerk")
    given(*BEFORE, with_access, MADE, BACK).when(YES).then_refused(AgainstState, "R-36", "referral_id")


def test_r36_the_sender_or_the_participant_withdraws_what_still_runs() -> None:
    for by in (MIEKE, NOOR):
        given(*BEFORE, MADE).when(BACK.by_whom(by)).then_recorded()
        given(*BEFORE, MADE, YES).when(BACK.by_whom(by)).then_recorded()
    given(*BEFORE, MADE).when(BACK.by_whom(PIETER)).then_refused(AgainstState, "R-36", "referral_id")
    given(*BEFORE).when(BACK).then_refused(AgainstState, "R-36", "referral_id")
    for state in ((NO,), (YES, DONE), (BACK,)):
        given(*BEFORE, MADE, *state).when(BACK).then_refused(AgainstState, "R-36", "referral_id")


# Putting right

NOTE = event("contact-moment.held", CARLA, "2024-10-01", moment_id="m1")
GOAL = event("goal.set", NOOR, "2024-10-01", goal_id="g1")
RETRACTED = event("entry.retracted", CARLA, "2024-10-05", event_id=str(NOTE.id), ground="wrong_fact")
ASKED = event("correction.requested", NOOR, "2024-10-03", request_id="k1", event_id=str(NOTE.id), to_org="oosterlo")
ANSWERED = event("correction.answered", CARLA, "2024-10-04", request_id="k1", outcome="corrected")


def test_r35_who_wrote_an_entry_retracts_it() -> None:
    given(*BEFORE, NOTE).when(RETRACTED, about(NOTE)).then_recorded()
    given(*BEFORE, GOAL).when(RETRACTED.by_whom(NOOR), about(GOAL)).then_recorded()
    given(OPENED, NOTE).when(RETRACTED, about(NOTE)).then_recorded()


def test_r35_nobody_retracts_what_another_wrote() -> None:
    given(*BEFORE, NOTE).when(RETRACTED.by_whom(PIETER), about(NOTE)).then_refused(NotAllowed, "R-35")
    given(*BEFORE, NOTE).when(RETRACTED.by_whom(NOOR), about(NOTE)).then_refused(NotAllowed, "R-35")
    given(*BEFORE, GOAL).when(RETRACTED, about(GOAL)).then_refused(NotAllowed, "R-35")


def test_r35_what_one_may_not_know_is_not_there() -> None:
    given(*BEFORE, NOTE).when(RETRACTED.by_whom(PIETER)).then_refused(AgainstState, "R-35", "event_id")
    given(*BEFORE).when(RETRACTED.by_whom(NOOR)).then_refused(AgainstState, "R-35", "event_id")
    without_grant = given(OPENED, NOTE, NOTE.by_whom(PIETER))
    without_grant.when(RETRACTED.by_whom(PIETER), about(NOTE)).then_refused(UnknownDossier, None)
    without_grant.when(RETRACTED.by_whom(PIETER)).then_refused(UnknownDossier, None)


def test_r35_once() -> None:
    life = given(*BEFORE, NOTE, RETRACTED)
    life.when(RETRACTED, about(NOTE)).then_refused(AgainstState, "R-35", "event_id")


def test_r35_another_organisations_entry_with_the_same_id_stays_its_own() -> None:
    of_uwv = NOTE.by_whom(PIETER)
    life = given(*BEFORE, NOTE, of_uwv, RETRACTED)
    life.when(RETRACTED.by_whom(PIETER), about(of_uwv)).then_recorded()
    life.when(ASKED.but(to_org="uwv"), about(of_uwv)).then_recorded()


@pytest.mark.parametrize("happening", [CONTACT, OPENED])
def test_r35_a_grant_is_withdrawn_and_not_retracted(happening: Happening) -> None:
    by_noor = RETRACTED.by_whom(NOOR)
    given(*BEFORE).when(by_noor, about(happening)).then_refused(AgainstState, "R-35")


def test_r35_a_retracted_entry_counts_for_nothing_from_the_beginning() -> None:
    whole = given(*BEFORE, INITIATED, NOTE)
    retracted = RETRACTED.but(event_id=str(INITIATED.id))
    after = given(*BEFORE, INITIATED, NOTE, retracted).open
    assert after.handovers == {}
    assert after.retracted == {"oosterlo": {INITIATED.id}}
    assert whole.open.handovers.keys() == {"o1"}
    given(*BEFORE, INITIATED, HELD, retracted).when(ACCEPTED).then_refused(AgainstState, "R-09", "handover_id")
    assert given(*BEFORE, INITIATED, ACCEPTED, CANCELLED, retracted).open.handovers == {}


def test_r35_a_snapshot_is_not_carried_over_a_retraction() -> None:
    assert needs_whole_history(recorded([NOTE, RETRACTED]))
    assert not needs_whole_history(recorded([NOTE]))


def test_r35_the_participant_asks_who_wrote_it() -> None:
    life = given(*BEFORE, NOTE)
    life.when(ASKED, about(NOTE)).then_recorded()
    life.when(ASKED).then_refused(AgainstState, "R-35", "event_id")
    life.when(ASKED.but(to_org="uwv"), about(NOTE)).then_refused(RuleBroken, "R-35", "to_org")
    life.when(ASKED, about(GOAL)).then_refused(RuleBroken, "R-35", "event_id")
    given(*BEFORE, NOTE, RETRACTED).when(ASKED, about(NOTE)).then_refused(AgainstState, "R-35", "event_id")
    given(*BEFORE, NOTE, ASKED).when(ASKED, about(NOTE)).then_refused(AgainstState, "R-35", "request_id")
    given(*BEFORE, NOTE).when(ASKED.by_whom(MIEKE), about(NOTE)).then_refused(NotAllowed, None)


def test_r35_a_request_has_the_class_of_the_entry() -> None:
    raised = about(NOTE.sent_as("health-sensitive"))
    given(*BEFORE, NOTE).when(ASKED, raised).then_recorded()
    given(*BEFORE, NOTE).when(ASKED.sent_as("work"), raised).then_refused(RuleBroken, "R-34", "privacyclass")


def test_r35_the_asked_answers_without_a_grant_and_once() -> None:
    given(OPENED, NOTE, ASKED).when(ANSWERED).then_recorded()
    given(*BEFORE, NOTE).when(ANSWERED).then_refused(AgainstState, "R-35", "request_id")
    given(*BEFORE, NOTE, ASKED).when(ANSWERED.by_whom(PIETER)).then_refused(AgainstState, "R-35", "request_id")
    given(*BEFORE, NOTE, ASKED, ANSWERED).when(ANSWERED).then_refused(AgainstState, "R-35", "request_id")


def test_r35_a_delegate_speaks_for_the_participant() -> None:
    powers = event(
        "delegate.appointed",
        NOOR,
        "2024-09-10",
        delegate="tante",
        powers=["emit"],
        from_on="2024-09-10",
        until_on="2024-12-31",
    )
    given(*BEFORE, powers, GOAL).when(RETRACTED.by_whom(TANTE), about(GOAL)).then_recorded()
    unknown: AboutEntry | None = None
    given(*BEFORE, powers).when(RETRACTED.by_whom(TANTE), unknown).then_refused(AgainstState, "R-35", "event_id")
