"""Stories of people who read (P1, P2, P4, U5, J1, TR4, E4, MU3): each function carries the id of its story.

Those with a date in them live in one sandbox, in the order of time, because its clock only goes forward.
"""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lives import ACTORS, Life, but_for_instance
from tests.sandboxes import new_id
from tests.trajectories import NOOR, SAMIR, THEA, Chronicle, chronicle

WITHIN = 5.0  # seconds, of story P2 and rule R-11
OPENING = {"channel": "self", "preferred_language": "nl", "region_code": "rijn-delta"}


def subscribed(life: Life, actor: str) -> str:
    """The list of deliveries of a new subscription to everything."""
    made = life.call("POST", "/v1/subscriptions", actor, {"channel": "pull"})
    assert made.status_code == 201, made.text
    return f"/v1/subscriptions/{made.json()['id']}/deliveries"


def delivered(life: Life, actor: str, deliveries: str) -> list[str]:
    return [item["event"]["id"] for item in life.get(deliveries, actor, limit="100").json()["items"]]


def placement(life: Life) -> dict[str, Any]:
    return {
        "placement_id": "p1",
        "employer_org": life.key("shop"),
        "kind": "regular",
        "contract": "temporary",
        "starts_on": "1999-12-31",
        "ends_on": "2000-12-31",
        "role_title": "bakker",
        "hours_per_week": 20,
        "wage_gross_month_eur": 1260.5,
    }


def estimate(life: Life) -> dict[str, Any]:
    return {
        "estimate_id": "e1",
        "estimated_on": "1999-12-31",
        "scenario_hours_per_week": 20,
        "scenario_wage_gross_month_eur": 1260.5,
        "regime": "participatiewet",
        "net_change_month_eur": 120,
        "clawback_risk_eur": 0,
        "fallback_right": "kept",
        "confidence": "high",
        "by_org": life.key("uwv"),
    }


# Any moment


def test_p1_a_dossier_begins_with_three_fields_and_nobody_else_knows_it(life: Life) -> None:
    opened = life.call("POST", "/v1/dossiers", "ayse", OPENING)
    assert opened.status_code == 201, opened.text
    place = opened.headers["location"]
    assert place == f"/v1/dossiers/{opened.json()['id']}"
    listed = life.get(f"{place}/events", "ayse").json()["items"]
    assert [event["type"] for event in listed] == ["nl.dossier.dossier.opened"]
    for actor in ACTORS.keys() - {"ayse"}:
        for path in (place, f"{place}/events", f"{place}/events/{listed[0]['id']}"):
            assert but_for_instance(life.get(path, actor)) == life.unknown(actor), (actor, path)


def test_p2_each_party_gets_what_was_granted_and_no_field_more(life: Life) -> None:
    life.grant("uwv")
    life.grant("shop", classes=["work"], purpose="placement", operations=["read", "emit"])
    life.grant("rwc", classes=["work"])
    life.api.clock()
    deliveries = subscribed(life, "mieke")
    began, income = time.monotonic(), life.say("pieter", "income-effect.estimated", estimate(life))
    goal = life.goal()
    while goal["id"] not in delivered(life, "mieke", deliveries):
        assert time.monotonic() - began < WITHIN
    started = life.say("hetty", "placement.started", placement(life))
    life.api.clock()
    assert delivered(life, "mieke", deliveries)[:2] == [goal["id"], started["id"]]  # then what the clock says of it
    assert income["id"] not in delivered(life, "mieke", deliveries)
    assert but_for_instance(life.get(f"{life.events}/{income['id']}", "mieke")) == life.unknown("mieke")
    read = life.get(f"{life.events}/{started['id']}", "mieke").json()["data"]
    assert "wage_gross_month_eur" in life.get(f"{life.events}/{started['id']}", "noor").json()["data"]
    assert set(placement(life)) - set(read) == {"wage_gross_month_eur"}  # absent, not null


# In the order of time


@pytest.fixture(scope="module")
def told() -> Iterator[Chronicle]:
    with chronicle(NOOR, SAMIR, THEA) as told:
        yield told


def unknown(told: Chronicle, actor: str) -> dict[str, Any]:
    """What this actor is told of a dossier that never was."""
    return but_for_instance(told.api.get(f"/v1/dossiers/{new_id()}/events/{new_id()}", actor))


def finds_nothing(told: Chronicle, name: str, actor: str) -> bool:
    """Every way to read a dossier, each of its events among them, and the list of dossiers."""
    path = told.path(name)
    ways = [path, *(f"{path}/{way}" for way in ("events", "grants", "access-log", "signals", "metrics"))]
    ways += [told.place(name, seq) for name_, seq in told.answers if name_ == name]
    known = [item["id"] for item in told.api.get("/v1/dossiers", actor).json()["items"]]
    refused = unknown(told, actor)
    return known == [] and all(but_for_instance(told.api.get(way, actor)) == refused for way in ways)


