"""What a producer does when its client answers late or only in part, shown on a client that does as it is told."""

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from services.foundation.bus.kafka.bus import KafkaBus
from services.foundation.bus.kafka.cluster import Cluster
from services.foundation.bus.kafka.producer import Producer
from services.foundation.bus.kafka.trouble import KafkaTrouble, Unanswered
from services.foundation.bus.port import Record

pytestmark = pytest.mark.anyio


class Client:
    """As much of kafka-python's producer as is used; `lost` are the values whose record is not kept."""

    def __init__(self, lost: frozenset[bytes] = frozenset()) -> None:
        self._lost = lost
        self.done: list[str] = []
        self._sender = self._client = self._transaction_manager = self
        self._closed = False

    def __getattr__(self, name: str) -> Any:
        def call(*_: object, **__: object) -> Any:
            self.done.append(name)
            return {0} if name == "partitions_for" else self

        return call

    def wait(self, timeout_ms: float) -> bool:
        return True

    def send(self, topic: str, value: bytes, **_: object) -> "Answer":
        return Answer(value not in self._lost)


class Answer:
    def __init__(self, is_kept: bool) -> None:
        self._is_kept, self.exception = is_kept, None

    def succeeded(self) -> bool:
        return self._is_kept


class Entrance(Cluster):
    """Lets a client in when it is opened."""

    def __init__(self, client: Client, *, is_open: bool) -> None:
        super().__init__(())
        object.__setattr__(self, "client", client)
        object.__setattr__(self, "asked", Future())
        object.__setattr__(self, "opened", threading.Event())
        if is_open:
            self.opened.set()

    client: Client
    asked: "Future[None]"
    opened: threading.Event

    def enter(self, client: Any, **settings: Any) -> Any:
        self.asked.set_result(None)
        self.opened.wait()
        return self.client


async def test_a_record_that_was_not_kept_is_never_committed() -> None:
    """The client would say that the commit went well."""
    client = Client(lost=frozenset((b"2",)))
    bus = KafkaBus(Entrance(client, is_open=True))
    with pytest.raises(KafkaTrouble):
        await bus.publish("t", [Record("k", b"1"), Record("k", b"2")])
    assert "begin_commit" not in client.done
    assert [name for name in client.done if name in ("begin_abort", "force_close")] == ["begin_abort", "force_close"]
    await bus.close()


async def test_who_comes_in_after_being_given_up_takes_nothing_over() -> None:
    """Or it would end what its successor has open."""
    client = Client()
    late = Entrance(client, is_open=False)
    producer = Producer(late, "draad.relay")
    opening = asyncio.create_task(producer.open())
    await asyncio.wrap_future(late.asked)
    giving_up = asyncio.create_task(producer.give_up())
    await asyncio.sleep(0)
    late.opened.set()
    await giving_up
    with pytest.raises(Unanswered):
        await opening
    assert "force_close" in client.done
    assert "init_transactions" not in client.done
