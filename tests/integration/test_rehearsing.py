"""Other numbers rehearsed: what they would raise, in counts per organisation and code, raising nothing."""

from datetime import timedelta
from typing import Any
from uuid import uuid5

import pytest

from services.dossier.gate.law import load
from services.dossier.parameters import ParameterShelf
from services.dossier.rehearsing import Rehearsals
from services.dossier.trajectory.rulebook import RULES
from services.foundation.database.connection import Database
from services.foundation.registry import Registry
from tests.races.world import (
    CARLA,
    DOSSIER,
    NOW,
    StillSurveyor,
    World,
    an_event,
    world_now,
)

pytestmark = pytest.mark.anyio
OTHERS = [uuid5(DOSSIER, f"other {n}") for n in range(2)]
REGION = "waterkant"


@pytest.fixture
async def world(database: Database) -> World:
    world = await world_now(database, RULES)
    await world.begin()
    for dossier_id in OTHERS:
        await world.begin(dossier_id)
    return world


def concern(days: int) -> Any:
    """Raised so many days ago."""
    at = (NOW - timedelta(days)).isoformat()
    return an_event("concern.raised", CARLA, {"concern_id": f"k{days}", "severity": 1}, occurred_at=at)


async def rehearse(
    world: World, database: Database, values: dict[str, Any], days: int = 7, region: str = REGION
) -> tuple[int, list[tuple[str, str, int, int]], list[tuple[int, int]]]:
    surveyor = StillSurveyor(Registry(database), ParameterShelf(database), load())
    steps: list[tuple[int, int]] = []
    rehearsals = Rehearsals(database, world.keyrings, surveyor)
    found = await rehearsals.rehearse(region, values, None, days, lambda done, total: steps.append((done, total)))
    rows = [row for row in found.rows() if row[1] == "concern_open_too_long"]
    return found.dossiers, rows, steps


async def everything(database: Database) -> list[Any]:
    """What is stored of the dossiers, and when the clock looks at them."""
    async with database.connection() as conn:
        return [
            await conn.fetch("select dossier_id, sequence from dossier.events order by 1, 2"),
            await conn.fetch("select dossier_id, due_at from dossier.timers order by 1, 2"),
            await conn.fetch("select name, value from dossier.parameters order by 1"),
            await conn.fetch("select number from dossier.regional_events"),
            await conn.fetch("select dossier_id, id from dossier.ledger order by 1, 2"),
        ]


async def test_counts_per_organisation_and_code_of_the_coming_days(world: World, database: Database) -> None:
    """Concerns of 2, 9 and 10 days ago: two come within a week anyhow, all three with a limit of five days."""
    for dossier_id, days in zip([DOSSIER, *OTHERS], (2, 9, 10), strict=True):
        await world.handler.record(CARLA, dossier_id, [concern(days)])
    contact = {"person": CARLA.person, "org": CARLA.organisation, "audience": "participant", "from_on": "2025-12-01"}
    await world.handler.record(CARLA, DOSSIER, [an_event("contact-person.appointed", CARLA, contact)])
    before = await everything(database)
    code, own = "concern_open_too_long", CARLA.organisation
    assert await rehearse(world, database, {"concern_days": 5}) == (
        3,
        [("-", code, 2, 2), (own, code, 0, 1)],
        [(1, 3), (2, 3), (3, 3)],
    )
    assert (await rehearse(world, database, {"concern_days": 90}))[1] == [("-", code, 2, 0)]
    assert (await rehearse(world, database, {"concern_days": 90}, days=14))[1] == [("-", code, 2, 0), (own, code, 1, 0)]
    assert await everything(database) == before


async def test_another_region_is_not_looked_at(world: World, database: Database) -> None:
    await world.handler.record(CARLA, DOSSIER, [concern(10)])
    assert (await rehearse(world, database, {"concern_days": 5}, region="elders"))[:2] == (0, [])


async def test_what_was_raised_already_does_not_come_again(world: World, database: Database) -> None:
    await world.handler.record(CARLA, DOSSIER, [concern(20)])
    assert (await rehearse(world, database, {"concern_days": 30}))[1] == []
