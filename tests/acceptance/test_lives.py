"""Invented lives that take every event type and every rule of access through the acceptance driver: nothing fails."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests import sandboxes
from tests.acceptance import drive
from tests.long import IS_LONG, given_time
from tests.sandboxes import Sandbox

LIVES: Final = sorted((Path(__file__).parent / "lives").glob("*.json"))
KINDS: Final = frozenset(("access", "attempts", "lists", "deliveries"))
UNTOLD: Final = "late, or not allowed when it was stored"
Json = dict[str, Any]

pytestmark = given_time


class Drive(drive.Drive):
    """The driver, knowing the notices of the domain README that reach a party without `subscribe`.

    It knows those of consents only: an offer, its withdrawal, a correction asked for and a recall answered are
    notices as well, and the id of a recall is the id of its event.
    """

    def judge(self, story: drive.Story, s: drive.Subscriber, item: Json) -> list[str]:
        faults = super().judge(story, s, item)
        row = story.by_id.get(item["event"]["id"])
        if row is None:
            return faults
        event = row["event"]
        own_id = event["data"].get("recall_id") == event["id"]
        return [
            fault
            for fault in faults
            if not (fault == UNTOLD and s.org == noticed(story, event))
            and not (own_id and fault == f"content: {event['id']}")
        ]


def noticed(story: drive.Story, event: Json) -> str | None:
    """The organisation that gets a notice of this event whatever it holds."""
    data = event["data"]
    rows = [row["event"]["data"] for row in story.by_id.values()]
    match event["type"].removeprefix("nl.dossier."):
        case "referral.made" | "correction.requested":
            return str(data["to_org"])
        case "referral.withdrawn":
            return next(str(d["to_org"]) for d in rows if "to_org" in d and d.get("referral_id") == data["referral_id"])
        case "copy-recall.answered":
            return next(str(d["of_org"]) for d in rows if "of_org" in d and d["recall_id"] == data["recall_id"])
    return None


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with sandboxes.running() as running:
        yield running


def test_the_lives_pass(sandbox: Sandbox) -> None:
    lived = LIVES if IS_LONG else LIVES[:1]
    driven = Drive(drive.Api(sandbox.url), [drive.Story(path, None) for path in lived], set(KINDS))
    driven.run()
    assert not driven.failures
    assert {kind for _, kind, _ in driven.table} >= KINDS | {"events"}


def test_the_lives_hold_every_type_that_can_be_lived() -> None:
    told = {row["event"]["type"] for path in LIVES for row in drive.Story(path, None).file["events"]}
    every = {f"nl.dossier.{path.name.removesuffix('.v1.json')}" for path in Path("schemas/events").glob("*.json")}
    assert every - told == {f"nl.dossier.{name}" for name in NOT_LIVED}


# What the clock writes of itself; erasure, after which nothing of a life can be read; and other numbers of the rules
# for one dossier, which a driver that counts with one set of them cannot follow (tests/end_to_end/test_rulebook.py).
NOT_LIVED: Final = ("consent.expired", "dossier.erased", "signal.raised", "rule-parameters.overridden")
