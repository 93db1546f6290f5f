"""Receivers of webhooks as they are out there: those that answer, and those that hang, reset, drip, lie and die."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
from anyio.from_thread import start_blocking_portal

Behaviour = Callable[["Receiver", "Got", asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Got:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    head: bytes = b""
    """As it came: the line of the request and all headers."""

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = orjson.loads(self.body)
        return event

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """`behave` is what it does with what it gets; the handshake it answers by itself, unless `agrees` is false."""

    port: int = 0
    got: list[Got] = field(default_factory=list)
    asked: list[Got] = field(default_factory=list)
    agrees: bool = True
    rate: str | None = None
    connections: int = 0
    behave: Behaviour | None = None
    released: asyncio.Event = field(default_factory=asyncio.Event)
    serving: set["asyncio.Task[Any]"] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def sequences(self) -> list[int]:
        return [int(one.event["sequence"]) for one in self.got]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        serving = asyncio.current_task()
        assert serving is not None
        self.serving.add(serving)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
                while True:
                    await self._one(await read(reader), writer)
        finally:
            writer.transport.abort()
            self.serving.discard(serving)

    async def _one(self, got: Got, writer: asyncio.StreamWriter) -> None:
        if got.method == "OPTIONS":
            self.asked.append(got)
            rate = {"WebHook-Allowed-Rate": self.rate} if self.rate else {}
            allowed = {"WebHook-Allowed-Origin": got.headers["webhook-request-origin"]} | rate
            writer.write(answer(200, allowed) if self.agrees else answer(404))
        else:
            self.got.append(got)
            await (self.behave or status(204))(self, got, writer)
        await writer.drain()


async def read(reader: asyncio.StreamReader) -> Got:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode().strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Got(method, path, headers, await reader.readexactly(int(headers.get("content-length", "0"))), head)


def answer(code: int, headers: Mapping[str, str] | None = None) -> bytes:
    lines = [f"HTTP/1.1 {code} -", *(f"{name.replace('_', '-')}: {value}" for name, value in (headers or {}).items())]
    return "\r\n".join([*lines, "Content-Length: 0", "", ""]).encode()


# What they do


def status(code: int, **headers: str) -> Behaviour:
    async def behave(_receiver: Receiver, _got: Got, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(code, headers))

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One after the other, and the last for ever."""
    waiting = list(behaviours)

    async def behave(receiver: Receiver, got: Got, writer: asyncio.StreamWriter) -> None:
        await (waiting.pop(0) if len(waiting) > 1 else waiting[0])(receiver, got, writer)

    return behave


async def hang(receiver: Receiver, _got: Got, writer: asyncio.StreamWriter) -> None:
    """Until it is released, and then it is gone."""
    await receiver.released.wait()
    writer.close()


async def held_answer(receiver: Receiver, _got: Got, writer: asyncio.StreamWriter) -> None:
    """Until it is released."""
    await receiver.released.wait()
    writer.write(answer(204))


async def reset(_receiver: Receiver, _got: Got, writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def dripping(pause: float) -> Behaviour:
    """A byte at a time, each well within any time-out of its own."""

    async def behave(receiver: Receiver, _got: Got, writer: asyncio.StreamWriter) -> None:
        released = receiver.released
        for byte in answer(200, {"X": "x" * 2000}):
            if released.is_set():
                writer.close()
                break
            writer.write(bytes([byte]))
            await writer.drain()
            with suppress(TimeoutError):
                await asyncio.wait_for(released.wait(), pause)

    return behave


drip = dripping(0.02)


def raw(text: bytes) -> Behaviour:
    """These bytes, and then it is gone."""

    async def behave(_receiver: Receiver, _got: Got, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()
        writer.close()

    return behave


@asynccontextmanager
async def receiving(behave: Behaviour | None = None, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver(behave=behave)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.close()
        while receiver.serving:
            for serving in receiver.serving:
                serving.cancel()
            await asyncio.sleep(0)
        await asyncio.sleep(0)


@contextmanager
def receiving_beside() -> Iterator[Receiver]:
    """In a thread of its own, for a test that is not asynchronous."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(receiving()) as receiver:
        yield receiver
