"""Signals on a real database: raised once, in order of moment, dated when they follow, and read through the gate."""

from datetime import timedelta
from typing import Any

import pytest

from services.dossier.domain.numbers import Numbers
from services.dossier.gate.law import load
from services.dossier.gate.looking import Sights
from services.dossier.gate.overviews import Overviews
from services.dossier.gate.watching import Watching
from services.dossier.parameters import set_parameters
from services.dossier.store import streams
from services.dossier.trajectory.rulebook import RULES
from services.foundation.clock import advance
from services.foundation.database.connection import Database
from services.foundation.problems import NOT_FOUND, Problem
from tests.races.world import (
    CARLA,
    DOSSIER,
    HETTY,
    NOOR,
    NOW,
    PIETER,
    World,
    an_event,
    granted,
    reader,
    world_now,
)

pytestmark = pytest.mark.anyio
DAY = timedelta(days=1)


@pytest.fixture
async def world(database: Database) -> World:
    world = await world_now(database, RULES)
    await world.begin()
    return world


async def later(world: World, database: Database, days: int) -> int:
    async with database.connection() as conn:
        await advance(conn, NOW + days * DAY)
    return await world.handler.end_due(DOSSIER)


def watching(world: World, database: Database) -> Watching:
    return Watching(database, world.keyrings, Sights(database, world.keyrings, load()))


async def signals(world: World, database: Database, who: Any, state: Any = None) -> list[dict[str, Any]]:
    page = await watching(world, database).signals(reader(who), DOSSIER, state, 0, 100, Numbers())
    return page.items


def concern() -> Any:
    return an_event("concern.raised", CARLA, {"concern_id": "k1", "severity": 4}, occurred_at=NOW.isoformat())


async def codes(world: World, database: Database, who: Any, state: Any = None) -> list[str]:
    return [item["code"] for item in await signals(world, database, who, state)]


async def test_at_once_and_on_its_day_and_each_once(world: World, database: Database) -> None:
    await world.handler.record(CARLA, DOSSIER, [concern()])
    assert "concern_urgent" in await codes(world, database, NOOR)
    assert await later(world, database, 14) >= 0
    assert "concern_open_too_long" not in await codes(world, database, NOOR)
    assert await later(world, database, 15) > 0
    assert await world.handler.end_due(DOSSIER) == 0
    found = await codes(world, database, NOOR)
    assert (found.count("concern_urgent"), found.count("concern_open_too_long")) == (1, 1)


async def test_the_next_moment_stands_in_the_timers_and_no_cause_in_clear(world: World, database: Database) -> None:
    await later(world, database, 0)
    async with database.connection() as conn:
        due = await conn.fetchval("select min(due_at) from dossier.timers where dossier_id = $1", DOSSIER)
    assert due > NOW


async def test_what_was_due_before_the_news_came_keeps_its_moment(world: World, database: Database) -> None:
    """The clock was away: the concern was open too long on day 15, whatever is recorded on day 20."""
    await world.handler.record(CARLA, DOSSIER, [concern()])
    await later(world, database, 1)
    at = NOW + 20 * DAY
    async with database.connection() as conn:
        await advance(conn, at)
    solved = an_event(
        "concern.resolved",
        CARLA,
        {"concern_id": "k1", "resolved_on": NOW.date().isoformat()},
        occurred_at=at.isoformat(),
    )
    await world.handler.record(CARLA, DOSSIER, [solved])
    late = next(item for item in await signals(world, database, NOOR) if item["code"] == "concern_open_too_long")
    assert late["raised_on"] == (NOW + 15 * DAY).date().isoformat()
    assert late["state"] == "overtaken"


async def test_open_handled_and_what_an_employer_reads(world: World, database: Database) -> None:
    await world.handler.record(NOOR, DOSSIER, [granted("c4", HETTY, classes=["work"])])
    await world.handler.record(CARLA, DOSSIER, [concern()])
    urgent = next(item for item in await signals(world, database, NOOR) if item["code"] == "concern_urgent")
    assert urgent["state"] == "open"
    assert "concern_urgent" in await codes(world, database, NOOR, "open")
    assert await signals(world, database, HETTY) == []
    everything, _ = await watching(world, database).all_signals(reader(NOOR), None, (0, 0), 100, Numbers())
    assert [item["code"] for item in everything] == await codes(world, database, NOOR)


async def test_figures_are_for_who_may_read_all_and_nobody_else(world: World, database: Database) -> None:
    overviews = Overviews(database, world.keyrings, load())
    figures = await overviews.metrics(reader(NOOR), DOSSIER, None, None, Numbers())
    assert figures["M14_consents"]["granted_by_participant"] == 2
    for who in (CARLA, PIETER, HETTY):
        with pytest.raises(Problem) as raised:
            await overviews.metrics(reader(who), DOSSIER, None, None, Numbers())
        assert raised.value.kind == NOT_FOUND


async def test_what_is_due_stays_so_until_the_clock_has_served_it(world: World, database: Database) -> None:
    """More may rest on it than an entry changed: the clock looks at the dossier, and not the writer instead of it."""
    await later(world, database, 0)
    async with database.connection() as conn:
        assert await set_parameters(conn, {"concern_days": 13})
    await world.handler.record(CARLA, DOSSIER, [concern()])
    async with database.connection() as conn:
        due = "select count(*) from dossier.timers where dossier_id = $1 and due_at <= foundation.now()"
        assert await conn.fetchval(due, DOSSIER) == 1
        await world.handler.end_due(DOSSIER)
        assert await conn.fetchval(due, DOSSIER) == 0


async def test_a_history_that_was_kept_is_the_one_that_was_recorded(world: World, database: Database) -> None:
    """Sealed whole now and then; what is opened with it is what opens body by body, to the last field."""
    for number in range(25):
        body = {"concern_id": f"k{number}", "severity": 2 + number % 4}
        await world.handler.record(
            CARLA, DOSSIER, [an_event("concern.raised", CARLA, body, occurred_at=NOW.isoformat())]
        )
    ring = await world.keyrings.fetch(DOSSIER)
    assert ring is not None
    async with database.connection() as conn:
        kept, covers = await streams.history(conn, DOSSIER, ring)
        until_seven, _ = await streams.history(conn, DOSSIER, ring, 7)
        await conn.execute("delete from dossier.histories")
        one_by_one, none = await streams.history(conn, DOSSIER, ring)
    assert (covers > 20, none) == (True, 0)
    assert kept == one_by_one
    assert [entry.sequence for entry in until_seven] == [1, 2, 3, 4, 5, 6, 7]
