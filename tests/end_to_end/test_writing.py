"""Recording an event over HTTP: what is stored, what is a repeat, what is refused and how (api.md §1)."""

import pytest

from tests.lives import BEFORE, NOW, Life, but_for_instance, opening, pointers
from tests.sandboxes import EVENT, new_id

JSON = "application/json"


def test_a_stored_event_comes_back_with_its_place(scene: Life) -> None:
    event = scene.event("noor", "goal.set", {"goal_id": "g1", "text": "Werken", "set_by": "participant"})
    answer = scene.post("noor", event)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"{scene.events}/{event['id']}"
    assert answer.headers["content-type"] == EVENT
    stored = answer.json()
    assert stored["data"] == event["data"]
    assert {name: stored[name] for name in ("id", "source", "type", "subject")} == {
        name: event[name] for name in ("id", "source", "type", "subject")
    }
    assert (stored["sequence"], stored["sequencetype"], stored["privacyclass"]) == ("2", "Integer", "work")
    assert scene.get(answer.headers["location"], "noor").json() == stored


def test_the_same_event_again_is_shown_and_not_stored(scene: Life) -> None:
    event = scene.event("noor", "goal.set", {"goal_id": "g1", "text": "Werken", "set_by": "participant"})
    first, again = scene.post("noor", event), scene.post("noor", event)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert len(scene.get(scene.events, "noor").json()["items"]) == 2


def test_another_body_under_a_used_id_is_a_conflict(scene: Life) -> None:
    event = scene.event("noor", "goal.set", {"goal_id": "g1", "text": "Werken", "set_by": "participant"})
    scene.post("noor", event)
    answer = scene.post("noor", event | {"data": event["data"] | {"text": "Rusten"}})
    assert answer.status_code == 409
    assert "Rusten" not in answer.text


def test_a_repeat_after_withdrawal_tells_only_what_may_be_read_now(scene: Life) -> None:
    consent = scene.grant("rwc")
    scene.grant("rwc", operations=["read"], classes=["identity"])
    event = scene.event("mieke", "goal.set", {"goal_id": "g1", "text": "Werken", "set_by": "jointly"})
    assert scene.post("mieke", event).status_code == 201
    assert scene.revoke(consent).status_code == 201
    again = scene.post("mieke", event)
    assert again.status_code == 200  # an entry of one's own stays readable while there is any access
    assert again.json()["data"] == event["data"]
    assert "sequence" not in again.json()


def test_the_short_form_takes_its_id_from_idempotency_key(scene: Life) -> None:
    key = new_id()
    body = {
        "type": "nl.dossier.goal.set",
        "data": {"occurred_at": BEFORE, "goal_id": "g1", "text": "Werken", "set_by": "participant"},
    }
    first = scene.post("noor", body, JSON, **{"Idempotency-Key": key})
    again = scene.post("noor", body, JSON, **{"Idempotency-Key": key})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == key
    assert first.json() == again.json()
    assert scene.post("noor", body, JSON, **{"Idempotency-Key": "not a uuid"}).status_code == 400


