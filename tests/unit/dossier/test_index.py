"""What may stand in clear beside an entry: relation (R-17), addressee, party, applicant, offers (R-35, R-36)."""

from typing import Any

import pytest

from services.dossier.domain.entries import Actor
from services.dossier.domain.index import IndexFacts, index_facts
from tests.unit.dossier.lives import (
    ANTON,
    CONTACT,
    EMPLOYER,
    HETTY,
    JORIS,
    MIEKE,
    NOOR,
    OPENED,
    PAUL,
    PIETER,
    PLATFORM,
    RITA,
    Happening,
    Life,
    about,
    event,
    given,
    grant,
    recorded,
)

HOSTED = event(
    "placement.started", PAUL, "2025-01-20", placement_id="p1", employer_org="pool", host_org="nepdoos", kind="pool"
)
MOVED = event("placement.changed", PAUL, "2025-02-01", placement_id="p1", change="host", host_org="testtuin")
TRIAL = event("trial-placement.requested", HETTY, "2024-12-19", trial_id="tp1", employer_org="proefpagina")
SCHEME = event("scheme.requested", HETTY, "2024-12-19", request_id="sr1", applicant_org="proefpagina")
OFFER = event("opportunity.proposed", MIEKE, "2024-12-19", opportunity_ref="o1", employer_org="proefpagina")
REQUESTED = event("consent.requested", RITA, "2024-12-19", request_id="q1", requester_org="terugval")
REFERRED = event("referral.made", MIEKE, "2024-12-19", referral_id="r1", from_org="rwc", to_org="naastwerk")
RECALL = event("copy-recall.requested", PLATFORM, "2024-12-19", recall_id="x1", consent_id="c1", of_org="rwc")
ASKED = event("correction.requested", NOOR, "2024-12-19", request_id="k1", to_org="rwc")
LIFE = given(OPENED, CONTACT, EMPLOYER, HOSTED, TRIAL, SCHEME, OFFER, REQUESTED, REFERRED, RECALL, ASKED)


def index(name: str, by: Actor, life: Life = LIFE, **data: Any) -> IndexFacts:
    return life.index_of(event(name, by, "2025-03-01", **data))


@pytest.mark.parametrize(
    ("name", "by", "data", "relation"),
    [
        ("trial-placement.started", HETTY, {"trial_id": "tp1"}, frozenset({"proefpagina"})),
        ("trial-placement.evaluated", NOOR, {"trial_id": "tp1"}, frozenset({"proefpagina"})),
        ("placement.renewed", PAUL, {"placement_id": "p1"}, frozenset({"pool", "nepdoos"})),
        (
            "placement.changed",
            PAUL,
            {"placement_id": "p1", "host_org": "testtuin"},
            frozenset({"pool", "nepdoos", "testtuin"}),
        ),
        ("team-briefing.held", HETTY, {"context_id": "tp1"}, frozenset({"proefpagina"})),
        ("team-briefing.held", PAUL, {"context_id": "p1"}, frozenset({"pool", "nepdoos"})),
        ("scheme.supplemented", HETTY, {"request_id": "sr1"}, frozenset({"proefpagina"})),
        ("scheme.decided", PIETER, {"request_id": "sr1"}, frozenset({"proefpagina"})),
        ("opportunity.responded", NOOR, {"opportunity_ref": "o1"}, frozenset({"proefpagina"})),
        ("job.carved", HETTY, {"employer_org": "proefpagina"}, frozenset({"proefpagina"})),
        ("safe-haven.entered", MIEKE, {"host_org": "terugval"}, frozenset({"terugval"})),
        ("retention-check.completed", MIEKE, {"employer_org": "pool"}, frozenset({"pool"})),
    ],
)
def test_r17_a_relation_is_resolved_from_what_is_named(
    name: str, by: Actor, data: dict[str, Any], relation: frozenset[str]
) -> None:
    assert index(name, by, **data).relation == relation


def test_r17_an_entry_that_names_none_belongs_to_no_relation() -> None:
    for name, by in (
        ("jobfolio-item.added", NOOR),
        ("jobcoach.assigned", PIETER),
        ("retention-check.completed", MIEKE),
    ):
        assert index(name, by).relation is None


def test_r17_a_placement_is_of_its_employer_whatever_trial_or_placement_came_before() -> None:
    started: dict[str, Any] = {"placement_id": "p2", "trial_id": "tp1", "previous_placement_id": "p1"}
    assert index("placement.started", HETTY, employer_org="testtuin", **started).relation == frozenset({"testtuin"})


def test_r17_hosts_so_far_are_in_it() -> None:
    life = Life((*LIFE.happenings, MOVED))
    assert index("placement.renewed", PAUL, life, placement_id="p1").relation == frozenset(
        {"pool", "nepdoos", "testtuin"}
    )


