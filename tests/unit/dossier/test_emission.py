"""Who may write what, and who may know that there is something to write in (R-11, R-17, R-27, R-34)."""

import pytest

from services.dossier.domain.entries import Actor
from services.dossier.domain.knowledge import may_know
from services.dossier.domain.refusals import NotAllowed, RuleBroken, UnknownDossier
from tests.unit.dossier.lives import (
    ANTON,
    BRAM,
    CARLA,
    CONTACT,
    EMPLOYER,
    EMPLOYERS,
    HETTY,
    JORIS,
    MIEKE,
    NOOR,
    OPENED,
    PLATFORM,
    SANNE,
    TANTE,
    Happening,
    event,
    given,
    grant,
    moment,
)

TRAINING = event("training.started", SANNE, "2024-09-23", provider_org="probeer")
MOMENT = event("contact-moment.held", JORIS, "2024-09-23", **{"with": ["noor"]})
GOAL = event("goal.set", NOOR, "2024-09-23")
SHARED = event("self-manual.shared", NOOR, "2024-09-23", recipient_org="proefpagina")
DELEGATED = event(
    "delegate.appointed",
    NOOR,
    "2024-09-10",
    delegate="tante",
    powers=["emit"],
    from_on="2024-09-10",
    until_on="2024-12-31",
)


def test_r11_a_professional_needs_a_live_grant_that_lets_them_write_this() -> None:
    given(OPENED, grant("c3", "probeer")).when(TRAINING).then_recorded()
    reading = grant("c3", "probeer", operations=["read", "subscribe"])
    given(OPENED, reading).when(TRAINING).then_refused(NotAllowed, "R-11")
    other_class = grant("c3", "probeer", classes=["contact"])
    given(OPENED, other_class).when(TRAINING).then_refused(NotAllowed, "R-11")
    other_type = grant("c3", "probeer", event_types=["nl.dossier.language-level.*"])
    given(OPENED, other_type).when(TRAINING).then_refused(NotAllowed, "R-11")
    this_type = grant("c3", "probeer", event_types=["nl.dossier.training.*"])
    given(OPENED, this_type).when(TRAINING).then_recorded()


def test_r11_one_grant_must_cover_class_and_type_together() -> None:
    work = grant("c3", "probeer", event_types=["nl.dossier.language-level.assessed"])
    contact = grant("c4", "probeer", classes=["contact"])
    given(OPENED, work, contact).when(TRAINING).then_refused(NotAllowed, "R-11")


def test_r11_without_a_live_grant_there_is_no_dossier() -> None:
    given(OPENED).when(TRAINING).then_refused(UnknownDossier, None)
    given(OPENED, grant("c1", "rwc")).when(TRAINING).then_refused(UnknownDossier, None)
    late = event("training.started", SANNE, "2026-09-03", provider_org="probeer")
    given(OPENED, grant("c3", "probeer")).when(late).then_refused(UnknownDossier, None)


def test_r11_a_grant_that_names_a_person_is_that_persons_alone() -> None:
    held = event("contact-moment.held", MIEKE, "2024-10-01")
    given(OPENED, CONTACT).when(held).then_recorded()
    given(OPENED, CONTACT).when(held.by_whom(BRAM)).then_refused(UnknownDossier, None)


def test_the_role_comes_from_the_schema() -> None:
    given(OPENED, grant("c3", "probeer")).when(GOAL.by_whom(SANNE)).then_refused(NotAllowed, None)
    given(OPENED).when(GOAL).then_recorded()
    given(OPENED).when(event("placement.started", NOOR, "2024-10-01")).then_refused(NotAllowed, None)


def test_a_token_makes_no_professional_a_participant() -> None:
    pretender = Actor("professional", "sanne", "probeer", frozenset({"TRN", "P", "DEL", "SYS"}))
    given(OPENED, grant("c3", "probeer")).when(SHARED.by_whom(pretender)).then_refused(NotAllowed, "R-27")