def test_every_error_is_told_at_once(scene: Life) -> None:
    event = scene.event(
        "noor", "goal.set", {"occurred_at": "yesterday", "goal_id": 7, "set_by": "someone", "mood": "x"}
    )
    answer = scene.post("noor", event | {"id": "7", "subject": "dossier/other", "color": "red"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert pointers(answer) >= {
        "/id",
        "/subject",
        "/color",
        "/data/occurred_at",
        "/data/goal_id",
        "/data/set_by",
        "/data/mood",
        "/data/text",
    }
    assert all(error["message"] for error in answer.json()["errors"])
    assert "someone" not in answer.text


@pytest.mark.parametrize(
    ("name", "data", "rule"),
    [
        ("dossier.closed", {"closed_on": "1999-12-31", "reason": "inactivity", "copy_provided": True}, "R-15"),
        ("consent.revoked", {"consent_id": "nope", "effective_at": BEFORE, "erase_copies_requested": False}, "R-11"),
    ],
)
def test_a_refusal_names_its_rule_and_stores_nothing(
    scene: Life, name: str, data: dict[str, object], rule: str
) -> None:
    answer = scene.post("noor", scene.event("noor", name, data))
    assert answer.status_code in (400, 409)
    assert answer.json()["rule"] == rule
    assert len(scene.get(scene.events, "noor").json()["items"]) == 1


def test_who_may_read_but_not_do_this_is_told_so(scene: Life) -> None:
    scene.grant("uwv", operations=["read"])
    event = scene.event("pieter", "goal.set", {"goal_id": "g1", "text": "Werken", "set_by": "jointly"})
    assert scene.post("pieter", event).status_code == 403
    scene.grant("rwc", operations=["read"])
    refused = scene.post("mieke", scene.event("mieke", "goal.set", event["data"]))
    assert (refused.status_code, refused.json()["rule"]) == (403, "R-11")
    closing = {"closed_on": "1999-12-31", "reason": "goal_reached", "keep_until": "2001-12-31", "copy_provided": True}
    by_role = scene.post("pieter", scene.event("pieter", "dossier.closed", closing))
    assert (by_role.status_code, by_role.json()["rule"]) == (403, "R-15")


def test_who_may_not_know_the_dossier_is_told_what_an_unknown_one_tells(scene: Life) -> None:
    goal = {"goal_id": "g1", "text": "Werken", "set_by": "jointly"}
    for actor in ("mieke", "hetty", "ayse"):
        refused = scene.post(actor, scene.event(actor, "goal.set", goal))
        wrong_too = scene.post(actor, scene.event(actor, "goal.set", {"text": 7}))
        elsewhere = scene.call(
            "POST",
            f"/v1/dossiers/{(other := new_id())}/events",
            actor,
            scene.event(actor, "goal.set", goal, subject=f"dossier/{other}"),
            headers={"Content-Type": EVENT},
        )
        assert but_for_instance(refused) == but_for_instance(wrong_too) == but_for_instance(elsewhere)
        assert refused.status_code == 404
        assert but_for_instance(refused) == scene.unknown(actor)
        assert "rule" not in refused.json()


def test_what_the_state_forbids_is_a_conflict_with_its_rule(scene: Life) -> None:
    consent = scene.grant("rwc")
    assert scene.revoke(consent).status_code == 201
    twice = scene.revoke(consent)
    assert (twice.status_code, twice.json()["rule"]) == (409, "R-11")
    accepted = {"handover_id": "h1", "accepted_on": "1999-12-31", "by_actor": scene.key("mieke")}
    scene.grant("rwc")
    answer = scene.post("mieke", scene.event("mieke", "handover.accepted", accepted))
    assert answer.status_code in (400, 409)


def test_a_batch_is_stored_whole_and_in_order(scene: Life) -> None:
    goals = [
        scene.event("noor", "goal.set", {"goal_id": f"g{n}", "text": f"Doel {n}", "set_by": "participant"})
        for n in range(100)
    ]
    answer = scene.batch("noor", goals)
    assert answer.status_code == 201
    assert [item["id"] for item in answer.json()["items"]] == [goal["id"] for goal in goals]
    assert [item["sequence"] for item in answer.json()["items"]] == [str(n) for n in range(2, 102)]
    again = scene.batch("noor", goals)
    assert (again.status_code, again.json()) == (200, answer.json())
    assert scene.batch("noor", [*goals, scene.event("noor", "goal.set", {})]).status_code == 413


def test_a_batch_with_one_refused_event_stores_nothing(scene: Life) -> None:
    good = scene.event("noor", "goal.set", {"goal_id": "g1", "text": "Werken", "set_by": "participant"})
    by_schema = scene.batch("noor", [good, scene.event("noor", "goal.set", {"text": 7})])
    assert by_schema.status_code == 400
    assert "/1/data/text" in pointers(by_schema)
    closing = {"closed_on": "1999-12-31", "reason": "inactivity", "copy_provided": True}
    by_rule = scene.batch("noor", [good, scene.event("noor", "dossier.closed", closing)])
    assert (by_rule.status_code, by_rule.json()["rule"]) == (400, "R-15")
    revoked = {"consent_id": "never", "effective_at": BEFORE, "erase_copies_requested": False}
    by_state = scene.batch("noor", [good, scene.event("noor", "consent.revoked", revoked)])
    assert (by_state.status_code, pointers(by_state)) == (409, {"/1/data/consent_id"})
    of_one = scene.batch("noor", [scene.event("noor", "goal.set", {"text": 7})])
    assert {pointer[:7] for pointer in pointers(of_one)} == {"/0/data"}
    without_id = {name: value for name, value in good.items() if name != "id"}
    assert pointers(scene.batch("noor", [without_id, good, without_id])) == {"/0/id", "/2/id"}
    assert len(scene.get(scene.events, "noor").json()["items"]) == 1


def test_the_same_event_twice_in_one_batch_is_stored_once(scene: Life) -> None:
    goal = scene.event("noor", "goal.set", {"goal_id": "g1", "text": "Werken", "set_by": "participant"})
    differs = goal | {"data": goal["data"] | {"text": "Iets anders"}}
    assert scene.batch("noor", [goal, differs]).status_code == 409
    assert len(scene.get(scene.events, "noor").json()["items"]) == 1
    answer = scene.batch("noor", [goal, goal])
    assert answer.status_code == 201
    first, second = answer.json()["items"]
    assert first == second
    again = scene.batch("noor", [goal, goal])
    assert (again.status_code, again.json()) == (200, answer.json())
    assert len(scene.get(scene.events, "noor").json()["items"]) == 2


def test_one_id_from_two_sources_of_one_organisation_is_two_events(scene: Life) -> None:
    more = scene.source("rwc").replace(":test", ":ander")
    people = [{"key": scene.key("mieke"), "name": "mieke (invented)", "role": "FC", "org": scene.key("rwc")}]
    house = [{"key": scene.key("rwc"), "name": "rwc (invented)", "kind": "work_centre", "source": more}]
    owner = {"key": scene.key("noor"), "name": "noor (invented)", "role": "P", "org": "self"}
    self_ = {"key": "self", "name": "-", "kind": "participant", "source": scene.source("self")}
    scene.api.enter({"dossier_id": new_id(), "organisations": [*house, self_], "actors": [*people, owner]})
    scene.grant("rwc")
    held = {"moment_id": "m1", "held_on": "1999-12-31", "kind": "check_in", "channel": "phone", "summary": "Gesproken"}
    held_with = held | {"with": [scene.key("noor")]}
    one = scene.event("mieke", "contact-moment.held", held_with)
    other = one | {"source": more}
    answer = scene.batch("mieke", [one, other])
    assert answer.status_code == 201, answer.text
    assert [item["source"] for item in answer.json()["items"]] == [one["source"], more]
    assert scene.batch("mieke", [other, one]).status_code == 200


def test_a_later_event_of_a_batch_may_rest_on_an_earlier_one(scene: Life) -> None:
    granted = {
        "consent_id": "c1",
        "grantee_org": scene.key("rwc"),
        "classes": ["work"],
        "operations": ["read"],
        "purpose": "guidance",
        "basis": "consent",
        "history": "all",
        "valid_from": BEFORE,
        "valid_until": "2001-01-01T00:00:00Z",
    }
    revoked = {"consent_id": "c1", "effective_at": BEFORE, "erase_copies_requested": False}
    batch = [scene.event("noor", "consent.granted", granted), scene.event("noor", "consent.revoked", revoked)]
    assert scene.batch("noor", batch[::-1]).status_code in (400, 409)
    assert scene.batch("noor", batch).status_code == 201


def test_the_platform_gives_sequence_time_and_actor(scene: Life) -> None:
    event = scene.event("noor", "goal.set", {"goal_id": "g1", "text": "Werken", "set_by": "participant"})
    claimed = {"sequence": "99", "time": "1970-01-01T00:00:00Z", "actor": "someone"}
    answer = scene.post("noor", event | claimed | {"data": event["data"] | {"actor": "someone"}})
    assert answer.status_code == 201, answer.text
    stored = answer.json()
    assert stored["sequence"] == "2"
    assert stored["time"].startswith("2000-01-01T00:00:00")
    assert "someone" not in answer.text
    assert "actor" not in stored["data"]


def test_what_is_sent_in_anothers_name_is_refused(scene: Life) -> None:
    goal = {"goal_id": "g1", "text": "Werken", "set_by": "participant"}
    assert pointers(scene.post("noor", scene.event("noor", "goal.set", goal, source=scene.source("rwc")))) == {
        "/source"
    }
    elsewhere = scene.event("noor", "goal.set", goal, subject=f"dossier/{new_id()}")
    assert pointers(scene.post("noor", elsewhere)) == {"/subject"}


def test_what_lies_ahead_of_the_clock_is_refused(scene: Life) -> None:
    goal = {"goal_id": "g1", "text": "Werken", "set_by": "participant", "occurred_at": "2000-01-01T00:00:01Z"}
    answer = scene.post("noor", scene.event("noor", "goal.set", goal))
    assert (answer.status_code, pointers(answer)) == (400, {"/data/occurred_at"})
    assert scene.post("noor", scene.event("noor", "goal.set", goal | {"occurred_at": NOW})).status_code == 201


def test_a_class_is_raised_to_health_only_and_never_lowered(scene: Life) -> None:
    goal = {"goal_id": "g1", "text": "Werken", "set_by": "participant"}
    raised = scene.post("noor", scene.event("noor", "goal.set", goal, privacyclass="health-sensitive"))
    assert (raised.status_code, raised.json()["privacyclass"]) == (201, "health-sensitive")
    sideways = scene.post("noor", scene.event("noor", "goal.set", goal, privacyclass="contact"))
    assert (sideways.status_code, sideways.json()["rule"]) == (400, "R-34")
    capacity = {"from_on": "1999-12-31", "max_hours_per_week": 16, "max_hours_per_day": 4, "adjustments": []}
    lowered = scene.post("noor", scene.event("noor", "capacity.changed", capacity, privacyclass="work"))
    assert (lowered.status_code, lowered.json()["rule"]) == (400, "R-34")


def test_opening_a_used_id_tells_nothing(scene: Life) -> None:
    for actor in ("noor", "mieke", "ayse"):
        answer = scene.post(actor, scene.event(actor, "dossier.opened", opening(scene.dossier)))
        assert answer.status_code == 409, (actor, answer.text)
        told = answer.json()
        assert not told.get("errors")
        assert "rule" not in told


def test_a_word_in_the_place_of_an_organisation_opens_nothing(scene: Life) -> None:
    """That it does not stand in clear either is seen in test_canary.py."""
    no_party = "de huisarts"
    scene.grant("rwc")
    asked = scene.say(
        "mieke",
        "referral.made",
        {
            "referral_id": "rf1",
            "from_org": scene.key("rwc"),
            "to_org": no_party,
            "service": "language",
            "question": "Kunt u spreekles bieden?",
            "answer_by_on": "2000-01-08",
        },
    )
    shared = scene.say(
        "noor",
        "self-manual.shared",
        {
            "manual_id": "m1",
            "version": 1,
            "recipient_org": no_party,
            "sections": ["strengths"],
            "extract": ["precies"],
            "shared_on": "1999-12-31",
            "expires_on": "2001-12-31",
        },
    )
    assert asked["data"]["to_org"] == shared["data"]["recipient_org"] == no_party
    assert scene.get(f"{scene.events}/{shared['id']}", "mieke").status_code == 404  # addressed to another
    assert scene.get(f"{scene.events}/{shared['id']}", "noor").status_code == 200
