"""The buses that tests try, what goes over them, and how it is read."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Protocol
from uuid import UUID, uuid5

from services.foundation.bus.kafka.bus import KafkaBus
from services.foundation.bus.kafka.cluster import Cluster
from services.foundation.bus.kafka.producer import Producer
from services.foundation.bus.port import (
    Bus,
    Consumer,
    Received,
    Record,
    partition_of,
)
from services.foundation.bus.postgres import PostgresBus
from services.foundation.database.connection import Connection, Database, Lock
from tests.kafka import prefix

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