def test_r27_only_the_participant_or_a_delegate_shares_the_manual() -> None:
    given(OPENED, CONTACT).when(SHARED.by_whom(MIEKE)).then_refused(NotAllowed, "R-27")
    given(OPENED, EMPLOYER).when(SHARED.by_whom(HETTY)).then_refused(NotAllowed, "R-27")
    given(OPENED).when(SHARED).then_recorded()
    given(OPENED, DELEGATED).when(SHARED.by_whom(TANTE)).then_recorded()


def test_r27_old_versions_of_the_manual_are_not_shared() -> None:
    first = event("self-manual.published", NOOR, "2024-09-10", manual_id="gm1", version=1)
    second = event("self-manual.published", NOOR, "2024-09-11", manual_id="gm1", version=2)
    given(OPENED, first).when(SHARED.but(manual_id="gm1", version=1)).then_recorded()
    given(OPENED, first, second).when(SHARED.but(manual_id="gm1", version=1)).then_refused(
        RuleBroken, "R-27", "version"
    )
    given(OPENED, second, first).when(SHARED.but(manual_id="gm1", version=2)).then_recorded()


def test_r27_a_briefing_that_says_too_much_is_a_signal_and_no_refusal() -> None:
    briefing = event("team-briefing.held", HETTY, "2025-05-20", sections_used=["pitfalls"])
    given(OPENED, EMPLOYER).when(briefing.but(participant_approved_text=False)).then_recorded()


def test_r34_a_class_is_raised_to_health_sensitive_and_never_lowered() -> None:
    both = grant("c3", "probeer", classes=["work", "health-sensitive"])
    given(OPENED, both).when(TRAINING.sent_as("health-sensitive")).then_recorded()
    given(OPENED, both).when(TRAINING.sent_as("contact")).then_refused(RuleBroken, "R-34", "privacyclass")
    manual = event("self-manual.published", NOOR, "2024-09-10")
    given(OPENED).when(manual.sent_as("work")).then_refused(RuleBroken, "R-34", "privacyclass")
    given(OPENED).when(GOAL.sent_as("health-sensitive")).then_recorded()


def test_r34_a_raised_event_needs_both_classes() -> None:
    raised = TRAINING.sent_as("health-sensitive")
    given(OPENED, grant("c3", "probeer")).when(raised).then_refused(NotAllowed, "R-11")
    only_health = grant("c3", "probeer", classes=["health-sensitive"])
    given(OPENED, only_health).when(raised).then_refused(NotAllowed, "R-11")


def test_r17_an_employer_sends_nothing_about_health() -> None:
    adapted = event("workplace-adaptation.arranged", HETTY, "2025-01-10", solution="equipment")
    given(OPENED, EMPLOYER).when(adapted).then_recorded()
    given(OPENED, EMPLOYER).when(adapted.but(need="rug")).then_refused(RuleBroken, "R-17", "need")
    coach = grant("c7", "naastwerk")
    given(OPENED, coach).when(adapted.but(need="rug").by_whom(JORIS)).then_recorded()


def test_the_platform_writes_its_own_types_without_a_grant() -> None:
    verified = event("identity.verified", PLATFORM, "2024-09-10")
    given(OPENED).when(verified).then_recorded()
    given(OPENED).when(GOAL.by_whom(PLATFORM)).then_refused(NotAllowed, None)


@pytest.mark.parametrize(
    ("powers", "name", "is_allowed"),
    [
        ("emit", "goal.set", True),
        ("read", "goal.set", False),
        ("answer", "goal.set", False),
        ("answer", "opportunity.responded", True),
        ("emit", "opportunity.responded", True),
        ("consent", "opportunity.responded", False),
        ("emit", "consent.granted", False),
    ],
)
def test_a_delegate_does_what_the_participant_gave_them_power_for(powers: str, name: str, is_allowed: bool) -> None:
    asked = given(OPENED, DELEGATED.but(powers=[powers])).when(event(name, TANTE, "2024-10-01"))
    if is_allowed:
        asked.then_recorded()
    else:
        asked.then_refused(NotAllowed, None)


