"""What every bus keeps to: the same suite for each adapter."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Protocol
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.foundation.bus.kafka.bus import KafkaBus
from services.foundation.bus.kafka.cluster import Cluster
from services.foundation.bus.kafka.producer import Producer
from services.foundation.bus.port import (
    RETENTION,
    Bus,
    BusClosed,
    Consumer,
    OffsetOutOfRange,
    Received,
    Record,
    partition_of,
)
from services.foundation.bus.postgres import PostgresBus
from services.foundation.bus.shares import fair_shares
from services.foundation.database.connection import AWAY, Connection, Database, Lock
from tests.kafka import as_user, is_long, prefix

TOPIC = "draad.entries"
PARTITIONS = 4
NAMESPACE = UUID("00000000-0000-4000-8000-000000000000")
KEYS = [str(uuid5(NAMESPACE, str(number))) for number in range(40)]
A = KEYS[0]
BESIDE_A = next(key for key in KEYS[1:] if partition_of(key, PARTITIONS) == partition_of(A, PARTITIONS))
ELSEWHERE = next(key for key in KEYS if partition_of(key, PARTITIONS) != partition_of(A, PARTITIONS))
PATIENCE = 10.0


class Adapter(Protocol):
    """What an adapter brings to be tested. Each call gives another bus on the same broker, as in another process."""

    async def bus(self, before_commit: Callable[[], Awaitable[None]] | None = None) -> Bus: ...

    async def close(self) -> None: ...


class HeldDatabase(Database):
    """Waits before each commit that has appended something."""

    def __init__(self, database: Database, before_commit: Callable[[], Awaitable[None]]) -> None:
        self._held = database
        self._before_commit = before_commit

    @asynccontextmanager
    async def transaction(  # type: ignore[override]  # a context manager of its own stands in for the pool's
        self, *locks: Lock, lock_timeout: float = 5.0
    ) -> AsyncIterator[Connection]:
        async with self._held.transaction(*locks, lock_timeout=lock_timeout) as connection:
            yield connection
            await self._before_commit()


class PostgresAdapter:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._buses: list[PostgresBus] = []

    async def bus(self, before_commit: Callable[[], Awaitable[None]] | None = None) -> Bus:
        bus = PostgresBus(self._database, PARTITIONS)
        await (await bus.consumer(TOPIC)).close()  # the topic is there
        if before_commit is not None:
            bus._database = HeldDatabase(self._database, before_commit)
        self._buses.append(bus)
        return bus

    async def close(self) -> None:
        for bus in self._buses:
            await bus.close()


class HeldKafkaBus(KafkaBus):
    """Waits before each commit."""

    def __init__(self, cluster: Cluster, prefix: str, producer: str, before: Callable[[], Awaitable[None]]) -> None:
        super().__init__(cluster, prefix=prefix, producer=producer)
        self._before = before

    async def _commit(self, producer: Producer) -> None:
        await self._before()
        await super()._commit(producer)


class KafkaAdapter:
    """Topics of its own for each test, on one broker for all."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._prefix = prefix()
        self._buses: list[KafkaBus] = []

    async def bus(self, before_commit: Callable[[], Awaitable[None]] | None = None) -> Bus:
        producer = f"publisher-{len(self._buses)}"
        if not self._buses:
            await KafkaBus(self._cluster, prefix=self._prefix).make(TOPIC, "draad.elsewhere", partitions=PARTITIONS)
        if before_commit is None:
            bus = KafkaBus(self._cluster, prefix=self._prefix, producer=producer)
        else:
            bus = HeldKafkaBus(self._cluster, self._prefix, producer, before_commit)
        self._buses.append(bus)
        return bus

    async def close(self) -> None:
        for bus in self._buses:
            await bus.close()


KINDS = ["postgres", "kafka", *(["three secured nodes of kafka"] if is_long() else [])]


@pytest.fixture(params=KINDS)
def adapter_to_test(request: pytest.FixtureRequest) -> Adapter:
    match request.param:
        case "postgres":
            return PostgresAdapter(request.getfixturevalue("database"))
        case "kafka":
            return KafkaAdapter(request.getfixturevalue("kafka"))
        case _:
            return KafkaAdapter(as_user(request.getfixturevalue("secured_nodes"), "admin"))


@pytest.fixture
async def adapter(adapter_to_test: Adapter) -> AsyncIterator[Adapter]:
    yield adapter_to_test
    await adapter_to_test.close()


@pytest.fixture
async def bus(adapter: Adapter) -> Bus:
    return await adapter.bus()


