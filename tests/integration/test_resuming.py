"""What stood still goes on, in order and once, also while a notifier works beside whoever resumes it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest

from services.events.relay import Relay
from services.foundation.bus.port import PARTITIONS, RETENTION, OffsetOutOfRange, Record, partition_of
from services.foundation.bus.postgres import PostgresBus
from services.foundation.database.connection import Connection, Database
from services.notifications import parked
from services.notifications.lanes import Lanes
from services.notifications.notifier import TOPIC, Notifier
from services.notifications.streams import resume
from tests.dossiers import Dossiers, got, subscribe
from tests.waiting import HOW_MANY_WAIT

pytestmark = pytest.mark.anyio

SPACE = UUID("00000000-0000-4000-8000-000000000011")
ONE = uuid5(SPACE, "one")


def partition(key: object) -> int:
    return partition_of(str(key), PARTITIONS)


BESIDE = next(id for id in (uuid5(SPACE, str(n)) for n in range(1000)) if partition(id) == partition(ONE))
WATCHING = Path(__file__).parents[2] / "docs" / "watching.md"


@dataclass
class Halting(Dossiers):
    """An audience that halts whoever asks it about one entry, in the middle of a transaction."""

    at: tuple[UUID, int] | None = None
    halted: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def of(self, conn: Connection, dossier_id: UUID, sequence: int) -> frozenset[str]:
        if (dossier_id, sequence) == self.at:
            self.at = None
            self.halted.set()
            await self.go.wait()
        return await super().of(conn, dossier_id, sequence)


@dataclass
class House:
    database: Database
    bus: PostgresBus
    dossiers: Halting
    relay: Relay
    notifier: Notifier
    lanes: Lanes
    reader: UUID

    async def settle(self) -> None:
        await self.relay.run_once()
        await self.notifier.run_once()
        await self.lanes.run_once()

    async def append(self, *dossier_ids: UUID) -> None:
        for dossier_id in dossier_ids:
            await self.dossiers.append(dossier_id)
        await self.relay.run_once()

    async def record(self, dossier_id: UUID) -> Record:
        """The next entry of a dossier, past the relay."""
        async with self.database.connection() as conn:
            await self.dossiers.append(dossier_id)
            row = await conn.fetchrow("delete from dossier.outbox where published_at is null returning event")
        return Record(str(dossier_id), row["event"])

    async def sequences(self, dossier_id: UUID = ONE) -> list[int]:
        return [row[3] for row in await got(self.database, self.reader) if row[1] == dossier_id]

    async def do(self, statement: str) -> None:
        async with self.database.connection() as conn:
            await conn.execute(statement)

    async def standing(self) -> list[tuple[UUID, int, int, str]]:
        async with self.database.connection() as conn:
            return [(one.dossier_id, one.entries, one.first, one.reason) for one in await parked.dossiers(conn)]

    @asynccontextmanager
    async def halted(self, at: tuple[UUID, int], work: Coroutine[Any, Any, int]) -> AsyncIterator["asyncio.Task[int]"]:
        """`work` stands at this entry while the block runs, and ends after it."""
        self.dossiers.at = at
        task = asyncio.create_task(work)
        await self.dossiers.halted.wait()
        yield task
        self.dossiers.go.set()
        await task

    async def ended_or_waiting(self, task: "asyncio.Task[int]") -> None:
        """PostgreSQL's own table of locks says when it waits for the one that was halted."""
        async with asyncio.timeout(20), self.database.connection() as conn:
            while not task.done() and not await conn.fetchval(HOW_MANY_WAIT):
                pass


def told(beginning: str) -> str:
    """The statement that an operator finds there."""
    (statement,) = [line for line in WATCHING.read_text("utf-8").splitlines() if line.strip().startswith(beginning)]
    return statement.strip()


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    """Of ONE the first entry was applied, the second is poison, and the third waits behind it."""
    async with database.connection() as conn:
        await Dossiers.begin(database)
        assert not await conn.fetchval(HOW_MANY_WAIT)
    dossiers, bus = Halting(database), PostgresBus(database)
    relay, notifier, lanes = Relay(database, bus), Notifier(database, bus, dossiers), Lanes(database, dossiers)
    house = House(database, bus, dossiers, relay, notifier, lanes, await subscribe(database, "gemeente"))
    for dossier_id in (ONE, BESIDE):
        await dossiers.allow(dossier_id, "gemeente")
    dossiers.poison.add((ONE, 2))
    await house.append(ONE, ONE, ONE)
    await house.settle()
    yield house
    await notifier.close()
    await relay.close()
    await bus.close()


