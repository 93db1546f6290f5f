"""Reads the bus and puts each entry in the lanes of whoever might have to be told, exactly once in effect.

One transaction per batch holds everything that reading it changes: the offset, the last sequence per dossier, the
deliveries, the lanes. So a batch that comes again, from a crash or a second notifier, changes nothing. Nothing is
decided here: a lane asks the gate at the moment of delivery.
"""

import asyncio
from collections.abc import Sequence

from services.foundation.bus.port import Bus, Consumer, Received
from services.foundation.database.connection import Database
from services.foundation.doorbell import Bell, Doorbell, keep_working
from services.foundation.failpoints import reach
from services.notifications.placing import Placing
from services.notifications.ports import Audience
from services.notifications.streams import CONSUMER, take

TOPIC = "draad.entries"
BATCH = 200
POLL = 0.25
EMPTY_POLLS = 3

_OFFSETS = "select partition, next_offset from notifications.offsets where consumer = $1"
_SEAT = """
    insert into notifications.offsets (consumer, partition, next_offset) values ($1, $2, 0) on conflict do nothing
"""
_HOLD = "select next_offset from notifications.offsets where consumer = $1 and partition = $2 for update"
_ADVANCE = "update notifications.offsets set next_offset = $3 where consumer = $1 and partition = $2"


class Notifier:
    """One consumer of the bus. `on_lanes` is called after lanes got work, so that who serves them need not poll."""

    def __init__(self, database: Database, bus: Bus, audience: Audience, *, on_lanes: Bell = lambda: None) -> None:
        self._database = database
        self._bus = bus
        self._audience = audience
        self._on_lanes = on_lanes
        self._consumer: Consumer | None = None
        self._turn = asyncio.Lock()
        self._bell = Doorbell()

    def wake(self) -> None:
        self._bell.ring()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            await keep_working("notifier", self.run_once, self._bell)
        finally:
            await self.close()

    async def run_once(self) -> int:
        """Apply what the bus holds now; the number of entries applied or parked for the first time."""
        async with self._turn:
            try:
                return await self._catch_up(await self._seated())
            except BaseException:
                await self._unseat()
                raise

    async def close(self) -> None:
        async with self._turn:
            await self._unseat()

    async def _seated(self) -> Consumer:
        """Where to go on is what our own database says, never what the bus remembers."""
        if self._consumer is None:
            self._consumer = await self._bus.consumer(TOPIC)
            async with self._database.connection() as conn:
                offsets = {row["partition"]: row["next_offset"] for row in await conn.fetch(_OFFSETS, CONSUMER)}
            await self._consumer.seek(offsets)
        return self._consumer

    async def _unseat(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.close()

    async def _catch_up(self, consumer: Consumer) -> int:
        """To the end that the bus had when we began; if its last offsets are no records, until it is silent."""
        ends = {partition: end for partition, end in (await consumer.end()).items() if end > 0}
        async with self._database.connection() as conn:
            reached = {row["partition"]: row["next_offset"] for row in await conn.fetch(_OFFSETS, CONSUMER)}
        applied = empty = 0
        while empty < EMPTY_POLLS and any(reached.get(partition, 0) < end for partition, end in ends.items()):
            records = await consumer.poll(BATCH, POLL)
            empty = 0 if records else empty + 1
            if records:
                reach("notifier.after_poll")
                applied += await self._take(records)
                reached |= {record.partition: record.offset + 1 for record in records}
        return applied

    async def _take(self, records: Sequence[Received]) -> int:
        async with self._database.transaction() as conn:
            placing = Placing(conn, self._audience)
            applied = 0
            for partition in sorted({record.partition for record in records}):
                applied += await self._take_partition(
                    placing, partition, [r for r in records if r.partition == partition]
                )
            await placing.finish()
            reach("notifier.before_commit")
        reach("notifier.after_commit")
        if applied:
            self._on_lanes()
        return applied

    async def _take_partition(self, placing: Placing, partition: int, records: Sequence[Received]) -> int:
        """The row of the offset is held to the end: of two notifiers one works, and the other finds it done."""
        await placing.conn.execute(_SEAT, CONSUMER, partition)
        next_offset = await placing.conn.fetchval(_HOLD, CONSUMER, partition)
        applied = 0
        for record in records:
            if record.offset >= next_offset:
                applied += await take(placing, record)
                next_offset = record.offset + 1
        await placing.conn.execute(_ADVANCE, CONSUMER, partition, next_offset)
        return applied
