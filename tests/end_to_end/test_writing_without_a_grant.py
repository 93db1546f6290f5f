"""Who may write into a dossier without a grant in it, and what they learn by it: nothing (api.md §1)."""

from typing import Any

import pytest

from tests.lives import BEFORE, Life, but_for_instance, pointers
from tests.sandboxes import new_id

GOAL = {"goal_id": "g1", "text": "Werken", "set_by": "jointly"}


def request_of(scene: Life, organisation: str, **more: Any) -> dict[str, Any]:
    return {
        "request_id": f"q-{new_id()}",
        "requester_org": scene.key(organisation),
        "classes": ["work"],
        "operations": ["read"],
        "purpose": "guidance",
        "until_on": "2001-01-01",
        "why": "Om u te kunnen begeleiden",
    } | more


def test_any_organisation_may_ask_and_gets_the_envelope(scene: Life) -> None:
    event = scene.event("joris", "consent.requested", request_of(scene, "naastwerk"))
    first, again = scene.post("joris", event), scene.post("joris", event)
    assert (first.status_code, again.status_code) == (201, 200)
    for answer in (first, again):
        assert answer.json()["id"] == event["id"]
        assert {"data", "sequence", "sequencetype"}.isdisjoint(answer.json())
    assert scene.get(first.headers["location"], "joris").status_code == 404
    assert scene.get(scene.path, "joris").status_code == 404
    items = scene.get(scene.events, "noor").json()["items"]
    assert items[-1]["data"]["why"] == "Om u te kunnen begeleiden"


def test_asking_in_anothers_name_is_refused(scene: Life) -> None:
    answer = scene.post("joris", scene.event("joris", "consent.requested", request_of(scene, "rwc")))
    assert answer.status_code in (400, 403)


def test_asking_of_a_dossier_that_never_was_is_answered_as_unknown(scene: Life) -> None:
    other = Life(scene.api, scene.number)
    answer = other.post("joris", other.event("joris", "consent.requested", request_of(other, "naastwerk")))
    assert but_for_instance(answer) == scene.unknown("joris")


def test_after_a_no_one_does_not_ask_again_for_two_weeks(scene: Life) -> None:
    asked = scene.say("joris", "consent.requested", request_of(scene, "naastwerk", request_id="q1"))
    scene.say("noor", "consent.declined", {"request_id": "q1", "reason": "Liever niet"})
    again = scene.post("joris", scene.event("joris", "consent.requested", request_of(scene, "naastwerk")))
    assert (again.status_code, again.json()["rule"]) == (409, "R-11")
    assert "Liever niet" not in again.text
    assert scene.get(f"{scene.events}/{asked['id']}", "joris").status_code == 404


@pytest.mark.parametrize("name", ["outreach.attempted", "contact.lost", "contact.restored", "contact-person.appointed"])
def test_who_has_nothing_to_do_with_it_does_not_find_it(scene: Life, name: str) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "outreach.attempted": {"attempt_id": "a1", "attempted_on": "1999-12-31", "channel": "phone", "outcome": "no"},
        "contact.lost": {"since_on": "1999-12-31", "attempts": 1},
        "contact.restored": {"restored_on": "1999-12-31", "how": "peer", "initiative": "peer"},
        "contact-person.appointed": {
            "person": scene.key("mieke"),
            "org": scene.key("rwc"),
            "audience": "participant",
            "from_on": "1999-12-31",
        },
    }
    answer = scene.post("mieke", scene.event("mieke", name, bodies[name]))
    assert but_for_instance(answer) == scene.unknown("mieke")


def test_who_held_a_grant_may_still_say_who_the_contact_person_is(scene: Life) -> None:
    assert scene.revoke(scene.grant("rwc")).status_code == 201
    data = {
        "person": scene.key("daan"),
        "org": scene.key("rwc"),
        "audience": "participant",
        "from_on": "1999-12-31",
    }
    answer = scene.post("mieke", scene.event("mieke", "contact-person.appointed", data))
    assert answer.status_code == 201, answer.text
    assert "data" not in answer.json()
    assert scene.get(scene.events, "daan").status_code == 404  # being appointed gives no access
    assert scene.get(scene.path, "mieke").status_code == 404


def referral(scene: Life, referral_id: str = "rf1") -> dict[str, Any]:
    return {
        "referral_id": referral_id,
        "from_org": scene.key("rwc"),
        "to_org": scene.key("probeer"),
        "service": "language",
        "question": "Kunt u spreekles bieden?",
        "answer_by_on": "2000-01-08",
    }


