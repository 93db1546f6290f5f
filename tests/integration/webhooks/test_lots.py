"""Webhooks that are decided and written together: each line once, and locks in one order."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from services.foundation.database.connection import Connection, Database, Unreachable
from services.notifications.webhooks.lines import Answer, Line, Lines, RealLines
from services.notifications.webhooks.walls import Target, Walls
from tests.desk import Desk, open_desk
from tests.receivers import Got, Receiver, answer, receiving
from tests.waiting import HOW_MANY_WAIT
from tests.webhooks import ONE, TWO, allowed, webhook

pytestmark = pytest.mark.anyio


@dataclass
class Together:
    """Real lines that open two at a time, as long as this is armed."""

    lines: Lines
    is_armed: bool = False
    both: asyncio.Barrier = field(default_factory=lambda: asyncio.Barrier(2))
    opened: int = 0
    may_go: asyncio.Event = field(default_factory=asyncio.Event)
    out: list[int] = field(default_factory=list)
    """Of each request that was written: which one of its exchange it was."""

    async def to(self, target: Target) -> Line:
        line = await self.lines.to(target)
        if self.is_armed:
            self.opened += 1
            await self.both.wait()
            await self.may_go.wait()
        return Exchange(self, line)

    def close(self) -> None:
        self.lines.close()


@dataclass
class Exchange:
    all: Together
    line: Line
    requests: int = 0

    async def write(self, request: bytes) -> None:
        self.requests += 1
        self.all.out.append(self.requests)
        await self.line.write(request)

    async def answer(self) -> Answer:
        return await self.line.answer()

    def leave(self) -> None:
        self.line.leave()

    def abort(self) -> None:
        self.line.abort()


@asynccontextmanager
async def waiting(database: Database, receiver: Receiver, entries: int) -> AsyncIterator[tuple[Desk, Together]]:
    lines = Together(RealLines(Walls(to_this_machine=True)))
    async with open_desk(database, lines=lines) as desk:
        await webhook(desk, receiver)
        lines.out.clear()
        await allowed(desk, ONE, TWO)
        await desk.place(*[ONE] * entries, *[TWO] * entries)
        fenced = desk.dossiers.fenced

        @asynccontextmanager
        async def lost_in_the_end(dossier_ids: Iterable[UUID]) -> AsyncIterator[Connection]:
            """The connection does not survive being given back, once: both requests are out by then."""
            async with fenced(dossier_ids) as conn:
                yield conn
            if lines.is_armed and len(set(dossier_ids)) == 2:
                lines.is_armed = False
                raise Unreachable

        vars(desk.dossiers)["fenced"] = lost_in_the_end
        lines.is_armed = True
        lines.may_go.set()
        yield desk, lines


async def test_a_line_carries_one_request_whatever_becomes_of_the_fences(database: Database) -> None:
    async with receiving() as receiver, waiting(database, receiver, 1) as (desk, lines):
        await desk.deliverer.run_once()
        assert set(lines.out) == {1}


async def test_an_answer_to_a_copy_is_not_taken_for_the_answer_to_the_next(database: Database) -> None:
    """The receiver is slow with what comes again, and refuses what comes after it: that is not delivered then."""
    seen: set[str] = set()
    refused: set[str] = set()

    async def slow_with_copies(_receiver: Receiver, got: Got, writer: asyncio.StreamWriter) -> None:
        if got.id in seen:
            await asyncio.sleep(0.3)
            writer.write(answer(204))
            return
        seen.add(got.id)
        second: Any = got.event["sequence"] == "2"
        if second:
            refused.add(got.event["id"])
        writer.write(answer(500 if second else 204))

    async with receiving(slow_with_copies) as receiver, waiting(database, receiver, 2) as (desk, _):
        sending = desk.start(desk.deliverer.run())
        await desk.until_async(
            lambda: desk.fetchval("select count(*) = 2 from notifications.deliveries where status > 0 and number = 2")
        )
        sending.cancel()
        assert len(refused) == 2
        states = "select array_agg(state order by dossier_id) from notifications.deliveries where number = 2"
        assert await desk.fetchval(states) == ["pending", "pending"], "what its receiver refused counts as delivered"


async def test_lanes_of_one_lot_are_held_in_one_order_also_where_nothing_is_sent(database: Database) -> None:
    """Whoever places entries holds lanes in that order too: else the two would wait for each other."""
    low, high = sorted((ONE, TWO))
    lines = Together(RealLines(Walls(to_this_machine=True)))
    async with receiving() as receiver, open_desk(database, lines=lines) as desk:
        await webhook(desk, receiver)
        await allowed(desk, low, high)
        await desk.place(low, high)
        await desk.dossiers.withdraw(low, "gemeente")
        lines.is_armed = True
        turn = desk.start(desk.deliverer.run_once())
        await desk.until(lambda: lines.opened == 2)
        lines.is_armed = False
        async with database.transaction() as conn:
            hold = "select from notifications.lanes where dossier_id = $1 for update nowait"
            await conn.execute(hold, low)
            lines.may_go.set()
            await desk.until_async(lambda: desk.fetchval(HOW_MANY_WAIT))
            await conn.execute(hold, high)
        await turn
        assert [got.event["subject"] for got in receiver.got] == [f"dossier/{high}"]
