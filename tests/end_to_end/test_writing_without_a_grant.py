"""Who may write into a dossier without a grant in it, and what they learn by it: nothing (api.md §1)."""

from typing import Any

import pytest

from tests.lives import BEFORE, Life, but_for_instance, pointers
from tests.sandboxes import new_id

GOAL = {"goal_id": "g1", "text": "Werken", "set_by": "jointly"}


def request_of(life: Life, organisation: str, **more: Any) -> dict[str, Any]:
    return {
        "request_id": f"q-{new_id()}",
        "requester_org": life.key(organisation),
        "classes": ["work"],
        "operations": ["read"],
        "purpose": "guidance",
        "until_on": "2001-01-01",
        "why": "Om u te kunnen begeleiden",
    } | more


def test_any_organisation_may_ask_and_gets_the_envelope(life: Life) -> None:
    event = life.event("joris", "consent.requested", request_of(life, "naastwerk"))
    first, again = life.post("joris", event), life.post("joris", event)
    assert (first.status_code, again.status_code) == (201, 200)
    for answer in (first, again):
        assert answer.json()["id"] == event["id"]
        assert {"data", "sequence", "sequencetype"}.isdisjoint(answer.json())
    assert life.get(first.headers["location"], "joris").status_code == 404
    assert life.get(life.path, "joris").status_code == 404
    items = life.get(life.events, "noor").json()["items"]
    assert items[-1]["data"]["why"] == "Om u te kunnen begeleiden"


def test_asking_in_anothers_name_is_refused(life: Life) -> None:
    answer = life.post("joris", life.event("joris", "consent.requested", request_of(life, "rwc")))
    assert answer.status_code in (400, 403)


def test_asking_of_a_dossier_that_never_was_is_answered_as_unknown(life: Life) -> None:
    other = Life(life.api, life.number)
    answer = other.post("joris", other.event("joris", "consent.requested", request_of(other, "naastwerk")))
    assert but_for_instance(answer) == life.unknown("joris")


def test_after_a_no_one_does_not_ask_again_for_two_weeks(life: Life) -> None:
    asked = life.say("joris", "consent.requested", request_of(life, "naastwerk", request_id="q1"))
    life.say("noor", "consent.declined", {"request_id": "q1", "reason": "Liever niet"})
    again = life.post("joris", life.event("joris", "consent.requested", request_of(life, "naastwerk")))
    assert (again.status_code, again.json()["rule"]) == (409, "R-11")
    assert "Liever niet" not in again.text
    assert life.get(f"{life.events}/{asked['id']}", "joris").status_code == 404


@pytest.mark.parametrize("name", ["outreach.attempted", "contact.lost", "contact.restored", "contact-person.appointed"])
def test_who_has_nothing_to_do_with_it_does_not_find_it(life: Life, name: str) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "outreach.attempted": {"attempt_id": "a1", "attempted_on": "1999-12-31", "channel": "phone", "outcome": "no"},
        "contact.lost": {"since_on": "1999-12-31", "attempts": 1},
        "contact.restored": {"restored_on": "1999-12-31", "how": "peer", "initiative": "peer"},
        "contact-person.appointed": {
            "person": life.key("mieke"),
            "org": life.key("rwc"),
            "audience": "participant",
            "from_on": "1999-12-31",
        },
    }
    answer = life.post("mieke", life.event("mieke", name, bodies[name]))
    assert but_for_instance(answer) == life.unknown("mieke")


def test_who_held_a_grant_may_still_say_who_the_contact_person_is(life: Life) -> None:
    assert life.revoke(life.grant("rwc")).status_code == 201
    data = {
        "person": life.key("daan"),
        "org": life.key("rwc"),
        "audience": "participant",
        "from_on": "1999-12-31",
    }
    answer = life.post("mieke", life.event("mieke", "contact-person.appointed", data))
    assert answer.status_code == 201, answer.text
    assert "data" not in answer.json()
    assert life.get(life.events, "daan").status_code == 404  # being appointed gives no access
    assert life.get(life.path, "mieke").status_code == 404


def referral(life: Life, referral_id: str = "rf1") -> dict[str, Any]:
    return {
        "referral_id": referral_id,
        "from_org": life.key("rwc"),
        "to_org": life.key("probeer"),
        "service": "language",
        "question": "Kunt u spreekles bieden?",
        "answer_by_on": "2000-01-08",
    }


