"""A broker that is killed in mid publication, and a second relay: nothing is lost, and one of two is fenced."""

import asyncio
import gc
import threading
from collections import defaultdict
from collections.abc import Iterator
from uuid import uuid4

import pytest
from kafka import KafkaProducer

from services.foundation.bus.kafka.bus import KafkaBus
from services.foundation.bus.kafka.cluster import Cluster
from services.foundation.bus.kafka.producer import COMMIT_WITHIN, Producer
from services.foundation.bus.kafka.trouble import Fenced, KafkaTrouble, Stalled, TopicMissing, Unanswered, Unreachable
from services.foundation.bus.port import Consumer, Received, Record
from tests.kafka import kafka, own_nodes, prefix

__all__ = ["kafka"]

TOPIC = "draad.entries"
KEYS = [str(uuid4()) for _ in range(10)]
BATCHES = 60
pytestmark = [
    pytest.mark.anyio,
    # A client that could not come in leaves its sockets to the collector; there is nothing of it that we could close.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Here and not in a later test."""
    yield
    gc.collect()


class HeldBus(KafkaBus):
    """Waits before its first commit."""

    def __init__(self, cluster: Cluster, *, prefix: str = "") -> None:
        super().__init__(cluster, prefix=prefix)
        self.reached, self.released = asyncio.Event(), asyncio.Event()

    async def _commit(self, producer: Producer) -> None:
        self.reached.set()
        await self.released.wait()
        await super()._commit(producer)


async def everything(consumer: Consumer) -> list[Received]:
    """Until nothing more comes."""
    received: list[Received] = []
    while batch := await consumer.poll(500, 2.0):
        received += batch
    return received


async def test_a_broker_killed_in_mid_publication_loses_nothing_and_keeps_the_order() -> None:
    with own_nodes() as nodes:
        nodes.start()
        bus = KafkaBus(Cluster((nodes.bootstrap,)))
        await bus.make(TOPIC, partitions=4)
        troubles: list[Exception] = []

        async def relay() -> None:
            """As the relay does: the same batch again until it is acknowledged."""
            for batch in range(BATCHES):
                records = [Record(key, str(batch).encode()) for key in KEYS]
                while True:
                    try:
                        await bus.publish(TOPIC, records)
                        break
                    except KafkaTrouble as trouble:
                        troubles.append(trouble)
                        await asyncio.sleep(0.2)

        relaying = asyncio.create_task(relay())
        await asyncio.sleep(0.5)
        assert not relaying.done()
        await asyncio.to_thread(nodes.kill, 0)
        await asyncio.sleep(1.0)
        await asyncio.to_thread(nodes.start_node, 0)
        await asyncio.to_thread(nodes.wait_for, 0)
        await asyncio.wait_for(relaying, 80)

        received = await everything(await bus.consumer(TOPIC))
        await bus.close()
        first_seen: defaultdict[str, list[int]] = defaultdict(list)
        for one in received:
            batch = int(one.value)
            if batch not in first_seen[one.key]:
                first_seen[one.key].append(batch)
        assert first_seen == {key: list(range(BATCHES)) for key in KEYS}
        assert len(received) - BATCHES * len(KEYS) <= len(troubles) * len(KEYS)  # repeats come from repeating


async def test_a_commit_whose_broker_was_away_ends_by_itself_when_it_is_back() -> None:
    """The client would drop the request and wait for ever; our guard puts it back."""
    with own_nodes() as nodes:
        nodes.start()
        bus = HeldBus(Cluster((nodes.bootstrap,)))
        await bus.make(TOPIC, partitions=2)
        publishing = asyncio.create_task(bus.publish(TOPIC, [Record(KEYS[0], b"kept")]))
        await bus.reached.wait()
        await asyncio.to_thread(nodes.kill, 0)
        bus.released.set()
        await asyncio.sleep(1.0)
        assert not publishing.done()
        await asyncio.to_thread(nodes.start_node, 0)
        await asyncio.to_thread(nodes.wait_for, 0)
        await asyncio.wait_for(publishing, COMMIT_WITHIN - 5)
        assert [one.value for one in await everything(await bus.consumer(TOPIC))] == [b"kept"]
        await bus.close()


async def test_a_commit_that_is_never_answered_raises_in_time_and_leaves_no_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.foundation.bus.kafka.producer.COMMIT_WITHIN", 1.0)
    monkeypatch.setattr("services.foundation.bus.kafka.producer.ABORT_WITHIN", 0.5)
    before = set(threading.enumerate())
    with own_nodes() as nodes:
        nodes.start()
        bus = HeldBus(Cluster((nodes.bootstrap,)))
        await bus.make(TOPIC, partitions=2)
        publishing = asyncio.create_task(bus.publish(TOPIC, [Record(KEYS[0], b"may be kept")]))
        await bus.reached.wait()
        await asyncio.to_thread(nodes.freeze, 0)
        bus.released.set()
        with pytest.raises(Unanswered, match="may have been kept"):
            await asyncio.wait_for(publishing, 8.0)
        nodes.thaw(0)
        while ours := [one for one in set(threading.enumerate()) - before if "kafka" in one.name]:
            await asyncio.to_thread(ours[0].join)  # the time limit of the test is that of this
        await bus.close()


async def test_what_somebody_else_wrote_stops_no_reader(kafka: Cluster) -> None:
    """Without key, value or words in it: the reader gets it, and decides that it is nothing."""
    bus = KafkaBus(kafka, prefix=(mine := prefix()))
    await bus.make(TOPIC, partitions=1)
    stranger = KafkaProducer(bootstrap_servers=list(kafka.servers))
    stranger.send(mine + TOPIC, value=b"no key", headers=[("h", b"\xff")]).get(10)
    stranger.send(mine + TOPIC, key=b"\xff").get(10)
    stranger.close()
    await bus.publish(TOPIC, [Record(KEYS[0], b"ours")])
    seen = await everything(await bus.consumer(TOPIC))
    assert [(one.key, one.value) for one in seen] == [("", b"no key"), ("\ufffd", b""), (KEYS[0], b"ours")]
    await bus.close()


async def test_a_reader_that_nothing_reaches_says_so(kafka: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen on three nodes after one was killed: the client went on asking the dead one, for minutes, in silence."""
    monkeypatch.setattr("services.foundation.bus.kafka.consumer.DOUBT_EVERY", 0.3)
    bus = KafkaBus(kafka, prefix=prefix())
    await bus.make(TOPIC, partitions=2)
    consumer = await bus.consumer(TOPIC)
    assert await consumer.poll(10, 1.0) == []  # where there is nothing, nothing is missed
    monkeypatch.setattr(consumer._kafka, "poll", lambda **_: {})
    await bus.publish(TOPIC, [Record(KEYS[0], b"missed")])
    with pytest.raises(Stalled):
        await consumer.poll(10, 20.0)
    await consumer.close()
    assert [one.value for one in await everything(await bus.consumer(TOPIC))] == [b"missed"]
    await bus.close()


async def test_where_all_was_given_up_the_end_is_where_a_new_reader_begins(kafka: Cluster) -> None:
    mine = prefix()
    bus, held = KafkaBus(kafka, prefix=mine), HeldBus(kafka, prefix=mine)
    await bus.make(TOPIC, partitions=1)
    publishing = asyncio.create_task(held.publish(TOPIC, [Record(KEYS[0], b"given up")]))
    await held.reached.wait()
    publishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await publishing
    consumer = await bus.consumer(TOPIC)
    assert await consumer.poll(10, 1.0) == []
    assert await consumer.end() == {0: 0}
    await bus.close()
    await held.close()


async def test_a_second_producer_fences_the_first(kafka: Cluster) -> None:
    mine = prefix()
    first, second = KafkaBus(kafka, prefix=mine), KafkaBus(kafka, prefix=mine)
    await first.make(TOPIC, partitions=2)
    await first.publish(TOPIC, [Record(KEYS[0], b"first")])
    await second.publish(TOPIC, [Record(KEYS[0], b"second")])
    with pytest.raises(Fenced):
        await first.publish(TOPIC, [Record(KEYS[0], b"from a zombie")])
    assert [one.value for one in await everything(await second.consumer(TOPIC))] == [b"first", b"second"]
    await first.close()
    await second.close()


async def test_what_is_in_the_way_is_said_in_words(kafka: Cluster) -> None:
    bus = KafkaBus(kafka, prefix=prefix())
    with pytest.raises(TopicMissing, match="draad migrate"):
        await bus.demand(TOPIC)
    with pytest.raises(TopicMissing, match="draad migrate"):
        await bus.consumer(TOPIC)
    await bus.close()
    with pytest.raises(Unreachable, match="No Kafka answers"):
        await KafkaBus(Cluster(("127.0.0.1:1",))).demand(TOPIC)