def test_r17_what_names_an_unknown_relation_is_of_who_wrote_it_alone() -> None:
    assert index("scheme.decided", PIETER, request_id="paper").relation == frozenset({"uwv"})
    assert index("team-briefing.held", ANTON, context_id="x").relation == frozenset({"nepdoos"})
    assert index("opportunity.responded", NOOR, opportunity_ref="x").relation == frozenset({""})
    retracted = event("entry.retracted", HETTY, "2025-02-01", event_id=str(TRIAL.id))
    life = Life((*LIFE.happenings, retracted))
    assert index("trial-placement.evaluated", NOOR, life, trial_id="tp1").relation == frozenset({""})
    assert index("placement.renewed", MIEKE, life, placement_id="x").relation == frozenset({"rwc"})


def test_an_extract_is_for_one() -> None:
    shared = index("self-manual.shared", NOOR, recipient_org="proefpagina")
    assert (shared.addressee, shared.relation) == ("proefpagina", frozenset({"proefpagina"}))


@pytest.mark.parametrize(
    ("name", "by", "data", "party", "person"),
    [
        ("consent.requested", RITA, {"request_id": "q2", "requester_org": "terugval"}, "terugval", None),
        ("consent.declined", NOOR, {"request_id": "q1"}, "terugval", None),
        ("consent.granted", NOOR, grant("c7", "uwv", grantee_actor="pieter").data, "uwv", "pieter"),
        ("consent.narrowed", NOOR, {"consent_id": "c1"}, "rwc", "mieke"),
        ("consent.revoked", NOOR, {"consent_id": "c5"}, "proefpagina", None),
        ("consent.expired", PLATFORM, {"consent_id": "c1"}, "rwc", "mieke"),
        ("copy-recall.requested", PLATFORM, {"recall_id": "x2", "consent_id": "c1", "of_org": "rwc"}, "rwc", "mieke"),
        ("copy-recall.answered", MIEKE, {"recall_id": "x1"}, "rwc", "mieke"),
        ("referral.withdrawn", MIEKE, {"referral_id": "r1"}, "naastwerk", None),
        ("correction.requested", NOOR, {"request_id": "k2", "to_org": "rwc"}, "rwc", None),
        ("goal.set", NOOR, {}, None, None),
    ],
)
def test_the_party_of_a_notice(
    name: str, by: Actor, data: dict[str, Any], party: str | None, person: str | None
) -> None:
    found = index(name, by, **data)
    assert (found.party, found.party_person) == (party, person)


@pytest.mark.parametrize(
    ("name", "by", "data"),
    [
        ("consent.declined", NOOR, {"request_id": "x"}),
        ("consent.revoked", NOOR, {"consent_id": "x"}),
        ("copy-recall.answered", MIEKE, {"recall_id": "x"}),
        ("referral.withdrawn", MIEKE, {"referral_id": "x"}),
        ("referral.completed", JORIS, {"referral_id": "x"}),
        ("correction.answered", MIEKE, {"request_id": "x"}),
    ],
)
def test_what_goes_on_with_something_retracted_names_nobody(name: str, by: Actor, data: dict[str, Any]) -> None:
    assert index(name, by, **data) == IndexFacts()


def test_r11c_an_applicant_is_known_with_the_decision() -> None:
    assert index("scheme.decided", PIETER, request_id="sr1").applicant == "proefpagina"
    assert index("scheme.decided", PIETER, request_id="paper").applicant is None
    assert index("scheme.supplemented", HETTY, request_id="sr1").applicant is None


@pytest.mark.parametrize(
    ("name", "by", "data", "closes"),
    [
        ("referral.answered", JORIS, {"referral_id": "r1", "answer": "accepted"}, None),
        ("referral.answered", JORIS, {"referral_id": "r1", "answer": "declined"}, REFERRED),
        ("referral.completed", JORIS, {"referral_id": "r1"}, REFERRED),
        ("referral.withdrawn", NOOR, {"referral_id": "r1"}, REFERRED),
        ("correction.answered", MIEKE, {"request_id": "k1"}, ASKED),
    ],
)
def test_an_offer_is_open_until_it_is_answered(
    name: str, by: Actor, data: dict[str, Any], closes: Happening | None
) -> None:
    sequence = None if closes is None else LIFE.happenings.index(closes) + 1
    assert index(name, by, **data).closes_offer == sequence


def test_an_offer_is_for_one() -> None:
    made = index("referral.made", MIEKE, referral_id="r2", from_org="rwc", to_org="naastwerk")
    asked = index("correction.requested", NOOR, request_id="k2", to_org="rwc")
    assert (made.offered_to, asked.offered_to) == ("naastwerk", "rwc")


def test_r35_a_retracted_offer_is_closed() -> None:
    retracted = event("entry.retracted", MIEKE, "2025-01-01", event_id=str(REFERRED.id))
    assert LIFE.index_of(retracted, about(REFERRED)).closes_offer == about(REFERRED).sequence
    assert LIFE.index_of(retracted.but(event_id=str(TRIAL.id)), about(TRIAL)).closes_offer is None
    assert LIFE.index_of(retracted).closes_offer is None


def test_a_dossier_that_is_gone_has_no_index() -> None:
    erased = event("dossier.erased", PLATFORM, "2025-06-01")
    life = given(OPENED, erased)
    assert index_facts(recorded(life.happenings)[-1], life.dossier) == IndexFacts()