def record(key: str, value: object) -> Record:
    return Record(key, str(value).encode(), {"position": str(value)})


def values(received: Iterable[Received], key: str | None = None) -> list[str]:
    return [one.value.decode() for one in received if key in (None, one.key)]


async def read(consumer: Consumer, count: int, limit: int = 100) -> list[Received]:
    """Exactly so many, and nothing after them."""
    received: list[Received] = []
    async with asyncio.timeout(PATIENCE):
        while len(received) < count:
            received += await consumer.poll(limit, 1.0)
    assert len(received) == count
    assert await consumer.poll(limit, 0.1) == []
    return received


def applied(received: Iterable[Received]) -> dict[int, int]:
    """The offsets that a reader of these keeps."""
    return {one.partition: one.offset + 1 for one in received}


pytestmark = pytest.mark.anyio


async def test_a_record_comes_as_it_went(bus: Bus) -> None:
    consumer = await bus.consumer(TOPIC)
    sent = Record(A, bytes(range(256)), {"position": "7", "kind": "é\"'"})
    await bus.publish(TOPIC, [sent])
    (received,) = await read(consumer, 1)
    assert Record(received.key, received.value, received.headers) == sent


async def test_a_key_keeps_its_order_and_its_partition(bus: Bus) -> None:
    consumer = await bus.consumer(TOPIC)
    for batch in range(10):
        await bus.publish(TOPIC, [record(key, 10 * batch + number) for number in range(3) for key in KEYS[:8]])
    received = await read(consumer, 240, limit=17)
    partitions = defaultdict(set)
    for one in received:
        partitions[one.key].add(one.partition)
    for key in KEYS[:8]:
        assert values(received, key) == [str(10 * batch + number) for batch in range(10) for number in range(3)]
        assert partitions[key] == {partition_of(key, PARTITIONS)}


async def test_offsets_ascend_in_each_partition(bus: Bus) -> None:
    consumer = await bus.consumer(TOPIC)
    await bus.publish(TOPIC, [record(key, number) for number, key in enumerate(KEYS)])
    offsets = defaultdict(list)
    for one in await read(consumer, len(KEYS), limit=7):
        offsets[one.partition].append(one.offset)
    assert len(offsets) == PARTITIONS
    for partition, seen in offsets.items():
        assert seen == sorted(set(seen)), partition


async def test_all_or_nothing(bus: Bus) -> None:
    consumer = await bus.consumer(TOPIC)
    broken = Record(ELSEWHERE, None)  # type: ignore[arg-type]  # what no bus can carry
    with pytest.raises(Exception, match=r".+"):
        await bus.publish(TOPIC, [record(A, 1), record(BESIDE_A, 2), broken])
    await bus.publish(TOPIC, [record(A, 3)])
    assert values(await read(consumer, 1)) == ["3"]


async def test_a_repeat_is_published_again(bus: Bus) -> None:
    consumer = await bus.consumer(TOPIC)
    await bus.publish(TOPIC, [record(A, 1), record(A, 2)])
    await bus.publish(TOPIC, [record(A, 1), record(A, 2)])
    assert values(await read(consumer, 4)) == ["1", "2", "1", "2"]


async def test_publishing_nothing_is_quiet(bus: Bus) -> None:
    consumer = await bus.consumer(TOPIC)
    await bus.publish(TOPIC, [])
    assert await consumer.poll(10, 0.1) == []


async def test_a_new_reader_goes_on_where_its_offsets_say(adapter: Adapter, bus: Bus) -> None:
    await bus.publish(TOPIC, [record(key, number) for number in range(5) for key in KEYS[:6]])
    first = await bus.consumer(TOPIC)
    before: list[Received] = []
    while len(before) < 11:
        before += await first.poll(11 - len(before), 1.0)
    await first.close()
    second = await (await adapter.bus()).consumer(TOPIC)
    await second.seek(applied(before))
    after = await read(second, 30 - len(before), limit=4)
    for key in KEYS[:6]:
        assert values(before, key) + values(after, key) == ["0", "1", "2", "3", "4"]


async def test_seeking_back_reads_again(bus: Bus) -> None:
    consumer = await bus.consumer(TOPIC)
    await bus.publish(TOPIC, [record(A, 1), record(A, 2), record(ELSEWHERE, 3)])
    first, second = [one for one in await read(consumer, 3) if one.key == A]
    await consumer.seek({second.partition: second.offset})
    assert await read(consumer, 1) == [second]
    await consumer.seek({first.partition: first.offset})
    assert await read(consumer, 2) == [first, second]


