"""How long from an event that is posted to the webhook that tells of it, at half of what the whole way carries?

The house in a process of its own with all its workers, as `draad serve all` has them, on embedded PostgreSQL; who posts
and who receives are this process, on one clock.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import inf
from statistics import median
from typing import Any
from uuid import uuid4

import orjson

from bench.http import event
from bench.load import answered, post
from bench.served import Told, running
from services.foundation.database.embedded import KEYS, MAIN, embedded
from services.foundation.database.migrations import migrate

CLIENTS = 16
CLOUDEVENT = "application/cloudevents+json"
AT_FULL = 1200  # events, as fast as they are taken
SECONDS = 20.0  # at half of that
PATIENCE = 60.0
AGREED = b"HTTP/1.1 200 -\r\nWebHook-Allowed-Origin: *\r\nContent-Length: 0\r\n\r\n"
TAKEN = b"HTTP/1.1 204 -\r\n\r\n"


@dataclass
class Receiver:
    """Takes everything at once, and notes when it first had what."""

    port: int = 0
    at: dict[str, float] = field(default_factory=dict)

    def connection(self) -> asyncio.Protocol:
        receiver = self

        class Connection(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                self.transport: Any = transport  # uvloop's is no asyncio.Transport by its type

            def data_received(self, data: bytes) -> None:
                now = time.perf_counter()  # each request comes in one piece
                if data.startswith(b"OPTIONS"):
                    self.transport.write(AGREED)
                    return
                receiver.at.setdefault(orjson.loads(data.partition(b"\r\n\r\n")[2])["id"], now)
                self.transport.write(TAKEN)

        return Connection()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.get_running_loop().create_server(receiver.connection, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    yield receiver
    server.close()


@dataclass(frozen=True)
class Lines:
    """Open connections, each with one request at a time."""

    free: "asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]" = field(default_factory=asyncio.Queue)

    async def ask(self, request: bytes, status: int) -> None:
        line = await self.free.get()
        await answered(*line, request, status)
        self.free.put_nowait(line)


@asynccontextmanager
async def lines(port: int, count: int) -> AsyncIterator[Lines]:
    opened = Lines()
    for _ in range(count):
        opened.free.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    yield opened
    while not opened.free.empty():
        opened.free.get_nowait()[1].close()


@dataclass(frozen=True)
class Way:
    """From who posts to who receives."""

    house: Told
    receiver: Receiver

    async def subscribe(self) -> None:
        body = orjson.dumps({"channel": "webhook", "endpoint": f"http://127.0.0.1:{self.receiver.port}/hook"})
        async with lines(self.house.port, 1) as to:
            await to.ask(post("/v1/subscriptions", body, self.house.token, "application/json"), 201)

    async def carry(self, count: int, a_second: float = inf) -> list[float]:
        """For each event the seconds from the moment at which it was to be posted until it was received."""
        began = time.perf_counter()
        due: dict[str, float] = {}
        async with lines(self.house.port, CLIENTS) as to, asyncio.TaskGroup() as tasks:
            for number in range(count):
                id, dossier = str(uuid4()), self.house.dossiers[number * 7 % len(self.house.dossiers)]
                due[id] = began + number / a_second
                await asyncio.sleep(max(0.0, due[id] - time.perf_counter()))
                request = post(f"/v1/dossiers/{dossier}/events", event(dossier, id), self.house.token, CLOUDEVENT)
                tasks.create_task(to.ask(request, 201))
        async with asyncio.timeout(PATIENCE):
            while not self.receiver.at.keys() >= due.keys():  # noqa: ASYNC110 - a protocol fills it
                await asyncio.sleep(0.01)
        return sorted(self.receiver.at[id] - at for id, at in due.items())


async def run() -> str:
    async with embedded(None) as server, receiving() as receiver:
        await migrate(server.url(MAIN), server.url(KEYS))
        async with running("working", server.url(MAIN), server.url(KEYS)) as house:
            through = Way(house, receiver)
            await through.subscribe()
            await through.carry(AT_FULL // 4)  # warm
            full = AT_FULL / (await through.carry(AT_FULL))[-1]
            took = await through.carry(int(full / 2 * SECONDS), full / 2)
    p99 = took[int(len(took) * 0.99)]
    return (
        f"the whole way carries {full:.0f} events a second; at {full / 2:.0f}, from when an event is to be posted "
        f"until its webhook is received: p50 {1000 * median(took):.0f} ms, p99 {1000 * p99:.0f} ms ({len(took)} events)"
    )
