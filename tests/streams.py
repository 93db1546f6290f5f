"""Who listens to a stream of events over a connection of its own, and can stop reading or hang up in the middle."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

PATIENCE = 20.0


@dataclass(frozen=True)
class Heard:
    """One event; a comment has neither name nor data."""

    name: str | None = None
    data: Any = None
    id: str | None = None


@dataclass
class Listener:
    status: int
    headers: Mapping[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    is_over: bool = False
    _text: bytes = b""
    _waiting: list[bytes] = field(default_factory=list)

    async def next(self, *, comments: bool = False) -> Heard | None:
        """The next event; nothing when the stream ended as it should."""
        async with asyncio.timeout(PATIENCE):
            while True:
                while b"\n\n" not in self._text:
                    if not await self._more():
                        return None
                block, _, self._text = self._text.partition(b"\n\n")
                heard = _heard(block)
                if heard.name is not None or (comments and block.startswith(b":")):
                    return heard

    async def entries(self, count: int) -> list[Heard]:
        heard = [await self.next() for _ in range(count)]
        assert all(one is not None and one.name == "entry" for one in heard), heard
        return [one for one in heard if one is not None]

    async def body(self) -> bytes:
        """All of an answer that is no stream."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readexactly(int(self.headers["content-length"]))

    async def _more(self) -> bool:
        """One chunk (RFC 9112 section 7.1); False after the last one. A connection that breaks raises."""
        if self.is_over:
            return False
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        self._text += (await self.reader.readexactly(size + 2))[:-2]
        self.is_over = size == 0
        return not self.is_over

    async def hang_up(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


def _heard(block: bytes) -> Heard:
    said = dict(line.split(b": ", 1) for line in block.split(b"\n") if b": " in line and not line.startswith(b":"))
    name, id_ = said.get(b"event"), said.get(b"id")
    data = orjson.loads(said[b"data"]) if b"data" in said else None
    return Heard(None if name is None else name.decode(), data, None if id_ is None else id_.decode())


@asynccontextmanager
async def listening(
    url: str, token: str, after: str | None = None, *, path: str = "/v1/stream", small: bool = False, **headers: str
) -> AsyncIterator[Listener]:
    """`small`: hardly anything fits between the server and who does not read."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    socket_ = socket.socket()
    if small:
        socket_.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    socket_.setblocking(False)
    await asyncio.get_running_loop().sock_connect(socket_, (parts.hostname, parts.port))
    reader, writer = await asyncio.open_connection(sock=socket_, limit=4096 if small else 2**16)
    said = {"Host": parts.netloc, "Authorization": f"Bearer {token}", "Accept": "text/event-stream"} | headers
    said |= {} if after is None else {"Last-Event-ID": after}
    lines = "".join(f"{name}: {value}\r\n" for name, value in said.items() if value)
    writer.write(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
    async with asyncio.timeout(PATIENCE):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    found = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    listener = Listener(int(head[0].split()[1]), found, reader, writer)
    try:
        yield listener
    finally:
        await listener.hang_up()
