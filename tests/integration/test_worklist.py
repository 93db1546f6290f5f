"""What must be acted on, on a real database: told in words that the reader's rights permit, and logged."""

from datetime import timedelta
from typing import Any

import pytest

from services.dossier.domain.numbers import Numbers
from services.dossier.gate.looking import Sights
from services.dossier.gate.worklist import Worklist
from services.dossier.trajectory.rulebook import RULES
from services.foundation.database.connection import Database
from tests.races.world import (
    CARLA,
    DOSSIER,
    HETTY,
    LAW,
    NOOR,
    NOW,
    PIETER,
    World,
    an_event,
    granted,
    opened,
    reader,
    withdrawn,
    world_now,
)

pytestmark = pytest.mark.anyio
ALL = ["identity", "contact", "health-sensitive", "income", "work", "evaluation"]
TODAY = NOW.date()


@pytest.fixture
async def world(database: Database) -> World:
    world = await world_now(database, RULES)
    appointed = {"person": "carla", "org": "oosterlo", "audience": "participant", "from_on": "2025-12-01"}
    grants = [granted("c1", CARLA, classes=ALL), granted("c2", PIETER), granted("c3", HETTY, classes=["work"])]
    await world.handler.record(NOOR, DOSSIER, [opened(DOSSIER), *grants])
    await world.handler.record(CARLA, DOSSIER, [an_event("contact-person.appointed", CARLA, appointed)])
    await world.handler.end_due(DOSSIER)
    return world


async def working(world: World, ends_on: Any, **more: Any) -> None:
    """Work at Hetty's, with a contract that ends."""
    placed = {"employer_org": "proefpagina", "starts_on": "2025-12-01", "ends_on": str(ends_on), "kind": "regular"}
    data = placed | {"hours_per_week": 24, "placement_id": "p1", "occurred_at": NOW.isoformat()} | more
    await world.handler.record(CARLA, DOSSIER, [an_event("placement.started", CARLA, data)])
    await world.handler.end_due(DOSSIER)


async def page(world: World, database: Database, who: Any, after: tuple[int, int] = (0, 0), limit: int = 50) -> Any:
    sights = Sights(database, world.keyrings, LAW)
    return await Worklist(sights, LAW).page(reader(who), after, limit, Numbers())


async def tasks(world: World, database: Database, who: Any) -> dict[str | None, dict[str, Any]]:
    items, _ = await page(world, database, who)
    return {item.get("code"): item for item in items}


async def test_each_is_told_in_words_that_their_rights_permit(world: World, database: Database) -> None:
    await working(world, TODAY + timedelta(84))
    mine, hers, its = [await tasks(world, database, who) for who in (CARLA, NOOR, HETTY)]
    assert mine["contract_ending"]["signal_id"]
    for seen in (hers, its):
        assert seen["contract_ending"]["with"] == "carla"
        assert seen["contract_ending"]["due_on"] == str(TODAY + timedelta(84))
    # An employer reads no signal, and no amount stands anywhere.
    assert its.keys() == {"contract_ending"}
    assert its["contract_ending"].keys() == {
        "dossier", "kind", "due_on", "with", "code", "rule", "about", "acts", "numbers"
    }  # fmt: skip
    assert its["contract_ending"]["numbers"] == {"since": str(TODAY)}
    assert "contract_ending" not in await tasks(world, database, PIETER)


async def test_who_it_is_for_and_who_may_not_read_it_is_told_that_it_waits(world: World, database: Database) -> None:
    await world.handler.record(NOOR, DOSSIER, [granted("c9", CARLA, classes=["contact"])])
    await world.handler.record(NOOR, DOSSIER, [withdrawn("c1")])
    items, _ = await page(world, database, CARLA)
    assert items
    assert {tuple(item) for item in items} == {("dossier", "kind", "due_on")}
    async with database.connection() as conn:
        told = await conn.fetch("select event_ids from dossier.ledger where actor = 'carla' and way = 'list'")
    assert [row["event_ids"] for row in told] == [[]]


async def test_without_access_there_is_no_task(world: World, database: Database) -> None:
    await working(world, TODAY + timedelta(84))
    for grant in ("c1", "c2", "c3"):
        await world.handler.record(NOOR, DOSSIER, [withdrawn(grant)])
    for who in (CARLA, HETTY, PIETER):
        assert await page(world, database, who) == ([], (0, 0))


async def test_pages_of_one_are_the_list(world: World, database: Database) -> None:
    await working(world, TODAY + timedelta(84))
    whole, _ = await page(world, database, CARLA)
    assert len(whole) > 1
    found: list[Any] = []
    after = (0, 0)
    while True:
        items, after = await page(world, database, CARLA, after, 1)
        if not items:
            break
        found += items
    assert found == whole
    async with database.connection() as conn:
        told = await conn.fetch(
            "select event_ids from dossier.ledger where actor = 'carla' and way = 'list' order by id"
        )
    assert len(told[0]["event_ids"]) > max(len(row["event_ids"]) for row in told[1:])  # a page tells of what is on it


async def test_what_the_employer_cannot_know_of_does_not_change_its_list(world: World, database: Database) -> None:
    """A talk that it may not read answers the signal for the contact person, and nothing moves for the employer."""
    await working(world, TODAY + timedelta(84))
    before = await tasks(world, database, HETTY)
    spoken = {"with": ["noor", "carla"], "occurred_at": NOW.isoformat(), "held_on": str(TODAY)}
    await world.handler.record(CARLA, DOSSIER, [an_event("contact-moment.held", CARLA, spoken)])
    assert "contract_ending" not in await tasks(world, database, CARLA)
    assert await tasks(world, database, HETTY) == before
