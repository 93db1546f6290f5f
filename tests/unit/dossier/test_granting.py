"""Grants from asking to calling back (R-11, R-12, R-17, R-36, R-37, story RI1)."""

import pytest

from services.dossier.domain.entries import NewEntry
from services.dossier.domain.refusals import AgainstState, NotAllowed, RuleBroken
from tests.unit.dossier.lives import (
    CONTACT,
    MIEKE,
    NOOR,
    OPENED,
    PIETER,
    PLATFORM,
    RITA,
    SANNE,
    TANTE,
    Happening,
    event,
    given,
    grant,
    moment,
    statutory,
)

REQUESTED = event(
    "consent.requested", RITA, "2024-10-01", request_id="q1", requester_org="terugval", purpose="guidance"
)
DECLINED = event("consent.declined", NOOR, "2024-10-02", request_id="q1")
C3 = grant("c3", "probeer", classes=["work", "contact"], event_types=["nl.dossier.training.*"])
REVOKED = event("consent.revoked", NOOR, "2024-11-01", consent_id="c3", effective_at="2024-11-01T09:59:55Z")
NARROWED = event(
    "consent.narrowed", NOOR, "2024-11-01", consent_id="c3", classes=["work"], effective_at="2024-11-01T09:59:55Z"
)
RECALL = event("copy-recall.requested", PLATFORM, "2024-11-01", recall_id="x1", consent_id="c3", of_org="probeer")
RECALL_ANSWERED = event("copy-recall.answered", SANNE, "2024-11-05", recall_id="x1", outcome="erased")


# Asking


def test_access_is_asked_for_ones_own_organisation() -> None:
    given(OPENED).when(REQUESTED).then_recorded()
    given(OPENED).when(REQUESTED.by_whom(SANNE)).then_refused(NotAllowed, "R-11")
    given(OPENED, REQUESTED).when(REQUESTED).then_refused(AgainstState, "R-11", "request_id")


def test_ri1_a_no_stands_for_two_weeks() -> None:
    def again(at: str) -> Happening:
        return event("consent.requested", RITA, at, request_id="q2", requester_org="terugval", purpose="guidance")

    life = given(OPENED, REQUESTED, DECLINED)
    life.when(again("2024-10-16T21:59:00+00:00")).then_refused(AgainstState, "R-11")
    life.when(again("2024-10-16T22:00:00+00:00")).then_recorded()
    other_purpose = event(
        "consent.requested", RITA, "2024-10-03", request_id="q2", requester_org="terugval", purpose="matching"
    )
    life.when(other_purpose).then_recorded()
    given(OPENED, REQUESTED).when(other_purpose.but(purpose="guidance")).then_recorded()


def test_a_request_is_answered_once() -> None:
    given(OPENED, REQUESTED).when(DECLINED).then_recorded()
    given(OPENED).when(DECLINED).then_refused(AgainstState, "R-11", "request_id")
    given(OPENED, REQUESTED, DECLINED).when(DECLINED).then_refused(AgainstState, "R-11", "request_id")
    answered = grant("c1", "terugval", "2024-10-02", request_id="q1")
    given(OPENED, REQUESTED).when(answered).then_recorded()
    given(OPENED, REQUESTED, answered).when(DECLINED).then_refused(AgainstState, "R-11", "request_id")
    given(OPENED, REQUESTED, DECLINED).when(answered).then_recorded()
    given(OPENED).when(answered).then_refused(AgainstState, "R-11", "request_id")
    for_another = grant("c1", "rwc", "2024-10-02", request_id="q1")
    given(OPENED, REQUESTED).when(for_another).then_refused(AgainstState, "R-11", "request_id")


# Giving


def test_the_participant_gives_consent_and_no_objection() -> None:
    given(OPENED).when(C3).then_recorded()
    given(OPENED).when(C3.but(basis="no_objection")).then_recorded()


def test_r11_each_basis_by_who_may_rest_on_it() -> None:
    task = statutory("c2", "uwv")
    given(OPENED).when(task).then_recorded()
    given(OPENED).when(task.by_whom(NOOR)).then_refused(NotAllowed, "R-11")
    given(OPENED).when(C3.by_whom(PLATFORM)).then_refused(NotAllowed, "R-11")


