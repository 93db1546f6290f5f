"""Stories about being told: MU5, P3 and TR5 (domain/stories.md), over HTTP in the sandbox."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import lives, sandboxes
from tests.lives import Life, but_for_instance
from tests.long import given_time
from tests.sandboxes import EVENT, Api, Json, Sandbox

TRAJECTORIES = Path(__file__).parents[1] / "acceptance" / "trajectories"
CHECK = "nl.dossier.retention-check.completed"
NOTICES = {"nl.dossier.consent.revoked", "nl.dossier.copy-recall.requested"}


class Trajectory:
    """A trajectory file, lived through a sandbox of its own up to one of its events."""

    def __init__(self, api: Api, name: str) -> None:
        self.api = api
        self.file: Json = json.loads(next(TRAJECTORIES.glob(f"{name}-*.json")).read_text("utf-8"))
        self.events: Json = {row["seq"]: row["event"] for row in self.file["events"]}
        self.path = f"/v1/dossiers/{self.file['dossier_id']}"
        self._lived = 0
        api.enter(self.file)

    def live(self, until: int) -> None:
        for row in self.file["events"][self._lived : until]:
            self.api.clock(row["event"]["time"])
            kind = {"Content-Type": EVENT}
            answer = self.api.call("POST", f"{self.path}/events", row["actor"], row["event"], headers=kind)
            assert answer.status_code == 201, (row["seq"], answer.text)
        self._lived = until
        self.api.clock()

    def read(self, actor: str, seq: int) -> Any:
        return self.api.get(f"{self.path}/events/{self.events[seq]['id']}", actor)


@pytest.fixture
def moving() -> Iterator[Api]:
    """A sandbox of its own, because its clock moves."""
    with sandboxes.running() as sandbox:
        api = Api(sandbox.url)
        try:
            yield api
        finally:
            api.close()


def subscribed(api: Api, actor: str, channel: str = "pull", **more: Json) -> str:
    answer = api.call("POST", "/v1/subscriptions", actor, {"channel": channel, **more})
    assert answer.status_code == 201, answer.text
    return f"/v1/subscriptions/{answer.json()['id']}/deliveries"


def told(api: Api, actor: str, deliveries: str, **query: str) -> list[dict[str, Json]]:
    answer = api.get(deliveries, actor, limit="100", **query)
    assert answer.status_code == 200, answer.text
    return [item["event"] for item in answer.json()["items"]]


# MU5: after placement I still see how it goes


@given_time
def test_mu5_checks_at_26_and_52_weeks_reach_the_municipality_although_the_employer_changed(moving: Api) -> None:
    thea = Trajectory(moving, "t3")
    thea.live(3)
    pull = subscribed(moving, "vera", types=["retention-check.completed"])
    inbox = subscribed(moving, "vera", "inbox", types=["retention-check.completed"])
    thea.live(32)
    for deliveries in (pull, inbox):
        events = told(moving, "vera", deliveries)
        assert [event["type"] for event in events] == [CHECK] * 6
        assert [event["sequence"] for event in events] == ["1", "2", "3", "4", "5", "6"]
    bodies = [moving.get(event["dataref"], "vera").json()["data"] for event in events]
    weeks = {(body["checkpoint_weeks"], body["employer_org"]) for body in bodies if body["clock"] == "labour_market"}
    assert weeks == {(26, "glans"), (52, "pool")}
    last = moving.get(inbox, "vera", state="unread", limit="100").json()["items"][-1]
    marked = moving.call("PATCH", f"{inbox}/{last['number']}", "vera", {"state": "read"})
    assert marked.json()["state"] == "read"
    assert len(told(moving, "vera", inbox, state="unread")) == 5


# P3: I revoke a grant and see at once what that changed


@given_time
def test_p3_the_employer_of_t1_loses_the_extract_at_seq_31_and_keeps_the_placement(moving: Api) -> None:
    noor = Trajectory(moving, "t1")
    noor.live(30)
    assert noor.read("hetty", 15).status_code == 200
    noor.live(31)
    gone = noor.read("hetty", 15)
    unknown = moving.get(f"{noor.path}/events/{sandboxes.new_id()}", "hetty")
    assert but_for_instance(gone) == but_for_instance(unknown)
    assert gone.status_code == 404
    assert noor.read("hetty", 25).status_code == 200
    data = {"occurred_at": "2025-05-22T20:15:00Z", "consent_id": "c2", "effective_at": "2025-05-22T20:15:00Z"}
    refused = moving.call(
        "POST",
        f"{noor.path}/events",
        "noor",
        {"type": "nl.dossier.consent.revoked", "data": data | {"erase_copies_requested": False}},
    )
    assert refused.status_code == 409
    assert len(refused.json()["detail"].split()) > 5, "in words, why"


def test_p3_what_was_queued_is_dropped_and_the_log_shows_what_was_delivered_before(
    sandbox: Sandbox, life: Life
) -> None:
    consent = life.grant("rwc")
    life.api.clock()  # what the grant opens is told to those who are subscribed when it comes
    who = life.key("mieke")
    pull, inbox = (subscribed(life.api, who, channel) for channel in ("pull", "inbox"))
    before = life.goal()["id"]
    life.api.clock()
    for deliveries in (pull, inbox):
        assert [event["id"] for event in told(life.api, who, deliveries)] == [before]
    queued, later = _while_the_bus_is_down(life, consent)
    life.api.clock()
    for deliveries in (pull, inbox):
        events = told(life.api, who, deliveries)
        assert {event["type"] for event in events} <= NOTICES
        assert not {before, queued, later} & {event["id"] for event in events}
    for path in (life.path, life.events, f"{life.events}/{before}"):
        assert but_for_instance(life.get(path, "mieke")) == life.unknown("mieke")
    log = life.get(f"{life.path}/access-log", "noor", limit="100").json()["items"]
    delivered = [item for item in log if item["way"] == "delivery" and item["actor"] == who]
    assert [item["event_ids"] for item in delivered if item["reason"] == "grant"] == [[before]] * 2
    assert not [item for item in log if {queued, later} & {*item["event_ids"]} and item["organisation"]]


def _while_the_bus_is_down(life: Life, consent: str) -> tuple[str, str]:
    """A goal that nobody could be told of when the grant was withdrawn, and one after it."""
    assert life.call("POST", "/sandbox/faults", None, {"bus": "down"}).status_code == 200
    try:
        queued = life.goal("Nog onderweg")["id"]
        assert life.revoke(consent).status_code == 201
        return queued, life.goal("Dit niet meer")["id"]
    finally:
        assert life.call("POST", "/sandbox/faults", None, {"bus": "up"}).status_code == 200


# TR5: my access stops by itself


def test_tr5_access_of_a_trainer_stops_by_itself_and_the_participant_was_told_30_days_before(moving: Api) -> None:
    until = date(2000, 3, 1)
    life = lives.opened(moving)
    life.grant("probeer", classes=["work"], valid_until=f"{until}T00:00:00Z")
    who = life.key("sanne")
    pull, inbox = (subscribed(moving, who, channel) for channel in ("pull", "inbox"))
    goal = life.goal()["id"]
    moving.clock(f"{until - timedelta(days=2)}T12:00:00Z")
    for deliveries in (pull, inbox):
        assert goal in [event["id"] for event in told(moving, who, deliveries)]
    assert life.get(f"{life.events}/{goal}", "sanne").status_code == 200

    signals = life.get(f"{life.path}/signals", "noor").json()["items"]
    warned = [signal for signal in signals if signal["code"] == "consent_expiring"]
    assert [signal["raised_on"] for signal in warned] == [str(until - timedelta(days=days)) for days in (30, 7)]

    moving.clock(f"{until + timedelta(days=1)}T12:00:00Z")
    later = life.goal()["id"]
    moving.clock()
    for path in ("", "/events", f"/events/{goal}", f"/events/{later}", "/grants", "/signals", "/metrics"):
        assert but_for_instance(life.get(f"{life.path}{path}", "sanne")) == life.unknown("sanne"), path
    for deliveries in (pull, inbox):
        assert told(moving, who, deliveries) == []
    assert life.get("/v1/feed", "sanne").json()["items"] == []
    log = life.get(f"{life.path}/access-log", "noor", limit="100").json()["items"]
    assert [(item["way"], item["decision"]) for item in log if later in item["event_ids"] and item["actor"] == who] == [
        ("read", "deny")
    ]


# Whom nothing is delivered to, and what reaches without a right to be told


def test_nothing_is_delivered_to_a_participant_who_may_read_it_all(life: Life) -> None:
    who = life.key("noor")
    inbox = subscribed(life.api, who, "inbox")
    life.grant("rwc")
    goal = life.goal()
    life.api.clock()
    assert told(life.api, who, inbox) == []
    assert life.get(f"{life.events}/{goal['id']}", "noor").status_code == 200


def test_notices_reach_an_inbox_without_a_grant_to_be_told(life: Life) -> None:
    who = life.key("mieke")
    inbox = subscribed(life.api, who, "inbox")
    consent = life.grant("rwc", operations=["read"])
    life.goal()
    life.api.clock()
    assert [event["type"] for event in told(life.api, who, inbox)] == ["nl.dossier.consent.granted"]
    assert life.revoke(consent).status_code == 201
    life.api.clock()
    notices = told(life.api, who, inbox)
    assert [event["type"] for event in notices] == ["nl.dossier.consent.revoked"]
    assert but_for_instance(life.get(notices[0]["dataref"], "mieke")) == life.unknown("mieke")
