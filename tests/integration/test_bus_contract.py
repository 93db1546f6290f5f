"""What every bus keeps to: the same suite for each adapter."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable

import pytest

from services.foundation.bus.port import (
    Bus,
    BusClosed,
    OffsetOutOfRange,
    Received,
    Record,
    partition_of,
)
from tests.buses import (
    BESIDE_A,
    ELSEWHERE,
    KEYS,
    PARTITIONS,
    PATIENCE,
    TOPIC,
    A,
    Adapter,
    KafkaAdapter,
    PostgresAdapter,
    read,
    record,
    values,
)
from tests.kafka import as_user, is_long

pytestmark = pytest.mark.anyio

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


def applied(received: Iterable[Received]) -> dict[int, int]:
    """The offsets that a reader of these keeps."""
    return {one.partition: one.offset + 1 for one in received}


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
