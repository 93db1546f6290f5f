"""Publishes in transactions, and never lives longer than its first error: then it is given up and made anew.

kafka-python 3.0.12 can report a commit of which a record was lost, wedge after an error, and wait for ever
(docs/adr/0008). So every record's own answer is inspected before the commit, every wait has an end, and after any
doubt a new producer with the same transactional id takes over, which ends what the old one left open.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from kafka import KafkaProducer, errors

from services.foundation.bus.kafka.cluster import Cluster
from services.foundation.bus.kafka.thread import OwnThread
from services.foundation.bus.kafka.trouble import TopicMissing, Unanswered, in_words
from services.foundation.bus.port import Record, partition_of

CONNECT_WITHIN: Final = 30.0
SEND_WITHIN: Final = 30.0
FLUSH_WITHIN: Final = 15.0
COMMIT_WITHIN: Final = 30.0
ABORT_WITHIN: Final = 5.0
GRACE: Final = 2.0  # the thread should notice first that something takes too long

SETTINGS: Final = {
    # A record that expires by itself is lost in silence; it is our own waits that end.
    "delivery_timeout_ms": 86_400_000,
    "transaction_timeout_ms": 60_000,
    "max_block_ms": 10_000,
    "linger_ms": 0,
    "batch_size": 262_144,
    # The client sleeps so long before it repeats a request of a transaction, and it repeats nearly every one.
    "retry_backoff_ms": 5,
    "allow_auto_create_topics": False,
    "metrics_enabled": False,
}


class Producer:
    """One KafkaProducer, in its thread. After an error of any call there is nothing more to do than `give_up`."""

    def __init__(self, cluster: Cluster, transactional_id: str) -> None:
        self._cluster, self._transactional_id = cluster, transactional_id
        self._thread = OwnThread("kafka-producer")
        self._kafka: Any = None
        self._is_open = self._is_given_up = False

    async def open(self) -> None:
        """Takes over from whoever had this transactional id, and ends what that one left open."""
        await self._do(self._connect, CONNECT_WITHIN)

    async def send(self, topic: str, records: Sequence[Record]) -> None:
        """All are acknowledged when it returns, and none can be read before `commit`."""
        await self._do(lambda: self._send(topic, records), SEND_WITHIN)

    async def commit(self) -> None:
        """All of what was sent can be read when it returns."""
        await self._do(self._commit, COMMIT_WITHIN + GRACE)

    async def give_up(self) -> None:
        """Ends an open transaction if that can be done soon, and the client in any case; never raises."""
        self._is_given_up = True
        try:
            with suppress(Exception):
                async with asyncio.timeout(ABORT_WITHIN + GRACE):
                    await self._thread.do(self._abort)
        finally:
            self._force_close()
            gone = self._thread.do(self._wait_until_gone)
            self._thread.end()
            await asyncio.wait([gone], timeout=GRACE)

    async def _do(self, call: Any, within: float) -> None:
        """The watchdog: whatever the thread is held up by, the caller hears of it in time."""
        try:
            async with asyncio.timeout(within):
                await self._thread.do(call)
        except TimeoutError as late:
            raise Unanswered from late
        except errors.KafkaError as error:
            raise in_words(error) from error

    def _connect(self) -> None:
        self._kafka = self._cluster.enter(KafkaProducer, **SETTINGS, transactional_id=self._transactional_id)
        if self._is_given_up:  # it took too long: whoever came after it must not be fenced by it
            self._force_close()
            raise Unanswered
        keep_what_cannot_leave(self._kafka)
        self._kafka.init_transactions()

    def _send(self, topic: str, records: Sequence[Record]) -> None:
        try:
            partitions = len(self._kafka.partitions_for(topic))
        except errors.KafkaTimeoutError as unknown:
            raise TopicMissing(f"Topic {topic}.") from unknown
        self._kafka.begin_transaction()
        self._is_open = True
        sent = [
            self._kafka.send(
                topic,
                key=record.key.encode(),
                value=record.value,
                headers=[(name, value.encode()) for name, value in record.headers.items()],
                partition=partition_of(record.key, partitions),
            )
            for record in records
        ]
        self._kafka.flush(timeout=FLUSH_WITHIN)
        for each in sent:
            if not each.succeeded():
                raise each.exception or Unanswered

    def _commit(self) -> None:
        self._end_transaction("begin_commit", COMMIT_WITHIN)
        self._is_open = False

    def _abort(self) -> None:
        if self._is_open:
            self._end_transaction("begin_abort", ABORT_WITHIN)

    def _end_transaction(self, begin: str, within: float) -> None:
        """As the client's commit_transaction and abort_transaction do, which wait for ever: this ends."""
        ending = getattr(self._kafka._transaction_manager, begin)()
        self._kafka._sender.wakeup()
        if not ending.wait(timeout_ms=within * 1_000):
            raise Unanswered

    def _force_close(self) -> None:
        """`close(timeout=0)` would leave the sender alive, and it would deliver afterwards."""
        if self._kafka is not None:
            self._kafka._sender.force_close()
            self._kafka._unregister_cleanup()
            self._kafka._closed = True  # or it would flush, and wait for that, when it is collected

    def _wait_until_gone(self) -> None:
        if self._kafka is not None:
            self._kafka._sender.join(GRACE)


def keep_what_cannot_leave(kafka: Any) -> None:
    """When its coordinator is away the sender drops the request, and whoever waits for it waits for ever.

    It puts back what finds its node "not ready", so that is what an error of the connection becomes.
    """
    client = kafka._sender._client
    await_ready = client.await_ready

    def ready(node: int, timeout_ms: int = 30_000) -> bool:
        try:
            return bool(await_ready(node, timeout_ms=timeout_ms))
        except errors.KafkaConnectionError:
            return False

    client.await_ready = ready
