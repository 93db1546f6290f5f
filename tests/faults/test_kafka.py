"""A broker that is killed in mid publication, and a second relay: nothing is lost, and one of two is fenced."""

import asyncio
import gc
from collections import defaultdict
from collections.abc import Iterator
from uuid import uuid4

import pytest

from services.foundation.bus.kafka.bus import KafkaBus
from services.foundation.bus.kafka.cluster import Cluster
from services.foundation.bus.kafka.trouble import Fenced, KafkaTrouble, TopicMissing, Unreachable
from services.foundation.bus.port import Consumer, Received, Record
from tests.kafka import kafka, own_nodes

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


@pytest.fixture
def cluster(kafka: str) -> Cluster:
    return Cluster(tuple(kafka.split(",")))


def prefix() -> str:
    return f"t{uuid4().hex[:12]}."


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
                    except (KafkaTrouble, TimeoutError) as trouble:
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


async def test_a_second_producer_fences_the_first(cluster: Cluster) -> None:
    mine = prefix()
    first, second = KafkaBus(cluster, prefix=mine), KafkaBus(cluster, prefix=mine)
    await first.make(TOPIC, partitions=2)
    await first.publish(TOPIC, [Record(KEYS[0], b"first")])
    await second.publish(TOPIC, [Record(KEYS[0], b"second")])
    with pytest.raises(Fenced):
        await first.publish(TOPIC, [Record(KEYS[0], b"from a zombie")])
    assert [one.value for one in await everything(await second.consumer(TOPIC))] == [b"first", b"second"]
    await first.close()
    await second.close()


async def test_what_is_in_the_way_is_said_in_words(cluster: Cluster) -> None:
    bus = KafkaBus(cluster, prefix=prefix())
    with pytest.raises(TopicMissing, match="draad migrate"):
        await bus.demand(TOPIC)
    with pytest.raises(TopicMissing, match="draad migrate"):
        await bus.consumer(TOPIC)
    await bus.close()
    with pytest.raises(Unreachable, match="No Kafka answers"):
        await KafkaBus(Cluster(("127.0.0.1:1",))).demand(TOPIC)