def test_who_is_asked_reads_the_question_answers_and_reads_no_more(life: Life) -> None:
    life.grant("rwc")
    made = life.say("mieke", "referral.made", referral(life))
    place = f"{life.events}/{made['id']}"
    assert life.get(place, "sanne").json()["data"]["question"] == "Kunt u spreekles bieden?"
    assert "sequence" not in life.get(place, "sanne").json()
    assert life.get(place, "joris").status_code == 404
    answered = {"referral_id": "rf1", "answer": "declined", "reason": "Vol", "answered_on": "1999-12-31"}
    answer = life.post("sanne", life.event("sanne", "referral.answered", answered))
    assert answer.status_code == 201, answer.text
    assert life.get(place, "sanne").status_code == 404
    assert life.get(life.events, "sanne").status_code == 404
    not_asked = life.post("joris", life.event("joris", "referral.answered", answered))
    assert but_for_instance(not_asked) == life.unknown("joris")


def test_a_withdrawn_question_is_gone(life: Life) -> None:
    life.grant("rwc")
    made = life.say("mieke", "referral.made", referral(life))
    withdrawn = {"referral_id": "rf1", "withdrawn_on": "1999-12-31"}
    answer = life.post("mieke", life.event("mieke", "referral.withdrawn", withdrawn))
    assert answer.status_code == 201, answer.text
    assert life.get(f"{life.events}/{made['id']}", "sanne").status_code == 404


def test_who_wrote_an_entry_may_answer_about_it_and_retract_it(life: Life) -> None:
    consent = life.grant("rwc")
    written = life.say("mieke", "goal.set", GOAL)
    assert life.revoke(consent).status_code == 201
    asked = life.say(
        "noor",
        "correction.requested",
        {
            "request_id": "cr1",
            "event_id": written["id"],
            "to_org": life.key("rwc"),
            "what": "Niet samen bepaald",
            "requested_on": "1999-12-31",
        },
    )
    answered = {"request_id": "cr1", "outcome": "corrected", "reason": "Klopt", "answered_on": "1999-12-31"}
    other = life.post("joris", life.event("joris", "correction.answered", answered))
    assert but_for_instance(other) == life.unknown("joris")
    assert life.get(f"{life.events}/{asked['id']}", "mieke").json()["data"]["what"] == "Niet samen bepaald"
    retracting = {"event_id": written["id"], "ground": "wrong_fact", "retracted_on": "1999-12-31"}
    by_other = life.post("joris", life.event("joris", "entry.retracted", retracting))
    assert but_for_instance(by_other) == life.unknown("joris")
    done = life.post("mieke", life.event("mieke", "entry.retracted", retracting))
    assert (done.status_code, "data" in done.json()) == (201, False), done.text
    answer = life.post("mieke", life.event("mieke", "correction.answered", answered))
    assert answer.status_code == 201, answer.text
    assert life.get(f"{life.events}/{asked['id']}", "mieke").status_code == 404


def test_the_platform_writes_what_is_its_own_and_reads_nothing(life: Life) -> None:
    life.grant(
        "uwv", by="system", basis="statutory_task", purpose="scheme_decision", classes=["work"], operations=["read"]
    )
    goal = life.goal()
    refused = life.post("system", life.event("system", "goal.set", GOAL))
    assert refused.status_code == 403
    for path in (life.path, life.events, f"{life.events}/{goal['id']}", f"{life.path}/grants"):
        assert but_for_instance(life.get(path, "system")) == life.unknown("system")
    assert life.get(f"{life.path}/access-log", "system").status_code == 404
    assert life.get("/v1/dossiers", "system").json()["items"] == []
    assert life.get("/v1/feed", "system").json()["items"] == []
    statutory = life.get(f"{life.path}/grants", "noor").json()["items"][0]
    assert statutory["legal_ref"]
    assert not statutory["can_be_withdrawn"]
    assert life.revoke(statutory["consent_id"]).status_code == 409


def test_where_the_law_gives_no_article_there_is_no_statutory_grant(life: Life) -> None:
    data = {
        "consent_id": "c9",
        "grantee_org": life.key("shop"),
        "classes": ["work"],
        "operations": ["read"],
        "purpose": "guidance",
        "basis": "statutory_task",
        "history": "all",
        "valid_from": BEFORE,
        "valid_until": "2001-01-01T00:00:00Z",
    }
    answer = life.post("system", life.event("system", "consent.granted", data))
    assert answer.status_code == 400, answer.text
    assert pointers(answer)
