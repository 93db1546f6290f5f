"""Lanes when things go wrong: trouble that passes, a fault, a late worker, many owners, a subscription that ends."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import UUID, uuid5

import pytest

from services.foundation.database.connection import Connection, Database
from services.notifications.lanes import Lanes
from services.notifications.parked import Outcome, parked, resume_lanes, since
from services.notifications.placing import Placing
from services.notifications.ports import Candidates, Thin
from services.notifications.subscriptions import delete, deliver_again
from tests.dossiers import Dossiers, got, subscribe

pytestmark = pytest.mark.anyio

SPACE = UUID("00000000-0000-4000-8000-000000000002")
ONE, TWO = uuid5(SPACE, "one"), uuid5(SPACE, "two")


@pytest.fixture
async def dossiers(database: Database) -> Dossiers:
    return await Dossiers.begin(database)


async def place(dossiers: Dossiers, dossier_id: UUID, entries: int, *owners: str) -> None:
    await dossiers.allow(dossier_id, *owners)
    for _ in range(entries):
        sequence = await dossiers.append(dossier_id)
        async with dossiers.database.transaction() as conn:
            placing = Placing(conn, dossiers)
            placing.touch(await placing.place(dossier_id, sequence))
            await placing.finish()


async def sequences(dossiers: Dossiers, subscription_id: UUID) -> list[tuple[UUID, int]]:
    return [(row[1], row[3]) for row in await got(dossiers.database, subscription_id)]


async def test_a_fence_that_cannot_be_had_now_is_asked_for_again_later(dossiers: Dossiers) -> None:
    reader = await subscribe(dossiers.database, "gemeente")
    await place(dossiers, ONE, 2, "gemeente")
    await place(dossiers, TWO, 1, "gemeente")
    lanes = Lanes(dossiers.database, dossiers)
    dossiers.busy.add(ONE)
    await lanes.run_once()
    assert await sequences(dossiers, reader) == [(TWO, 1)]
    dossiers.busy.clear()
    assert await lanes.run_once() == 0
    await asyncio.sleep(0.3)
    await lanes.run_once()
    assert await sequences(dossiers, reader) == [(TWO, 1), (ONE, 1), (ONE, 2)]


async def test_a_fault_stops_its_own_lane_at_the_culprit(dossiers: Dossiers) -> None:
    reader = await subscribe(dossiers.database, "gemeente")
    await place(dossiers, ONE, 4, "gemeente")
    await place(dossiers, TWO, 2, "gemeente")
    dossiers.broken.add((ONE, 3))
    lanes = Lanes(dossiers.database, dossiers)
    await lanes.run_once()
    assert sorted(await sequences(dossiers, reader)) == sorted([(ONE, 1), (ONE, 2), (TWO, 1), (TWO, 2)])
    dossiers.broken.clear()
    await place(dossiers, ONE, 1, "gemeente")
    assert await lanes.run_once() == 0
    async with dossiers.database.connection() as conn:
        assert [(lane.subscription_id, lane.dossier_id, lane.reason) for lane in (await parked(conn)).lanes] == [
            (reader, ONE, "LookupError")
        ]
        assert await resume_lanes(conn, {TWO}) == []
        resumed = await resume_lanes(conn, {ONE})
        assert await since(conn, resumed) == Outcome(went_on=0, still=0, untried=1, is_settled=False)
    await lanes.run_once()
    assert [n for id, n in await sequences(dossiers, reader) if id == ONE] == [1, 2, 3, 4, 5]
    async with dossiers.database.connection() as conn:
        assert await since(conn, resumed) == Outcome(went_on=1, still=0, untried=0, is_settled=True)
        assert (await parked(conn)).lanes == []


async def test_a_lane_that_meets_its_fault_again_stands_still_again(dossiers: Dossiers) -> None:
    reader = await subscribe(dossiers.database, "gemeente")
    await place(dossiers, ONE, 2, "gemeente")
    await place(dossiers, TWO, 1, "gemeente")
    dossiers.broken |= {(ONE, 1), (TWO, 1)}
    lanes = Lanes(dossiers.database, dossiers)
    await lanes.run_once()
    dossiers.broken.remove((TWO, 1))
    async with dossiers.database.connection() as conn:
        resumed = await resume_lanes(conn)
        await lanes.run_once()
        assert await since(conn, resumed) == Outcome(went_on=1, still=1, untried=0, is_settled=True)
    assert await sequences(dossiers, reader) == [(TWO, 1)]


class Late(Dossiers):
    """A worker that stalls between its claim and its decision, so long that another claims the lane and puts it off."""

    @asynccontextmanager
    async def transaction(self, dossier_id: UUID) -> AsyncIterator[Connection]:
        await Lanes(self.database, Dossiers(self.database, busy={dossier_id})).run_once()
        async with super().transaction(dossier_id) as conn:
            yield conn


async def test_a_worker_that_comes_back_after_its_lease_does_nothing(dossiers: Dossiers) -> None:
    reader = await subscribe(dossiers.database, "gemeente")
    await place(dossiers, ONE, 2, "gemeente")
    assert await Lanes(dossiers.database, Late(dossiers.database), lease=0).run_once() == 0
    assert await sequences(dossiers, reader) == []
    async with dossiers.database.connection() as conn:
        assert await conn.fetchval("select count(*) from fake.ledger") == 0


class Noting(Dossiers):
    """Remembers for whom it decided."""

    owners: list[str]

    async def delivered(self, conn: Connection, one: Candidates) -> Mapping[int, Thin]:
        self.owners += [one.reader.owner] * len(one.sequences)
        return await super().delivered(conn, one)


async def test_an_owner_with_many_lanes_does_not_keep_another_waiting(dossiers: Dossiers) -> None:
    await subscribe(dossiers.database, "groot")
    await subscribe(dossiers.database, "klein")
    for number in range(30):
        await place(dossiers, uuid5(SPACE, str(number)), 1, "groot")
    await place(dossiers, ONE, 1, "klein")
    noting = Noting(dossiers.database)
    noting.owners = []
    await Lanes(dossiers.database, noting).run_once()
    assert noting.owners.index("klein") <= 8
    assert len(noting.owners) == 31


async def test_what_is_delivered_again_keeps_its_number_and_is_decided_anew(dossiers: Dossiers) -> None:
    reader = await subscribe(dossiers.database, "gemeente")
    await place(dossiers, ONE, 2, "gemeente")
    lanes = Lanes(dossiers.database, dossiers)
    await lanes.run_once()
    before = await got(dossiers.database, reader)
    for _ in range(2):
        async with dossiers.database.transaction() as conn:
            await deliver_again(conn, reader, None)
        assert await lanes.run_once() == 2
        assert await got(dossiers.database, reader) == before
        await dossiers.withdraw(ONE, "gemeente")
    async with dossiers.database.connection() as conn:
        assert await conn.fetchval("select count(*) from fake.ledger") == 4
    await place(dossiers, ONE, 1, "gemeente")
    await lanes.run_once()
    assert await got(dossiers.database, reader) == [*before, (3, ONE, 3, 3, False)]


async def test_what_is_on_its_way_to_a_subscription_that_ended_goes_nowhere(dossiers: Dossiers) -> None:
    reader = await subscribe(dossiers.database, "gemeente")
    await place(dossiers, ONE, 2, "gemeente")
    async with dossiers.database.transaction() as conn:
        await conn.execute("delete from notifications.subscriptions where id = $1", reader)
    lanes = Lanes(dossiers.database, dossiers)
    assert await lanes.run_once() == 0
    async with dossiers.database.transaction() as conn:
        assert await conn.fetchval("select count(*) from notifications.lanes") == 0
        assert await conn.fetchval("select count(*) from notifications.deliveries") == 0
        assert await conn.fetchval("select count(*) from fake.ledger") == 0
        await delete(conn, reader)
