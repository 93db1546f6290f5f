"""The relay: everything once in effect and in order, whatever place it dies at, and one at a time."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest

from services.events import relay as relay_module
from services.events.relay import TOPIC, AnotherRelayRuns, Relay
from services.foundation.bus.port import Received
from services.foundation.bus.postgres import PostgresBus
from services.foundation.database.connection import AWAY, Database
from services.foundation.failpoints import ALLOWED, NAME, FailpointSet, guard
from services.notifications.lanes import Lanes
from services.notifications.notifier import Notifier
from tests.dossiers import Dossiers, got, subscribe
from tests.pairs import Urls

pytestmark = pytest.mark.anyio

SPACE = UUID("00000000-0000-4000-8000-000000000003")
MANY = [uuid5(SPACE, str(number)) for number in range(3)]
PLACES = ("after_select", "first_publish", "last_publish", "before_mark", "after_mark")
ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import asyncio, sys
from services.events.relay import Relay
from services.foundation.bus.postgres import PostgresBus
from services.foundation.database.connection import Database

async def main():
    database = await Database.open(sys.argv[1], size=4)
    await Relay(database, PostgresBus(database), batch=6, chunk=2).run_once()

asyncio.run(main())
"""


Hire = Callable[..., Relay]


@pytest.fixture
async def hire(database: Database) -> AsyncIterator[Hire]:
    """Relays that are closed whatever happens: an open one holds a connection, and the pool waits for it."""
    hired: list[Relay] = []

    def one(bus: PostgresBus, **how: Any) -> Relay:
        hired.append(Relay(database, bus, **how))
        return hired[-1]

    yield one
    for relay in hired:
        await relay.close()


async def everything(bus: PostgresBus) -> list[Received]:
    consumer = await bus.consumer(TOPIC)
    records: list[Received] = []
    while some := await consumer.poll(100, 0):
        records += some
    await consumer.close()
    return records


async def outbox(database: Database) -> list[tuple[UUID, int, int | None, bool]]:
    async with database.connection() as conn:
        rows = await conn.fetch(
            "select dossier_id, sequence, position, published_at is not null from dossier.outbox order by pos"
        )
    return [tuple(row) for row in rows]


async def test_positions_have_no_gaps_and_follow_the_outbox(database: Database, hire: Hire) -> None:
    dossiers, bus = await Dossiers.begin(database), PostgresBus(database)
    relay = hire(bus, batch=4)
    for number in range(10):
        await dossiers.append(MANY[number % 3])
    assert await relay.run_once() == 10
    await dossiers.append(MANY[0])
    assert await relay.run_once() == 1
    assert await relay.run_once() == 0
    assert [row[2:] for row in await outbox(database)] == [(position, True) for position in range(1, 12)]
    assert sorted(int(record.headers["position"]) for record in await everything(bus)) == [*range(1, 12)]


@pytest.mark.parametrize("place", PLACES)
async def test_wherever_it_is_killed_nothing_is_lost_doubled_or_out_of_order(
    database: Database, urls: Urls, hire: Hire, place: str
) -> None:
    dossiers, bus = await Dossiers.begin(database), PostgresBus(database)
    reader = await subscribe(database, "gemeente")
    for dossier in MANY:
        await dossiers.allow(dossier, "gemeente")
    for number in range(14):
        await dossiers.append(MANY[number % 3])
    child = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", CHILD, urls.main],
        cwd=ROOT,
        env=os.environ | {NAME: f"relay.{place}"},
        check=False,
        timeout=60,
    )
    assert child.returncode == -signal.SIGKILL
    before = await outbox(database)
    await dossiers.append(MANY[0])

    notifier, lanes, relay = Notifier(database, bus, dossiers), Lanes(database, dossiers), hire(bus, batch=6)
    await notifier.run_once()
    await _when_free(relay)
    await notifier.run_once()
    await lanes.run_once()

    after = await outbox(database)
    assert [row[2:] for row in after] == [(position, True) for position in range(1, 16)]
    assert all(old[2] in (None, new[2]) for old, new in zip(before, after, strict=False)), "a position never changes"
    rows = await got(database, reader)
    assert [row[0] for row in rows] == [*range(1, 16)]
    for dossier, entries in zip(MANY, (6, 5, 4), strict=True):
        assert [(row[2], row[3]) for row in rows if row[1] == dossier] == [(n, n) for n in range(1, entries + 1)]
    for dossier in MANY:
        came = [int(r.headers["position"]) for r in await everything(bus) if r.key == str(dossier)]
        once = sorted(set(came))
        assert came == once or came == once[: len(came) - len(once)] + once, "a batch comes again whole and in order"
    await notifier.close()


