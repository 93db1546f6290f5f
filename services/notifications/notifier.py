"""Reads the bus and puts each entry in the lanes of whoever might have to be told, exactly once in effect.

One transaction per batch holds everything that reading it changes: the offset, the last sequence per dossier, the
deliveries, the lanes. So a batch that comes again, from a crash or a second notifier, changes nothing. Nothing is
decided here: a lane asks the gate at the moment of delivery.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from services.foundation.bus.port import Bus, Consumer, Received
from services.foundation.database.connection import Connection, Database
from services.foundation.doorbell import Bell, Doorbell, keep_working
from services.foundation.failpoints import reach
from services.foundation.telemetry import fault, log
from services.notifications.placing import Placing
from services.notifications.ports import Audience
from services.notifications.trouble import passes

TOPIC = "draad.entries"
CONSUMER = "notifier"
BATCH = 200
POLL = 0.25
EMPTY_POLLS = 3

_STREAM = (
    "select last_sequence, blocked_at is not null from notifications.streams where consumer = $1 and dossier_id = $2"
)
_APPLIED = """
    insert into notifications.streams (consumer, dossier_id, last_sequence) values ($1, $2, $3)
    on conflict (consumer, dossier_id) do update set last_sequence = excluded.last_sequence
"""
_BLOCK = """
    insert into notifications.streams (consumer, dossier_id, last_sequence, blocked_at)
    values ($1, $2, 0, clock_timestamp())
    on conflict (consumer, dossier_id) do update set blocked_at = coalesce(streams.blocked_at, clock_timestamp())
"""
_PARK = """
    insert into notifications.parked (consumer, partition, "offset", key, sequence, value, reason)
    values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing
"""
_PARKED = """
    select distinct on (sequence) partition, "offset", sequence, value from notifications.parked
    where consumer = $1 and key = $2 and sequence is not null order by sequence, "offset"
"""
_UNPARK = "delete from notifications.parked where consumer = $1 and key = $2 and sequence <= $3"
_UNBLOCK = "update notifications.streams set blocked_at = null where consumer = $1 and dossier_id = $2"
_OFFSETS = "select partition, next_offset from notifications.offsets where consumer = $1"
_SEAT = """
    insert into notifications.offsets (consumer, partition, next_offset) values ($1, $2, 0) on conflict do nothing
"""
_HOLD = "select next_offset from notifications.offsets where consumer = $1 and partition = $2 for update"
_ADVANCE = "update notifications.offsets set next_offset = $3 where consumer = $1 and partition = $2"


@dataclass(frozen=True)
class Entry:
    """Of an entry on the bus, what a consumer needs."""

    dossier_id: UUID
    sequence: int


class Undecodable(Exception):
    """This record is no entry."""


def decode(record: Received) -> Entry:
    try:
        thin = orjson.loads(record.value)
        dossier_id, sequence = UUID(record.key), int(thin["sequence"])
        if thin["subject"] != f"dossier/{dossier_id}" or sequence < 1:
            raise Undecodable
    except (ValueError, KeyError, TypeError) as error:
        raise Undecodable from error
    return Entry(dossier_id, sequence)


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

    async def resume(self, dossier_id: UUID) -> int:
        """Try again what was parked for this dossier, in order, and let it go on where that succeeds."""
        async with self._turn, self._database.transaction() as conn:
            placing = Placing(conn, self._audience)
            applied = await self._drain(placing, dossier_id)
            await placing.finish()
        self._on_lanes()
        return applied

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
                applied += await self._take_record(placing, record)
                next_offset = record.offset + 1
        await placing.conn.execute(_ADVANCE, CONSUMER, partition, next_offset)
        return applied

    async def _take_record(self, placing: Placing, record: Received) -> int:
        try:
            entry = decode(record)
        except Undecodable:
            return await self._park_undecodable(placing.conn, record)
        row = await placing.conn.fetchrow(_STREAM, CONSUMER, entry.dossier_id)
        last, blocked = row or (0, False)
        if entry.sequence <= last:
            return 0
        if blocked:
            return await self._park(placing.conn, record, entry.sequence, "blocked")
        if entry.sequence > last + 1:
            log.error("gap", dossier_id=entry.dossier_id, sequence=entry.sequence, partition=record.partition)
            return await self._park(placing.conn, record, entry.sequence, "gap")
        if not await self._apply(placing, entry):
            await placing.conn.execute(_BLOCK, CONSUMER, entry.dossier_id)
            return await self._park(placing.conn, record, entry.sequence, "poison")
        return 1 + await self._drain(placing, entry.dossier_id)

    async def _apply(self, placing: Placing, entry: Entry) -> bool:
        """False when this entry fails by itself; trouble that passes rises, and takes the whole batch back."""
        conn = placing.conn
        await conn.execute("savepoint entry")
        try:
            lanes = await placing.place(entry.dossier_id, entry.sequence)
            await conn.execute(_APPLIED, CONSUMER, entry.dossier_id, entry.sequence)
        except Exception as error:  # whatever an audience meets must not stop the other dossiers
            if passes(error):
                raise
            await conn.execute("rollback to savepoint entry")
            log.error("poison", dossier_id=entry.dossier_id, sequence=entry.sequence, **fault(error))
            return False
        await conn.execute("release savepoint entry")
        placing.touch(lanes)
        return True

    async def _drain(self, placing: Placing, dossier_id: UUID) -> int:
        """What was parked for this dossier and now follows; it stays blocked at the first that fails again."""
        rows = await placing.conn.fetch(_PARKED, CONSUMER, str(dossier_id))
        if not rows:
            return 0
        applied = 0
        last: int = await placing.conn.fetchval(
            "select coalesce(max(last_sequence), 0) from notifications.streams where consumer = $1 and dossier_id = $2",
            CONSUMER,
            dossier_id,
        )
        for row in rows:
            if row["sequence"] > last + 1:
                break
            if row["sequence"] == last + 1:
                if not await self._apply(placing, Entry(dossier_id, row["sequence"])):
                    await placing.conn.execute(_BLOCK, CONSUMER, dossier_id)
                    break
                last, applied = row["sequence"], applied + 1
        else:
            await placing.conn.execute(_UNBLOCK, CONSUMER, dossier_id)
        await placing.conn.execute(_UNPARK, CONSUMER, str(dossier_id), last)
        return applied

    async def _park(self, conn: Connection, record: Received, sequence: int | None, reason: str) -> int:
        value = bytes(record.value)
        await conn.execute(_PARK, CONSUMER, record.partition, record.offset, record.key, sequence, value, reason)
        return 1

    async def _park_undecodable(self, conn: Connection, record: Received) -> int:
        """By its key: what follows of that dossier, if the key is one, will be a gap, and nothing else waits."""
        log.error("undecodable", partition=record.partition, offset=record.offset)
        return await self._park(conn, record, None, "undecodable")
