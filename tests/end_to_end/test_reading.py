"""Reading over HTTP: lists give what single reads give, and nothing tells what may not be known (api.md §2)."""

from typing import Any

import httpx2
import pytest

from tests.lives import BEFORE, LATER, Life, but_for_instance, pointers
from tests.sandboxes import new_id

READERS = ("noor", "mieke", "pieter", "sanne", "hetty", "joris")


def pages(scene: Life, actor: str, path: str, **query: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    while True:
        answer = scene.get(path, actor, **query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert set(page) == {"items", "next"}
        if not page["items"]:
            assert page["next"] == query.get("after", page["next"])
            return items
        items += page["items"]
        query["after"] = page["next"]


@pytest.fixture
def told(scene: Life) -> Life:
    """Several parties with different grants, and entries of several classes."""
    scene.grant("rwc")
    scene.grant("uwv", classes=["work", "income"])
    scene.grant("probeer", classes=["work"], event_types=["nl.dossier.training.*"])
    scene.grant("shop", classes=["work", "contact"], purpose="placement")
    scene.goal("Weer aan het werk")
    capacity = {"from_on": "1999-12-31", "max_hours_per_week": 16, "max_hours_per_day": 4, "adjustments": ["rust"]}
    scene.say("noor", "capacity.changed", capacity)
    training = {"training_id": "t1", "title": "Bakken", "kind": "vocational", "provider_org": scene.key("probeer")}
    plan = {"started_on": "1999-12-31", "planned_end_on": "2000-03-01", "sessions_planned": 12, "hours_per_week": 4}
    scene.say("sanne", "training.started", training | plan)
    scene.goal("Gezond blijven", privacyclass="health-sensitive")
    return scene


def test_a_list_gives_exactly_what_single_reads_give(told: Life) -> None:
    everything = [item["id"] for item in pages(told, "noor", told.events)]
    for actor in READERS[:-1]:
        listed = {item["id"]: item for item in pages(told, actor, told.events, limit="3")}
        for event_id in everything:
            single = told.get(f"{told.events}/{event_id}", actor)
            assert (single.status_code == 200) == (event_id in listed)
            if event_id in listed:
                assert single.json() == listed[event_id]
            else:
                assert but_for_instance(single) == told.unknown(actor)
        assert list(listed) == [event_id for event_id in everything if event_id in listed]
    assert told.get(told.events, "joris").status_code == 404


def test_sequence_is_for_the_participant_alone(told: Life) -> None:
    own = pages(told, "noor", told.events)
    assert [item["sequence"] for item in own] == [str(number + 1) for number in range(len(own))]
    for actor in READERS[1:-1]:
        items = pages(told, actor, told.events)
        assert items
        assert all({"sequence", "sequencetype"}.isdisjoint(item) for item in items)


def test_pages_do_not_tell_what_lies_between(told: Life) -> None:
    whole = told.get(told.events, "sanne", limit="100").json()["items"]
    assert [item["type"] for item in whole] == ["nl.dossier.consent.granted", "nl.dossier.training.started"]
    one = told.get(told.events, "sanne", limit="1").json()
    two = told.get(told.events, "sanne", limit="1", after=one["next"]).json()
    assert one["items"] + two["items"] == whole
    assert len(one["next"]) == len(two["next"])
    end = told.get(told.events, "sanne", after=two["next"]).json()
    assert end == {"items": [], "next": two["next"]}
    told.goal("Niet voor Sanne")
    assert told.get(told.events, "sanne", after=end["next"]).json() == end


def test_reading_goes_on_from_where_it_was(told: Life) -> None:
    place = told.get(told.events, "noor", limit="100").json()["next"]
    goal = told.goal("Later")
    assert [item["id"] for item in told.get(told.events, "noor", after=place).json()["items"]] == [goal["id"]]


def test_a_cursor_is_bound_to_who_asked_and_for_what(told: Life) -> None:
    cursor = told.get(told.events, "noor", limit="1").json()["next"]
    for actor, query in (
        ("mieke", {}),
        ("noor", {"type": "goal.*"}),
        ("noor", {"asOf": LATER}),
        ("noor", {"knownAt": LATER}),
    ):
        answer = told.get(told.events, actor, after=cursor, **query)
        assert (answer.status_code, pointers(answer)) == (400, {"?after"})
    turned = cursor[:-2] + ("A" if cursor[-2] != "A" else "B") + cursor[-1]
    assert told.get(told.events, "noor", after=turned).status_code == 400
    elsewhere = told.get(f"{told.path}/access-log", "noor", limit="1").json()["next"]
    assert told.get(told.events, "noor", after=elsewhere).status_code == 400


def test_a_short_name_filters_by_type(told: Life) -> None:
    def types(type_: str) -> set[str]:
        return {item["type"] for item in pages(told, "noor", told.events, type=type_)}

    assert types("goal.*") == types("nl.dossier.goal.*") == types("goal.set") == {"nl.dossier.goal.set"}
    assert types("consent.*") == {"nl.dossier.consent.granted"}
    assert types("goal") == types("goal.set.*") == types("g%") == types("goal_set") == set()


def test_as_it_happened_and_as_it_was_known(scene: Life) -> None:
    data = {"goal_id": "g1", "text": "Vroeger", "set_by": "participant", "occurred_at": "1999-06-01T00:00:00Z"}
    early = scene.say("noor", "goal.set", data)
    late = scene.goal("Nu")

    def ids(**query: str) -> list[str]:
        return [item["id"] for item in scene.get(scene.events, "noor", type="goal.*", **query).json()["items"]]

    assert ids(asOf="1999-06-02T00:00:00Z") == [early["id"]]
    assert ids(asOf="1999-05-01T00:00:00Z") == []
    assert ids(knownAt="1999-12-31T23:59:59Z") == []
    assert ids(knownAt=LATER) == ids(asOf=LATER) == ids() == [early["id"], late["id"]]
    assert ids(asOf="1999-06-02T02:00:00+02:00") == [early["id"]]
    assert "active_grants" in scene.get(scene.path, "noor", asOf="1999-06-02T00:00:00Z").json()


def test_fields_of_a_class_that_is_not_covered_are_absent(scene: Life) -> None:
    scene.grant("rwc", classes=["work"])
    scene.grant("shop", classes=["work"], purpose="placement")
    placement = {
        "placement_id": "p1",
        "employer_org": scene.key("shop"),
        "kind": "regular",
        "contract": "temporary",
        "starts_on": "1999-12-31",
        "ends_on": "2000-12-31",
        "role_title": "bakker",
        "hours_per_week": 20,
        "wage_gross_month_eur": 1260.5,
    }
    stored = scene.post("hetty", scene.event("hetty", "placement.started", placement))
    assert stored.status_code == 201, stored.text
    place = stored.headers["location"]
    assert scene.get(place, "hetty").json()["data"]["wage_gross_month_eur"] == 1260.5  # what it wrote itself
    assert "wage_gross_month_eur" not in scene.get(place, "mieke").json()["data"]
    assert scene.get(place, "noor").json()["data"]["wage_gross_month_eur"] == 1260.5


def narrowed(life: Life, actor: str, path: str, purpose: str) -> httpx2.Response:
    return life.call("GET", path, actor, headers={"Draad-Purpose": purpose})


def test_a_purpose_narrows_every_read_of_a_dossier(scene: Life) -> None:
    scene.grant("uwv", purpose="guidance", classes=["work"])
    goal = scene.goal()
    for path in (
        f"{scene.events}/{goal['id']}",
        scene.events,
        scene.path,
        f"{scene.path}/grants",
        f"{scene.path}/signals",
    ):
        assert narrowed(scene, "pieter", path, "guidance").status_code == 200, path
        assert but_for_instance(narrowed(scene, "pieter", path, "matching")) == scene.unknown("pieter"), path
        assert narrowed(scene, "noor", path, "matching").status_code == 200, "what is hers rests on no grant"
    logged = [item for item in pages(scene, "noor", f"{scene.path}/access-log") if item["actor"] == scene.key("pieter")]
    assert {item["purpose"] for item in logged if item["decision"] == "permit"} == {"guidance"}


def test_a_purpose_narrows_the_lists_over_dossiers(scene: Life) -> None:
    scene.grant("uwv", purpose="guidance")
    scene.say("noor", "concern.raised", urgent())
    for path in ("/v1/dossiers", "/v1/signals"):
        assert len(narrowed(scene, "pieter", path, "guidance").json()["items"]) == 1, path
        assert narrowed(scene, "pieter", path, "matching").json()["items"] == [], path


def test_what_was_derived_is_there_only_under_a_purpose_that_covers_all_of_it(scene: Life) -> None:
    guided = scene.grant("uwv", purpose="guidance", classes=["contact"])
    matched = scene.grant("uwv", purpose="matching", classes=["work"])
    scene.say("noor", "concern.raised", urgent())
    assert "open_concerns" in narrowed(scene, "pieter", scene.path, "matching").json()
    assert "open_concerns" not in narrowed(scene, "pieter", scene.path, "guidance").json()
    for purpose, given in (("guidance", guided), ("matching", matched)):
        items = narrowed(scene, "pieter", f"{scene.path}/grants", purpose).json()["items"]
        assert [item["consent_id"] for item in items] == [given]


def test_the_figures_are_there_only_under_a_purpose_that_covers_the_whole_history(scene: Life) -> None:
    scene.grant("uwv", purpose="guidance", by="noor")
    scene.grant("uwv", purpose="matching", classes=["work"])
    path = f"{scene.path}/metrics"
    assert narrowed(scene, "pieter", path, "matching").status_code == 404
    assert narrowed(scene, "noor", path, "matching").status_code == 200


def urgent() -> dict[str, Any]:
    return {"concern_id": "k1", "domain": "team", "severity": 5, "raised_by": "participant"}


def test_the_dossiers_that_one_may_know(scene: Life) -> None:
    scene.grant("rwc", classes=["work"])
    scene.goal()
    for actor, known in (("noor", 1), ("mieke", 1), ("daan", 1), ("hetty", 0), ("system", 0), ("ayse", 0)):
        items = scene.get("/v1/dossiers", actor).json()["items"]
        assert [item["id"] for item in items] == [scene.dossier] * known, actor
    assert set(scene.get("/v1/dossiers", "mieke").json()["items"][0]) <= {
        "id",
        "stage",
        "contact_person",
        "last_event_at",
    }


def test_many_dossiers_come_in_pages(scene: Life) -> None:
    consent: dict[str, str] = {}
    lives = [scene] + [Life(scene.api, scene.number).enter() for _ in range(4)]
    for life in lives[1:]:
        life.open()
    for life in lives[::2]:
        consent[life.dossier] = life.grant("rwc")
    known = [item["id"] for item in pages(scene, "mieke", "/v1/dossiers", limit="1")]
    assert known == [life.dossier for life in lives[::2]]
    assert len(pages(scene, "noor", "/v1/dossiers", limit="2")) == 5
    scene.revoke(consent[scene.dossier])
    assert [item["id"] for item in pages(scene, "mieke", "/v1/dossiers")] == known[1:]


def test_an_unknown_event_of_a_known_dossier(scene: Life) -> None:
    assert but_for_instance(scene.get(f"{scene.events}/{new_id()}", "noor")) == scene.unknown("noor")
    other = Life(scene.api, scene.number).enter()
    other.open()
    goal = other.goal()
    assert but_for_instance(scene.get(f"{scene.events}/{goal['id']}", "noor")) == scene.unknown("noor")
    assert goal["data"]["occurred_at"] == BEFORE