async def _when_free(relay: Relay) -> None:
    """The database takes the lock from a killed session when it sees the connection end."""
    for _ in range(100):
        try:
            await relay.run_once()
        except AnotherRelayRuns:
            await asyncio.sleep(0.05)
        else:
            return
    pytest.fail("the lock of the killed relay was never given back")


async def test_what_was_published_long_ago_goes_and_nothing_else(
    database: Database, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "FORGET_AT_ONCE", 4)
    dossiers, bus = await Dossiers.begin(database), PostgresBus(database)
    first = hire(bus)
    for _ in range(8):
        await dossiers.append(MANY[0])
    await first.run_once()
    await first.close()
    await dossiers.append(MANY[0])
    async with database.connection() as conn:
        age = "update dossier.outbox set published_at = published_at - interval '15 days' where pos <= 5"
        await conn.execute(age)
    relay = hire(bus, keep=timedelta(days=14))
    assert await relay.run_once() == 1
    assert [row[1] for row in await outbox(database)] == [5, 6, 7, 8, 9], "a bite"
    await relay.run_once()
    assert [row[1:] for row in await outbox(database)] == [(n, n, True) for n in (6, 7, 8, 9)]
    await dossiers.append(MANY[0])
    assert await relay.run_once() == 1
    assert (await outbox(database))[-1][1:] == (10, 10, True), "positions go on"
    assert [int(record.headers["position"]) for record in await everything(bus)] == [*range(1, 11)]


async def test_a_second_relay_is_refused_until_the_first_lets_go(database: Database, hire: Hire) -> None:
    dossiers, bus = await Dossiers.begin(database), PostgresBus(database)
    first, second = hire(bus), hire(bus)
    await dossiers.append(MANY[0])
    assert await first.run_once() == 1
    with pytest.raises(AnotherRelayRuns):
        await second.run_once()
    await first.close()
    await dossiers.append(MANY[0])
    assert await second.run_once() == 1


async def test_a_second_relay_that_runs_waits_and_then_takes_over(database: Database, hire: Hire) -> None:
    dossiers, bus = await Dossiers.begin(database), PostgresBus(database)
    first, second = hire(bus), hire(bus)
    await first.run_once()
    waiting = asyncio.create_task(second.run())
    await dossiers.append(MANY[0])
    await asyncio.sleep(0.1)
    assert (await outbox(database))[0][3] is False
    await first.close()
    second.wake()
    for _ in range(100):
        if (await outbox(database))[0][3]:
            break
        await asyncio.sleep(0.05)
    assert (await outbox(database))[0][3]
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_session_that_the_database_ended_is_taken_up_again(database: Database, hire: Hire) -> None:
    dossiers, bus = await Dossiers.begin(database), PostgresBus(database)
    relay = hire(bus)
    await relay.run_once()
    async with database.connection() as conn:
        await conn.execute(
            """select pg_terminate_backend(pid) from pg_locks join pg_database on pg_database.oid = database
                where datname = current_database() and locktype = 'advisory' and granted"""
        )
    await dossiers.append(MANY[0])
    with pytest.raises(AWAY):
        await relay.run_once()
    assert await relay.run_once() == 1


def test_a_process_for_real_people_does_not_start_with_a_fail_point() -> None:
    guard({})
    guard({NAME: "relay.before_mark", ALLOWED: "1"})
    with pytest.raises(FailpointSet):
        guard({NAME: "relay.before_mark"})
