"""The bus in Apache Kafka: transactions of one producer, consumers that read only what was committed."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from services.foundation.bus.kafka.cluster import Cluster, demand_topics, make_topics, remove_topics
from services.foundation.bus.kafka.consumer import KafkaConsumer
from services.foundation.bus.kafka.producer import Producer
from services.foundation.bus.port import PARTITIONS, BusClosed, Record

PRODUCER: Final = "draad.relay"


class KafkaBus:
    """One per process. `prefix` stands before the names of topics and producers, so that installations are apart.

    Of all processes with one prefix and producer only the latest can publish: it ends what the others left open.
    The producer is made at the first publication, so that a process which only reads or waits fences nobody.
    """

    def __init__(self, cluster: Cluster, *, prefix: str = "", producer: str = PRODUCER) -> None:
        self._cluster, self._prefix = cluster, prefix
        self._transactional_id = prefix + producer
        self._turn = asyncio.Lock()
        self._producer: Producer | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._consumers: set[KafkaConsumer] = set()
        self._closed = False

    async def demand(self, *topics: str, publishes: bool = False, reads: bool = False) -> None:
        """Raises KafkaTrouble, which says what to do, unless Kafka lets us in, has these topics, and allows this."""
        await asyncio.to_thread(
            demand_topics,
            self._cluster,
            *self._named(topics),
            rights=[right for right, is_needed in (("WRITE", publishes), ("READ", reads)) if is_needed],
            transactional_id=self._transactional_id if publishes else None,
        )

    async def make(self, *topics: str, partitions: int = PARTITIONS) -> None:
        """These topics with their settings; those that are there stay as they are."""
        await asyncio.to_thread(make_topics, self._cluster, *self._named(topics), partitions=partitions)

    async def remove(self, *topics: str) -> None:
        await asyncio.to_thread(remove_topics, self._cluster, *self._named(topics))

    async def publish(self, topic: str, records: Sequence[Record]) -> None:
        if self._closed:
            raise BusClosed
        for record in records:
            if not isinstance(record.value, bytes):
                raise TypeError("the value of a record is bytes")
        if not records:
            return
        async with self._turn:
            if self._closed:
                raise BusClosed
            try:
                producer = await self._opened()
                await producer.send(self._prefix + topic, records)
                await self._commit(producer)
            except BaseException:
                await self._give_up()
                raise

    async def consumer(self, topic: str) -> KafkaConsumer:
        if self._closed:
            raise BusClosed
        consumer = KafkaConsumer(self._cluster, self._prefix + topic)
        self._consumers = {other for other in self._consumers if not other.is_closed} | {consumer}
        try:
            await consumer.open()
        except BaseException:
            await consumer.close()
            raise
        return consumer

    async def close(self) -> None:
        self._closed = True
        for consumer in self._consumers:
            await consumer.close()
        self._consumers.clear()
        async with self._turn:
            await self._give_up()
        if self._leaving:
            await asyncio.wait(self._leaving)

    def _named(self, topics: Sequence[str]) -> list[str]:
        return [self._prefix + topic for topic in topics]

    async def _commit(self, producer: Producer) -> None:
        await producer.commit()

    async def _opened(self) -> Producer:
        if self._producer is None:
            self._producer = Producer(self._cluster, self._transactional_id)
            await self._producer.open()
        return self._producer

    async def _give_up(self) -> None:
        """An open transaction would keep readers of its partitions waiting, so its end is waited for."""
        producer, self._producer = self._producer, None
        if producer is not None:
            leaving: asyncio.Task[Any] = asyncio.create_task(producer.give_up())
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
            await asyncio.shield(leaving)