def test_r11_a_statutory_grant_names_its_article_or_the_law_file_does() -> None:
    task = statutory("c2", "uwv").without("legal_ref")
    given(OPENED).when(task).then_refused(RuleBroken, "R-11", "legal_ref")
    given(OPENED).when(task, legal_ref="art. 30a SUWI").then_recorded(legal_ref="art. 30a SUWI")
    given(OPENED).when(statutory("c2", "uwv"), legal_ref="art. 30a SUWI").then_recorded(legal_ref="art. 7 Pw")
    given(OPENED).when(C3, legal_ref="art. 30a SUWI").then_recorded()


@pytest.mark.parametrize("grantee", ["unknown", "platform"])
def test_r11_a_grant_goes_to_a_registered_organisation(grantee: str) -> None:
    given(OPENED).when(grant("c1", grantee)).then_refused(RuleBroken, "R-11", "grantee_org")


def test_r11_a_person_named_is_of_that_organisation() -> None:
    given(OPENED).when(grant("c1", "rwc", grantee_actor="sanne")).then_refused(RuleBroken, "R-11", "grantee_actor")
    given(OPENED).when(grant("c1", "rwc", grantee_actor="nobody")).then_refused(RuleBroken, "R-11", "grantee_actor")


@pytest.mark.parametrize(
    ("valid_from", "valid_until"),
    [("2024-09-03", "2024-09-03"), ("2024-10-01", "2024-09-30"), ("2024-08-01", "2024-09-03")],
)
def test_r11_a_grant_ends_after_it_begins_and_later_than_now(valid_from: str, valid_until: str) -> None:
    window = {"valid_from": moment(valid_from).isoformat(), "valid_until": moment(valid_until).isoformat()}
    given(OPENED).when(grant("c1", "rwc", **window)).then_refused(RuleBroken, "R-11", "valid_until")


def test_r11_an_id_names_one_grant_for_ever() -> None:
    given(OPENED, C3).when(C3.but(purpose="matching")).then_refused(AgainstState, "R-11", "consent_id")
    given(OPENED, C3, REVOKED).when(grant("c3", "probeer", "2024-12-01")).then_refused(
        AgainstState, "R-11", "consent_id"
    )


@pytest.mark.parametrize("employer", ["proefpagina", "pool"])
@pytest.mark.parametrize("class_", ["health-sensitive", "income"])
def test_r17_no_grant_gives_an_employer_health_or_income(employer: str, class_: str) -> None:
    asked = given(OPENED).when(grant("c5", employer, classes=["work", class_]))
    asked.then_refused(RuleBroken, "R-17", "classes")
    assert asked.refusal is not None
    assert "self-manual.shared" in str(asked.refusal)


def test_r17_nor_by_law() -> None:
    given(OPENED).when(statutory("c5", "proefpagina", classes=["income"])).then_refused(RuleBroken, "R-17", "classes")


def test_r17_a_type_that_an_employer_only_reads_is_on_the_list() -> None:
    intake = grant("c5", "proefpagina", event_types=["nl.dossier.intake.completed"], operations=["read"])
    given(OPENED).when(intake).then_refused(RuleBroken, "R-17", "event_types")
    both = intake.but(classes=["income"])
    given(OPENED).when(both).then_refused(RuleBroken, "R-17", "classes", "event_types")
    listed = intake.but(event_types=["nl.dossier.placement.*", "nl.dossier.self-manual.shared"])
    given(OPENED).when(listed).then_recorded()


def test_r17_a_type_that_an_employer_sends_need_not_be() -> None:
    given(OPENED).when(grant("c5", "proefpagina", event_types=["nl.dossier.concern.raised"])).then_recorded()


def test_r36_a_grant_for_a_referral_goes_to_who_was_asked_while_it_runs() -> None:
    made = event("referral.made", MIEKE, "2024-10-01", referral_id="r1", from_org="rwc", to_org="naastwerk")
    declined = event("referral.answered", NOOR, "2024-10-02", referral_id="r1", answer="declined")
    for_it = grant("c7", "naastwerk", "2024-10-03", referral_id="r1")
    given(OPENED, made).when(for_it).then_recorded()
    given(OPENED).when(for_it).then_refused(AgainstState, "R-36", "referral_id")
    given(OPENED, made, declined).when(for_it).then_refused(AgainstState, "R-36", "referral_id")
    for_another = grant("c7", "probeer", "2024-10-03", referral_id="r1")
    given(OPENED, made).when(for_another).then_refused(AgainstState, "R-36", "referral_id")


