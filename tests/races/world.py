"""One dossier with a grant that can be withdrawn, and those who act in it, on any database that the real parts take."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID, uuid5

from services.dossier.domain.numbers import Numbers
from services.dossier.gate.decision import Reader
from services.dossier.gate.delivery import Candidates, Delivery
from services.dossier.gate.law import load as load_law
from services.dossier.gate.listing import Listing
from services.dossier.gate.looking import Sights
from services.dossier.gate.overviews import Overviews
from services.dossier.gate.release import Gate
from services.dossier.handlers import Handler
from services.dossier.parameters import ParameterShelf
from services.dossier.store.keyrings import Keyrings
from services.dossier.trajectory.rulebook import Rule
from services.dossier.writing.incoming import Incoming
from services.dossier.writing.surroundings import NOBODY, Surroundings, Surveyor
from services.foundation.callers import Caller
from services.foundation.clock import advance, begin_sandbox
from services.foundation.contract import load as load_contract
from services.foundation.database.connection import Connection, Database
from services.foundation.registry import Registry
from services.foundation.vault.cache import KeyCache
from services.foundation.vault.keys import Keys
from services.foundation.vault.root_key import KEY_BYTES
from services.foundation.vault.sealing import CLASSES, KeyRing

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
DOSSIER = UUID("6f1c7f0e-94a3-4b8e-8d56-0a5e4d3c2b1a")
CONTRACT, LAW = load_contract(), load_law()
KINDS = {"oosterlo": "municipality", "uwv": "uwv", "proefpagina": "employer", "platform": "platform"}
PEOPLE = {"carla": "oosterlo", "pieter": "uwv", "hetty": "proefpagina", "noor": None, "tante": None}
MOMENT_HELD = 4
PORTAL = "urn:nld:kvknr:99990000:systeem:portaal"


def person(key: str, *roles: str) -> Caller:
    organisation = PEOPLE[key]
    return Caller(
        kind="participant" if organisation is None else "professional",
        person=key,
        organisation=organisation,
        roles=frozenset(roles),
        sources=frozenset((source(organisation or key),)),
        subject=("test", key),
    )


def source(of: str) -> str:
    return f"urn:nld:kvknr:99990000:systeem:{of}"


NOOR, TANTE = person("noor", "P"), person("tante", "DEL")
CARLA, PIETER, HETTY = person("carla", "FC", "MUN"), person("pieter", "UWV"), person("hetty", "EMP")


def reader(caller: Caller) -> Reader:
    return Reader(caller.person, caller.organisation, KINDS.get(caller.organisation or ""), min(caller.roles))


async def delivered(world: "World", conn: Connection, who: Caller, sequence: int) -> Mapping[str, Any] | None:
    """What the gate delivers of one entry, on this connection."""
    (found,) = await world.delivery.deliver(conn, [Candidates(DOSSIER, reader(who), [sequence])])
    return found.get(sequence)


async def still(world: "World", conn: Connection, who: Caller, sequence: int) -> Mapping[str, Any] | None:
    """What the gate shows again of it."""
    (found,) = await world.delivery.still(conn, [Candidates(DOSSIER, reader(who), [sequence])])
    return found.get(sequence)


def an_event(
    name: str, by: Caller, data: Mapping[str, Any] | None = None, id_: UUID | None = None, **more: Any
) -> Incoming:
    """As sent: the required fields as in the example of the schema, except for those given."""
    type_ = CONTRACT.types[f"nl.dossier.{name}"]
    usual = {field: type_.examples[0][field] for field in type_.schema["required"]}
    body = {**usual, "occurred_at": "2025-12-01T10:00:00+00:00", **(data or {}), **more}
    faults = tuple(CONTRACT.faults(type_.name, body))
    return Incoming(
        id_ or uuid5(DOSSIER, f"{name} {sorted(body.items(), key=str)}"),
        min(by.sources),
        type_.name,
        body,
        None,
        faults,
    )


def opened(dossier_id: UUID) -> Incoming:
    return an_event("dossier.opened", NOOR, dossier_id=str(dossier_id))


def granted(id_: str, to: Caller, **terms: Any) -> Incoming:
    usual = {
        "consent_id": id_,
        "grantee_org": to.organisation,
        "classes": ["work", "health-sensitive"],
        "operations": ["read", "emit", "subscribe"],
        "purpose": "guidance",
        "basis": "consent",
        "history": "all",
        "valid_from": "2025-01-01T00:00:00+00:00",
        "valid_until": "2027-01-01T00:00:00+00:00",
    }
    return an_event("consent.granted", NOOR, usual | terms)


def withdrawn(id_: str, at: datetime = NOW) -> Incoming:
    return an_event(
        "consent.revoked",
        NOOR,
        {"consent_id": id_, "effective_at": at.isoformat(), "erase_copies_requested": False},
    )


def held(by: Caller = CARLA, **terms: Any) -> Incoming:
    """A contact moment, with a field of class health-sensitive."""
    return an_event("contact-moment.held", by, {"private_note": "canary", "summary": "canary"} | terms)


class StillSurveyor(Surveyor):
    """The same parties and numbers always: what is outside the dossier is not what is raced."""

    async def survey(self, caller: Caller | None, bodies: Iterable[Mapping[str, Any]]) -> Surroundings:
        return Surroundings(
            reader=NOBODY if caller is None else reader(caller),
            kinds=KINDS,
            people=PEOPLE,
            employers=frozenset(("proefpagina",)),
            parameters=Numbers(),
        )


@dataclass(frozen=True)
class World:
    handler: Handler
    gate: Gate
    delivery: Delivery
    overviews: Overviews
    listing: Listing
    keyrings: Keyrings
    database: Database
    sights: Sights

    async def begin(self, dossier_id: UUID = DOSSIER) -> UUID:
        """Opened by Noor, who gives a grant to the municipality and one to UWV; a contact moment; its id is given."""
        moment = held()
        first = [opened(dossier_id), granted("c1", CARLA), granted("c2", PIETER)]
        await self.handler.record(NOOR, dossier_id, first)
        await self.handler.record(CARLA, dossier_id, [moment])
        return moment.event_id


def world_on(database: Database, keys: Keys, rules: Sequence[Rule] = ()) -> World:
    """Without rules over time, unless a test is about them."""
    keyrings = Keyrings(database, keys, KeyCache())
    gate = Gate(database, keyrings, LAW)
    surveyor = StillSurveyor(Registry(database), ParameterShelf(database), LAW)
    handler = Handler(database, keyrings, CONTRACT, LAW, surveyor, gate, PORTAL, rules)
    sights = Sights(database, keyrings, LAW)
    listing = Listing(database, sights, LAW)
    return World(
        handler, gate, Delivery(database, LAW), Overviews(database, keyrings, LAW), listing, keyrings, database, sights
    )


async def world_now(database: Database, rules: Sequence[Rule] = ()) -> World:
    """On a clock that can be set and stands at `NOW`."""
    async with database.connection() as conn:
        await begin_sandbox(conn)
        await advance(conn, NOW)
    return world_on(database, keys_in_memory(), rules)


class KeysInMemory:
    """Keys that are always there, the same in every world."""

    async def create(self, dossier_id: UUID) -> KeyRing:
        return KeyRing(dossier_id, {class_: bytes(KEY_BYTES) for class_ in CLASSES}, bytes(KEY_BYTES))

    async def fetch(self, dossier_id: UUID) -> KeyRing | None:
        return await self.create(dossier_id)

    async def fetch_many(self, dossier_ids: Sequence[UUID]) -> Mapping[UUID, KeyRing]:
        return {dossier_id: await self.create(dossier_id) for dossier_id in dossier_ids}

    async def destroy(self, dossier_id: UUID) -> None:
        """What was destroyed is asked for by nobody: the erased dossier is not there."""


def keys_in_memory() -> Keys:
    return cast(Keys, KeysInMemory())
