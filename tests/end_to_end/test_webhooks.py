"""Webhooks from the whole sandbox to a receiver on this machine, as an integrator tries them out."""

from collections.abc import Iterator

import pytest
from standardwebhooks import Webhook

from tests import lives, sandboxes
from tests.lives import Life
from tests.receivers import Receiver, receiving_beside
from tests.sandboxes import Api, Json


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving_beside() as receiver:
        yield receiver


@pytest.fixture
def api() -> Iterator[Api]:
    with sandboxes.running() as running:
        api = Api(running.url)
        yield api
        api.close()


def subscribed(life: Life, actor: str, receiver: Receiver) -> dict[str, Json]:
    body = {"channel": "webhook", "endpoint": receiver.url, "signatures": ["v1a", "v1"]}
    answer = life.call("POST", "/v1/subscriptions", actor, body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Json] = answer.json()
    assert made["webhook"]["state"] == "active"
    return made


def test_a_webhook_tells_thinly_and_falls_silent_with_the_withdrawal(api: Api, receiver: Receiver) -> None:
    life = lives.opened(api)
    made = subscribed(life, "mieke", receiver)
    consent = life.grant("rwc")
    life.goal("canary-in-a-goal")
    life.api.clock()
    secret = next(key["secret"] for key in made["webhook"]["keys"] if key["scheme"] == "v1")
    for got in receiver.got:
        assert Webhook(secret).verify(got.body, got.headers)
    assert receiver.sequences == list(range(1, len(receiver.got) + 1))
    last = receiver.got[-1].event
    assert last["type"] == "nl.dossier.goal.set"
    assert "canary" not in repr(receiver.got)
    fetched = life.get(last["dataref"], "mieke")
    assert fetched.json()["data"]["text"] == "canary-in-a-goal"
    log = life.get(f"{life.path}/access-log", "noor", limit="100").json()["items"]
    assert "delivery" in {row["way"] for row in log if row["organisation"] == life.key("rwc")}

    assert life.revoke(consent).status_code == 201
    before = len(receiver.got)
    life.goal()
    life.api.clock()
    assert [got.event["type"] for got in receiver.got[before:]] == ["nl.dossier.consent.revoked"]


def test_taken_away_it_waits_and_given_back_it_comes_whole(api: Api, receiver: Receiver) -> None:
    life = lives.opened(api)
    made = subscribed(life, "mieke", receiver)
    life.grant("rwc")
    life.api.clock()
    before = len(receiver.got)
    assert api.call("POST", "/sandbox/faults", body={"webhook": "down"}).json()["webhook"] == "down"
    for _ in range(3):
        life.goal()
    life.api.clock()  # a lane that waits for a retry is idle
    tried = life.call("POST", f"/v1/subscriptions/{made['id']}/tests", "mieke").json()
    assert (tried["state"], tried["reason"]) == ("failed", "unreachable")
    life.api.clock("2000-01-02T00:00:00Z")
    assert len(receiver.got) == before
    shown = life.get(f"/v1/subscriptions/{made['id']}", "mieke").json()["webhook"]
    assert (shown["reason"], shown["failing_since"]) == ("unreachable", "2000-01-01T00:00:00Z")
    api.call("POST", "/sandbox/faults", body={"webhook": "up"})
    life.api.clock("2000-01-03T00:00:00Z")
    assert receiver.sequences == list(range(1, before + 4))
