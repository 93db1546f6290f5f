"""The table of hotpath.md §1 over everything that can leave: who waited for the fence sees what was closed meanwhile.

Seven calls first, so that every statement is prepared and planned; then the reader waits on the fence while the
closing commits. That it waited proves nothing (the leaking shapes wait too), so what it got is looked at.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from services.dossier.domain.numbers import Numbers
from services.dossier.gate import facts, fence
from services.dossier.gate.caseload import Caseload
from services.dossier.gate.release import Filter
from services.dossier.writing.incoming import Incoming
from services.foundation.callers import Caller
from services.foundation.database import connection
from services.foundation.database.connection import Connection, Database
from services.foundation.problems import NOT_FOUND, Problem
from tests.races.conftest import Ground
from tests.races.world import (
    CARLA,
    DOSSIER,
    NOOR,
    PIETER,
    TANTE,
    World,
    an_event,
    delivered,
    held,
    keys_in_memory,
    reader,
    still,
    withdrawn,
    world_on,
)
from tests.waiting import HOW_MANY_WAIT_FOR_A_FENCE

pytestmark = pytest.mark.anyio

WARM = 7
SHOWN = held().event_id
Ask = Callable[[World], Awaitable[Any]]


async def _one(world: World) -> Any:
    return await world.gate.read_event(reader(PIETER), DOSSIER, SHOWN)


async def _list(world: World) -> Any:
    page = await world.gate.read_events(reader(PIETER), DOSSIER, Filter("contact-moment.held"), 0, 10)
    return page.items


async def _dossiers(world: World) -> Any:
    """What the list shows of the dossier is its latest entry that is readable."""
    found, _ = await world.listing.dossiers(reader(PIETER), 0, 10, Numbers())
    return [one["last_event_at"] for one in found if "last_event_at" in one]


async def _caseload(world: World) -> Any:
    items, _ = await Caseload(world.database, world.sights).page(reader(PIETER), None, 0, 10, Numbers())
    return items


async def _state(world: World) -> Any:
    state = await world.overviews.state(reader(PIETER), DOSSIER, None, None)
    return state.keys() - {"id", "active_grants"}


async def _grants(world: World) -> Any:
    return await world.overviews.grants(reader(PIETER), DOSSIER)


async def _log(world: World) -> Any:
    return (await world.overviews.access_log(reader(TANTE), DOSSIER, 0, 10))[0]


async def _deliver(world: World) -> Any:
    async with world.delivery.transaction(DOSSIER) as conn:
        return await delivered(world, conn, PIETER, 4)


async def _still(world: World) -> Any:
    async with world.delivery.transaction_over([DOSSIER]) as conn:
        return await still(world, conn, PIETER, 4)


def _withdrawal() -> tuple[Caller, Incoming]:
    return NOOR, withdrawn("c2")


def _wrong_person() -> tuple[Caller, Incoming]:
    data = {"event_id": str(SHOWN), "ground": "wrong_person", "retracted_on": "2025-12-02"}
    return CARLA, an_event("entry.retracted", CARLA, data)


def _end_of_delegation() -> tuple[Caller, Incoming]:
    data = {"delegate": "tante", "effective_at": "2026-01-01T12:00:00+00:00"}
    return NOOR, an_event("delegate.withdrawn", NOOR, data)


TABLE = [
    *[(ask, _withdrawal) for ask in (_one, _list, _dossiers, _caseload, _state, _grants, _deliver, _still)],
    *[(ask, _wrong_person) for ask in (_one, _list, _deliver, _still)],
    (_log, _end_of_delegation),
]
NAMES = [f"{ask.__name__[1:]}{closing.__name__}" for ask, closing in TABLE]


@pytest.fixture(params=[1, 16])
async def readers(ground: Ground, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    database = await Database.open(ground.plain.url, size=request.param)
    yield database
    await database.close()


@pytest.fixture
async def writer(ground: Ground) -> World:
    world = world_on(ground.plain, keys_in_memory())
    await world.begin()
    delegate = {"delegate": "tante", "powers": ["read"], "from_on": "2025-12-01", "until_on": "2026-12-01"}
    await world.handler.record(NOOR, DOSSIER, [an_event("delegate.appointed", NOOR, delegate)])
    appointed = {"person": "pieter", "org": "uwv", "audience": "participant", "from_on": "2025-12-01"}
    await world.handler.record(PIETER, DOSSIER, [an_event("contact-person.appointed", PIETER, appointed)])
    return world


async def after_waiting(ground: Ground, writer: World, ask: Callable[[], Awaitable[Any]], closing: Any) -> Any:
    """What `ask` gives when it waited for the fence while the closing committed; a refusal is nothing."""
    for _ in range(WARM):
        assert await ask(), "before, it is let out"
    written, may_commit = asyncio.Event(), asyncio.Event()

    async def hold(_: Connection) -> None:
        written.set()
        await may_commit.wait()

    caller, event = closing()
    closed = asyncio.create_task(writer.handler.record(caller, DOSSIER, [event], hold))
    await written.wait()
    asked = asyncio.ensure_future(ask())
    try:
        while not await ground.watch.fetchval(HOW_MANY_WAIT_FOR_A_FENCE):
            assert not asked.done(), "it did not wait"
    finally:
        may_commit.set()
        assert (await closed).is_new
    try:
        return await asked
    except Problem as problem:
        if problem.kind != NOT_FOUND:
            raise
        return None


@pytest.mark.parametrize(("ask", "closing"), TABLE, ids=NAMES)
async def test_who_waited_sees_what_was_closed(
    ground: Ground, writer: World, readers: Database, ask: Ask, closing: Any
) -> None:
    world = world_on(readers, keys_in_memory())
    assert not await after_waiting(ground, writer, lambda: ask(world), closing)


async def test_the_table_is_over_every_statement_that_loads_facts(ground: Ground, writer: World) -> None:
    said: set[str] = set()

    class Listening(Database):
        async def _acquire(self) -> Connection:
            raw = await super()._acquire()
            raw.add_query_logger(lambda record: said.add(record.query))
            return raw

    listening = Listening(ground.plain.url, ground.plain._pool)
    world = world_on(listening, keys_in_memory())
    for ask, _ in TABLE:
        await ask(world)
    of_deliveries = {facts.PLACES_OF_EACH, facts.OF_SEVERAL}
    assert said >= {facts.ONE, facts.PLACE, facts.SOME, facts.THESE, facts.LATEST, facts.GRANTS} | of_deliveries


# The shapes that leak: they wait, and then show what was withdrawn. They must be seen, or the table proves nothing.

LIVE = "select consent_id from dossier.index_grants where dossier_id = $1 and organisation = 'uwv' and ended_at is null"
KEY = fence.shared(DOSSIER).key
IN_A_CTE = f"""
with fence as materialized (select pg_advisory_xact_lock_shared({KEY}))
select g.consent_id from fence cross join ({LIVE}) g
"""
FUNCTION = f"""
create function public.planted(id uuid) returns setof text language plpgsql {{}} as $$
begin
  perform pg_advisory_xact_lock_shared({KEY});
  return query {LIVE.replace("$1", "id")};