# Narrowing and withdrawing


def test_r11_narrowing_takes_away() -> None:
    given(OPENED, C3).when(NARROWED).then_recorded()
    narrower = NARROWED.but(event_types=["nl.dossier.training.completed"], valid_until="2025-01-01T00:00:00Z")
    given(OPENED, C3).when(narrower).then_recorded()
    kept = given(OPENED, C3, narrower).open.grants["c3"]
    assert (kept.classes, kept.event_types) == (frozenset({"work"}), ("nl.dossier.training.completed",))
    assert kept.valid_until == moment("2025-01-01T00:00:00Z")
    assert given(OPENED, C3, NARROWED).open.grants["c3"].event_types == ("nl.dossier.training.*",)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("classes", ["work", "income"]),
        ("event_types", ["nl.dossier.training.*", "nl.dossier.intake.completed"]),
        ("event_types", ["nl.dossier.placement.*"]),
        ("valid_until", "2030-01-01T00:00:00Z"),
    ],
)
def test_r11_narrowing_only_narrows(field: str, value: object) -> None:
    given(OPENED, C3).when(NARROWED.but(**{field: value})).then_refused(RuleBroken, "R-11", field)


def test_r11_every_type_can_be_narrowed_to_some() -> None:
    everything = grant("c3", "probeer", classes=["work", "contact"])
    given(OPENED, everything).when(NARROWED.but(event_types=["nl.dossier.training.*"])).then_recorded()


def test_r11_narrowing_to_the_past_is_withdrawing() -> None:
    past = NARROWED.but(valid_until="2024-10-31T00:00:00Z")
    given(OPENED, C3).when(past).then_refused(RuleBroken, "R-11", "valid_until")


@pytest.mark.parametrize("ending", [NARROWED, REVOKED])
def test_r11_what_is_not_there_or_has_ended_or_rests_on_law_stays_as_it_is(ending: Happening) -> None:
    given(OPENED).when(ending).then_refused(AgainstState, "R-11", "consent_id")
    given(OPENED, C3, REVOKED).when(ending).then_refused(AgainstState, "R-11", "consent_id")
    given(OPENED, statutory("c3", "uwv")).when(ending).then_refused(AgainstState, "R-11", "consent_id")
    over = grant("c3", "probeer", valid_until="2024-10-01T00:00:00Z")
    given(OPENED, over).when(ending).then_refused(AgainstState, "R-11", "consent_id")
    ahead = ending.but(effective_at="2024-11-01T10:00:01Z")
    given(OPENED, C3).when(ahead).then_refused(RuleBroken, "R-11", "effective_at")


def test_r11_a_grant_not_yet_begun_can_be_withdrawn() -> None:
    later = grant("c3", "probeer", valid_from="2025-01-01T00:00:00Z")
    given(OPENED, later).when(REVOKED).then_recorded()


def test_a_withdrawal_ends_the_grant_when_it_says() -> None:
    ended = given(OPENED, C3, REVOKED).open.grants["c3"]
    assert ended.ended_at == moment("2024-11-01T09:59:55Z")
    assert not ended.is_live(moment("2024-11-01"))


def test_only_the_participant_or_a_delegate_withdraws() -> None:
    given(OPENED, CONTACT, C3).when(REVOKED.by_whom(MIEKE)).then_refused(NotAllowed, None)
    powers = event(
        "delegate.appointed",
        NOOR,
        "2024-09-10",
        delegate="tante",
        powers=["consent"],
        from_on="2024-09-10",
        until_on="2024-12-31",
    )
    given(OPENED, C3, powers).when(REVOKED.by_whom(TANTE)).then_recorded()


def test_after_the_withdrawal_nothing_more_is_written_under_it() -> None:
    training = event("training.started", SANNE, "2024-11-02")
    given(OPENED, C3, grant("c4", "probeer", classes=["contact"]), REVOKED).when(training).then_refused(
        NotAllowed, "R-11"
    )