async def test_seeking_a_partition_that_is_not_there_is_refused(bus: Bus) -> None:
    consumer = await bus.consumer(TOPIC)
    with pytest.raises(ValueError, match="no partition"):
        await consumer.seek({PARTITIONS: 0})


async def test_an_offset_past_the_end_is_refused_and_not_waited_for(bus: Bus) -> None:
    consumer = await bus.consumer(TOPIC)
    await consumer.seek({0: 1000})
    with pytest.raises(OffsetOutOfRange) as refusal:
        await consumer.poll(10, 1.0)
    assert (refusal.value.partition, refusal.value.asked) == (0, 1000)


async def test_the_end_is_where_only_what_is_new_follows(bus: Bus) -> None:
    consumer, other = await bus.consumer(TOPIC), await bus.consumer(TOPIC)
    empty = await consumer.end()
    assert set(empty) == set(range(PARTITIONS))
    await bus.publish(TOPIC, [record(key, "old") for key in KEYS])
    end = empty
    async with asyncio.timeout(20):  # what was committed can be read a moment later: nodes tell each other first
        while not all(end[partition] > empty[partition] for partition in range(PARTITIONS)):
            end = await consumer.end()
    await other.seek(end)
    await bus.publish(TOPIC, [record(A, "new")])
    assert values(await read(other, 1)) == ["new"]
    assert len(await read(consumer, len(KEYS) + 1)) == len(KEYS) + 1


async def test_two_readers_both_read_everything(bus: Bus) -> None:
    one, other = await bus.consumer(TOPIC), await bus.consumer(TOPIC)
    await bus.publish(TOPIC, [record(key, number) for number, key in enumerate(KEYS)])
    assert sorted(values(await read(one, len(KEYS), limit=7))) == sorted(values(await read(other, len(KEYS))))


async def test_topics_are_apart(bus: Bus) -> None:
    here, elsewhere = await bus.consumer(TOPIC), await bus.consumer("draad.elsewhere")
    await bus.publish(TOPIC, [record(A, 1)])
    await bus.publish("draad.elsewhere", [record(A, 2)])
    assert values(await read(here, 1)) == ["1"]
    assert values(await read(elsewhere, 1)) == ["2"]


async def test_publishers_at_once_lose_nothing_and_keep_their_order(adapter: Adapter, bus: Bus) -> None:
    consumer = await bus.consumer(TOPIC)
    buses = [await adapter.bus() for _ in range(4)]

    async def publish(number: int) -> None:
        for batch in range(10):
            # Keys in another order for each, so that publishers meet in every partition from every side.
            keys = KEYS[number:] + KEYS[:number]
            await buses[number].publish(TOPIC, [record(key, f"{number}.{batch}") for key in keys[:: number + 1][:10]])

    reading = asyncio.create_task(read(consumer, 400, limit=23))
    await asyncio.gather(*(publish(number) for number in range(4)))
    received = await reading
    for number in range(4):
        for key in (KEYS[number:] + KEYS[:number])[:: number + 1][:10]:
            mine = [value for value in values(received, key) if value.startswith(f"{number}.")]
            assert mine == [f"{number}.{batch}" for batch in range(10)]


async def test_a_record_that_commits_late_is_not_skipped(adapter: Adapter, bus: Bus) -> None:
    reached, released = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        reached.set()
        await released.wait()

    late = await adapter.bus(before_commit=hold)
    consumer = await bus.consumer(TOPIC)
    first = asyncio.create_task(late.publish(TOPIC, [record(A, "late")]))
    await asyncio.wait_for(reached.wait(), PATIENCE)
    second = asyncio.create_task(bus.publish(TOPIC, [record(A, "later"), record(BESIDE_A, "later")]))
    await bus.publish(TOPIC, [record(ELSEWHERE, "meanwhile")])
    assert values(await read(consumer, 1)) == ["meanwhile"]  # one slow publisher does not hold up other partitions
    end = await consumer.end()
    released.set()
    await asyncio.gather(first, second)
    assert values(await read(consumer, 3)) == ["late", "later", "later"]
    await consumer.seek(end)
    assert values(await read(consumer, 3)) == ["late", "later", "later"]


async def test_what_is_cancelled_before_it_commits_was_never_there(adapter: Adapter, bus: Bus) -> None:
    reached = asyncio.Event()

    async def hold() -> None:
        reached.set()
        await asyncio.Event().wait()

    late = await adapter.bus(before_commit=hold)
    publishing = asyncio.create_task(late.publish(TOPIC, [record(A, "cancelled")]))
    await asyncio.wait_for(reached.wait(), PATIENCE)
    publishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await publishing
    await bus.publish(TOPIC, [record(A, "kept")])
    assert values(await read(await bus.consumer(TOPIC), 1)) == ["kept"]


