"""The bus in PostgreSQL tables: gapless offsets per partition, given out under a row lock of whoever publishes."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from services.foundation.bus.doorbell import Doorbell
from services.foundation.bus.port import (
    PARTITIONS,
    RETENTION,
    BusClosed,
    OffsetOutOfRange,
    Received,
    Record,
    partition_of,
)
from services.foundation.bus.shares import fair_shares
from services.foundation.database.connection import Database, DatabaseTrouble
from services.foundation.telemetry import fault, log

SHORTEST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 1.0
FORGET_AT_ONCE: Final = 5_000
FORGET_EVERY: Final = 3600.0
FORGET_WITHIN: Final = 0.25  # seconds that it waits for others: they do not wait for it

# Always in ascending order of partition, so that two publishers never wait for each other in a circle. Whoever holds
# the row holds the end of the partition: no later offset can be committed before this one, and no reader can pass it.
LOCK: Final = """
    select partition, next_offset from bus.partitions
     where topic = $1 and partition = any($2::int[]) order by partition for update
"""
APPEND: Final = """
    with moved as (
        update bus.partitions p set next_offset = m.next_offset
          from unnest($2::int[], $3::bigint[]) as m(partition, next_offset)
         where p.topic = $1 and p.partition = m.partition
    )
    insert into bus.entries (topic, partition, "offset", key, value, headers)
    select $1, e.partition, e."offset", e.key, e.value, e.headers::jsonb
      from unnest($4::int[], $5::bigint[], $6::text[], $7::bytea[], $8::text[])
        as e(partition, "offset", key, value, headers)
"""
HELD: Final = "select partition, first_offset, next_offset from bus.partitions where topic = $1"
READ: Final = """
    select e.* from unnest($2::int[], $3::bigint[], $4::bigint[]) as w(partition, first, until)
     cross join lateral (
        select partition, "offset", key, value, headers::text as headers from bus.entries
         where topic = $1 and partition = w.partition and "offset" >= w.first and "offset" < w.until
         order by "offset"
     ) as e
     order by e.partition, e."offset"
"""
FORGET: Final = """
    with cut as (
        select p.first_offset, least(p.first_offset + $4, coalesce(
            (select e."offset" from bus.entries e
              where e.topic = $1 and e.partition = $2 and e."offset" >= p.first_offset
                and e.published_at >= clock_timestamp() - $3::interval
              order by e."offset" limit 1), p.next_offset)) as "offset"
          from bus.partitions p where p.topic = $1 and p.partition = $2
    ), gone as (
        delete from bus.entries e using cut
         where e.topic = $1 and e.partition = $2 and e."offset" < cut."offset"
    )
    update bus.partitions p set first_offset = cut."offset" from cut where p.topic = $1 and p.partition = $2
    returning p.first_offset - cut.first_offset
