"""Open lines to receivers: connected beforehand, written in one go under a cap, and answered without anyone waiting.

Sockets by hand, for one property that streams do not have: when `write` returns, every byte is with the kernel, and
when it fails none stays behind in a buffer of ours to leave later.
"""

import asyncio
import socket
import ssl
import struct
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

import h11

from services.notifications.webhooks.walls import Resolve, Target, Unsafe, Walls, system_resolve

LARGEST_REQUEST: Final = 4096
LARGEST_HEAD: Final = 16 * 1024
LARGEST_BODY: Final = 64 * 1024  # of an answer: nothing in it matters, but who reads it can be asked again
CONNECT_WITHIN: Final = 10.0
WRITE_WITHIN: Final = 0.25
ANSWER_WITHIN: Final = 20.0  # from the first byte written to the end of the head, however slowly it drips
REST_WITHIN: Final = 0.5
KEPT_FOR: Final = 10.0
MOST_KEPT: Final = 16
_CHUNK: Final = 16 * 1024
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: close by RST, and drop what the kernel has not sent yet


class NoAnswer(Exception):
    """The attempt ended without an answer; `reason` is a code: unsafe, unreachable, tls, slow, lost, malformed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]

    @property
    def retry_after(self) -> timedelta | None:
        """Seconds or a date (RFC 9110 section 10.2.3); what is neither is not there."""
        said = self.headers.get("retry-after", "")
        if said.isascii() and said.isdigit():
            return timedelta(seconds=min(int(said[:9]), 10**8))
        try:
            moment = parsedate_to_datetime(said)
            return max(moment - datetime.now(UTC), timedelta())
        except (ValueError, TypeError):
            return None


class Line(Protocol):
    """One exchange: `write` once, `answer` once, and then it takes care of itself. Or `leave` it unused, or `abort`."""

    async def write(self, request: bytes) -> None: ...

    async def answer(self) -> Answer: ...

    def leave(self) -> None: ...

    def abort(self) -> None: ...


class Lines(Protocol):
    async def to(self, target: Target) -> Line:
        """Resolved, checked, connected, TLS and all; raises NoAnswer."""

    def close(self) -> None:
        """Those that are kept."""


def request(method: str, target: Target, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """The bytes of one request; header values are ours, and h11 refuses what is no header."""
    made = h11.Connection(h11.CLIENT)
    fields = [("Host", target.authority), ("User-Agent", "Draad"), *headers.items()]
    if method == "POST":
        fields.append(("Content-Length", str(len(body))))
    parts = [made.send(h11.Request(method=method, target=target.path, headers=fields))]
    parts += [made.send(h11.Data(data=body)), made.send(h11.EndOfMessage())] if body else []
    return b"".join(part for part in parts if part)


class RealLines:
    """Connects to addresses that the walls let through; keeps a few open for the next exchange with the same host."""

    def __init__(self, walls: Walls, *, resolve: Resolve = system_resolve, tls: ssl.SSLContext | None = None) -> None:
        self._walls, self._resolve = walls, resolve
        self._tls = tls or ssl.create_default_context()
        self._kept: dict[Target, deque[tuple[float, RealLine]]] = defaultdict(deque)

    async def to(self, target: Target) -> "RealLine":
        if (kept := self._taken(target)) is not None:
            return kept
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                address = await self._walls.pinned(target, self._resolve)
                return await RealLine.connected(target, address, self._tls if target.is_tls else None, self.keep)
        except Unsafe:
            raise NoAnswer("unsafe") from None
        except ssl.SSLError:
            raise NoAnswer("tls") from None
        except TimeoutError:
            raise NoAnswer("slow") from None
        except OSError:
            raise NoAnswer("unreachable") from None

    def keep(self, line: "RealLine") -> None:
        kept = self._kept[line.target]
        kept.append((time.monotonic() + KEPT_FOR, line))
        while len(kept) > MOST_KEPT:
            kept.popleft()[1].abort()

    def close(self) -> None:
        for kept in self._kept.values():
            for _, line in kept:
                line.abort()
        self._kept.clear()

    def _taken(self, target: Target) -> "RealLine | None":
        kept = self._kept[target]
        while kept:
            until, line = kept.pop()
            if until > time.monotonic() and line.is_quiet():
                return line
            line.abort()
        del self._kept[target]
        return None


class Keep(Protocol):
    def __call__(self, line: "RealLine") -> None: ...


class RealLine:
    def __init__(self, target: Target, sock: socket.socket, keep: Keep) -> None:
        self.target = target
        self._sock = sock
        self._keep = keep
        self._tls: ssl.SSLObject | None = None
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD)

    @classmethod
    async def connected(cls, target: Target, address: str, tls: ssl.SSLContext | None, keep: Keep) -> "RealLine":
        """To exactly this address; the name is what its certificate must be for."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().sock_connect(sock, (address, target.port))
            line = cls(target, sock, keep)
            if tls is not None:
                await line._shake_hands(tls)
        except BaseException:
            sock.close()
            raise
        return line

    async def write(self, request: bytes) -> None:
        if len(request) > LARGEST_REQUEST:
            raise ValueError("a request under the fence is at most 4 KiB")
        try:
            if self._tls is not None:
                self._tls.write(request)
                request = self._out.read()
            async with asyncio.timeout(WRITE_WITHIN):
                await asyncio.get_running_loop().sock_sendall(self._sock, request)
        except (OSError, TimeoutError) as error:
            self.abort()
            raise NoAnswer("slow" if isinstance(error, TimeoutError) else "lost") from None
        except BaseException:
            self.abort()
            raise

    async def answer(self) -> Answer:
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                answer = await self._head()
        except h11.RemoteProtocolError:
            self.abort()
            raise NoAnswer("malformed") from None
        except TimeoutError:
            self.abort()
            raise NoAnswer("slow") from None
        except (OSError, EOFError):
            self.abort()
            raise NoAnswer("lost") from None
        except BaseException:
            self.abort()
            raise
        await self._finish()
        return answer

    def leave(self) -> None:
        self._keep(self)

    def abort(self) -> None:
        with suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._sock.close()

    def is_quiet(self) -> bool:
        """Still open, and nothing unasked for came in."""
        try:
            self._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    async def _shake_hands(self, tls: ssl.SSLContext) -> None:
        self._tls = tls.wrap_bio(self._in, self._out, server_hostname=self.target.host)
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._send_pending()
                await self._receive()
            else:
                return await self._send_pending()

    async def _send_pending(self) -> None:
        if pending := self._out.read():
            await asyncio.get_running_loop().sock_sendall(self._sock, pending)

    async def _receive(self) -> None:
        data = await asyncio.get_running_loop().sock_recv(self._sock, _CHUNK)
        if not data:
            raise ConnectionResetError
        self._in.write(data)

    async def _read(self) -> bytes:
        """Some bytes, or none at the end."""
        if self._tls is None:
            return await asyncio.get_running_loop().sock_recv(self._sock, _CHUNK)
        while True:
            try:
                return self._tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                await self._receive()
            except ssl.SSLZeroReturnError:
                return b""

    async def _head(self) -> Answer:
        self._parser.send(h11.Request(method="POST", target="/", headers=[("Host", "-"), ("Content-Length", "0")]))
        self._parser.send(h11.EndOfMessage())
        received = 0
        while True:
            event = self._parser.next_event()
            if isinstance(event, h11.Response):
                headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in event.headers}
                return Answer(event.status_code, headers)
            if event is h11.NEED_DATA:
                data = await self._read()
                received += len(data)
                if not data or received > 2 * LARGEST_HEAD:
                    raise EOFError
                self._parser.receive_data(data)

    async def _finish(self) -> None:
        """The rest says nothing. Where it ends soon the line serves again; where it does not, it is cut."""
        try:
            async with asyncio.timeout(REST_WITHIN):
                is_whole = await self._passed_over()
            self._parser.start_next_cycle()
        except (OSError, TimeoutError, h11.ProtocolError):
            is_whole = False
        except BaseException:
            self.abort()
            raise
        if is_whole:
            self._keep(self)
        else:
            self.abort()

    async def _passed_over(self) -> bool:
        received = 0
        while not isinstance(event := self._parser.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                data = await self._read()
                received += len(data)
                self._parser.receive_data(data)
            if received > LARGEST_BODY or not (event is h11.NEED_DATA or isinstance(event, h11.Data)):
                return False
        return True