async def test_a_poll_waits_for_what_comes(adapter: Adapter, bus: Bus) -> None:
    consumer = await bus.consumer(TOPIC)
    for publisher in (bus, await adapter.bus()):  # beside it, and as from another process
        polling = asyncio.create_task(consumer.poll(10, PATIENCE))
        await asyncio.sleep(0.2)
        assert not polling.done()
        await publisher.publish(TOPIC, [record(A, 1)])
        assert values(await asyncio.wait_for(polling, PATIENCE)) == ["1"]


async def test_a_poll_that_is_cancelled_takes_nothing_along(bus: Bus) -> None:
    consumer = await bus.consumer(TOPIC)
    for number in range(10):
        polling = asyncio.create_task(consumer.poll(10, PATIENCE))
        await asyncio.sleep(0.002 * number)
        polling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await polling
    await bus.publish(TOPIC, [record(A, 1)])
    assert values(await read(consumer, 1)) == ["1"]


async def test_an_idle_poll_ends_in_time(bus: Bus) -> None:
    consumer = await bus.consumer(TOPIC)
    async with asyncio.timeout(PATIENCE):
        assert await consumer.poll(10, 0.3) == []
        assert await consumer.poll(10, 0) == []


async def test_a_poll_gives_no_more_than_its_limit_and_forgets_no_partition(bus: Bus) -> None:
    consumer = await bus.consumer(TOPIC)
    await bus.publish(TOPIC, [record(A, number) for number in range(300)])
    await bus.publish(TOPIC, [record(ELSEWHERE, "beside")])
    seen: list[Received] = []
    while "beside" not in values(seen):
        received = await consumer.poll(20, 1.0)
        assert 0 < len(received) <= 20
        seen += received
    assert len(seen) < 300


async def test_closing_ends_a_poll_that_waits(bus: Bus) -> None:
    consumer = await bus.consumer(TOPIC)
    polling = asyncio.create_task(consumer.poll(10, 60.0))
    await asyncio.sleep(0.1)
    await consumer.close()
    assert await asyncio.wait_for(polling, PATIENCE) == []
    await consumer.close()
    with pytest.raises(BusClosed):
        await consumer.poll(10, 0.1)


async def test_closing_the_bus_closes_its_readers(bus: Bus) -> None:
    consumer = await bus.consumer(TOPIC)
    polling = asyncio.create_task(consumer.poll(10, 60.0))
    await asyncio.sleep(0.1)
    await bus.close()
    assert await asyncio.wait_for(polling, PATIENCE) == []
    with pytest.raises(BusClosed):
        await bus.publish(TOPIC, [record(A, 1)])
    with pytest.raises(BusClosed):
        await bus.consumer(TOPIC)


# The PostgreSQL bus alone


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


async def test_who_comes_late_reads_much_that_came_in_small_lots_to_its_end(
    adapter: Adapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also from a reader that lets partitions wait while there is enough of them."""
    monkeypatch.setattr("services.foundation.bus.kafka.consumer.ENOUGH", 20)
    bus = await adapter.bus()
    for key in KEYS:
        await bus.publish(TOPIC, [record(key, number) for number in range(30)])
    consumer = await bus.consumer(TOPIC)
    received = await consumer.poll(50, PATIENCE)
    there = Counter(partition_of(key, PARTITIONS) for key in KEYS)
    assert all(end >= 30 * there[partition] for partition, end in (await consumer.end()).items())
    received += await read(consumer, 30 * len(KEYS) - len(received), limit=50)
    for key in KEYS:
        assert values(received, key) == [str(number) for number in range(30)]


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


@given(st.dictionaries(st.integers(0, 11), st.integers(0, 50)), st.integers(1, 60), st.integers(0, 12))
def test_shares_are_fair_and_use_the_limit(backlog: dict[int, int], limit: int, turn: int) -> None:
    shares = fair_shares(backlog, limit, turn)
    assert sum(shares.values()) == min(limit, sum(backlog.values()))
    assert all(0 < share <= backlog[partition] for partition, share in shares.items())
    cut_short = [shares.get(partition, 0) for partition in backlog if shares.get(partition, 0) < backlog[partition]]
    assert all(share <= min(cut_short, default=share) + 1 for share in shares.values())
