"""Given a reader, its place and an entry, then what the gate's one rule says: the words in which its tests are put."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from services.dossier.domain.consent import Grant
from services.dossier.gate.decision import Deny, Permit, Place, Reader, Subject, decide, decide_delivery
from services.dossier.gate.law import load

LAW = load()
SPACE = UUID("6f1c7f0e-94a3-4b8e-8d56-0a5e4d3c2b1a")
NOW = datetime(2025, 6, 1, 10, tzinfo=UTC)
GIVEN = datetime(2025, 1, 1, tzinfo=UTC)
UNTIL = datetime(2026, 1, 1, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
ALL = ("identity", "contact", "health-sensitive", "income", "work", "evaluation")

NOOR = Reader("noor", None, None, "P")
TANTE = Reader("tante", None, None, "DEL")
CARLA = Reader("carla", "oosterlo", "municipality", "MUN")
CEES = Reader("cees", "oosterlo", "municipality", "MUN")
MACHINE = Reader(None, "oosterlo", "municipality", "-")
PIETER = Reader("pieter", "uwv", "uwv", "UWV")
HETTY = Reader("hetty", "proefpagina", "employer", "EMP")
PAUL = Reader("paul", "poolhuis", "pool", "EMP")


def a_grant(to: Reader = CARLA, *classes: str, **terms: Any) -> Grant:
    """To read and to be told, of class work unless others are named, from New Year for a year, all history."""
    number = terms.pop("number", 1)
    usual: dict[str, Any] = {
        "consent_id": f"c{number}",
        "event_id": uuid5(SPACE, f"grant {number}"),
        "organisation": to.organisation,
        "person": None,
        "classes": frozenset(classes or ("work",)),
        "event_types": (),
        "operations": frozenset(("read", "subscribe")),
        "purpose": "guidance",
        "basis": "consent",
        "legal_ref": None,
        "history": "all",
        "valid_from": GIVEN,
        "valid_until": UNTIL,
    }
    return Grant(**(usual | terms))


def an_entry(name: str = "contact-moment.held", *, by: str | None = "uwv", **facts: Any) -> Subject:
    """Of class work, written by the benefits agency in March, with no field of another class."""
    privacy_class = facts.pop("privacy_class", "work")
    usual: dict[str, Any] = {
        "sequence": 7,
        "event_id": uuid5(SPACE, name),
        "type": f"nl.dossier.{name}",
        "privacy_class": privacy_class,
        "usual_class": privacy_class,
        "classes": frozenset((privacy_class, *facts.pop("fields", ()))),
        "occurred_at": datetime(2025, 3, 1, tzinfo=UTC),
        "organisation": by,
        "relation": None,
        "addressee": None,
        "party": None,
        "party_person": None,
        "applicant": None,
        "offered_to": None,
        "offer_is_open": True,
        "is_withheld": False,
    }
    return Subject(**(usual | facts))


def raised(entry: Subject) -> Subject:
    """To health-sensitive, as R-34 allows."""
    classes = frozenset("health-sensitive" if c == entry.privacy_class else c for c in entry.classes)
    return replace(entry, privacy_class="health-sensitive", classes=classes)


@dataclass(frozen=True)
class Case:
    """Somebody, in a place, at a moment."""

    reader: Reader
    place: Place
    now: datetime = NOW

    def at(self, now: datetime) -> "Case":
        return replace(self, now=now)

    def for_(self, purpose: str) -> "Case":
        return replace(self, reader=replace(self.reader, purpose=purpose))

    def as_contact_person(self) -> "Case":
        return replace(self, place=replace(self.place, is_contact_person=True))

    def as_delegate(self) -> "Case":
        return replace(self, place=replace(self.place, is_reading_delegate=True))

    def may_read(self, entry: Subject, *classes: str, because: str | None = None) -> None:
        decision = decide(self.reader, self.place, entry, self.now, LAW)
        assert isinstance(decision, Permit), decision
        assert decision.classes == frozenset(classes or entry.classes)
        assert because in (None, decision.reason)

    def may_not_read(self, entry: Subject, because: str) -> None:
        assert decide(self.reader, self.place, entry, self.now, LAW) == Deny(because)

    def is_told_of(self, entry: Subject, because: str = "grant") -> None:
        decision = decide_delivery(self.reader, self.place, entry, self.now, LAW)
        assert isinstance(decision, Permit), decision
        assert (decision.classes, decision.reason) == (frozenset(), because), "a delivery opens nothing"

    def is_not_told_of(self, entry: Subject, because: str) -> None:
        assert decide_delivery(self.reader, self.place, entry, self.now, LAW) == Deny(because)


def given(reader: Reader, *grants: Grant) -> Case:
    return Case(reader, Place(is_owner=False, is_reading_delegate=False, is_contact_person=False, grants=grants))


def the_owner() -> Case:
    return Case(NOOR, Place(is_owner=True, is_reading_delegate=False, is_contact_person=False, grants=()))
