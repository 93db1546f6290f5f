"""Given what happened, when someone records this, then that is recorded or refused: exact, on schema-true events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID, uuid5

from services.dossier.domain.commands import AboutEntry, EndDue, Facts, Record
from services.dossier.domain.decisions import decide
from services.dossier.domain.entries import Actor, Entry, NewEntry
from services.dossier.domain.evolution import fold
from services.dossier.domain.index import IndexFacts, index_facts
from services.dossier.domain.refusals import Refusal
from services.dossier.domain.state import Dossier, Open
from services.foundation.contract import Contract, load

DOSSIER_ID = UUID("6f1c7f0e-94a3-4b8e-8d56-0a5e4d3c2b1a")
KINDS = {
    "platform": "platform",
    "rwc": "work_centre",
    "oosterlo": "municipality",
    "uwv": "uwv",
    "probeer": "trainer",
    "naastwerk": "jobcoach",
    "terugval": "learn_work",
    "proefpagina": "employer",
    "nepdoos": "employer",
    "testtuin": "employer",
    "pool": "pool",
}
EMPLOYERS = frozenset(key for key, kind in KINDS.items() if kind in ("employer", "pool"))
PEOPLE: Mapping[str, str | None] = {
    "noor": None,
    "tante": None,
    "mieke": "rwc",
    "bram": "rwc",
    "carla": "oosterlo",
    "pieter": "uwv",
    "sanne": "probeer",
    "joris": "naastwerk",
    "rita": "terugval",
    "hetty": "proefpagina",
    "anton": "nepdoos",
    "tessa": "testtuin",
    "paul": "pool",
}
ROLES = {
    "mieke": "FC",
    "bram": "FC",
    "carla": "MUN",
    "pieter": "UWV",
    "sanne": "TRN",
    "joris": "JC",
    "rita": "RIB",
    "hetty": "EMP",
    "anton": "EMP",
    "tessa": "EMP",
    "paul": "EMP",
}


def professional(person: str) -> Actor:
    return Actor("professional", person, PEOPLE[person], frozenset({ROLES[person]}))


NOOR = Actor("participant", "noor", None, frozenset({"P"}))
TANTE = Actor("delegate", "tante", None, frozenset({"DEL"}))
PLATFORM = Actor("platform", None, "platform", frozenset({"SYS"}))
MIEKE, BRAM, CARLA, PIETER = (professional(key) for key in ("mieke", "bram", "carla", "pieter"))
SANNE, JORIS, RITA = (professional(key) for key in ("sanne", "joris", "rita"))
HETTY, ANTON, TESSA, PAUL = (professional(key) for key in ("hetty", "anton", "tessa", "paul"))


@cache
def contract() -> Contract:
    return load()


class TestLaw:
    """The prohibitions of R-17, small: what an employer may read of what these tests use."""

    __test__ = False
    forbidden_classes = frozenset({"health-sensitive", "income"})
    readable = ("nl.dossier.trial-placement.", "nl.dossier.placement.", "nl.dossier.self-manual.shared")

    def is_employer(self, kind: str | None) -> bool:
        return kind in ("employer", "pool")

    def employer_may_read(self, type_: str) -> bool:
        return type_.startswith(self.readable)

    def forbidden_in_emission(self, data: Mapping[str, Any]) -> Sequence[str]:
        fields = [f"/{field}" for field in ("health_remark", "person_part_ref", "need") if field in data]
        return fields + (["/reason"] if data.get("reason") == "health" else [])


LAW = TestLaw()


def moment(text: str) -> datetime:
    """A day stands for ten in the morning."""
    parsed = datetime.fromisoformat(text if "T" in text else f"{text}T10:00:00+00:00")
    return parsed.astimezone(UTC)


@dataclass(frozen=True)
class Happening:
    """One event that someone records at a moment."""

    name: str
    by: Actor
    at: datetime
    data: Mapping[str, Any]
    privacy_class: str | None = None

    @property
    def type(self) -> str:
        return f"nl.dossier.{self.name}"

    @property
    def id(self) -> UUID:
        return uuid5(DOSSIER_ID, f"{self.name} {self.at} {sorted(self.data.items(), key=str)}")

    def but(self, **data: Any) -> "Happening":
        return replace(self, data=_checked(self.name, {**self.data, **data}))

    def without(self, *fields: str) -> "Happening":
        return replace(self, data={key: value for key, value in self.data.items() if key not in fields})

    def sent_as(self, privacy_class: str) -> "Happening":
        return replace(self, privacy_class=privacy_class)

    def by_whom(self, by: Actor) -> "Happening":
        return replace(self, by=by)


def event(name: str, by: Actor, at: str, **data: Any) -> Happening:
    """The required fields as in the example of the schema, except for those given."""
    type_ = contract().types[f"nl.dossier.{name}"]
    usual = {field: type_.examples[0][field] for field in type_.schema["required"]}
    when = moment(at)
    return Happening(name, by, when, _checked(name, {**usual, "occurred_at": when.isoformat(), **data}))


def _checked(name: str, data: dict[str, Any]) -> dict[str, Any]:
    faults = contract().faults(f"nl.dossier.{name}", data)
    assert all(fault.rule for fault in faults), faults  # what breaks a rule may be tried
    return data


def recorded(happenings: Sequence[Happening]) -> tuple[Entry, ...]:
    return tuple(_entry(happening, number) for number, happening in enumerate(happenings, start=1))


def _entry(happening: Happening, sequence: int) -> Entry:
    usual = contract().types[happening.type].privacy_class
    return Entry(
        sequence=sequence,
        event_id=happening.id,
        source="urn:nld:kvknr:99990000:systeem:test",
        type=happening.type,
        privacy_class=happening.privacy_class or usual,
        usual_class=usual,
        recorded_at=happening.at,
        occurred_at=moment(happening.data["occurred_at"]),
        person=happening.by.person,
        organisation=happening.by.organisation,
        data=happening.data,
    )


def command_of(happening: Happening, about: AboutEntry | None = None, legal_ref: str | None = None) -> Record:
    type_ = contract().types[happening.type]
    data = happening.data
    usual = about.privacy_class if about is not None and type_.class_of is not None else type_.privacy_class
    return Record(
        dossier_id=DOSSIER_ID,
        event_id=happening.id,
        type=happening.type,
        data=data,
        privacy_class=happening.privacy_class or usual,
        usual_class=usual,
        may_emit=type_.may_emit,
        may_emit_rule=type_.may_emit_rule,
        authorises=type_.authorises,
        by=happening.by,
        now=happening.at,
        occurred_at=moment(data["occurred_at"]),
        facts=Facts(
            law=LAW,
            grantee_kind=KINDS.get(data.get("grantee_org") or data.get("requester_org") or ""),
            grantee_person_organisation=PEOPLE.get(data.get("grantee_actor", "")),
            actor_kind=KINDS.get(happening.by.organisation or ""),
            about=about,
            legal_ref=legal_ref,
            known_people=PEOPLE,
            employers=EMPLOYERS,
        ),
    )


@dataclass(frozen=True)
class Asked:
    """What came of it."""

    happening: Happening
    entries: tuple[NewEntry, ...]
    refusal: Refusal | None

    def then_recorded(self, **also: Any) -> None:
        """Exactly what was sent, and what the platform adds to it."""
        assert self.refusal is None, self.refusal
        usual = contract().types[self.happening.type].privacy_class
        assert [(e.type, e.data, e.by) for e in self.entries] == [
            (self.happening.type, {**self.happening.data, **also}, self.happening.by)
        ]
        assert {e.privacy_class for e in self.entries} == {self.happening.privacy_class or self.entries[0].usual_class}
        assert usual or self.entries

    def then_refused(self, kind: type[Refusal], rule: str | None, *fields: str) -> None:
        assert self.refusal is not None, "it was recorded"
        assert (type(self.refusal), self.refusal.rule) == (kind, rule), self.refusal
        assert self.refusal.pointers == tuple(f"/{f}" if f == "privacyclass" else f"/data/{f}" for f in fields)


@dataclass(frozen=True)
class Life:
    """What has happened so far, without asking whether it was allowed."""

    happenings: tuple[Happening, ...]

    @property
    def dossier(self) -> Dossier:
        return fold(recorded(self.happenings))

    @property
    def open(self) -> Open:
        dossier = self.dossier
        assert isinstance(dossier, Open)
        return dossier

    def when(self, happening: Happening, about: AboutEntry | None = None, legal_ref: str | None = None) -> Asked:
        try:
            return Asked(happening, decide(command_of(happening, about, legal_ref), self.dossier), None)
        except Refusal as refusal:
            return Asked(happening, (), refusal)

    def when_the_clock_stands_at(self, at: str) -> tuple[NewEntry, ...]:
        return decide(EndDue(now=moment(at), by=PLATFORM, employers=EMPLOYERS), self.dossier)

    def index_of(self, happening: Happening, about: AboutEntry | None = None) -> IndexFacts:
        """As derived when this is recorded next."""
        entries = recorded((*self.happenings, happening))
        return index_facts(entries[-1], fold(entries), about)


def given(*happenings: Happening) -> Life:
    return Life(happenings)


def about(happening: Happening) -> AboutEntry:
    entry = _entry(happening, 1)
    return AboutEntry(
        event_id=entry.event_id,
        type=entry.type,
        privacy_class=entry.privacy_class,
        organisation=entry.organisation,
        sequence=entry.sequence,
    )


OPENED = event("dossier.opened", NOOR, "2024-09-02", dossier_id=str(DOSSIER_ID), channel="self")


def grant(id_: str, grantee: str, at: str = "2024-09-03", **data: Any) -> Happening:
    """Work, read and written, for two years, given by the participant."""
    usual: dict[str, Any] = {
        "consent_id": id_,
        "grantee_org": grantee,
        "classes": ["work"],
        "operations": ["read", "emit"],
        "purpose": "guidance",
        "basis": "consent",
        "history": "from_grant",
        "valid_from": moment(at).isoformat(),
        "valid_until": moment(at).replace(year=moment(at).year + 2).isoformat(),
    }
    return event("consent.granted", NOOR, at, **(usual | data))


def statutory(id_: str, grantee: str, at: str = "2024-09-03", **data: Any) -> Happening:
    return grant(id_, grantee, at, **({"basis": "statutory_task", "legal_ref": "art. 7 Pw"} | data)).by_whom(PLATFORM)


ALL = ["identity", "contact", "health-sensitive", "income", "work", "evaluation"]
CONTACT = grant("c1", "rwc", classes=ALL, grantee_actor="mieke")
EMPLOYER = grant("c5", "proefpagina", purpose="placement")