end $$
"""


@pytest.mark.parametrize("ask", [_list, _deliver, _still])
async def test_repeatable_read_is_seen_to_leak(
    monkeypatch: pytest.MonkeyPatch, ground: Ground, writer: World, readers: Database, ask: Ask
) -> None:
    world = world_on(readers, keys_in_memory())
    plain = connection.BEGIN

    async def ask_badly() -> Any:
        monkeypatch.setattr(connection, "BEGIN", "begin isolation level repeatable read;")
        asked = asyncio.ensure_future(ask(world))
        while not asked.done():
            await asyncio.sleep(0)
            monkeypatch.setattr(connection, "BEGIN", plain)
        return await asked

    assert await after_waiting(ground, writer, ask_badly, _withdrawal)


@pytest.mark.parametrize(
    ("shape", "leaks"),
    [("cte", True), ("stable", True), ("volatile", False), ("own statement", False)],
)
async def test_the_shape_of_the_statement_decides(
    ground: Ground, writer: World, readers: Database, shape: str, leaks: bool
) -> None:
    if shape in ("stable", "volatile"):
        await ground.watch.execute(FUNCTION.format(shape))
    statement = {"cte": IN_A_CTE, "own statement": LIVE}.get(shape, "select public.planted($1)")
    locks = (fence.shared(DOSSIER),) if shape == "own statement" else ()

    async def ask() -> Any:
        async with readers.transaction(*locks) as conn:
            return await conn.fetch(statement, DOSSIER)

    assert bool(await after_waiting(ground, writer, ask, _withdrawal)) is leaks
