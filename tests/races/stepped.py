"""Makes every call of the real database a point at which a task stops, and lets one task go on at a time.

Nothing sleeps and nothing is guessed: a task that was let go has arrived when it stands at its next point, has ended,
or waits for a lock that another task holds, which PostgreSQL's own table of locks says.
"""

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from services.foundation.database.connection import Connection, Database
from tests.races.model import name_of

STEPPED = ("fetch", "fetchrow", "fetchval", "execute", "executemany")
# Not the activity view: there who was just given a lock still waits until it wakes. And only for one another: who waits
# for anybody else (autovacuum holds a whole table while it cuts off its empty end) goes on by itself.
WAITS = "select pid from unnest($1::int[]) pid where pg_blocking_pids(pid) && $1"


@dataclass
class Task:
    name: str
    point: str | None = None
    go: asyncio.Event = field(default_factory=asyncio.Event)
    pids: set[int] = field(default_factory=set)  # of the connections that it has; it waits in one of them at most
    running: "asyncio.Task[Any] | None" = None

    async def arrive(self, point: str) -> None:
        self.point = point
        await self.go.wait()
        self.go.clear()

    @property
    def has_ended(self) -> bool:
        return self.running is not None and self.running.done()


PLAYING: ContextVar[Task | None] = ContextVar("PLAYING", default=None)


class SteppedConnection:
    """A pooled connection; a task that is played stops before each call."""

    def __init__(self, raw: Connection) -> None:
        self.raw = raw
        self.pid: int = raw.get_server_pid()
        if (task := PLAYING.get()) is not None:
            task.pids.add(self.pid)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.raw, name)
        if name not in STEPPED:
            return found

        async def stepped(sql: str, *values: Any, **options: Any) -> Any:
            task = PLAYING.get()
            if task is not None:
                await task.arrive(name_of(sql))
            return await found(sql, *values, **options)

        return stepped


class SteppedPool:
    def __init__(self, pool: Any) -> None:
        self._pool = pool

    async def acquire(self) -> SteppedConnection:
        return SteppedConnection(await self._pool.acquire())

    async def release(self, connection: SteppedConnection) -> None:
        if (task := PLAYING.get()) is not None:
            task.pids.discard(connection.pid)
        await self._pool.release(connection.raw)

    async def close(self) -> None:
        self._pool.terminate()  # a task that failed half-way holds its connection for good


async def stepped(url: str, size: int) -> Database:
    database = await Database.open(url, size=size)
    return Database(url, SteppedPool(database._pool))


class RealStage:
    """`watch` is a connection of its own that asks who waits."""

    def __init__(self, watch: Connection, tasks: dict[str, Task]) -> None:
        self.trace: list[tuple[str, str]] = []
        self._watch, self._tasks = watch, tasks

    @classmethod
    async def begin(cls, watch: Connection, coroutines: dict[str, Coroutine[Any, Any, Any]]) -> "RealStage":
        tasks = {name: Task(name) for name in sorted(coroutines)}
        for name, task in tasks.items():
            token = PLAYING.set(task)
            task.running = asyncio.create_task(coroutines[name])
            PLAYING.reset(token)
        stage = cls(watch, tasks)
        await stage._settled()
        return stage

    def ready(self) -> list[str]:
        return [name for name, task in self._tasks.items() if task.point is not None]

    async def go_on(self, task: str) -> None:
        playing = self._tasks[task]
        assert playing.point is not None
        self.trace.append((task, playing.point))
        playing.point = None
        playing.go.set()
        await self._settled()

    async def _settled(self) -> None:
        """Each task stands at a point, has ended, or waits for another one's lock."""
        while moving := [t for t in self._tasks.values() if t.point is None and not t.has_ended]:
            pids = [pid for task in self._tasks.values() for pid in task.pids]
            waiting = {row["pid"] for row in await self._watch.fetch(WAITS, pids)}
            still = [t for t in moving if t.point is None and not t.has_ended]
            if len(still) == len(moving) and all(task.pids & waiting for task in still):
                return  # nobody got further while this was asked: who waits was not let go meanwhile

    def results(self) -> dict[str, Any]:
        assert all(task.has_ended for task in self._tasks.values()), "stuck"
        results = {}
        for name, task in self._tasks.items():
            assert task.running is not None
            results[name] = task.running.exception() or task.running.result()
        return results
