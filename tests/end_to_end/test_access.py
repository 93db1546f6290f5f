"""Who has access, who looked, how it ends: what the participant sees and does (api.md §2); see also the stories."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests import lives, sandboxes
from tests.lives import BEFORE, LATER, Life, but_for_instance
from tests.sandboxes import Api, new_id

GOAL = {"goal_id": "g1", "text": "Werken", "set_by": "participant"}
OPENING = {"channel": "self", "preferred_language": "nl", "region_code": "rijn-delta"}


def log(scene: Life, actor: str = "noor") -> list[dict[str, Any]]:
    answer = scene.get(f"{scene.path}/access-log", actor, limit="100")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


# Grants


def test_the_participant_sees_every_grant_in_words_and_a_grantee_its_own(scene: Life) -> None:
    scene.grant("rwc", consent_id="c1", grantee_actor=scene.key("mieke"))
    scene.grant("naastwerk", consent_id="c2", basis="no_objection", legal_ref="Participatiewet art. 65")
    statutory = {"basis": "statutory_task", "purpose": "scheme_decision", "operations": ["read"], "classes": ["work"]}
    scene.grant("uwv", consent_id="c3", by="system", **statutory)
    items = {item["consent_id"]: item for item in scene.get(f"{scene.path}/grants", "noor").json()["items"]}
    assert {id_: item["can_be_withdrawn"] for id_, item in items.items()} == {"c1": True, "c2": True, "c3": False}
    assert all(item["basis_in_words"] and item["is_live"] for item in items.values())
    assert items["c3"]["legal_ref"]
    for actor, own in (("mieke", ["c1"]), ("joris", ["c2"]), ("pieter", ["c3"])):
        held = scene.get(f"{scene.path}/grants", actor).json()["items"]
        assert [item["consent_id"] for item in held] == own
    for actor in ("daan", "hetty", "ayse", "system"):  # daan: of the same organisation, but the grant names mieke
        assert but_for_instance(scene.get(f"{scene.path}/grants", actor)) == scene.unknown(actor)


def test_stop_withdraws_all_that_can_be_and_tells_what_remains(scene: Life) -> None:
    scene.grant("rwc", consent_id="c1")
    scene.grant("shop", consent_id="c2", classes=["work"])
    scene.grant("naastwerk", consent_id="c4", valid_from="2001-01-01T00:00:00Z")  # has yet to begin
    statutory = {"basis": "statutory_task", "purpose": "scheme_decision", "operations": ["read"], "classes": ["work"]}
    scene.grant("uwv", consent_id="c3", by="system", **statutory)
    for actor in ("mieke", "hetty", "ayse", "system"):
        assert scene.call("POST", f"{scene.path}/stop", actor).status_code == 404
    answer = scene.call("POST", f"{scene.path}/stop", "noor")
    assert answer.status_code == 200, answer.text
    assert sorted(answer.json()["withdrawn"]) == ["c1", "c2", "c4"]
    assert [grant["consent_id"] for grant in answer.json()["remaining"]] == ["c3"]
    for actor, status in (("mieke", 404), ("hetty", 404), ("pieter", 200)):
        assert scene.get(scene.events, actor).status_code == status
    again = scene.call("POST", f"{scene.path}/stop", "noor")
    assert (again.status_code, again.json()["withdrawn"]) == (200, [])


# The access log


def test_the_log_says_who_why_and_what(scene: Life) -> None:
    scene.grant("rwc", classes=["work"])
    goal = scene.goal()
    place = f"{scene.events}/{goal['id']}"
    scene.get(place, "mieke")
    scene.get(place, "hetty")
    scene.get(place, "noor")
    scene.get(scene.events, "mieke")
    scene.get(scene.events, "hetty")
    unknown = new_id()
    scene.get(f"{scene.events}/{unknown}", "mieke")
    rows = [
        (item["actor"], item["way"], item["decision"], tuple(item["event_ids"]))
        for item in log(scene)
        if item["reason"] != "access_log"
    ][-6:]
    listed = tuple(item["id"] for item in scene.get(scene.events, "mieke").json()["items"])
    assert rows == [
        (scene.key("mieke"), "read", "permit", (goal["id"],)),
        (scene.key("hetty"), "read", "deny", (goal["id"],)),
        (scene.key("noor"), "read", "permit", (goal["id"],)),
        (scene.key("mieke"), "list", "permit", listed),
        (scene.key("hetty"), "list", "deny", ()),
        (scene.key("mieke"), "read", "deny", (unknown,)),
    ]
    permitted = next(item for item in log(scene) if item["actor"] == scene.key("mieke") and item["way"] == "read")
    assert {name: permitted[name] for name in ("organisation", "role", "purpose", "basis", "classes")} == {
        "organisation": scene.key("rwc"),
        "role": "FC",
        "purpose": "guidance",
        "basis": "consent",
        "classes": ["work"],
    }
    assert set(permitted) == set(
        ["at", "actor", "organisation", "role", "purpose", "basis", "event_ids", "classes", "way", "decision", "reason"]
    )


def test_the_log_says_of_state_and_grants_too_which_classes_they_disclosed(scene: Life) -> None:
    scene.grant("rwc")
    scene.get(scene.path, "mieke")
    scene.get(f"{scene.path}/grants", "mieke")
    log = scene.get(f"{scene.path}/access-log", "noor").json()["items"]
    assert [(item["way"], item["classes"]) for item in log if item["actor"] == scene.key("mieke")] == [
        ("read", ["identity"]),
        ("list", ["identity"]),
    ]


def test_looking_at_the_log_leaves_one_row_a_day(scene: Life) -> None:
    for _ in range(3):
        log(scene)
    assert [item["actor"] for item in log(scene) if item["reason"] == "access_log"] == [scene.key("noor")]


def test_the_log_is_for_the_participant(scene: Life) -> None:
    scene.grant("rwc")
    for actor in ("mieke", "hetty", "system", "ayse"):
        assert but_for_instance(scene.get(f"{scene.path}/access-log", actor)) == scene.unknown(actor)


def test_a_delivery_stands_in_the_log_when_it_is_decided_and_its_page_does_not(scene: Life) -> None:
    scene.grant("rwc")
    subscription = scene.call("POST", "/v1/subscriptions", "mieke", {"channel": "pull"}).json()["id"]
    goal = scene.goal()
    scene.api.clock()
    for _ in range(2):
        assert scene.get(f"/v1/subscriptions/{subscription}/deliveries", "mieke").json()["items"]
    rows = [item for item in log(scene) if item["way"] == "delivery" and item["event_ids"] == [goal["id"]]]
    assert [(item["actor"], item["organisation"], item["decision"]) for item in rows] == [
        (scene.key("mieke"), scene.key("rwc"), "permit")
    ]


# Opening and claiming


def opened_by_klaas(scene: Life) -> tuple[str, str]:
    answer = scene.call("POST", "/v1/dossiers", "klaas", OPENING | {"channel": "municipality"})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], answer.json()["claim_code"]


def test_what_a_professional_opens_becomes_the_participants_by_a_code(scene: Life) -> None:
    dossier, code = opened_by_klaas(scene)
    assert scene.get(f"/v1/dossiers/{dossier}/events", "ayse").status_code == 404
    assert scene.call("POST", "/v1/claims", "mieke", {"code": code}).status_code == 403
    spoken = code.lower().replace("-", " ")
    claimed = scene.call("POST", "/v1/claims", "ayse", {"code": spoken})
    assert (claimed.status_code, claimed.json()["id"]) == (201, dossier), claimed.text
    assert len(scene.get(f"/v1/dossiers/{dossier}/events", "ayse").json()["items"]) == 1
    assert scene.call("POST", "/v1/claims", "noor", {"code": code}).status_code == 404  # used


def test_opening_again_under_the_same_key_opens_nothing(scene: Life) -> None:
    key = {"Idempotency-Key": new_id()}

    def sent(actor: str) -> Any:
        return scene.call("POST", "/v1/dossiers", actor, OPENING, headers=key)

    first, again, other = sent("ayse"), sent("ayse"), sent("noor")
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 201)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert other.json()["id"] != first.json()["id"]
    differs = scene.call("POST", "/v1/dossiers", "ayse", OPENING | {"preferred_language": "en"}, headers=key)
    assert differs.status_code == 409
    lost, renewed = sent("klaas"), sent("klaas")
    assert (lost.status_code, renewed.status_code) == (201, 200)
    assert lost.json()["id"] == renewed.json()["id"]
    # The code of an answer that never arrived is of no use; the new one is.
    assert scene.call("POST", "/v1/claims", "ayse", {"code": lost.json()["claim_code"]}).status_code == 404
    assert scene.call("POST", "/v1/claims", "ayse", {"code": renewed.json()["claim_code"]}).status_code == 201
    assert set(sent("klaas").json()) == {"id"}


def test_five_wrong_codes_a_day_and_no_more(scene: Life) -> None:
    _, code = opened_by_klaas(scene)
    answers = [scene.call("POST", "/v1/claims", "noor", {"code": f"{n}AAAA"}) for n in range(5)]
    assert {answer.status_code for answer in answers} == {404}
    refused = scene.call("POST", "/v1/claims", "noor", {"code": code})
    assert refused.status_code == 429
    assert refused.headers["retry-after"]
    assert scene.call("POST", "/v1/claims", "ayse", {"code": code}).status_code == 201  # another's tries are theirs


# Delegates


def delegate(scene: Life, *powers: str, who: str = "tijn") -> None:
    data = {"delegate": scene.key(who), "powers": list(powers), "from_on": "1999-12-31", "until_on": "2001-12-31"}
    scene.say("noor", "delegate.appointed", data)


def test_a_delegate_does_what_the_powers_say_and_no_more(scene: Life) -> None:
    goal = scene.goal()
    place = f"{scene.events}/{goal['id']}"
    assert scene.get(place, "tijn").status_code == 404
    delegate(scene, "read")
    assert scene.get(place, "tijn").json() == scene.get(place, "noor").json()  # sequence too
    assert log(scene, "tijn")[-1]["role"] == "DEL"
    assert scene.post("tijn", scene.event("tijn", "goal.set", GOAL)).status_code == 403
    delegate(scene, "emit", "consent")
    assert scene.post("tijn", scene.event("tijn", "goal.set", GOAL)).status_code == 201
    scene.grant("rwc", by="tijn", consent_id="c1")
    assert scene.get(place, "mieke").status_code == 200
    assert scene.revoke("c1", "tijn").status_code == 201
    assert scene.get(place, "mieke").status_code == 404


def test_a_withdrawn_delegate_finds_nothing(scene: Life) -> None:
    delegate(scene, "read", "emit", "consent")
    scene.say("noor", "delegate.withdrawn", {"delegate": scene.key("tijn"), "effective_at": BEFORE})
    for path in (scene.path, scene.events, f"{scene.path}/grants", f"{scene.path}/access-log"):
        assert but_for_instance(scene.get(path, "tijn")) == scene.unknown("tijn")
    refused = scene.post("tijn", scene.event("tijn", "goal.set", GOAL))
    assert but_for_instance(refused) == scene.unknown("tijn")
    assert scene.get("/v1/dossiers", "tijn").json()["items"] == []


# What ends by itself: the clock of these sandboxes moves, so each test has one of its own.


@pytest.fixture
def moving() -> Iterator[Life]:
    with sandboxes.running() as sandbox:
        api = Api(sandbox.url)
        try:
            yield lives.opened(api)
        finally:
            api.close()


def test_access_a_claim_code_and_a_day_of_tries_end_by_the_clock(moving: Life) -> None:
    moving.grant("probeer", classes=["work"], valid_until="2000-01-10T00:00:00Z")
    goal = moving.goal()
    place = f"{moving.events}/{goal['id']}"
    (_, late), (_, code) = opened_by_klaas(moving), opened_by_klaas(moving)
    for number in range(5):
        moving.call("POST", "/v1/claims", "ayse", {"code": f"{number}AAAA"})
    assert moving.call("POST", "/v1/claims", "ayse", {"code": code}).status_code == 429
    log(moving)
    moving.api.clock("2000-01-09T23:59:59Z")
    assert moving.get(place, "sanne").status_code == 200
    assert moving.call("POST", "/v1/claims", "ayse", {"code": code}).status_code == 201
    moving.api.clock("2000-01-10T00:00:00Z")
    assert but_for_instance(moving.get(place, "sanne")) == moving.unknown("sanne")
    expired = moving.get(moving.events, "noor", type="consent.expired").json()["items"]
    assert [item["time"][:10] for item in expired] == ["2000-01-10"]
    moving.api.clock("2000-01-15T00:00:01Z")
    assert moving.call("POST", "/v1/claims", "ayse", {"code": late}).status_code == 404
    assert len([item for item in log(moving) if item["reason"] == "access_log"]) == 2  # one a day
    assert moving.call("PUT", "/sandbox/clock", None, {"now": BEFORE}).status_code == 409
    assert moving.api.clock(LATER) == LATER
