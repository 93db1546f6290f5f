"""What the sandbox alone can do, over HTTP: parts taken away, numbers of rules set, a clock that walks or jumps."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests import lives, sandboxes
from tests.lives import Life
from tests.sandboxes import Api, Json

DOSSIER = "7d5b1c5e-0f67-4a4e-8d53-3a3c1c6d0a11"
WINDOWS = {"c1": "2000-01-05T10:00:00Z", "c2": "2000-01-05T10:00:00Z", "c3": "2000-02-20T00:00:00+01:00"}


@pytest.fixture
def own() -> Iterator[Api]:
    """A sandbox of its own: what is taken away or set here is missed by nobody else."""
    with sandboxes.running() as running:
        api = Api(running.url)
        yield api
        api.close()


def placed(life: Life) -> None:
    """With the shop until the last day of 1999, under a grant for that placement."""
    life.grant("rwc")
    started = {
        "placement_id": "p1",
        "employer_org": life.key("shop"),
        "kind": "regular",
        "contract": "permanent",
        "starts_on": "1999-12-01",
        "role_title": "medewerker bakkerij",
        "hours_per_week": 24,
        "wage_gross_month_eur": 1500,
    }
    life.say("mieke", "placement.started", started)
    life.grant("shop", consent_id="at-work", purpose="placement", classes=["work"])
    ended = {"placement_id": "p1", "ended_on": "1999-12-31", "reason": "contract_expired", "next": "next_job"}
    life.say("mieke", "placement.ended", ended)


def test_without_a_database_nothing_is_stored_or_read_until_it_is_back(own: Api) -> None:
    life = lives.opened(own)
    before = life.get(life.events, "noor").json()["items"]

    assert own.call("POST", "/sandbox/faults", body={"database": "down"}).json() == {
        "bus": "up",
        "database": "down",
        "webhook": "up",
    }
    away = [life.get(life.events, "noor"), life.call("POST", life.events, "noor", {}), own.get("/health/ready")]
    assert [answer.status_code for answer in away] == [503] * 3
    assert all(answer.headers["Retry-After"] for answer in away)
    assert own.get("/health/live").status_code == 200
    assert own.call("POST", "/sandbox/faults", body={"pigeon": "down"}).status_code == 400

    assert own.call("POST", "/sandbox/faults", body={"database": "up"}).status_code == 200
    assert life.get(life.events, "noor").json()["items"] == before


def test_another_number_of_a_rule_holds_at_once_in_every_dossier(own: Api) -> None:
    life = lives.opened(own)
    placed(life)

    def set_(**parameters: Json) -> int:
        scene = {"dossier_id": sandboxes.new_id(), "organisations": [], "actors": [], "parameters": parameters}
        return own.call("POST", "/sandbox/scenes", body=scene).status_code

    def end() -> str:
        grants = life.get(f"{life.path}/grants", "noor").json()["items"]
        return str(next(grant["purpose_ends_at"] for grant in grants if grant["consent_id"] == "at-work"))

    assert end() == "2000-01-14T23:00:00Z"
    assert set_(purpose_end_days=3) == 201
    assert end() == "2000-01-03T23:00:00Z"
    assert set_(purpose_end_days="soon") == 400
    own.clock("2000-01-03T23:00:00Z")
    told = life.get(life.events, "noor", type="consent.expired").json()["items"]
    assert [event["data"]["expired_at"] for event in told] == ["2000-01-03T23:00:00+00:00"]


def lived(by: timedelta) -> tuple[list[Json], list[Json], list[Json]]:
    """A life in which windows and a purpose end, its clock moved in steps of this size: what became known of that."""
    until = datetime(2000, 3, 1, tzinfo=UTC)
    with sandboxes.running() as running:
        api = Api(running.url)
        life = Life(api, number=1, dossier=DOSSIER).enter()
        life.open()
        placed(life)
        life.grant("probeer")
        for consent_id, end in WINDOWS.items():
            life.grant("probeer", consent_id=consent_id, valid_until=end)
        api.clock()
        before = life.get("/v1/feed", "sanne").json()["next"]
        at = datetime.fromisoformat(api.clock())
        while at < until:
            at = min(until, at + by)
            api.clock(at.isoformat())
        expired = life.get(life.events, "noor", type="consent.expired").json()["items"]
        raised = life.get(f"{life.path}/signals", "noor").json()["items"]
        told = life.get("/v1/feed", "sanne", after=before).json()["items"]
        api.close()
    signals = [(each["raised_on"], each["rule"], each["code"], each["due_on"]) for each in raised]
    return expired, signals, [(item["feed_seq"], _alike(item["event"])) for item in told]


def _alike(event: Json) -> Json:
    """The id of a signal follows from that of its cause, which is another one in each life."""
    own = ("id", "dataref") if event["type"] == "nl.dossier.signal.raised" else ()
    return {name: value for name, value in event.items() if name not in own}


def test_who_is_known_in_one_role_keeps_it_in_a_scene_that_gives_another(own: Api) -> None:
    """A party known already is the same party (api.md §3), also in what its token says."""
    organisations = [{"key": "centre", "name": "Centre", "kind": "work_centre", "source": "urn:nld:oin:1:systeem:x"}]
    for role in ("DSK", "FC"):
        actor = {"key": "desi", "name": "Desi", "role": role, "org": "centre"}
        own.enter({"dossier_id": str(uuid4()), "organisations": organisations, "actors": [actor], "parameters": {}})
    claims = own.tokens["desi"].split(".")[1]
    said = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert set(said["roles"]) == {"DSK", "FC"}


def test_one_jump_of_the_clock_gives_what_steps_of_a_day_give() -> None:
    jumped, walked = lived(timedelta(days=60)), lived(timedelta(days=1))

    assert jumped == walked
    expired, signals, told = jumped
    assert ("2000-01-15", "R-11b", "consent_purpose_ended") in [signal[:3] for signal in signals]
    assert [(event["data"]["consent_id"], event["time"]) for event in expired] == [
        ("c1", "2000-01-05T10:00:00Z"),
        ("c2", "2000-01-05T10:00:00Z"),
        ("at-work", "2000-01-14T23:00:00Z"),
        ("c3", "2000-02-19T23:00:00Z"),
    ]
    assert [event["id"] for _, event in told if event["type"] == "nl.dossier.consent.expired"] == [
        event["id"] for event in expired if event["data"]["consent_id"] in WINDOWS
    ]
