"""A rule that throws: the dossier waits for its signals with an alarm, everything else goes on (design V1, V9)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from structlog.testing import capture_logs

from services.dossier.domain.numbers import Numbers, Parameters
from services.dossier.gate.watching import Watching
from services.dossier.trajectory import parked
from services.dossier.trajectory.becoming import Becomes
from services.dossier.trajectory.history import History
from services.dossier.trajectory.rulebook import RULES, RuleFailed
from services.dossier.trajectory.timers import Timers
from services.foundation import telemetry
from services.foundation.clock import advance
from services.foundation.database.connection import Database
from tests.races.world import CARLA, DOSSIER, NOOR, NOW, World, an_event, reader, world_now

pytestmark = pytest.mark.anyio
DAY = timedelta(days=1)
OTHER = uuid5(DOSSIER, "other")
WORDS = "Slaapt slecht"


class Planted:
    """Throws at what is said in one dossier, with the words of it in the message, until it is put right."""

    __name__ = "planted"

    def __init__(self) -> None:
        self.is_right = False

    def __call__(self, history: History, _parameters: Parameters) -> Iterator[Becomes]:
        for concern in history.named("concern.raised"):
            if not self.is_right and concern.data.get("text") == WORDS:
                raise ValueError(concern.data["text"])
        yield from ()


@pytest.fixture
def planted() -> Planted:
    return Planted()


@pytest.fixture
async def world(database: Database, planted: Planted) -> World:
    world = await world_now(database, (*RULES, planted))
    for dossier_id in (DOSSIER, OTHER):
        await world.begin(dossier_id)
    return world


async def at(database: Database, days: int) -> None:
    async with database.connection() as conn:
        await advance(conn, NOW + days * DAY)


def concern(id_: str, text: str, days: int = 0) -> Any:
    data = {"concern_id": id_, "severity": 4, "text": text}
    return an_event("concern.raised", CARLA, data, occurred_at=(NOW + days * DAY).isoformat())


async def signals(world: World, database: Database, dossier_id: UUID) -> list[dict[str, Any]]:
    watching = Watching(database, world.keyrings, world.sights)
    return (await watching.signals(reader(NOOR), dossier_id, None, 0, 100, Numbers())).items


async def codes(world: World, database: Database, dossier_id: UUID) -> list[str]:
    return [item["code"] for item in await signals(world, database, dossier_id) if item["rule"] == "R-23"]


async def test_what_is_sent_is_stored_and_the_others_get_their_signals(
    world: World, database: Database, planted: Planted
) -> None:
    timers = Timers(database, world.handler.end_due)
    with capture_logs() as logs:
        stored = await world.handler.record(CARLA, DOSSIER, [concern("k1", WORDS)])
        await world.handler.record(CARLA, OTHER, [concern("k1", "Goed nieuws")])
        await at(database, 15)
        await timers.run_once()
    assert stored.is_new
    assert await codes(world, database, DOSSIER) == []
    assert await codes(world, database, OTHER) == ["concern_urgent", "concern_open_too_long"]

    alarms = [line for line in logs if line["event"] == "dossier_parked"]
    assert {(line["dossier_id"], line["rule"], line["exception"]) for line in alarms} == {
        (str(DOSSIER), "planted", "ValueError")
    }
    assert WORDS not in repr(logs)
    assert b"draad_parked_dossiers 1.0" in telemetry.metrics_text()

    state = await world.overviews.state(reader(NOOR), DOSSIER, None, None, Numbers())
    assert state["open_concerns"] == ["k1"]
    planted.is_right = True
    async with database.connection() as conn:
        (waiting,) = await parked.parked(conn)
        assert (waiting.dossier_id, waiting.failures) == (DOSSIER, 1)
        assert await parked.resume(conn, [OTHER]) == 0
        assert await parked.resume(conn, []) == 1
    await timers.run_once()
    found = await signals(world, database, DOSSIER)
    assert await codes(world, database, DOSSIER) == ["concern_urgent", "concern_open_too_long"]
    assert [item["raised_on"] for item in found if item["rule"] == "R-23"] == [
        (NOW + days * DAY).date().isoformat() for days in (0, 15)
    ]
    assert b"draad_parked_dossiers 0.0" in telemetry.metrics_text()


async def test_it_is_tried_less_and_less_often(world: World, database: Database) -> None:
    await world.handler.record(CARLA, DOSSIER, [concern("k1", WORDS)])
    timers = Timers(database, world.handler.end_due)
    for failures in (1, 2, 3):
        await timers.run_once()
        async with database.connection() as conn:
            (waiting,) = await parked.parked(conn)
            assert waiting.failures == failures
            await parked.resume(conn, [DOSSIER])


async def test_a_grant_ends_all_the_same(world: World, database: Database) -> None:
    await world.handler.record(CARLA, DOSSIER, [concern("k1", WORDS)])
    await at(database, 700)
    with pytest.raises(RuleFailed):
        await world.handler.end_due(DOSSIER)
    page = await world.overviews.grants(reader(NOOR), DOSSIER)
    assert {grant["consent_id"]: "ended_at" in grant for grant in page} == {"c1": True, "c2": True}


async def test_what_was_recorded_meanwhile_is_not_dated_before_it_was(
    world: World, database: Database, planted: Planted
) -> None:
    """Late news that came while the rule threw (R-29)."""
    await world.handler.record(CARLA, DOSSIER, [concern("k1", WORDS)])
    await at(database, 40)
    await world.handler.record(CARLA, DOSSIER, [concern("k2", "Al een maand", days=5)])
    planted.is_right = True
    await world.handler.end_due(DOSSIER)
    late = [item for item in await signals(world, database, DOSSIER) if item["code"] == "concern_open_too_long"]
    assert sorted(item["raised_on"] for item in late) == [(NOW + days * DAY).date().isoformat() for days in (15, 40)]
