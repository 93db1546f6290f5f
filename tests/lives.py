"""An invented life of one test: people and organisations of its own, one dossier, and what they do to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import httpx2

from tests.sandboxes import BATCH, EVENT, Api, Json, new_id

NOW: Final = "2000-01-01T00:00:00Z"  # where a fresh sandbox stands
BEFORE: Final = "1999-12-31T10:00:00Z"
LATER: Final = "2002-01-01T00:00:00Z"
ALL_CLASSES: Final = ("identity", "contact", "health-sensitive", "income", "work", "evaluation")
ORGANISATIONS: Final = {
    "self": "participant",
    "platform": "platform",
    "rwc": "work_centre",
    "uwv": "uwv",
    "probeer": "trainer",
    "shop": "employer",
    "market": "employer",
    "naastwerk": "jobcoach",
    "stad": "municipality",
}
ACTORS: Final = {
    "noor": ("P", "self"),
    "ayse": ("P", "self"),
    "tijn": ("DEL", "self"),
    "system": ("SYS", "platform"),
    "mieke": ("FC", "rwc"),
    "daan": ("FC", "rwc"),
    "pieter": ("UWV", "uwv"),
    "sanne": ("TRN", "probeer"),
    "hetty": ("EMP", "shop"),
    "bob": ("EMP", "market"),
    "joris": ("JC", "naastwerk"),
    "klaas": ("MUN", "stad"),
}
_numbers = count(1)


@dataclass
class Life:
    """`dossier` is Noor's from the scene on, and nobody else has access. Names are made this life's own by `key`."""

    api: Api
    number: int = field(default_factory=lambda: next(_numbers))
    dossier: str = field(default_factory=new_id)

    @property
    def path(self) -> str:
        return f"/v1/dossiers/{self.dossier}"

    @property
    def events(self) -> str:
        return f"{self.path}/events"

    def key(self, name: str) -> str:
        return name if name in ("self", "platform") else f"{name}{self.number}"

    def source(self, organisation: str) -> str:
        at = 0 if organisation == "platform" else self.number
        return f"urn:nld:oin:{99990000 + list(ORGANISATIONS).index(organisation):012d}{at:08d}:systeem:test"

    def enter(self) -> "Life":
        self.api.enter(
            {
                "dossier_id": self.dossier,
                "organisations": [
                    {"key": self.key(name), "name": f"{name} (invented)", "kind": kind, "source": self.source(name)}
                    for name, kind in ORGANISATIONS.items()
                ],
                "actors": [
                    {"key": self.key(name), "name": f"{name} (invented)", "role": role, "org": self.key(organisation)}
                    for name, (role, organisation) in ACTORS.items()
                    if name != "ayse"
                ],
                "parameters": {},
            }
        )
        # Ayse is a participant as well, of no dossier here.
        self.api.enter(
            {
                "dossier_id": new_id(),
                "organisations": [
                    {"key": "self", "name": "-", "kind": "participant", "source": self.source("self")},
                ],
                "actors": [{"key": self.key("ayse"), "name": "ayse (invented)", "role": "P", "org": "self"}],
            }
        )
        return self

    # What they say

    def event(self, actor: str, name: str, data: Mapping[str, Any], **more: Json) -> dict[str, Json]:
        """A whole CloudEvent, as this actor sends it; `occurred_at` is filled where it is not given."""
        return {
            "specversion": "1.0",
            "id": new_id(),
            "source": self.source(ACTORS[actor][1]),
            "type": f"nl.dossier.{name}",
            "subject": f"dossier/{self.dossier}",
            "datacontenttype": "application/json",
            "data": {"occurred_at": BEFORE} | dict(data),
        } | more

    def call(self, method: str, path: str, actor: str | None, body: Json = None, **more: Any) -> httpx2.Response:
        return self.api.call(method, path, None if actor is None else self.key(actor), body, **more)

    def get(self, path: str, actor: str, **params: str) -> httpx2.Response:
        return self.call("GET", path, actor, params=params or None)

    def post(self, actor: str, event: Json, kind: str = EVENT, **headers: str) -> httpx2.Response:
        return self.call("POST", self.events, actor, event, headers={"Content-Type": kind} | headers)

    def batch(self, actor: str, events: Sequence[Json]) -> httpx2.Response:
        return self.post(actor, list(events), BATCH)

    def say(self, actor: str, name: str, data: Mapping[str, Any] | None = None, **more: Json) -> dict[str, Json]:
        """Posts a whole event that is stored, and gives the answer."""
        answer = self.post(actor, self.event(actor, name, data or {}, **more))
        assert answer.status_code == 201, answer.text
        stored: dict[str, Json] = answer.json()
        return stored

    # What happens often

    def open(self) -> dict[str, Json]:
        return self.say("noor", "dossier.opened", opening(self.dossier))

    def grant(self, organisation: str, **more: Json) -> str:
        """A wide one, by Noor, with her consent, unless said otherwise; its consent_id."""
        consent_id = more.pop("consent_id", f"c-{new_id()}")
        by = more.pop("by", "noor")
        data = {
            "consent_id": consent_id,
            "grantee_org": self.key(organisation),
            "classes": list(ALL_CLASSES),
            "operations": ["read", "emit", "subscribe"],
            "purpose": "guidance",
            "basis": "consent",
            "history": "all",
            "valid_from": BEFORE,
            "valid_until": LATER,
        }
        self.say(by, "consent.granted", data | more)
        return str(consent_id)

    def goal(self, text: str = "Weer aan het werk", actor: str = "noor", **more: Json) -> dict[str, Json]:
        return self.say(actor, "goal.set", {"goal_id": f"g-{new_id()}", "text": text, "set_by": "participant"}, **more)

    def revoke(self, consent_id: str, actor: str = "noor") -> httpx2.Response:
        data = {"consent_id": consent_id, "effective_at": BEFORE, "erase_copies_requested": False}
        return self.post(actor, self.event(actor, "consent.revoked", data))

    def unknown(self, actor: str) -> dict[str, Json]:
        """What this actor is told of a dossier that never was."""
        answer = self.get(f"/v1/dossiers/{new_id()}/events/{new_id()}", actor)
        assert answer.status_code == 404
        return but_for_instance(answer)


def opening(dossier_id: str) -> dict[str, Json]:
    return {
        "dossier_id": dossier_id,
        "opened_on": "1999-12-31",
        "channel": "self",
        "preferred_language": "nl",
        "region_code": "rijn-delta",
    }


def but_for_instance(answer: httpx2.Response) -> dict[str, Json]:
    """All that a client can tell one refusal from another by."""
    told = {name: value for name, value in answer.json().items() if name != "instance"}
    kept = ("content-type", "cache-control", "www-authenticate", "retry-after", "location", "etag", "allow")
    return {"status": answer.status_code, "body": told} | {name: answer.headers.get(name) for name in kept}


def pointers(answer: httpx2.Response) -> set[str]:
    return {error["pointer"] for error in answer.json().get("errors", ())}


def opened(api: Api) -> Life:
    life = Life(api).enter()
    life.open()
    return life
