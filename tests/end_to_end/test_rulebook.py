"""Over HTTP, on a clock of its own: numbers of the rules with a first day (C5), and what they do and do not change."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests import lives, sandboxes
from tests.lives import Life
from tests.sandboxes import EVENT, Api, Json, new_id

REGION = "rijn-delta"
SOURCE = "urn:nld:oin:00000099990099990001:systeem:test"


@pytest.fixture
def own() -> Iterator[Api]:
    with sandboxes.running() as running:
        api = Api(running.url)
        yield api
        api.close()


@pytest.fixture
def life(own: Api) -> Life:
    """Noor's, whom Mieke watches over."""
    own.enter(
        {
            "dossier_id": new_id(),
            "organisations": [{"key": "regio", "name": "Regio", "kind": "work_centre", "source": SOURCE}],
            "actors": [{"key": "rosa", "name": "Rosa", "role": "RCC", "org": "regio"}],
        }
    )
    life = lives.opened(own)
    life.grant("rwc")
    return life


def setting(values: Mapping[str, Any], from_on: str, *, region: str = REGION, **more: Json) -> Json:
    return {
        "specversion": "1.0",
        "id": new_id(),
        "source": SOURCE,
        "type": "nl.regio.rule-parameters.set",
        "subject": f"region/{region}",
        "data": {
            "occurred_at": lives.BEFORE,
            "region_code": region,
            "parameters": dict(values),
            "from_on": from_on,
            "reason": "Proefperiode",
        },
    } | more


def send(api: Api, event: Json, actor: str = "rosa", region: str = REGION) -> Any:
    return api.call("POST", f"/v1/regions/{region}/events", actor, event, headers={"Content-Type": EVENT})


def worry(life: Life, id_: str, day: str = "1999-12-31", severity: int = 2) -> str:
    data = {
        "concern_id": id_,
        "raised_by": "other",
        "domain": "team",
        "severity": severity,
        "text": "Slaapt slecht",
        "occurred_at": f"{day}T10:00:00Z",
    }
    return str(life.say("mieke", "concern.raised", data)["id"])


def told(life: Life, code: str = "concern_open_too_long") -> list[tuple[str, str, str]]:
    items = life.get(f"{life.path}/signals", "noor").json()["items"]
    return [(item["raised_on"], item["about"], item["state"]) for item in items if item["code"] == code]


def test_c5_another_rhythm_holds_from_its_day_and_can_be_taken_back(own: Api, life: Life) -> None:
    """Before the date nothing changes, also afterwards; what was pending comes with the new numbers."""
    first = worry(life, "k1")
    own.clock("2000-01-16T12:00:00Z")
    raised = [("2000-01-15", first, "open")]
    assert told(life) == raised

    answer = send(own, setting({"concern_days": 5}, "2000-02-01"))
    assert answer.status_code == 201, answer.text
    second = worry(life, "k2", "2000-01-16")
    own.clock("2000-01-17T12:00:00Z")  # every dossier was looked at again
    assert told(life) == raised
    third = worry(life, "k3", "2000-01-17")
    own.clock("2000-02-03T12:00:00Z")
    fourth = worry(life, "k4", "2000-02-03")
    own.clock("2000-02-10T12:00:00Z")
    raised += [("2000-01-31", second, "open"), ("2000-02-01", third, "open"), ("2000-02-09", fourth, "open")]
    assert told(life) == raised

    assert send(own, setting({"concern_days": None}, "2000-02-20")).status_code == 201
    fifth = worry(life, "k5", "2000-02-10")
    own.clock("2000-03-20T12:00:00Z")
    assert told(life) == [*raised, ("2000-02-16", fifth, "open")]
    sixth = worry(life, "k6", "2000-03-20")
    own.clock("2000-04-10T12:00:00Z")
    assert told(life)[-1] == ("2000-04-04", sixth, "open")

    decided = own.get(f"/v1/regions/{REGION}/events", "rosa").json()["items"]
    assert [event["data"]["parameters"] for event in decided] == [{"concern_days": 5}, {"concern_days": None}]


def test_another_region_goes_on_with_its_own_numbers(own: Api, life: Life) -> None:
    assert send(own, setting({"concern_days": 5}, "2000-01-02", region="elders"), region="elders").status_code == 201
    about = worry(life, "k1")
    own.clock("2000-01-20T12:00:00Z")
    assert told(life) == [("2000-01-15", about, "open")]


