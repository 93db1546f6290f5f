"""The three public lives, whole: nothing is refused but what the files say, and purposes end on their day."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.dossier.domain.commands import EndDue, Facts, Record
from services.dossier.domain.contact import contact_persons
from services.dossier.domain.decisions import decide
from services.dossier.domain.ends import with_ends
from services.dossier.domain.entries import Actor, Entry, NewEntry
from services.dossier.domain.evolution import evolve, fold
from services.dossier.domain.refusals import AgainstState, NotAllowed, Refusal, RuleBroken, UnknownDossier
from services.dossier.domain.state import Dossier, NotOpened, Open, from_json, to_json
from services.dossier.gate import law
from tests.unit.dossier.lives import contract, moment

FILES = sorted((Path(__file__).parents[2] / "acceptance" / "trajectories").glob("*.json"))
STATUS: Mapping[type[Refusal], int] = {RuleBroken: 400, NotAllowed: 403, UnknownDossier: 404, AgainstState: 409}
LAW_FILE = law.load()
PLATFORM = Actor("platform", "platform", "platform", frozenset({"SYS"}))


@dataclass
class Replay:
    """One file on its own clock: what was recorded, and what was not."""

    file: Mapping[str, Any]
    entries: list[Entry] = field(default_factory=list)
    dossier: Dossier = field(default_factory=NotOpened)
    refused: dict[str, tuple[int, str | None]] = field(default_factory=dict)

    def run(self) -> "Replay":
        acts = [(e["event"]["time"], 0, e["actor"], e["event"]) for e in self.file["events"]]
        acts += [
            (a["at"], 1, a["actor"], a["request"]["body"])
            for a in self.file["attempts"]
            if a["request"]["method"] == "POST"
        ]
        for at, _, actor, body in sorted(acts, key=lambda act: (moment(act[0]), act[1])):
            self.clock(moment(at))
            self.post(actor, body, moment(at))
        self.clock(moment(f"{self.file['as_of']}T22:59:59+00:00"))
        return self

    def clock(self, now: datetime) -> None:
        for new in decide(EndDue(now=now, by=PLATFORM, employers=self.employers), self.dossier):
            self.record(new, UUID(int=len(self.entries)), now)

    def post(self, key: str, body: Mapping[str, Any], now: datetime) -> None:
        if UUID(body["id"]) in {entry.event_id for entry in self.entries}:
            self.refused[body["id"]] = (200, "R-29")
            return
        type_ = contract().get(body["type"])
        faults = contract().faults(body["type"], body["data"]) if type_ else [None]
        if faults:
            self.refused[body["id"]] = (400, next((fault.rule for fault in faults if fault), None))
        try:
            for new in decide(self.command(key, body, now), self.dossier) if type_ else ():
                assert not faults, "the domain takes what the contract refuses"
                self.record(new, UUID(body["id"]), now)
        except Refusal as refusal:
            self.refused[body["id"]] = (STATUS[type(refusal)], refusal.rule)

    def record(self, new: NewEntry, event_id: UUID, now: datetime) -> None:
        entry = Entry(
            sequence=len(self.entries) + 1,
            event_id=event_id,
            source="urn:nld:kvknr:99990000:systeem:test",
            type=new.type,
            privacy_class=new.privacy_class,
            usual_class=new.usual_class,
            recorded_at=now,
            occurred_at=moment(new.data["occurred_at"]),
            person=new.by.person,
            organisation=new.by.organisation,
            data=new.data,
        )
        self.entries.append(entry)
        self.dossier = evolve(self.dossier, entry)

    def command(self, key: str, body: Mapping[str, Any], now: datetime) -> Record:
        type_, data = contract().types[body["type"]], body["data"]
        by = self.actor(key)
        grantee = data.get("grantee_org") or data.get("requester_org") or ""
        return Record(
            dossier_id=UUID(self.file["dossier_id"]),
            event_id=UUID(body["id"]),
            type=body["type"],
            data=data,
            privacy_class=body["privacyclass"],
            usual_class=type_.privacy_class,
            may_emit=type_.may_emit,
            may_emit_rule=type_.may_emit_rule,
            authorises=type_.authorises,
            by=by,
            now=now,
            occurred_at=moment(data["occurred_at"]),
            facts=Facts(
                law=LAW_FILE,
                grantee_kind=self.kinds.get(grantee),
                grantee_person_organisation=self.people.get(data.get("grantee_actor", "")),
                actor_kind=self.kinds.get(by.organisation or ""),
                legal_ref=LAW_FILE.article(self.kinds.get(grantee, ""), data.get("purpose", "")),
                known_people=self.people,
                employers=self.employers,
            ),
        )

    def actor(self, key: str) -> Actor:
        found = next(a for a in self.file["actors"] if a["key"] == key)
        if found["role"] == "P":
            return Actor("participant", key, None, frozenset({"P"}))
        if found["role"] == "SYS":
            return PLATFORM
        return Actor("professional", key, found["org"], frozenset({found["role"]}))

    @property
    def kinds(self) -> dict[str, str]:
        return {o["key"]: o["kind"] for o in self.file["organisations"]}

    @property
    def people(self) -> dict[str, str | None]:
        return {a["key"]: None if a["org"] == "self" else a["org"] for a in self.file["actors"]}

    @property
    def employers(self) -> frozenset[str]:
        return frozenset(key for key, kind in self.kinds.items() if kind in ("employer", "pool"))

    @property
    def expired(self) -> dict[str, str]:
        return {
            e.data["consent_id"]: e.data["expired_at"] for e in self.entries if e.type == "nl.dossier.consent.expired"
        }


@pytest.fixture(params=FILES, ids=lambda path: path.name[:2])
def replay(request: pytest.FixtureRequest) -> Replay:
    return Replay(json.loads(request.param.read_text("utf-8"))).run()


def of(name: str) -> Replay:
    path = next(path for path in FILES if path.name.startswith(name))
    return Replay(json.loads(path.read_text("utf-8"))).run()


def test_every_event_is_recorded_and_every_attempt_is_answered_as_the_file_says(replay: Replay) -> None:
    expected = {
        a["request"]["body"]["id"]: a["expect"] for a in replay.file["attempts"] if a["request"]["method"] == "POST"
    }
    got = {id_: {"status": status, "rule": rule} for id_, (status, rule) in replay.refused.items()}
    assert got.keys() == expected.keys()
    for id_, wanted in expected.items():
        assert got[id_]["status"] == wanted["status"]
        assert wanted.get("rule") in (None, got[id_]["rule"])


def test_the_grants_that_live_at_the_end_are_those_of_the_file(replay: Replay) -> None:
    dossier = replay.dossier
    assert isinstance(dossier, Open)
    end = moment(f"{replay.file['as_of']}T22:59:59+00:00")
    live = sorted(id_ for id_, g in dossier.grants.items() if with_ends(g, dossier, replay.employers).is_live(end))
    assert live == replay.file["expect"]["state_at_end"]["active_consents"]
    assert contact_persons(dossier, end) == (replay.file["expect"]["state_at_end"]["contact_person"],)


def test_a_life_folded_whole_or_from_any_snapshot_is_the_same(replay: Replay) -> None:
    dossier: Dossier = NotOpened()
    for number, entry in enumerate(replay.entries, start=1):
        dossier = from_json(json.loads(json.dumps(to_json(evolve(dossier, entry)))))
        assert dossier == fold(replay.entries[:number])
    assert dossier == replay.dossier


@pytest.mark.parametrize(
    ("name", "expired"),
    [
        ("t1", {"c3": "2025-03-01T00:00:00+00:00"}),
        ("t2", {"c3": "2024-06-17T22:00:00+00:00", "c4": "2025-06-04T22:00:00+00:00"}),
        ("t3", {"c4": "2025-01-14T23:00:00+00:00", "c5": "2026-01-14T23:00:00+00:00"}),
    ],
)
def test_r11b_and_r12_each_grant_ends_at_its_moment_and_once(name: str, expired: dict[str, str]) -> None:
    assert of(name).expired == expired
