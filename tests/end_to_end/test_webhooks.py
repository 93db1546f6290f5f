"""Webhooks from the whole sandbox to a receiver on this machine, as an integrator tries them out."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
import pytest
from standardwebhooks import Webhook

from tests import lives, sandboxes
from tests.lives import Life
from tests.sandboxes import Api, Json


class Hook(ThreadingHTTPServer):
    """Agrees to everything, and remembers what it got."""

    got: list[tuple[dict[str, str], bytes]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/draad"

    def events(self) -> list[dict[str, Json]]:
        return [orjson.loads(body) for _, body in self.got]


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hook

    def do_OPTIONS(self) -> None:
        self.send_response(200)
        self.send_header("WebHook-Allowed-Origin", self.headers["WebHook-Request-Origin"])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def hook() -> Iterator[Hook]:
    server = Hook(("127.0.0.1", 0), Answering)
    server.got, server.daemon_threads = [], True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def api() -> Iterator[Api]:
    with sandboxes.running() as running:
        api = Api(running.url)
        yield api
        api.close()


def subscribed(life: Life, actor: str, hook: Hook) -> dict[str, Json]:
    body = {"channel": "webhook", "endpoint": hook.url, "signatures": ["v1a", "v1"]}
    answer = life.call("POST", "/v1/subscriptions", actor, body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Json] = answer.json()
    assert made["webhook"]["state"] == "active"
    return made


def test_a_webhook_tells_thinly_and_falls_silent_with_the_withdrawal(api: Api, hook: Hook) -> None:
    life = lives.opened(api)
    made = subscribed(life, "mieke", hook)
    consent = life.grant("rwc")
    life.goal("canary-in-a-goal")
    life.api.clock()
    secret = next(key["secret"] for key in made["webhook"]["keys"] if key["scheme"] == "v1")
    for headers, body in hook.got:
        assert Webhook(secret).verify(body, headers)
    told = hook.events()
    assert [event["sequence"] for event in told] == [str(number) for number in range(1, len(told) + 1)]
    assert told[-1]["type"] == "nl.dossier.goal.set"
    assert "canary" not in repr(hook.got)
    fetched = life.get(told[-1]["dataref"], "mieke")
    assert fetched.json()["data"]["text"] == "canary-in-a-goal"
    log = life.get(f"{life.path}/access-log", "noor", limit="100").json()["items"]
    assert "delivery" in {row["way"] for row in log if row["organisation"] == life.key("rwc")}

    assert life.revoke(consent).status_code == 201
    before = len(hook.got)
    life.goal()
    life.api.clock()
    assert [event["type"] for event in hook.events()[before:]] == ["nl.dossier.consent.revoked"]


def test_taken_away_it_waits_and_given_back_it_comes_whole(api: Api, hook: Hook) -> None:
    life = lives.opened(api)
    made = subscribed(life, "mieke", hook)
    life.grant("rwc")
    life.api.clock()
    before = len(hook.got)
    assert api.call("POST", "/sandbox/faults", body={"webhook": "down"}).json()["webhook"] == "down"
    for _ in range(3):
        life.goal()
    life.api.clock()  # a lane that waits for a retry is idle
    tried = life.call("POST", f"/v1/subscriptions/{made['id']}/tests", "mieke").json()
    assert (tried["state"], tried["reason"]) == ("failed", "unreachable")
    life.api.clock("2000-01-02T00:00:00Z")
    assert len(hook.got) == before
    shown = life.get(f"/v1/subscriptions/{made['id']}", "mieke").json()["webhook"]
    assert (shown["reason"], shown["failing_since"]) == ("unreachable", "2000-01-01T00:00:00Z")
    api.call("POST", "/sandbox/faults", body={"webhook": "up"})
    life.api.clock("2000-01-03T00:00:00Z")
    told = hook.events()
    assert [event["sequence"] for event in told] == [str(number) for number in range(1, len(told) + 1)]
    assert len(told) == before + 3
