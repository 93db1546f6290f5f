"""The gate on a real database: what leaves, what is written of it, and what is as if it had never been."""

from collections.abc import Awaitable
from typing import Any
from uuid import uuid4

import pytest

from services.dossier.gate.release import Filter
from services.foundation.clock import advance, begin_sandbox
from services.foundation.database.connection import Database
from services.foundation.problems import CONFLICT, NOT_FOUND, Kind, Problem
from tests.races.world import (
    CARLA,
    DOSSIER,
    NOOR,
    NOW,
    World,
    granted,
    held,
    keys_in_memory,
    opened,
    person,
    reader,
    withdrawn,
    world_on,
)

pytestmark = pytest.mark.anyio

SHOWN = held().event_id
STRANGER = person("noor", "P")


@pytest.fixture
async def world(database: Database) -> World:
    async with database.connection() as conn:
        await begin_sandbox(conn)
        await advance(conn, NOW)
    world = world_on(database, keys_in_memory())
    await world.begin()
    return world


async def refused(kind: Kind, asked: Awaitable[Any]) -> Problem:
    with pytest.raises(Problem) as raised:
        await asked
    assert raised.value.kind == kind
    return raised.value


async def log(database: Database, actor: str) -> list[tuple[Any, ...]]:
    async with database.connection() as conn:
        rows = await conn.fetch(
            "select way, decision, reason, purpose, basis, event_ids, classes from dossier.ledger "
            "where actor = $1 and dossier_id = $2 order by id",
            actor,
            DOSSIER,
        )
    return [tuple(row) for row in rows]


async def do(database: Database, sql: str, *values: Any) -> Any:
    async with database.connection() as conn:
        return await conn.fetchval(sql, *values)


def timeline(world: World, who: Any, purpose: str | None = None) -> Awaitable[Any]:
    return world.gate.read_events(reader(who), DOSSIER, Filter(), 0, 50, purpose)


async def types(world: World, who: Any) -> list[str]:
    page = await timeline(world, who)
    return [event["type"].removeprefix("nl.dossier.") for event in page.items]


# Writing


async def test_a_batch_may_open_a_dossier_and_go_on(world: World) -> None:
    dossier_id = uuid4()
    batch = [opened(dossier_id), granted("c1", CARLA)]
    recorded = await world.handler.record(NOOR, dossier_id, batch)
    assert [event["sequence"] for event in recorded.events] == ["1", "2"]


async def test_in_a_batch_that_opens_a_dossier_all_are_stored_or_none(world: World) -> None:
    dossier_id = uuid4()
    await refused(CONFLICT, world.handler.record(NOOR, dossier_id, [opened(dossier_id), withdrawn("c1")]))
    await refused(NOT_FOUND, world.handler.record(NOOR, dossier_id, [withdrawn("c1")]))