def test_a_delegate_with_the_power_gives_consent() -> None:
    given(OPENED, DELEGATED.but(powers=["consent"])).when(
        grant("c1", "rwc", "2024-10-01").by_whom(TANTE)
    ).then_recorded()


def test_a_delegate_has_no_power_beyond_their_days() -> None:
    for day in ("2024-09-09", "2025-01-01"):
        given(OPENED, DELEGATED).when(event("goal.set", TANTE, day)).then_refused(UnknownDossier, None)
    last_evening = event("goal.set", TANTE, "2024-12-31T22:59:00+00:00")
    given(OPENED, DELEGATED).when(last_evening).then_recorded()
    given(OPENED).when(GOAL.by_whom(TANTE)).then_refused(UnknownDossier, None)


# Writing without a grant


def knows(life: tuple[Happening, ...], by: Actor, name: str, at: str = "2025-01-10") -> bool:
    dossier = given(*life).dossier
    return may_know(dossier, by, f"nl.dossier.{name}", moment(at), EMPLOYERS)


def test_any_organisation_may_ask_for_consent_in_an_opened_dossier() -> None:
    assert knows((OPENED,), ANTON, "consent.requested")
    assert not knows((), ANTON, "consent.requested")


@pytest.mark.parametrize("name", ["outreach.attempted", "contact.lost", "contact.restored", "contact-person.appointed"])
def test_who_opened_it_or_held_a_grant_looks_for_someone_out_of_sight(name: str) -> None:
    ended = event("consent.revoked", NOOR, "2024-10-01", consent_id="c3", effective_at="2024-10-01T10:00:00Z")
    held = grant("c3", "rwc", grantee_actor="mieke")
    assert knows((OPENED.by_whom(CARLA),), CARLA, name)
    assert knows((OPENED, held, ended), BRAM, name)
    assert not knows((OPENED, held, ended), CARLA, name)
    assert not knows((OPENED, held, ended), BRAM, "contact-moment.held")


def test_who_opened_a_dossier_appoints_a_contact_person_without_any_grant() -> None:
    appointed = event("contact-person.appointed", CARLA, "2024-09-04", person="mieke", org="rwc")
    given(OPENED.by_whom(CARLA)).when(appointed).then_recorded()


def test_an_offer_is_known_to_who_was_asked_until_it_is_withdrawn() -> None:
    made = event("referral.made", MIEKE, "2024-10-01", referral_id="r1", from_org="rwc", to_org="naastwerk")
    withdrawn = event("referral.withdrawn", MIEKE, "2024-10-02", referral_id="r1")
    for name in ("referral.answered", "referral.completed"):
        assert knows((OPENED, CONTACT, made), JORIS, name)
        assert not knows((OPENED, CONTACT, made), SANNE, name)
        assert not knows((OPENED, CONTACT, made, withdrawn), JORIS, name)
    assert not knows((OPENED, CONTACT, made), JORIS, "referral.made")


def test_a_recall_and_a_correction_are_known_to_who_was_asked() -> None:
    recall = event("copy-recall.requested", PLATFORM, "2024-10-01", recall_id="x", consent_id="c", of_org="probeer")
    correction = event("correction.requested", NOOR, "2024-10-01", request_id="k", to_org="probeer")
    assert knows((OPENED, recall), SANNE, "copy-recall.answered")
    assert not knows((OPENED, recall), JORIS, "copy-recall.answered")
    assert knows((OPENED, correction), SANNE, "correction.answered")
    assert not knows((OPENED, correction), JORIS, "correction.answered")


def test_who_wrote_something_may_retract() -> None:
    assert knows((OPENED, TRAINING), SANNE, "entry.retracted")
    assert not knows((OPENED, TRAINING), JORIS, "entry.retracted")


def test_a_professional_of_no_organisation_knows_nothing() -> None:
    loose = Actor("professional", "loose", None, frozenset({"FC"}))
    assert not knows((OPENED,), loose, "consent.requested")
    assert not knows((OPENED,), loose, "goal.set")


def test_opening_skips_the_question() -> None:
    assert knows((), CARLA, "dossier.opened")
    assert knows((OPENED,), ANTON, "dossier.opened")
