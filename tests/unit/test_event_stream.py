"""One stream, step by step, with a server and a feed that a test holds in its hands."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from services.events.news import News
from services.events.stream import AT_ONCE, Pace, Streams
from services.foundation.answers import Place
from services.foundation.callers import Caller
from services.foundation.event_stream import EventStream, frame
from services.foundation.paging import Cursors
from services.foundation.problems import unauthorised

pytestmark = pytest.mark.anyio

KARIN = Caller("professional", "karin", "gemeente", frozenset(), frozenset(), ("iss", "karin"))


class Feed:
    """Numbers 1 to `head`, of which those in `hidden` may not be known now."""

    def __init__(self, head: int) -> None:
        self.head = head
        self.hidden: set[int] = set()

    async def read(self, caller: Caller, after: int, limit: int) -> Sequence[dict[str, Any]]:
        known = [number for number in range(after + 1, self.head + 1) if number not in self.hidden]
        return [{"feed_seq": number} for number in known[:limit]]

    async def heads(self, callers: Sequence[Caller]) -> Sequence[int]:
        return [self.head] * len(callers)


class Server:
    """As a server writes: it waits before a message, never in the middle. `room` is how many it takes by itself."""

    def __init__(self, room: int) -> None:
        self.room = asyncio.Semaphore(room)
        self.is_full = asyncio.Event()
        self.sent: list[dict[str, Any]] = []

    async def send(self, message: Any) -> None:
        if self.room.locked():
            self.is_full.set()
        await self.room.acquire()
        if not message.get("body") and message.get("more_body"):
            self.room.release()  # nothing to write: it only waited
        self.sent.append(message)

    async def never(self) -> Any:
        await asyncio.Event().wait()

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.sent).decode()

    def numbers(self) -> list[int]:
        lines = [line for line in self.text.split("\n") if line.startswith('data: {"feed_seq"')]
        return [int(line.rpartition(":")[2].rstrip("}")) for line in lines]


def stream(feed: Any, who: Callable[[], Awaitable[Caller]] | None = None) -> EventStream:
    async def always() -> Caller:
        return KARIN

    place = Place(Cursors(bytes(32)), KARIN, "feed", None)
    return Streams(feed, News(feed.heads), Pace(patience=5, heartbeat=5)).stream(who or always, place)


async def test_what_waits_for_room_is_decided_when_there_is_room() -> None:
    """A withdrawal that is acknowledged while a reader is behind reaches all that was not written yet."""
    feed, server = Feed(3 * AT_ONCE), Server(2)  # the start, and one batch
    answering = asyncio.create_task(stream(feed)({}, server.never, server.send))
    await server.is_full.wait()
    assert server.numbers() == [*range(1, AT_ONCE + 1)]
    feed.hidden = {*range(1, feed.head)}
    for _ in range(10):
        server.room.release()
    async with asyncio.timeout(5):
        while len(server.numbers()) <= AT_ONCE:  # noqa: ASYNC110 - a server tells nobody that it wrote
            await asyncio.sleep(0)
    assert server.numbers() == [*range(1, AT_ONCE + 1), feed.head]
    answering.cancel()
    await asyncio.wait([answering])


async def test_nothing_is_read_ahead_of_a_reader_that_is_behind() -> None:
    asked: list[int] = []

    class Counting(Feed):
        async def read(self, caller: Caller, after: int, limit: int) -> Sequence[dict[str, Any]]:
            asked.append(after)
            return await super().read(caller, after, limit)

    server = Server(2)
    answering = asyncio.create_task(stream(Counting(1000))({}, server.never, server.send))
    await server.is_full.wait()
    assert asked == [0]
    answering.cancel()
    await asyncio.wait([answering])


async def test_who_calls_is_asked_again_before_each_word() -> None:
    feed, server, times = Feed(3 * AT_ONCE), Server(100), []

    async def who() -> Caller:
        times.append(len(server.numbers()))
        if len(times) == 3:
            raise unauthorised()
        return KARIN

    async with asyncio.timeout(5):
        await stream(feed, who)({}, server.never, server.send)
    assert times == [0, AT_ONCE, 2 * AT_ONCE]
    assert server.numbers() == [*range(1, 2 * AT_ONCE + 1)]
    assert server.text.endswith("\n\n")
    assert '"status":401' in server.text
    assert server.sent[-1]["more_body"] is False


async def test_a_fault_before_the_first_word_is_the_callers_to_see_and_after_it_breaks_off() -> None:
    class Broken(Feed):
        async def read(self, caller: Caller, after: int, limit: int) -> Sequence[dict[str, Any]]:
            if after == self.head:
                raise LookupError
            return await super().read(caller, after, limit)

    for head, sent in ((0, 0), (AT_ONCE, 3)):
        server = Server(100)
        with pytest.raises(LookupError):
            await stream(Broken(head))({}, server.never, server.send)
        assert len(server.sent) == sent
        assert all(message.get("more_body", True) for message in server.sent), "nobody may take it for whole"


def test_an_event_is_one_line_of_data_whatever_it_holds() -> None:
    assert frame("entry", {"a": "x\ny\r\u2028"}, "i") == b'id: i\nevent: entry\ndata: {"a":"x\\ny\\r\xe2\x80\xa8"}\n\n'