"""


class PostgresBus:
    """One per process and database: publishers ring the consumers beside them; others find out by asking."""

    def __init__(self, database: Database, partitions: int = PARTITIONS) -> None:
        self._database = database
        self._partitions_of_new = partitions
        self._partitions: dict[str, int] = {}
        self._doorbells: defaultdict[str, Doorbell] = defaultdict(Doorbell)
        self._consumers: set[PostgresConsumer] = set()
        self._forgets_at: defaultdict[str, float] = defaultdict(lambda: time.monotonic() + FORGET_EVERY)
        self._closed = False

    async def publish(self, topic: str, records: Sequence[Record]) -> None:
        if self._closed:
            raise BusClosed
        if not records:
            return
        partitions = await self._topic(topic)
        placed = [(partition_of(record.key, partitions), record) for record in records]
        async with self._database.transaction() as connection:
            rows = await connection.fetch(LOCK, topic, sorted({partition for partition, _ in placed}))
            next_offset = {row["partition"]: row["next_offset"] for row in rows}
            offsets = []
            for partition, _ in placed:
                offsets.append(next_offset[partition])
                next_offset[partition] += 1
            await connection.execute(
                APPEND,
                topic,
                list(next_offset),
                list(next_offset.values()),
                [partition for partition, _ in placed],
                offsets,
                [record.key for record in records],
                [record.value for record in records],
                [orjson.dumps(dict(record.headers)).decode() for record in records],
            )
        self._doorbells[topic].ring()
        if time.monotonic() >= self._forgets_at[topic]:
            await self._forget(topic)

    async def consumer(self, topic: str) -> "PostgresConsumer":
        if self._closed:
            raise BusClosed
        partitions = await self._topic(topic)
        consumer = PostgresConsumer(self._database, topic, partitions, self._doorbells[topic])
        self._consumers = {other for other in self._consumers if not other.is_closed} | {consumer}
        return consumer

    async def close(self) -> None:
        self._closed = True
        for consumer in self._consumers:
            await consumer.close()
        self._consumers.clear()

    async def _forget(self, topic: str) -> None:
        """What was kept long enough, from the front of each partition: a bite at a time, as publishers wait for it."""
        more = False
        try:
            for partition in range(await self._topic(topic)):
                async with self._database.transaction(lock_timeout=FORGET_WITHIN) as connection:
                    await connection.fetch(LOCK, topic, [partition])
                    gone = await connection.fetchval(FORGET, topic, partition, RETENTION, FORGET_AT_ONCE)
                more = more or gone == FORGET_AT_ONCE
        except DatabaseTrouble as trouble:  # what was published is: it is not published again for this
            log.warning("not_forgotten", topic=topic, **fault(trouble))
        self._forgets_at[topic] = time.monotonic() + (0 if more else FORGET_EVERY)

    async def _topic(self, topic: str) -> int:
        """How many partitions it has; made at first use."""
        if topic not in self._partitions:
            async with self._database.transaction() as connection:
                await connection.execute(
                    "insert into bus.topics (topic, partitions) values ($1, $2) on conflict do nothing",
                    topic,
                    self._partitions_of_new,
                )
                partitions = await connection.fetchval("select partitions from bus.topics where topic = $1", topic)
                await connection.execute(
                    """
                    insert into bus.partitions (topic, partition) select $1, generate_series(0, $2::int - 1)
                    on conflict do nothing
                    """,
                    topic,
                    partitions,
                )
            self._partitions[topic] = partitions
        return self._partitions[topic]


class PostgresConsumer:
    """Asks the table every 50 ms, ever less often while nothing comes, and at once when the doorbell rings."""

    def __init__(self, database: Database, topic: str, partitions: int, doorbell: Doorbell) -> None:
        self._database = database
        self._topic = topic
        self._partitions = partitions
        self._doorbell = doorbell
        self._offsets: dict[int, int] = {}
        self._turn = 0
        self._pause = SHORTEST_PAUSE
        self.is_closed = False

    async def seek(self, offsets: Mapping[int, int]) -> None:
        if self.is_closed:
            raise BusClosed
        unknown = [partition for partition in offsets if not 0 <= partition < self._partitions]
        if unknown:
            raise ValueError(f"the topic has no partitions {unknown}")
        self._offsets.update(offsets)

    async def poll(self, limit: int, timeout: float) -> list[Received]:  # noqa: ASYNC109 - as the port
        if self.is_closed:
            raise BusClosed
        clock = asyncio.get_running_loop()
        deadline = clock.time() + timeout
        while not self.is_closed:
            ring = self._doorbell.next()  # before asking: what is published from here on sounds it
            received = await self._read(limit)
            if received and not self.is_closed:
                self._pass(received)
                return received
            left = deadline - clock.time()
            if left <= 0:
                break
            rung = await ring.within(min(self._pause, left))
            self._pause = SHORTEST_PAUSE if rung else min(2 * self._pause, LONGEST_PAUSE)
        return []

    async def end(self) -> Mapping[int, int]:
        if self.is_closed:
            raise BusClosed
        async with self._database.connection() as connection:
            rows = await connection.fetch(HELD, self._topic)
        return {row["partition"]: row["next_offset"] for row in rows}

    async def close(self) -> None:
        self.is_closed = True
        self._doorbell.ring()

    async def _read(self, limit: int) -> list[Received]:
        async with self._database.connection() as connection:
            held = await connection.fetch(HELD, self._topic)
            offsets = {row["partition"]: self._offset(row) for row in held}
            backlog = {row["partition"]: row["next_offset"] - offsets[row["partition"]] for row in held}
            shares = fair_shares(backlog, limit, self._turn)
            if not shares:
                return []
            *_, last = shares
            self._turn = last + 1
            rows = await connection.fetch(
                READ,
                self._topic,
                list(shares),
                [offsets[partition] for partition in shares],
                [offsets[partition] + share for partition, share in shares.items()],
            )
        found = {partition: 0 for partition in shares}
        for row in rows:
            found[row["partition"]] += 1
        for partition, share in shares.items():
            if found[partition] != share:  # forgotten between the two questions
                until = offsets[partition] + share
                raise OffsetOutOfRange(partition, offsets[partition], until - found[partition], until)
        return [
            Received(
                row["key"],
                row["value"],
                orjson.loads(row["headers"]),
                partition=row["partition"],
                offset=row["offset"],
            )
            for row in rows
        ]

    def _offset(self, held: Any) -> int:
        partition, first, end = held["partition"], held["first_offset"], held["next_offset"]
        offset: int = self._offsets.get(partition, first)
        if not first <= offset <= end:
            raise OffsetOutOfRange(partition, offset, first, end)
        return offset

    def _pass(self, received: Sequence[Received]) -> None:
        for record in received:
            self._offsets[record.partition] = record.offset + 1
        self._pause = SHORTEST_PAUSE
