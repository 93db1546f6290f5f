"""A light client: keeps connections open, sends prepared requests one after the other, and times each answer."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

LONGEST = 60.0  # seconds for one round, after which something is wrong


@dataclass(frozen=True)
class Round:
    """What one round of one variant gave; times in milliseconds."""

    per_second: float
    p50: float
    p99: float


class WrongAnswer(RuntimeError):
    """A server answered something else than was measured for."""


async def measure(
    port: int,
    clients: int,
    requests: int,
    request: Callable[[int], bytes],
    status: int,
    before: Callable[[int], Sequence[bytes]] = lambda _: (),
) -> Round:
    """`request(n)` gives the bytes of the n-th request; any other answer than `status` ends the measurement.

    `before(n)`: what is stored (201) before it, and not timed.
    """
    counter = iter(range(requests))
    times: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in counter:
            for each in before(number):
                await answered(reader, writer, each, 201)
            began = time.perf_counter()
            await answered(reader, writer, request(number), status)
            times.append((time.perf_counter() - began) * 1000)
        writer.close()

    began = time.perf_counter()
    async with asyncio.timeout(LONGEST), asyncio.TaskGroup() as tasks:
        for _ in range(clients):
            tasks.create_task(client())
    took = time.perf_counter() - began
    ordered = sorted(times)
    return Round(requests / took, median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))])


async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes, status: int) -> None:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    if int(head[9:12]) != status:
        raise WrongAnswer(head.decode() + (await reader.read(2000)).decode())
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length[15:]))


def post(path: str, body: bytes, token: str, media_type: str) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def get(path: str, token: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
