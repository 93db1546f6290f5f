"""Server-sent events over ASGI: frames, and an answer that ends with a word on how to go on, whatever ends it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.foundation import problems
from services.foundation.database.connection import AWAY
from services.foundation.http_headers import request_id
from services.foundation.problems import TOO_SLOW, UNAVAILABLE, Problem
from services.foundation.telemetry import fault, log

MEDIA_TYPE: Final = "text/event-stream"
HEARTBEAT: Final = b":\n\n"
RECONNECT: Final = 2
"""Seconds, after an end that names none."""


def frame(event: str, data: Any, id: str | None = None) -> bytes:
    """JSON as orjson writes it has no line ends, so one `data:` line holds it."""
    name = b"" if id is None else b"id: " + id.encode() + b"\n"
    return name + b"event: " + event.encode() + b"\ndata: " + orjson.dumps(data, option=orjson.OPT_UTC_Z) + b"\n\n"


class SlowReader(Exception):
    """What was sent was not read in time."""


class Line:
    """The line to one reader. The server holds back what it may not write yet: there is no queue beside that one."""

    def __init__(self, send: Send, headers: list[tuple[bytes, bytes]], patience: float) -> None:
        self._send, self._headers, self._patience = send, headers, patience
        self.is_open = False

    async def free(self) -> None:
        """Until the reader has taken so much that more can be written at once; it decides nothing beforehand."""
        if self.is_open:
            await self._write(b"")

    async def say(self, frames: bytes) -> None:
        if not self.is_open:
            self.is_open = True
            await self._send({"type": "http.response.start", "status": 200, "headers": self._headers})
            frames = b"retry: %d\n\n" % (RECONNECT * 1000) + frames
        if frames:
            await self._write(frames)

    async def end(self, frames: bytes, within: float) -> None:
        with suppress(TimeoutError):  # who reads nothing at all finds the connection closed
            async with asyncio.timeout(within):
                await self._send({"type": "http.response.body", "body": frames, "more_body": False})

    async def _write(self, frames: bytes) -> None:
        """A server waits before it writes, never in the middle: what is given up here was not written in part."""
        try:
            async with asyncio.timeout(self._patience):
                await self._send({"type": "http.response.body", "body": frames, "more_body": True})
        except TimeoutError:
            raise SlowReader from None


Speech = Callable[[Line], Awaitable[None]]


class EventStream(Response):
    """Says what `speech` says until that fails, the reader hangs up, or `closing` is set.

    What goes wrong before the first word is a problem as everywhere; after it the last event says it, `problem`.
    """

    media_type = MEDIA_TYPE

    def __init__(self, speech: Speech, closing: asyncio.Event, *, patience: float, last_word: float) -> None:
        self.status_code, self.background = 200, None
        self._speech, self._closing, self._patience, self._last_word = speech, closing, patience, last_word
        self.init_headers({"X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        line = Line(send, self.raw_headers, self._patience)
        speaking = asyncio.ensure_future(self._speech(line))
        hung_up, closing = asyncio.ensure_future(_hung_up(receive)), asyncio.ensure_future(self._closing.wait())
        tasks = (speaking, hung_up, closing)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        failure = None if speaking.cancelled() else speaking.exception()
        if not hung_up.cancelled():
            return
        why = _why(failure)
        if not line.is_open:
            raise why
        await line.end(_last_word(why), self._last_word)


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _why(failure: BaseException | None) -> Problem:
    """What ended it, in words; a fault has none, and breaks the answer off."""
    if failure is None:
        return stopping()
    if isinstance(failure, Problem):
        return failure
    if isinstance(failure, SlowReader):
        log.info("stream_shed")
        return Problem(TOO_SLOW)
    if isinstance(failure, (ConnectionError, TimeoutError, *AWAY)):
        log.warning("part_away", **fault(failure))
        return Problem(UNAVAILABLE, retry_after=getattr(failure, "retry_after", None))
    raise failure


def stopping() -> Problem:
    return Problem(UNAVAILABLE, "This server stops; connect again.")


def _last_word(why: Problem) -> bytes:
    pause = b"retry: %d\n" % ((why.retry_after or RECONNECT) * 1000)
    return pause + frame("problem", problems.body(why, request_id()))
