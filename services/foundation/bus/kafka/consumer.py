"""Reads one topic in a thread of its own, from the offsets that its caller gives, and only what was committed.

It is in no group: every consumer reads all partitions, and Kafka is never told how far it came. What the thread has
read waits here, partition by partition, until `poll` takes it; a partition with much waiting is paused meanwhile.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from kafka import KafkaConsumer as Client
from kafka import TopicPartition, errors

from services.foundation.bus.doorbell import Doorbell
from services.foundation.bus.kafka.cluster import Cluster
from services.foundation.bus.kafka.thread import OwnThread
from services.foundation.bus.kafka.trouble import Stalled, TopicMissing, Unanswered, in_words
from services.foundation.bus.kafka.waiting import Waiting
from services.foundation.bus.port import BusClosed, OffsetOutOfRange, Received

ANSWER_WITHIN: Final = 30.0
CLOSE_WITHIN: Final = 3.0
AT_ONCE: Final = 500
ENOUGH: Final = 1_000  # waiting in one partition: then it is paused
TURN_MS: Final = 20  # how long a question of the caller may wait for the thread
DRAIN_WITHIN: Final = 0.2
DOUBT_EVERY: Final = 5.0
DOUBT_WITHIN_MS: Final = 2_000

SETTINGS: Final = {
    "group_id": None,
    "enable_auto_commit": False,
    "isolation_level": "read_committed",
    "auto_offset_reset": "none",  # to skip in silence is to lose
    "allow_auto_create_topics": False,
    "fetch_max_wait_ms": 250,
    "max_poll_records": AT_ONCE,
    "metrics_enabled": False,
}


class KafkaConsumer:
    """After an error other than OffsetOutOfRange it is of no more use: close it, and ask the bus for another."""

    def __init__(self, cluster: Cluster, topic: str) -> None:
        self._cluster, self._topic = cluster, topic
        self._thread = OwnThread("kafka-consumer")
        self._doorbell = Doorbell()
        self._loop = asyncio.get_running_loop()
        self._waiting = Waiting()
        self.is_closed = False
        # The thread alone touches these.
        self._kafka: Any = None
        # For questions: on the connection of the reader they would wait behind its long poll.
        self._asker: Any = None
        self._paused: frozenset[int] = frozenset()
        self._doubt_at = math.inf
        self._doubted: dict[int, int] = {}  # where the partitions stood that were behind when last asked
        self._after: dict[int, int] = {}  # the offset after the last record that was read, or the one that was sought

    async def open(self) -> None:
        await self._ask(self._connect)

    async def seek(self, offsets: Mapping[int, int]) -> None:
        if self.is_closed:
            raise BusClosed
        unknown = [partition for partition in offsets if partition not in self._waiting.partitions]
        if unknown:
            raise ValueError(f"the topic has no partitions {unknown}")
        wanted = dict(offsets)
        await self._ask(lambda: self._seek(wanted))

    async def poll(self, limit: int, timeout: float) -> list[Received]:  # noqa: ASYNC109 - as the port
        if self.is_closed:
            raise BusClosed
        deadline = self._loop.time() + timeout
        while not self.is_closed:
            ring = self._doorbell.next()  # before looking: what comes from here on sounds it
            await self._let_others_come()
            if received := self._waiting.take(limit):
                return received
            left = deadline - self._loop.time()
            if left <= 0 or not await ring.within(left):
                break
        return []

    async def end(self) -> Mapping[int, int]:
        if self.is_closed:
            raise BusClosed
        found: Mapping[int, int] = await self._ask(self._end)
        return found

    async def close(self) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        self._doorbell.ring()
        closing = self._thread.do(self._disconnect)
        self._thread.end()
        await asyncio.wait([closing], timeout=CLOSE_WITHIN)

    async def _ask(self, call: Any) -> Any:
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                return await self._thread.do(call)
        except TimeoutError as late:
            raise Unanswered from late
        except errors.KafkaError as error:
            raise in_words(error) from error

    async def _let_others_come(self) -> None:
        """Whoever takes faster than the thread reads would see one partition alone: then it waits for one more read."""
        if self._waiting.is_one_alone():
            await self._thread.do(self._read)

    # In the thread

    def _connect(self) -> None:
        self._kafka = self._cluster.enter(Client, **SETTINGS)
        self._asker = self._cluster.enter(Client, **SETTINGS)
        partitions = self._kafka.partitions_for_topic(self._topic)
        if not partitions:
            raise TopicMissing(f"Topic {self._topic}.")
        self._waiting.expect(partitions)
        every = self._everywhere()
        self._kafka.assign(every)
        for place, first in self._kafka.beginning_offsets(every).items():
            self._kafka.seek(place, first)
            self._after[place.partition] = first
        self._doubt_at = time.monotonic() + DOUBT_EVERY
        self._thread.keep_doing(self._read)

    def _at(self, partition: int) -> Any:
        return TopicPartition(self._topic, partition)

    def _everywhere(self) -> list[Any]:
        return [self._at(partition) for partition in self._waiting.partitions]

    def _read(self) -> None:
        self._read_for(TURN_MS)

    def _read_for(self, milliseconds: int) -> None:
        try:
            self._pause_what_has_enough()
            self._let_go_of_what_is_empty()
            read = self._kafka.poll(timeout_ms=milliseconds, max_records=AT_ONCE)
            received = {place.partition: [_received(one) for one in records] for place, records in read.items()}
            self._doubt()
        except errors.OffsetOutOfRangeError as error:
            self._refuse(error)
            return
        except Exception as error:  # whoever polls next has to know
            self._fail(in_words(error) if isinstance(error, errors.KafkaError) else error)
            return
        self._waiting.put(received)
        self._after |= {partition: records[-1].offset + 1 for partition, records in received.items()}
        if received:
            self._ring()

    def _doubt(self) -> None:
        """Raises Stalled for a partition that is behind and has not moved since it was last asked for.

        After brokers were away the client may go on asking one that no longer leads the partition, and say nothing.
        """
        if time.monotonic() < self._doubt_at:
            return
        with suppress(errors.KafkaTimeoutError):  # nobody leads it at this moment: that is no fault of the reader
            ends = self._asker.end_offsets(self._everywhere(), timeout_ms=DOUBT_WITHIN_MS)
            behind = {at.partition: self._position(at) for at, end in ends.items() if self._is_coming(at, end)}
            if any(self._doubted.get(partition) == position for partition, position in behind.items()):
                raise Stalled
            self._doubted = behind
        self._doubt_at = time.monotonic() + DOUBT_EVERY

    def _pause_what_has_enough(self) -> None:
        wanted = self._waiting.full(ENOUGH)
        if wanted != self._paused:
            self._kafka.resume(*(self._at(partition) for partition in self._paused - wanted))
            self._kafka.pause(*(self._at(partition) for partition in wanted - self._paused))
            self._paused = wanted

    def _let_go_of_what_is_empty(self) -> None:
        """Where the client takes an emptied fetch for one in hand it never goes on with a partition that was paused and
        resumed (kafka-python 3.0.12: what it parked comes back only while nothing is in its place)."""
        fetcher = self._kafka._fetcher
        if fetcher._next_partition_records is not None and not fetcher._next_partition_records:
            fetcher._next_partition_records = None

    def _refuse(self, error: Any) -> None:
        """The offsets that the client names; the other partitions go on once these are sought elsewhere."""
        try:
            asked: dict[Any, int] = error.args[0]
            first, end = (
                question(list(asked)) for question in (self._asker.beginning_offsets, self._asker.end_offsets)
            )
            refused = {
                place.partition: OffsetOutOfRange(place.partition, offset, first[place], end[place])
                for place, offset in asked.items()
            }
        except Exception as another:  # this too is a turn of the thread
            self._fail(in_words(another) if isinstance(another, errors.KafkaError) else another)
            return
        self._waiting.refuse(refused)
        self._ring()

    def _fail(self, error: Exception) -> None:
        self._waiting.fail(error)
        self._thread.keep_doing(None)
        self._ring()

    def _seek(self, offsets: Mapping[int, int]) -> None:
        for partition, offset in offsets.items():
            self._kafka.seek(self._at(partition), offset)
            self._after[partition] = offset
            self._waiting.forget(partition)

    def _end(self) -> dict[int, int]:
        """Kafka's own end counts the marks of transactions, which nobody reads: where all before it was read, it is
        the end of the last record."""
        ends: dict[Any, int] = self._asker.end_offsets(self._everywhere())
        until = time.monotonic() + DRAIN_WITHIN
        while any(self._is_coming(place, end) for place, end in ends.items()) and time.monotonic() < until:
            self._read_for(TURN_MS)
        return {
            place.partition: end if self._position(place) < end else min(end, self._after.get(place.partition, end))
            for place, end in ends.items()
        }

    def _is_coming(self, place: Any, end: int) -> bool:
        return place.partition not in self._paused and self._position(place) < end

    def _position(self, place: Any) -> int:
        position: int = self._kafka.position(place, timeout_ms=DOUBT_WITHIN_MS)  # without, it may wait for ever
        return position

    def _disconnect(self) -> None:
        self._thread.keep_doing(None)
        for client in (self._kafka, self._asker):
            if client is not None:
                client.close(autocommit=False, timeout_ms=1_000)

    def _ring(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._doorbell.ring)


def _received(record: Any) -> Received:
    """What somebody else wrote here may have no key and no value: it is for the reader to say that it is nothing."""
    return Received(
        _text(record.key),
        record.value or b"",
        {name: _text(value) for name, value in record.headers},
        partition=record.partition,
        offset=record.offset,
    )


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode(errors="replace")
