"""What the bus in PostgreSQL keeps to beside the contract of every bus: no gaps, a bell, and what it forgets."""

import asyncio
from collections import defaultdict
from datetime import timedelta

import pytest

from services.foundation.bus.port import (
    RETENTION,
    OffsetOutOfRange,
    Record,
)
from services.foundation.bus.postgres import PostgresBus
from services.foundation.database.connection import AWAY, Database
from tests.buses import (
    KEYS,
    PATIENCE,
    TOPIC,
    A,
    PostgresAdapter,
    read,
    record,
    values,
)

pytestmark = pytest.mark.anyio


async def test_postgres_offsets_have_no_gaps(database: Database) -> None:
    bus = PostgresBus(database, 2)
    with pytest.raises(Exception, match=r".+"):
        await bus.publish(TOPIC, [record(A, 0), Record(A, None)])  # type: ignore[arg-type]
    await asyncio.gather(*(bus.publish(TOPIC, [record(key, 1) for key in KEYS]) for _ in range(5)))
    consumer = await bus.consumer(TOPIC)
    offsets = defaultdict(list)
    for one in await read(consumer, 5 * len(KEYS)):
        offsets[one.partition].append(one.offset)
    assert all(seen == list(range(len(seen))) for seen in offsets.values())
    assert await consumer.end() == {partition: len(seen) for partition, seen in offsets.items()}


async def test_postgres_publishes_nothing_when_its_session_is_killed(database: Database) -> None:
    adapter = PostgresAdapter(database)

    async def kill() -> None:
        async with database.connection() as connection:
            await connection.execute(
                """select pg_terminate_backend(pid) from pg_stat_activity
                    where datname = current_database() and state like 'idle in transaction%'"""
            )

    killed, bus = await adapter.bus(before_commit=kill), await adapter.bus()
    with pytest.raises(AWAY):
        await killed.publish(TOPIC, [record(A, "killed")])
    await bus.publish(TOPIC, [record(A, "kept")])
    (received,) = await read(await bus.consumer(TOPIC), 1)
    assert (received.value, received.offset) == (b"kept", 0)
    await adapter.close()


async def test_postgres_keeps_the_partitions_that_a_topic_was_made_with(database: Database) -> None:
    await asyncio.gather(*(PostgresBus(database, 2).publish(TOPIC, [record(A, 1)]) for _ in range(4)))
    consumer = await PostgresBus(database, 5).consumer(TOPIC)
    assert set(await consumer.end()) == {0, 1}


async def test_postgres_rings_within_the_process(database: Database) -> None:
    bus = PostgresBus(database)
    consumer = await bus.consumer(TOPIC)
    assert await consumer.poll(1, 1.0) == []  # by now it asks only seldom
    clock = asyncio.get_running_loop()
    polling = asyncio.create_task(consumer.poll(1, PATIENCE))
    await asyncio.sleep(0.05)
    await bus.publish(TOPIC, [record(A, 1)])
    published = clock.time()
    await polling
    assert clock.time() - published < 0.3


async def older(database: Database, than: timedelta) -> None:
    async with database.connection() as connection:
        await connection.execute("update bus.entries set published_at = published_at - $1::interval", than)


@pytest.mark.usefixtures("forgetting_always")
async def test_postgres_forgets_from_the_front_and_never_skips_unseen(database: Database) -> None:
    bus = PostgresBus(database, 1)
    consumer, behind = await bus.consumer(TOPIC), await bus.consumer(TOPIC)
    await bus.publish(TOPIC, [record(A, "old")] * 2)
    await behind.seek({0: 1})
    await older(database, RETENTION - timedelta(hours=1))
    await bus.publish(TOPIC, [record(A, "new")])
    assert values(await read(behind, 2)) == ["old", "new"], "not yet"
    await behind.seek({0: 1})
    await older(database, timedelta(hours=1))
    await bus.publish(TOPIC, [record(A, "newer")])
    assert values(await read(consumer, 2)) == ["new", "newer"]
    assert await consumer.end() == {0: 4}
    with pytest.raises(OffsetOutOfRange) as refusal:
        await behind.poll(10, 0.1)
    assert (refusal.value.asked, refusal.value.first, refusal.value.end) == (1, 2, 4)
    await behind.seek({0: refusal.value.first})
    assert values(await read(behind, 2)) == ["new", "newer"]


@pytest.mark.usefixtures("forgetting_always")
async def test_postgres_forgets_everything_a_bite_at_a_time_and_goes_on_counting(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.foundation.bus.postgres.FORGET_AT_ONCE", 2)
    bus = PostgresBus(database, 1)
    await bus.publish(TOPIC, [record(A, "old")] * 5)
    await older(database, RETENTION)
    for held in (4, 3, 3):
        await bus.publish(TOPIC, [record(A, "new")])
        async with database.connection() as connection:
            assert await connection.fetchval("select count(*) from bus.entries") == held
    (received, *_) = await read(await bus.consumer(TOPIC), 3)
    assert (received.value, received.offset) == (b"new", 5)


@pytest.mark.usefixtures("forgetting_always")
async def test_postgres_has_published_what_it_did_also_where_it_can_forget_nothing(database: Database) -> None:
    bus = PostgresBus(database, 1)
    await bus.publish(TOPIC, [record(A, "old")])
    await older(database, RETENTION)
    async with database.transaction() as another:
        await another.execute("select from bus.entries for update")
        await bus.publish(TOPIC, [record(A, "new")])
    assert values(await read(await bus.consumer(TOPIC), 2)) == ["old", "new"]
    await bus.publish(TOPIC, [record(A, "newer")])
    assert values(await read(await bus.consumer(TOPIC), 2)) == ["new", "newer"]
