"""Publishes in transactions, and never lives longer than its first error: then it is given up and made anew.

kafka-python 3.0.12 can report a commit of which a record was lost, wedge after an error, and wait for ever
(docs/adr/0008). So every record's own answer is inspected before the commit, every wait has an end, and after any
doubt a new producer with the same transactional id takes over, which ends what the old one left open.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from kafka import KafkaProducer, errors

from services.foundation.bus.kafka.cluster import Cluster
from services.foundation.bus.kafka.thread import OwnThread
from services.foundation.bus.kafka.trouble import TopicMissing, Unanswered, in_words
from services.foundation.bus.port import Record, partition_of

Done = TypeVar("Done")

CONNECT_WITHIN: Final = 30.0
SEND_WITHIN: Final = 30.0
FLUSH_WITHIN: Final = 15.0
COMMIT_WITHIN: Final = 30.0
ABORT_WITHIN: Final = 5.0

SETTINGS: Final = {
    # A record that expires by itself is lost in silence; it is our own waits that end.
    "delivery_timeout_ms": 86_400_000,
    "request_timeout_ms": 10_000,
    "transaction_timeout_ms": 60_000,
    "max_block_ms": 10_000,
    "linger_ms": 0,
    "batch_size": 262_144,
    # The client sleeps so long before it repeats a request of a transaction, and it repeats nearly every one.
    "retry_backoff_ms": 5,
    "allow_auto_create_topics": False,
}


class Producer:
    """One KafkaProducer, in its thread. After an error of any call there is nothing more to do than `give_up`."""

    def __init__(self, cluster: Cluster, transactional_id: str) -> None:
        self._cluster, self._transactional_id = cluster, transactional_id
        self._thread = OwnThread("kafka-producer")
        self._kafka: Any = None
        self._is_open = False

    async def open(self) -> None:
        """Takes over from whoever had this transactional id, and ends what that one left open."""
        async with asyncio.timeout(CONNECT_WITHIN):
            await self._do(self._connect)

    async def send(self, topic: str, records: Sequence[Record]) -> None:
        """All are acknowledged when it returns, and none can be read before `commit`."""
        async with asyncio.timeout(SEND_WITHIN):
            await self._do(lambda: self._send(topic, records))

    async def commit(self) -> None:
        """The client itself would wait for ever."""
        try:
            async with asyncio.timeout(COMMIT_WITHIN):
                await self._do(self._commit)
        except TimeoutError as late:
            raise Unanswered from late

    async def give_up(self) -> None:
        """Ends an open transaction if that can be done soon, and the client in any case; never raises."""
        try:
            with suppress(Exception):
                async with asyncio.timeout(ABORT_WITHIN):
                    await self._thread.do(self._abort)
        finally:
            self._force_close()
            self._thread.end()

    async def _do(self, call: Any) -> None:
        try:
            await self._thread.do(call)
        except errors.KafkaError as error:
            raise in_words(error) from error

    def _connect(self) -> None:
        self._kafka = self._cluster.enter(KafkaProducer, **SETTINGS, transactional_id=self._transactional_id)
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
        self._kafka.commit_transaction()
        self._is_open = False

    def _abort(self) -> None:
        if self._is_open:
            self._kafka.abort_transaction()

    def _force_close(self) -> None:
        """`close(timeout=0)` would leave the sender alive, and it would deliver afterwards."""
        if self._kafka is not None:
            self._kafka._sender.force_close()
            self._kafka._unregister_cleanup()
            self._kafka._closed = True  # or it would flush, and wait for that, when it is collected


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
