"""What `/metrics` tells of what waits: as it is at the scrape, and no number where the database cannot say."""

from datetime import timedelta
from math import isnan
from uuid import UUID, uuid5

import orjson
import pytest

from services.events.relay import Relay
from services.foundation import telemetry
from services.foundation.bus.port import Record
from services.foundation.bus.postgres import PostgresBus
from services.foundation.clock import advance, begin_sandbox
from services.foundation.database.connection import Database
from services.notifications.lanes import Lanes
from services.notifications.notifier import TOPIC, Notifier
from services.roots.backlogs import Backlogs
from tests.dossiers import Dossiers, subscribe

pytestmark = pytest.mark.anyio

SPACE = UUID("00000000-0000-4000-8000-000000000012")
ONE, TWO = uuid5(SPACE, "one"), uuid5(SPACE, "two")
NOTHING = {
    "draad_outbox_unpublished": 0,
    "draad_outbox_oldest_seconds": 0,
    "draad_lanes_waiting": 0,
    "draad_lanes_parked": 0,
    "draad_entries_parked": 0,
    "draad_parked_dossiers": 0,
}


async def told(backlogs: Backlogs) -> dict[str, float]:
    await backlogs.look()
    return {
        name: float(value)
        for name, value in (line.split() for line in telemetry.metrics_text().decode().splitlines() if line[0] != "#")
        if name in NOTHING
    }


async def test_what_waits_and_what_stands_still_is_counted_where_it_is(database: Database) -> None:
    dossiers, bus, backlogs = await Dossiers.begin(database), PostgresBus(database), Backlogs(database, patience=20)
    relay, notifier, lanes = Relay(database, bus), Notifier(database, bus, dossiers), Lanes(database, dossiers)
    assert await told(backlogs) == NOTHING
    async with database.connection() as conn:
        begun = await begin_sandbox(conn)  # the thin event of these dossiers is of that moment
        await advance(conn, begun + timedelta(minutes=2))
    await subscribe(database, "gemeente")
    for dossier_id in (ONE, TWO):
        await dossiers.allow(dossier_id, "gemeente")
        await dossiers.append(dossier_id)
    assert await told(backlogs) == NOTHING | {"draad_outbox_unpublished": 2, "draad_outbox_oldest_seconds": 120}
    await relay.run_once()
    assert await told(backlogs) == NOTHING
    await notifier.run_once()
    assert await told(backlogs) == NOTHING | {"draad_lanes_waiting": 2}
    dossiers.broken.add((ONE, 1))
    await lanes.run_once()
    assert await told(backlogs) == NOTHING | {"draad_lanes_parked": 1}
    await bus.publish(TOPIC, [Record("nobody", orjson.dumps({}))])
    await notifier.run_once()
    assert await told(backlogs) == NOTHING | {"draad_lanes_parked": 1, "draad_entries_parked": 1}
    for each in (relay, notifier, bus):
        await each.close()


async def test_endpoints_are_counted_by_how_they_stand(database: Database) -> None:
    async with database.connection() as conn:
        for state in ("active", "active", "paused"):
            await conn.execute(
                "insert into notifications.webhooks (subscription_id, owner, endpoint, state) "
                "values (gen_random_uuid(), 'gemeente/', 'https://partner.example.org/', $1)",
                state,
            )
    await Backlogs(database, patience=20).look()
    text = telemetry.metrics_text().decode()
    assert 'draad_webhooks{status="active"} 2.0' in text
    assert 'draad_webhooks{status="paused"} 1.0' in text
    assert 'draad_webhooks{status="degraded"} 0.0' in text
    assert "partner" not in text


async def test_a_database_that_does_not_answer_in_time_gives_no_number_and_nothing_more_to_do(
    database: Database,
) -> None:
    backlogs = Backlogs(database, patience=2)
    assert await told(backlogs) == NOTHING
    async with database.transaction() as conn:
        await conn.execute("lock table notifications.webhooks in access exclusive mode")
        assert all(isnan(number) for number in (await told(backlogs)).values())
    assert await told(backlogs) == NOTHING


async def test_a_database_that_is_away_gives_no_number(database: Database) -> None:
    backlogs = Backlogs(database, patience=20)
    assert await told(backlogs) == NOTHING
    await database.close()
    assert all(isnan(number) for number in (await told(backlogs)).values())
    assert 'draad_webhooks{status="active"} NaN' in telemetry.metrics_text().decode()
