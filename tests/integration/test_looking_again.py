"""A change of numbers asks the clock to look at every dossier, when no process counts with those of before."""

from datetime import timedelta
from typing import Any

import pytest

from services.dossier.parameters import FRESH_FOR, LOOK_AGAIN
from services.dossier.trajectory.rulebook import RULES
from services.foundation.clock import advance
from services.foundation.database.connection import Database
from tests.races.world import CARLA, DOSSIER, NOW, World, held, world_now

pytestmark = pytest.mark.anyio
LATER = 2 * FRESH_FOR


@pytest.fixture
async def world(database: Database) -> World:
    world = await world_now(database, RULES)
    await world.begin()
    return world


async def asked(database: Database) -> list[Any]:
    async with database.connection() as conn:
        rows = await conn.fetch("select due_at from dossier.timers where dossier_id = $1 and sealed = ''", DOSSIER)
    return [row["due_at"] for row in rows]


async def test_neither_an_append_nor_the_clock_forgets_it_before_its_moment(world: World, database: Database) -> None:
    async with database.connection() as conn:
        await conn.execute(LOOK_AGAIN, LATER)
    moment = NOW + timedelta(seconds=LATER)
    assert await asked(database) == [moment]
    await world.handler.record(CARLA, DOSSIER, [held(next_on="2026-06-01")])
    await world.handler.end_due(DOSSIER)
    assert await asked(database) == [moment]
    async with database.connection() as conn:
        await advance(conn, moment)
    await world.handler.end_due(DOSSIER)
    assert await asked(database) == []