async def test_what_stands_still_is_told_by_ids_and_goes_on_in_order(house: House) -> None:
    assert await house.standing() == [(ONE, 2, 2, "poison")]
    assert await resume(house.database, house.dossiers, ONE) == 0
    assert await house.standing() == [(ONE, 2, 2, "poison")]
    house.dossiers.poison.clear()
    assert await resume(house.database, house.dossiers, ONE) == 2
    assert await house.standing() == []
    await house.append(ONE)
    await house.settle()
    assert await house.sequences() == [1, 2, 3, 4]


async def test_a_notifier_that_parks_one_more_is_waited_for(house: House) -> None:
    house.dossiers.poison.clear()
    await house.append(ONE, BESIDE)
    async with house.halted((BESIDE, 1), house.notifier.run_once()):
        resuming = asyncio.create_task(resume(house.database, house.dossiers, ONE))
        await house.ended_or_waiting(resuming)
    assert await resuming == 3
    await house.append(ONE)
    await house.settle()
    assert await house.standing() == []
    assert (await house.sequences(), await house.sequences(BESIDE)) == ([1, 2, 3, 4, 5], [1])


async def test_a_notifier_waits_for_who_resumes_and_finds_it_done(house: House) -> None:
    house.dossiers.poison.clear()
    await house.append(ONE)
    async with house.halted((ONE, 2), resume(house.database, house.dossiers, ONE)) as resuming:
        notifying = asyncio.create_task(house.notifier.run_once())
        await house.ended_or_waiting(notifying)
    assert (await resuming, await notifying) == (2, 1)
    await house.lanes.run_once()
    assert await house.standing() == []
    assert await house.sequences() == [1, 2, 3, 4]


async def test_behind_the_poison_a_gap_is_left_that_fills_by_itself(house: House) -> None:
    house.dossiers.poison.clear()
    missing, last = await house.record(ONE), await house.record(ONE)
    await house.bus.publish(TOPIC, [last])
    await house.notifier.run_once()
    assert await resume(house.database, house.dossiers, ONE) == 2
    assert await house.standing() == [(ONE, 1, 5, "gap")]
    await house.bus.publish(TOPIC, [missing])
    await house.settle()
    assert await house.standing() == []
    assert await house.sequences() == [1, 2, 3, 4, 5]


async def test_what_is_no_entry_is_told_by_its_place_and_stays(house: House) -> None:
    await house.bus.publish(TOPIC, [Record("nobody", b"{"), Record(str(ONE), b"{")])
    await house.notifier.run_once()
    house.dossiers.poison.clear()
    assert await resume(house.database, house.dossiers, ONE) == 2
    async with house.database.connection() as conn:
        found = await parked.parked(conn)
    assert {record.partition for record in found.records} == {partition("nobody"), partition(ONE)}
    assert (found.lanes, found.dossiers) == ([], [])


async def test_what_the_bus_lost_is_published_again_and_the_gap_fills(house: House) -> None:
    """As docs/watching.md says."""
    house.dossiers.poison.clear()
    await resume(house.database, house.dossiers, ONE)
    await house.dossiers.append(ONE)
    await house.do("update dossier.outbox set published_at = now(), position = 99 where published_at is null")
    await house.append(ONE)
    await house.settle()
    assert await house.standing() == [(ONE, 1, 5, "gap")]
    await house.do(told("update dossier.outbox").replace("'…'", f"'{ONE}'").replace("…", "4"))
    await house.settle()
    assert await house.standing() == []
    assert await house.sequences() == [1, 2, 3, 4, 5]


@pytest.mark.usefixtures("forgetting_always")
async def test_a_notifier_that_was_away_for_longer_than_the_bus_keeps_misses_nothing(house: House) -> None:
    """As docs/watching.md says."""
    house.dossiers.poison.clear()
    await resume(house.database, house.dossiers, ONE)
    await house.append(ONE)
    await house.do(f"update bus.entries set published_at = published_at - interval '{RETENTION.days} days'")
    await house.append(ONE)
    for _ in range(2):
        with pytest.raises(OffsetOutOfRange):
            await house.settle()
    await house.do(told("delete from notifications.offsets"))
    await house.settle()
    assert await house.standing() == [(ONE, 1, 5, "gap")]
    await house.do(told("update dossier.outbox").replace("'…'", f"'{ONE}'").replace("…", "4"))
    await house.settle()
    assert await house.sequences() == [1, 2, 3, 4, 5]
