"""Carries entries from the outbox of the dossier service to the bus: in order, at least once, numbered without gaps.

Apart from the dossier service itself, which appends to it, this service alone touches `dossier.outbox`.
One relay works at a time per shard: it holds a session advisory lock, and everything it writes goes over the
connection that holds it, so that who lost the lock can write no more. A crash anywhere gives the same batch in the
same order again, because its positions were committed before its first record left; consumers drop what they have.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from services.foundation.bus.port import Bus, Record
from services.foundation.database.connection import Connection, Database, advisory_key
from services.foundation.doorbell import Bell, Doorbell, keep_working
from services.foundation.failpoints import reach
from services.foundation.telemetry import log

TOPIC = "draad.entries"
BATCH = 500
KEEP = timedelta(days=14)  # as the topic of Kafka does
FORGET_EVERY = 60.0
FORGET_AT_ONCE = 2_000

_POSITIONED = """
    select pos, dossier_id, event, position from dossier.outbox
    where published_at is null and position is not null order by position limit $1
"""
_NEW = """
    select pos, dossier_id, event from dossier.outbox
    where published_at is null and position is null order by pos limit $1
"""
_TAKE = """
    update events.relay set next_position = next_position + $2 where shard = $1 returning next_position - $2
"""
_ASSIGN = """
    update dossier.outbox as entry set position = given.position
    from unnest($1::bigint[], $2::bigint[]) as given (pos, position) where entry.pos = given.pos
"""
_MARK = "update dossier.outbox set published_at = clock_timestamp() where pos = any($1::bigint[])"
# The oldest stand in front: what is looked at is one bite, however much is kept.
_FORGET = """
    with front as (select pos, published_at from dossier.outbox order by pos limit $2)
    delete from dossier.outbox as entry using front
    where entry.pos = front.pos and front.published_at < clock_timestamp() - $1::interval returning entry.pos
"""


class AnotherRelayRuns(Exception):
    """Another process relays this shard: it may have one relay at a time."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class Relay:
    """The relay of one shard. `batch` is how many entries get a position at once, `chunk` how many leave at once.

    What was published longer than `keep` ago is deleted, so that the outbox does not grow for ever. `on_published` is
    called after a batch, so that a consumer beside it need not poll.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        *,
        shard: str = "main",
        batch: int = BATCH,
        chunk: int = BATCH,
        keep: timedelta = KEEP,
        on_published: Bell = lambda: None,
    ) -> None:
        self._database = database
        self._bus = bus
        self._shard = shard
        self._batch = batch
        self._chunk = chunk
        self._keep = keep
        self._on_published = on_published
        self._forgets_at = 0.0
        self._lock = advisory_key("relay", uuid5(NAMESPACE_OID, shard))
        self._turn = asyncio.Lock()
        self._held = AsyncExitStack()
        self._connection: Connection | None = None
        self._may_hold_positioned = True
        self._bell = Doorbell()

    def wake(self) -> None:
        """There may be something in the outbox: do not wait for the next poll."""
        self._bell.ring()

    async def run(self) -> None:
        """Until cancelled; while another process has the shard, wait for it."""
        try:
            await keep_working("relay", self._work_or_wait, self._bell)
        finally:
            await self.close()

    async def run_once(self) -> int:
        """Publish until the outbox holds nothing unpublished; the number published. Refused beside another relay."""
        async with self._turn:
            try:
                connection = await self._take_shard()
                published = 0
                while count := await self._publish_batch(connection):
                    published += count
                await self._forget(connection)
                return published
            except BaseException:
                await self._let_go()
                raise

    async def close(self) -> None:
        async with self._turn:
            await self._let_go()

    async def _work_or_wait(self) -> int:
        try:
            return await self.run_once()
        except AnotherRelayRuns:
            return 0

    async def _take_shard(self) -> Connection:
        if self._connection is None:
            connection = await self._held.enter_async_context(self._database.connection())
            if not await connection.fetchval("select pg_try_advisory_lock($1)", self._lock):
                raise AnotherRelayRuns
            self._connection = connection
            self._may_hold_positioned = True
            await connection.execute(
                "insert into events.relay (shard, next_position) values ($1, 1) on conflict (shard) do nothing",
                self._shard,
            )
        return self._connection

    async def _let_go(self) -> None:
        """Give the connection back; the pool takes its advisory lock off, or ends it when it is broken."""
        self._connection = None
        await self._held.aclose()

    async def _publish_batch(self, connection: Connection) -> int:
        rows = await self._next_batch(connection)
        if not rows:
            return 0
        reach("relay.after_select")
        records = [
            Record(str(dossier_id), bytes(event), {"position": str(position)})
            for _, dossier_id, event, position in rows
        ]
        for start in range(0, len(records), self._chunk):
            await self._bus.publish(TOPIC, records[start : start + self._chunk])
            if start == 0:
                reach("relay.first_publish")
        reach("relay.last_publish")
        reach("relay.before_mark")
        await connection.execute(_MARK, [row[0] for row in rows])
        reach("relay.after_mark")
        self._on_published()
        log.debug("published", shard=self._shard, count=len(rows), position=rows[-1][3])
        return len(rows)

    async def _forget(self, connection: Connection) -> None:
        """A bite at a time, because what is new waits for it: at once again after a whole one, else a minute later."""
        if time.monotonic() < self._forgets_at:
            return
        gone = len(await connection.fetch(_FORGET, self._keep, FORGET_AT_ONCE))
        self._forgets_at = 0.0 if gone == FORGET_AT_ONCE else time.monotonic() + FORGET_EVERY
        if gone:
            log.info("forgotten", shard=self._shard, count=gone)

    async def _next_batch(self, connection: Connection) -> Sequence[tuple[Any, ...]]:
        """What has a position and was not marked is a batch that a crash cut short: it goes first, and as it was.

        After a batch that was marked there can be none, so the outbox is searched for it once per session.
        """
        if self._may_hold_positioned:
            if rows := await connection.fetch(_POSITIONED, self._batch):
                return [tuple(row) for row in rows]
            self._may_hold_positioned = False
        return await self._position(connection)

    async def _position(self, connection: Connection) -> Sequence[tuple[Any, ...]]:
        rows = await connection.fetch(_NEW, self._batch)
        if not rows:
            return []
        async with connection.transaction():
            first = await connection.fetchval(_TAKE, self._shard, len(rows))
            positions = range(first, first + len(rows))
            await connection.execute(_ASSIGN, [row["pos"] for row in rows], positions)
        return [(*row, position) for row, position in zip(rows, positions, strict=True)]