# Ending by itself


def test_r12_a_grant_ends_at_its_window_once() -> None:
    life = given(OPENED, C3)
    assert life.when_the_clock_stands_at("2026-09-03T09:59:59+00:00") == ()
    at = "2026-09-03T10:00:00+00:00"
    expired = NewEntry(
        type="nl.dossier.consent.expired",
        data={"consent_id": "c3", "expired_at": at, "occurred_at": at},
        privacy_class="identity",
        usual_class="identity",
        by=PLATFORM,
    )
    assert life.when_the_clock_stands_at("2027-01-01") == (expired,)
    recorded = event("consent.expired", PLATFORM, "2027-01-01", consent_id="c3", expired_at=at)
    assert given(OPENED, C3, recorded).when_the_clock_stands_at("2027-01-02") == ()
    assert given(OPENED, C3, REVOKED).when_the_clock_stands_at("2027-01-01") == ()


def test_r12_several_ends_come_in_their_order() -> None:
    life = given(
        OPENED,
        grant("b", "rwc", valid_until="2025-01-02T00:00:00Z"),
        grant("c", "uwv", valid_until="2025-01-01T00:00:00Z"),
        grant("a", "probeer", valid_until="2025-01-02T00:00:00Z"),
    )
    assert [new.data["consent_id"] for new in life.when_the_clock_stands_at("2025-01-03")] == ["c", "a", "b"]


def test_r12_the_platform_says_of_no_running_grant_that_it_ended() -> None:
    early = event("consent.expired", PLATFORM, "2025-01-01", consent_id="c3", expired_at="2025-01-01T00:00:00Z")
    given(OPENED, C3).when(early).then_refused(AgainstState, "R-12", "consent_id")
    given(OPENED).when(early).then_refused(AgainstState, "R-11", "consent_id")
    over = grant("c3", "probeer", valid_until="2025-01-01T00:00:00Z")
    given(OPENED, over).when(early).then_recorded()
    given(OPENED, over, early).when(early).then_refused(AgainstState, "R-12", "consent_id")


def test_what_ended_a_grant_first_stays_its_end() -> None:
    late = event("consent.expired", PLATFORM, "2027-01-01", consent_id="c3", expired_at="2026-09-03T10:00:00Z")
    assert given(OPENED, C3, REVOKED, late).open.grants["c3"].ended_at == moment("2024-11-01T09:59:55Z")
    assert given(OPENED, REVOKED).open.grants == {}


# Calling back


def test_r37_a_recall_follows_a_withdrawal() -> None:
    given(OPENED, C3, REVOKED).when(RECALL).then_recorded()
    given(OPENED, C3).when(RECALL).then_refused(AgainstState, "R-37", "consent_id")
    given(OPENED).when(RECALL).then_refused(AgainstState, "R-37", "consent_id")
    given(OPENED, C3, REVOKED).when(RECALL.but(of_org="rwc")).then_refused(AgainstState, "R-37", "consent_id")
    given(OPENED, C3, REVOKED, RECALL).when(RECALL).then_refused(AgainstState, "R-37", "recall_id")


def test_r37_it_is_answered_by_the_asked_and_once() -> None:
    life = given(OPENED, C3, REVOKED, RECALL)
    life.when(RECALL_ANSWERED).then_recorded()
    other = grant("c9", "uwv")
    answered_by_another = given(OPENED, C3, other, REVOKED, RECALL).when(RECALL_ANSWERED.by_whom(PIETER))
    answered_by_another.then_refused(AgainstState, "R-37", "recall_id")
    life.when(RECALL_ANSWERED.but(recall_id="x2")).then_refused(AgainstState, "R-37", "recall_id")
    given(OPENED, C3, REVOKED, RECALL, RECALL_ANSWERED).when(RECALL_ANSWERED).then_refused(
        AgainstState, "R-37", "recall_id"
    )


def test_r37_what_is_kept_by_law_names_its_article() -> None:
    kept = RECALL_ANSWERED.but(outcome="kept_by_law")
    life = given(OPENED, C3, REVOKED, RECALL)
    life.when(kept).then_refused(RuleBroken, "R-37", "legal_ref")
    life.when(kept.but(legal_ref="art. 52 AWR")).then_recorded()