def test_one_dossier_has_other_numbers_for_a_reason_and_until_a_day(own: Api, life: Life) -> None:
    other = lives.opened(own)
    other.grant("rwc")
    abouts = [worry(each, "k1") for each in (life, other)]
    data = {"parameters": {"concern_days": 20}, "from_on": "2000-01-02", "until_on": "2000-01-31", "reason": "Op reis"}
    life.say("mieke", "rule-parameters.overridden", data)
    own.clock("2000-02-01T12:00:00Z")
    assert told(life) == [("2000-01-21", abouts[0], "open")]
    assert told(other) == [("2000-01-15", abouts[1], "open")]
    own.clock("2000-02-02T12:00:00Z")
    again = worry(life, "k2", "2000-02-02")
    own.clock("2000-02-28T12:00:00Z")
    assert told(life)[-1] == ("2000-02-17", again, "open")
    read = life.get(life.events, "noor", type="rule-parameters.*").json()["items"]
    assert [event["data"]["reason"] for event in read] == ["Op reis"]


def test_an_exception_is_refused_where_it_says_nothing_that_can_be_counted_with(own: Api, life: Life) -> None:
    usual: dict[str, Json] = {
        "parameters": {"concern_days": 20},
        "from_on": "2000-01-02",
        "until_on": "2000-01-31",
        "reason": "Op reis",
    }
    refused: list[tuple[dict[str, Json], str, str | None]] = [
        ({"from_on": "2000-01-01"}, "/data/from_on", None),
        ({"until_on": "1999-12-31"}, "/data/until_on", None),
        ({"parameters": {"unheard_of": 1}}, "/data/parameters/unheard_of", None),
        ({"parameters": {"concern_days": "soon"}}, "/data/parameters/concern_days", None),
        ({"parameters": {"purpose_end_days": 400}}, "/data/parameters/purpose_end_days", "R-11b"),
    ]
    for wrong, pointer, rule in refused:
        answer = life.post("mieke", life.event("mieke", "rule-parameters.overridden", usual | wrong))
        assert (answer.status_code, lives.pointers(answer), answer.json().get("rule")) == (400, {pointer}, rule)
    assert life.post("noor", life.event("noor", "rule-parameters.overridden", usual)).status_code == 403
    unknown = life.post("sanne", life.event("sanne", "rule-parameters.overridden", usual))
    assert unknown.status_code == 404


def test_who_may_not_and_what_cannot_be_set_is_refused_and_leaves_nothing(own: Api, life: Life) -> None:
    good = setting({"concern_days": 5}, "2000-01-02")
    mieke = good | {"source": life.source("rwc")}
    assert send(own, mieke, life.key("mieke")).status_code == 403
    assert own.call("POST", f"/v1/regions/{REGION}/events", None, good).status_code == 401
    for wrong, pointers in [
        (setting({"concern_days": 5}, "2000-01-01"), {"/data/from_on"}),
        (
            setting({"concern_days": -5, "no": 1}, "2000-01-02"),
            {"/data/parameters/concern_days", "/data/parameters/no"},
        ),
        (setting({}, "2000-01-02"), {"/data/parameters"}),
        (setting({"concern_days": 5}, "2000-01-02") | {"subject": "region/elders"}, {"/subject"}),
        (setting({"concern_days": 5}, "2000-01-02") | {"source": life.source("rwc")}, {"/source"}),
        (setting({"concern_days": 5}, "2000-01-02") | {"type": "nl.regio.radar.scored"}, {"/type"}),
        (good | {"data": good["data"] | {"region_code": "elders"}}, {"/data/region_code"}),
    ]:
        answer = send(own, wrong)
        assert (answer.status_code, lives.pointers(answer)) == (400, pointers), answer.text
    assert own.get(f"/v1/regions/{REGION}/events", "rosa").json()["items"] == []


def test_the_same_decision_again_is_stored_once_and_another_under_its_id_is_refused(own: Api, life: Life) -> None:
    event = setting({"concern_days": 5}, "2000-01-02")
    first, again = send(own, event), send(own, event)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    other = event | {"data": event["data"] | {"reason": "Iets anders"}}
    assert send(own, other).status_code == 409
    assert len(own.get(f"/v1/regions/{REGION}/events", life.key("sanne")).json()["items"]) == 1


def test_the_rules_are_shown_with_their_numbers_since_when_and_why(own: Api, life: Life) -> None:
    def concern(**params: str) -> Json:
        rules = {rule["id"]: rule for rule in own.get("/v1/rules", **params).json()["items"]}
        assert "concern_urgent" in rules["R-23"]["codes"]
        return next(each for each in rules["R-23"]["parameters"] if each["name"] == "concern_days")

    usual = {"name": "concern_days", "unit": "days", "value": 14, "usual": 14}
    assert concern() == concern(region=REGION) == usual
    assert send(own, setting({"concern_days": 5}, "2000-02-01")).status_code == 201
    later = {"value": 5, "from_on": "2000-02-01", "reason": "Proefperiode"}
    assert concern(region=REGION) == usual | {"coming": [later]}
    own.clock("2000-02-01T12:00:00Z")
    assert concern(region=REGION) == usual | {"value": 5, "since": "2000-02-01", "reason": "Proefperiode"}
    assert concern(region="elders") == usual
