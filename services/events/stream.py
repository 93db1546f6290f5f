"""The live streams of this process: each says the feed of its reader as it grows, decided anew at each sending."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from services.events.feed import Shelf
from services.events.news import News
from services.foundation.answers import Place
from services.foundation.callers import Caller
from services.foundation.event_stream import HEARTBEAT, EventStream, Line, frame, stopping
from services.foundation.problems import TOO_MANY_REQUESTS, Problem

AT_ONCE = 100


@dataclass(frozen=True)
class Pace:
    """Seconds, and how many streams one caller may have open in one process."""

    heartbeat: float = 15.0
    patience: float = 10.0
    """How long a reader may leave unread what was sent before it is shed."""
    last_word: float = 2.0
    most: int = 8


class Streams:
    """Those that are open. Nothing is read ahead: who reads slowly is decided for later, and holds nobody up."""

    def __init__(self, shelf: Shelf, news: News, pace: Pace | None = None) -> None:
        self._shelf, self._news, self._pace = shelf, news, pace or Pace()
        self.listeners: Counter[tuple[str | None, str | None]] = Counter()
        self._closing = asyncio.Event()

    def close(self) -> None:
        """This server stops: each stream ends with the word to connect again, and no new one begins."""
        self._closing.set()

    def stream(self, who: Callable[[], Awaitable[Caller]], place: Place) -> EventStream:
        """`who` asks once more who is calling, `place` is where the reader was."""
        at = place.position

        async def speech(line: Line) -> None:
            with self._seat(place.caller):
                await self._speak(line, who, place, at)

        return EventStream(speech, self._closing, patience=self._pace.patience, last_word=self._pace.last_word)

    @contextmanager
    def _seat(self, caller: Caller) -> Iterator[None]:
        key = caller.organisation, caller.person
        if self._closing.is_set():
            raise stopping()
        if self.listeners[key] >= self._pace.most:
            raise Problem(TOO_MANY_REQUESTS, f"You have {self._pace.most} streams open here; close one first.")
        self.listeners[key] += 1
        try:
            yield
        finally:
            self.listeners[key] -= 1
            if not self.listeners[key]:
                del self.listeners[key]

    async def _speak(self, line: Line, who: Callable[[], Awaitable[Caller]], place: Place, at: int) -> None:
        """First the reader has room, then it is asked who that is and what it may know, then it is said at once."""
        seen = 0
        while True:
            await line.free()
            caller = await who()
            items = await self._shelf.read(caller, at, AT_ONCE)
            await line.say(b"".join(frame("entry", item, place.seal(item["feed_seq"])) for item in items))
            if items:
                at = items[-1]["feed_seq"]
            if len(items) < AT_ONCE:
                head = await self._news.beyond(caller, seen, self._pace.heartbeat)
                if head is None:
                    await line.say(HEARTBEAT)
                else:
                    seen = head