def test_mu3_an_outdated_form_is_taken_in_from_the_day_it_arrived(told: Chronicle) -> None:
    told.until("2024-07-02T12:00:00Z")
    tried = told.lives[THEA]["attempts"][0]["request"]["body"]
    refused = told.attempt(THEA, 0)
    assert tried["data"]["reason"] == "form_version"
    assert (refused.status_code, refused.json()["rule"]) == (400, "R-08")
    assert told.api.get(f"{told.path(THEA)}/events/{tried['id']}", "thea").status_code == 404
    told.until("2024-07-26T12:00:00Z")
    asked, given, decided = (told.read(THEA, seq, "vera").json()["data"] for seq in (11, 12, 13))
    assert (asked["form_version"], asked["upcast_to"], asked["received_on"]) == ("2022-11", "2024-01", "2024-07-02")
    assert asked["missing_fields"] == given["fields"] == ["contract_hours_basis"]
    assert (decided["outcome"], decided["valid_from"]) == ("granted", "2024-07-01")


def test_tr4_a_trainer_sees_what_concerns_the_training(told: Chronicle) -> None:
    told.until("2024-11-12T12:00:00Z")
    training = [8, 10]
    assert [seq for seq in told.list(NOOR, "sanne") if seq != 7] == training  # 7 is the grant to her organisation
    for seq in training:
        assert told.read(NOOR, seq, "sanne").json()["data"] == told.row(NOOR, seq)["event"]["data"]
    intake = told.read(NOOR, 5, "sanne")
    assert but_for_instance(intake) == unknown(told, "sanne")
    assert told.list(NOOR, "sanne", type="intake.*") == []


def test_p4_an_employer_gets_the_extract_and_never_the_manual(told: Chronicle) -> None:
    told.until("2024-12-11T12:00:00Z")
    extract, manual = 15, 11
    assert told.read(NOOR, extract, "hetty").json()["data"] == told.row(NOOR, extract)["event"]["data"]
    assert told.read(NOOR, extract, "mieke").status_code == 200  # the contact person sees what was shared with whom
    for actor in ("pieter", "sanne", "anton", "bea", "nadia"):
        assert but_for_instance(told.read(NOOR, extract, actor)) == unknown(told, actor)
    assert but_for_instance(told.read(NOOR, manual, "hetty")) == unknown(told, "hetty")
    offer = told.attempt(NOOR, 2)  # health-sensitive, to an employer
    assert (offer.status_code, offer.json()["rule"]) == (400, "R-17")
    shared = told.row(NOOR, extract)["event"] | {"id": new_id(), "source": told.row(NOOR, 18)["event"]["source"]}
    assert told.post(NOOR, "hetty", shared).status_code == 403


def test_e4_of_people_who_left_an_employer_sees_nothing_thea(told: Chronicle) -> None:
    """Her job ended on 31 December; the grant runs until June."""
    told.until("2025-01-14T22:30:00Z")
    assert [item["id"] for item in told.api.get("/v1/dossiers", "nadia").json()["items"]] == [
        told.lives[THEA]["dossier_id"]
    ]
    assert told.read(THEA, 10, "nadia").status_code == 200  # 23:30 in Amsterdam on the last of 14 days
    told.until("2025-01-15T12:00:00Z")
    assert finds_nothing(told, THEA, "nadia")


def test_j1_a_jobcoach_reads_the_agreements_of_this_job_and_nothing_more(told: Chronicle) -> None:
    told.until("2025-03-14T12:00:00Z")
    agreed = told.row(NOOR, 25)["event"]["data"]
    read = told.read(NOOR, 25, "joris").json()["data"]
    assert read == {name: value for name, value in agreed.items() if name != "wage_gross_month_eur"}
    assert but_for_instance(told.read(NOOR, 15, "joris")) == unknown(told, "joris")  # the extract for the employer
    assert not {8, 11, 15, 16} & set(told.list(NOOR, "joris"))  # health, the manual, income
    # TR4: of the placement the trainer learns nothing; the grant has ended by now as well.
    assert but_for_instance(told.read(NOOR, 25, "sanne")) == unknown(told, "sanne")


def test_j1_what_came_later_of_health_a_jobcoach_does_not_read(told: Chronicle) -> None:
    told.until("2025-06-03T12:00:00Z")
    assert told.read(NOOR, 33, "mieke").status_code == 200
    assert but_for_instance(told.read(NOOR, 33, "joris")) == unknown(told, "joris")
    hours = told.read(NOOR, 34, "joris").json()["data"]
    assert hours["hours_per_week"] == 18
    assert "wage_gross_month_eur" not in hours


def test_e4_of_people_who_left_an_employer_sees_nothing_samir(told: Chronicle) -> None:
    """His job ended on 21 May; the grant runs until 2027."""
    told.until("2025-06-04T21:30:00Z")
    assert told.read(SAMIR, 23, "bea").status_code == 200  # 23:30 in Amsterdam on the last of 14 days
    told.until("2025-06-05T12:00:00Z")
    assert finds_nothing(told, SAMIR, "bea")


def test_u5_the_lessons_of_an_earlier_trial_are_there_from_both_sides(told: Chronicle) -> None:
    told.until("2025-06-06T12:00:00Z")
    answer = told.api.get(f"{told.path(SAMIR)}/events", "ursula", type="trial-placement.evaluated")
    assert answer.status_code == 200, answer.text
    evaluated = [event["data"] for event in answer.json()["items"]]
    assert evaluated == [told.row(SAMIR, seq)["event"]["data"] for seq in (12, 13)]
    assert [(data["trial_id"], data["side"]) for data in evaluated] == [("tp1", "employer"), ("tp1", "participant")]
