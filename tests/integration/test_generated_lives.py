"""Generated lives on the real product: a jump of the clock gives what steps give, and so does a replay from nothing."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from uuid import UUID, uuid5

import pytest

from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import BY_DEFAULT
from services.dossier.store import streams
from services.dossier.trajectory.rulebook import RULES
from services.dossier.writing.incoming import Incoming
from services.foundation.callers import Caller
from services.foundation.clock import advance, begin_sandbox
from services.foundation.database.connection import Database
from services.foundation.problems import Problem
from tests.oracle.dates import AMSTERDAM
from tests.oracle.lives import Life, compose
from tests.oracle.product import Clockwork
from tests.oracle.stories.composer import EMPLOYERS, HELPERS, PEOPLE
from tests.oracle.told import Event
from tests.races.world import CARLA, CONTRACT, HETTY, NOOR, PIETER, World, granted, keys_in_memory, opened, world_on

pytestmark = pytest.mark.anyio

SPACE = UUID("3c0e4b63-7f10-4c36-8e1b-6c4c2a1d8f33")
JUMPED, STEPPED = uuid5(SPACE, "jumped"), uuid5(SPACE, "stepped")
# Short lives with much in them; the first sees the beginning of summer time, the second the turn of a year.
SEEDS = (67, 19)
ROLES = frozenset(("FC", "MUN", "UWV", "JC", "TRN", "RIB", "DSK", "WSP", "EMP"))
STANDS_FOR = {
    **{key: "proefpagina" for key in EMPLOYERS},
    **{PEOPLE[key]: "hetty" for key in EMPLOYERS},
    **{key: "uwv" for key in HELPERS if key != "oosterlo"},
    **{PEOPLE[key]: "pieter" for key in HELPERS if key != "oosterlo"},
}
CALLERS = {
    None: NOOR,
    "oosterlo": replace(CARLA, roles=ROLES),
    "uwv": replace(PIETER, roles=ROLES),
    "proefpagina": replace(HETTY, roles=ROLES),
}
Raised = tuple[str, str, str, str]


@pytest.fixture
async def world(database: Database) -> World:
    async with database.connection() as conn:
        await begin_sandbox(conn)
    return world_on(database, keys_in_memory(), RULES)


async def stands(database: Database, at: datetime) -> None:
    async with database.connection() as conn:
        await advance(conn, at)


def sent(event: Event) -> tuple[Caller, Incoming]:
    """By one of the few parties of this world, who stand for those of the life."""
    told = json.dumps(dict(event.data))
    for key, other in STANDS_FOR.items():
        told = told.replace(f'"{key}"', f'"{other}"')
    data = json.loads(told)
    caller = CALLERS[STANDS_FOR.get(event.organisation or "", event.organisation)]
    type_ = f"nl.dossier.{event.name}"
    faults = tuple(CONTRACT.faults(type_, data))
    return caller, Incoming(UUID(event.id), min(caller.sources), type_, data, None, faults)


async def begins(world: World, dossier_id: UUID, at: datetime) -> None:
    first = [opened(dossier_id)]
    for who in (CARLA, PIETER, HETTY):
        classes = (
            ["work"] if who is HETTY else ["identity", "contact", "health-sensitive", "income", "work", "evaluation"]
        )
        window = {"valid_from": "2000-01-01T00:00:00+00:00", "valid_until": "2090-01-01T00:00:00+00:00"}
        first.append(granted(f"all-{who.person}", who, classes=classes, **window))
    told = [replace(one, data={**one.data, "occurred_at": at.isoformat()}) for one in first]
    await world.handler.record(NOOR, dossier_id, told)


async def record(world: World, dossier_id: UUID, event: Event) -> bool:
    """Whether it was admitted: the life knows the schemas, not all that a rule refuses."""
    caller, incoming = sent(event)
    try:
        await world.handler.record(caller, dossier_id, [incoming])
    except Problem:
        return False
    return True


async def entries_of(world: World, database: Database, dossier_id: UUID) -> list[Entry]:
    ring = await world.keyrings.fetch(dossier_id)
    assert ring is not None
    async with database.connection() as conn:
        return list(await streams.entries(conn, dossier_id, ring))


def raised_in(entries: list[Entry]) -> Iterator[Raised]:
    numbers = {str(entry.event_id): entry.name for entry in entries}
    for entry in entries:
        if entry.name == "signal.raised":
            data = entry.data
            yield data["raised_at"][:10], data["rule"], data["code"], numbers[data["about_event_id"]]


async def lived(world: World, database: Database, life: Life) -> int:
    """The same life in two dossiers: the clock of one is looked at every day, that of the other only before news."""
    begin = life.events[0].recorded
    await stands(database, begin)
    for dossier_id in (JUMPED, STEPPED):
        await begins(world, dossier_id, begin)
    admitted = 0
    today = begin.astimezone(AMSTERDAM).date()
    waiting = [event for event in life.events[1:] if not event.name.startswith("dossier.")]
    while today <= life.until:
        await stands(database, max(begin, datetime.combine(today, time(), AMSTERDAM)))
        await world.handler.end_due(STEPPED)
        while waiting and waiting[0].recorded_on == today:
            event = waiting.pop(0)
            await stands(database, event.recorded)
            await world.handler.end_due(STEPPED)
            outcomes = [await record(world, dossier_id, event) for dossier_id in (JUMPED, STEPPED)]
            assert outcomes[0] == outcomes[1], event.name
            admitted += outcomes[0]
        today += timedelta(1)
    await world.handler.end_due(JUMPED)
    return admitted


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_jump_gives_what_steps_give_and_so_does_a_replay(world: World, database: Database, seed: int) -> None:
    life = compose(seed)
    assert await lived(world, database, life) > len(life.events) / 3

    jumped, stepped = [await entries_of(world, database, dossier_id) for dossier_id in (JUMPED, STEPPED)]
    assert Counter(raised_in(jumped)) == Counter(raised_in(stepped))
    assert len(set(raised_in(stepped))) > 5

    replayed = Clockwork(BY_DEFAULT)
    for entry in stepped:
        if entry.name != "signal.raised":
            replayed.walk(entry.recorded_at)
            replayed.learn(entry)
    replayed.walk(datetime.combine(life.until, time(), AMSTERDAM))
    names = {entry.sequence: entry.name for entry in stepped}
    again = Counter((str(s.on), s.rule, s.code, names[s.about]) for s in replayed.raised.values())
    assert again == Counter(_on_civil_days(stepped))


def _on_civil_days(entries: list[Entry]) -> Iterator[Raised]:
    names = {str(entry.event_id): entry.name for entry in entries}
    for entry in entries:
        if entry.name == "signal.raised":
            day = datetime.fromisoformat(entry.data["raised_at"]).astimezone(AMSTERDAM).date()
            yield str(day), entry.data["rule"], entry.data["code"], names[entry.data["about_event_id"]]