def test_who_is_asked_reads_the_question_answers_and_reads_no_more(scene: Life) -> None:
    scene.grant("rwc")
    made = scene.say("mieke", "referral.made", referral(scene))
    place = f"{scene.events}/{made['id']}"
    assert scene.get(place, "sanne").json()["data"]["question"] == "Kunt u spreekles bieden?"
    assert "sequence" not in scene.get(place, "sanne").json()
    listed = scene.get(scene.events, "sanne").json()  # a list holds what single reads give, and no more (design §4)
    assert [item["id"] for item in listed["items"]] == [made["id"]]
    assert scene.get(f"{scene.events}?after={listed['next']}", "sanne").json()["items"] == []
    assert scene.get(scene.path, "sanne").status_code == 404
    assert scene.get(place, "joris").status_code == 404
    assert scene.get(scene.events, "joris").status_code == 404
    answered = {"referral_id": "rf1", "answer": "declined", "reason": "Vol", "answered_on": "1999-12-31"}
    answer = scene.post("sanne", scene.event("sanne", "referral.answered", answered))
    assert answer.status_code == 201, answer.text
    assert scene.get(place, "sanne").status_code == 404
    assert scene.get(scene.events, "sanne").status_code == 404
    not_asked = scene.post("joris", scene.event("joris", "referral.answered", answered))
    assert but_for_instance(not_asked) == scene.unknown("joris")


def test_a_withdrawn_question_is_gone(scene: Life) -> None:
    scene.grant("rwc")
    made = scene.say("mieke", "referral.made", referral(scene))
    withdrawn = {"referral_id": "rf1", "withdrawn_on": "1999-12-31"}
    answer = scene.post("mieke", scene.event("mieke", "referral.withdrawn", withdrawn))
    assert answer.status_code == 201, answer.text
    assert scene.get(f"{scene.events}/{made['id']}", "sanne").status_code == 404


def test_who_wrote_an_entry_may_answer_about_it_and_retract_it(scene: Life) -> None:
    consent = scene.grant("rwc")
    written = scene.say("mieke", "goal.set", GOAL)
    assert scene.revoke(consent).status_code == 201
    asked = scene.say(
        "noor",
        "correction.requested",
        {
            "request_id": "cr1",
            "event_id": written["id"],
            "to_org": scene.key("rwc"),
            "what": "Niet samen bepaald",
            "requested_on": "1999-12-31",
        },
    )
    answered = {"request_id": "cr1", "outcome": "corrected", "reason": "Klopt", "answered_on": "1999-12-31"}
    other = scene.post("joris", scene.event("joris", "correction.answered", answered))
    assert but_for_instance(other) == scene.unknown("joris")
    assert scene.get(f"{scene.events}/{asked['id']}", "mieke").json()["data"]["what"] == "Niet samen bepaald"
    retracting = {"event_id": written["id"], "ground": "wrong_fact", "retracted_on": "1999-12-31"}
    by_other = scene.post("joris", scene.event("joris", "entry.retracted", retracting))
    assert but_for_instance(by_other) == scene.unknown("joris")
    done = scene.post("mieke", scene.event("mieke", "entry.retracted", retracting))
    assert (done.status_code, "data" in done.json()) == (201, False), done.text
    answer = scene.post("mieke", scene.event("mieke", "correction.answered", answered))
    assert answer.status_code == 201, answer.text
    assert scene.get(f"{scene.events}/{asked['id']}", "mieke").status_code == 404


def test_the_platform_writes_what_is_its_own_and_reads_nothing(scene: Life) -> None:
    scene.grant(
        "uwv", by="system", basis="statutory_task", purpose="scheme_decision", classes=["work"], operations=["read"]
    )
    goal = scene.goal()
    refused = scene.post("system", scene.event("system", "goal.set", GOAL))
    assert refused.status_code == 403
    for path in (scene.path, scene.events, f"{scene.events}/{goal['id']}", f"{scene.path}/grants"):
        assert but_for_instance(scene.get(path, "system")) == scene.unknown("system")
    assert scene.get(f"{scene.path}/access-log", "system").status_code == 404
    assert scene.get("/v1/dossiers", "system").json()["items"] == []
    assert scene.get("/v1/feed", "system").json()["items"] == []
    statutory = scene.get(f"{scene.path}/grants", "noor").json()["items"][0]
    assert statutory["legal_ref"]
    assert not statutory["can_be_withdrawn"]
    assert scene.revoke(statutory["consent_id"]).status_code == 409


def test_where_the_law_gives_no_article_there_is_no_statutory_grant(scene: Life) -> None:
    data = {
        "consent_id": "c9",
        "grantee_org": scene.key("shop"),
        "classes": ["work"],
        "operations": ["read"],
        "purpose": "guidance",
        "basis": "statutory_task",
        "history": "all",
        "valid_from": BEFORE,
        "valid_until": "2001-01-01T00:00:00Z",
    }
    answer = scene.post("system", scene.event("system", "consent.granted", data))
    assert answer.status_code == 400, answer.text
    assert pointers(answer)
