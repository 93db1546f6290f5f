"""From the bus to the reader: each entry once in effect, in order, without gaps, and only what the gate permits."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID, uuid5

import pytest

from services.events.relay import Relay
from services.foundation.bus.port import Record
from services.foundation.bus.postgres import PostgresBus
from services.foundation.database.connection import Database
from services.notifications.lanes import Lanes
from services.notifications.notifier import TOPIC, Notifier
from services.notifications.streams import resume
from tests.dossiers import Dossiers, both, got, subscribe

pytestmark = pytest.mark.anyio

SPACE = UUID("00000000-0000-4000-8000-000000000001")
ONE, TWO = uuid5(SPACE, "one"), uuid5(SPACE, "two")


@dataclass
class House:
    """Everything between an append and a reader."""

    database: Database
    bus: PostgresBus
    dossiers: Dossiers
    relay: Relay
    notifier: Notifier
    lanes: Lanes

    async def settle(self) -> None:
        await self.relay.run_once()
        await self.notifier.run_once()
        await self.lanes.run_once()

    async def take(self) -> None:
        await self.notifier.run_once()
        await self.lanes.run_once()

    async def again(self) -> None:
        """What a relay does that died after it published and before it marked."""
        async with self.database.connection() as conn:
            await conn.execute("update dossier.outbox set published_at = null")
        relay = Relay(self.database, self.bus, shard="again")
        await relay.run_once()
        await relay.close()

    async def record(self, dossier_id: UUID) -> Record:
        """The next entry of a dossier, past the relay."""
        async with self.database.connection() as conn:
            await self.dossiers.append(dossier_id)
            row = await conn.fetchrow("delete from dossier.outbox returning event")
        return Record(str(dossier_id), row["event"])

    async def ledger(self) -> list[tuple[str, int]]:
        async with self.database.connection() as conn:
            return [tuple(row) for row in await conn.fetch("select owner, sequence from fake.ledger order by id")]

    async def parked(self) -> list[tuple[str, int | None]]:
        async with self.database.connection() as conn:
            rows = await conn.fetch("select reason, sequence from notifications.parked order by sequence")
            return [tuple(row) for row in rows]


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    dossiers, bus = await Dossiers.begin(database), PostgresBus(database)
    relay, notifier, lanes = Relay(database, bus), Notifier(database, bus, dossiers), Lanes(database, dossiers)
    yield House(database, bus, dossiers, relay, notifier, lanes)
    await notifier.close()
    await relay.close()
    await bus.close()


async def test_who_may_know_gets_each_entry_once_in_order(house: House) -> None:
    municipality = await subscribe(house.database, "gemeente", "karin")
    employer = await subscribe(house.database, "werkgever")
    await house.dossiers.allow(ONE, "gemeente")
    for _ in range(3):
        await house.dossiers.append(ONE)
    await house.settle()
    await house.settle()
    assert await got(house.database, municipality) == [(n, ONE, n, n, False) for n in (1, 2, 3)]
    assert await got(house.database, employer) == []


async def test_a_batch_that_comes_again_changes_nothing(house: House) -> None:
    reader = await subscribe(house.database, "gemeente")
    await house.dossiers.allow(ONE, "gemeente")
    await house.dossiers.append(ONE)
    await house.dossiers.append(ONE)
    await house.settle()
    await house.again()
    assert await house.notifier.run_once() == 0
    assert await house.lanes.run_once() == 0
    assert len(await got(house.database, reader)) == 2


async def test_a_delivery_is_decided_at_its_moment(house: House) -> None:
    reader = await subscribe(house.database, "gemeente")
    await house.dossiers.allow(ONE, "gemeente")
    await house.dossiers.append(ONE)
    await house.relay.run_once()
    await house.notifier.run_once()
    await house.dossiers.withdraw(ONE, "gemeente")
    await house.lanes.run_once()
    assert await got(house.database, reader) == []
    assert await house.ledger() == []


async def test_a_ledger_row_stands_for_each_delivery_and_no_more(house: House) -> None:
    await subscribe(house.database, "gemeente", types=["nl.dossier.placement.*"])
    await house.dossiers.allow(ONE, "gemeente")
    await house.dossiers.append(ONE, "nl.dossier.placement.started")
    await house.dossiers.append(ONE, "nl.dossier.goal.set")
    await house.settle()
    assert await house.ledger() == [("gemeente", 1)]


async def test_the_numbers_count_per_dossier_and_over_the_subscription(house: House) -> None:
    reader = await subscribe(house.database, "gemeente", types=["nl.dossier.goal.set"])
    await house.dossiers.allow(ONE, "gemeente")
    await house.dossiers.allow(TWO, "gemeente")
    for dossier, type_ in ((ONE, "goal.set"), (ONE, "talk.held"), (TWO, "goal.set"), (ONE, "goal.set")):
        await house.dossiers.append(dossier, f"nl.dossier.{type_}")
        await house.settle()
    rows = await got(house.database, reader)
    assert rows == [(1, ONE, 1, 1, False), (2, TWO, 1, 1, False), (3, ONE, 2, 3, False)]


async def test_only_the_dossiers_that_were_asked_for(house: House) -> None:
    reader = await subscribe(house.database, "gemeente", dossiers=[TWO])
    for dossier in (ONE, TWO):
        await house.dossiers.allow(dossier, "gemeente")
        await house.dossiers.append(dossier)
    await house.settle()
    assert await got(house.database, reader) == [(1, TWO, 1, 1, False)]


async def test_a_grant_with_the_whole_history_replays_it_behind_itself_without_doubles(house: House) -> None:
    """R-13: 1 was delivered, 2 was dropped, 3 was never offered to this reader."""
    reader = await subscribe(house.database, "gemeente")
    await house.dossiers.allow(ONE, "gemeente")
    await house.dossiers.append(ONE)
    await house.settle()
    await house.dossiers.withdraw(ONE, "gemeente")
    await house.dossiers.append(ONE)
    await house.settle()
    await house.dossiers.forget(ONE, "gemeente")
    await house.dossiers.append(ONE)
    await house.settle()
    await house.dossiers.allow(ONE, "gemeente")
    await house.dossiers.append(ONE, history_to="gemeente")
    await house.settle()
    await house.dossiers.append(ONE)
    await house.settle()
    assert [(row[2], row[3], row[4]) for row in await got(house.database, reader)] == [
        (1, 1, False),
        (2, 4, False),
        (3, 2, True),
        (4, 3, True),
        (5, 5, False),
    ]


async def test_what_follows_a_gap_waits_for_what_is_missing(house: House) -> None:
    reader = await subscribe(house.database, "gemeente")
    for dossier in (ONE, TWO):
        await house.dossiers.allow(dossier, "gemeente")
    records = [await house.record(ONE) for _ in range(3)]
    await house.bus.publish(TOPIC, [records[0], records[2], await house.record(TWO)])
    await house.take()
    assert {(row[1], row[3]) for row in await got(house.database, reader)} == {(ONE, 1), (TWO, 1)}
    assert await house.parked() == [("gap", 3)]
    await house.bus.publish(TOPIC, [records[1]])
    await house.take()
    assert [(row[1], row[3]) for row in await got(house.database, reader)][2:] == [(ONE, 2), (ONE, 3)]
    assert await house.parked() == []


async def test_a_poisonous_entry_holds_its_own_dossier_and_no_other(house: House) -> None:
    reader = await subscribe(house.database, "gemeente")
    for dossier in (ONE, TWO):
        await house.dossiers.allow(dossier, "gemeente")
    house.dossiers.poison.add((ONE, 2))
    for dossier in (ONE, ONE, ONE, TWO, TWO):
        await house.dossiers.append(dossier)
    await house.settle()
    assert sorted((row[1] == ONE, row[3]) for row in await got(house.database, reader)) == [
        (False, 1),
        (False, 2),
        (True, 1),
    ]
    assert await house.parked() == [("poison", 2), ("blocked", 3)]
    assert await resume(house.database, house.dossiers, ONE) == 0
    house.dossiers.poison.clear()
    assert await resume(house.database, house.dossiers, ONE) == 2
    await house.dossiers.append(ONE)
    await house.settle()
    assert [row[3] for row in await got(house.database, reader) if row[1] == ONE] == [1, 2, 3, 4]
    assert await house.parked() == []


async def test_what_is_no_entry_is_parked_by_its_key(house: House) -> None:
    reader = await subscribe(house.database, "gemeente")
    await house.dossiers.allow(ONE, "gemeente")
    good = await house.record(ONE)
    await house.bus.publish(TOPIC, [Record("nobody", b"{"), Record(str(TWO), good.value), good])
    await house.take()
    assert [row[3] for row in await got(house.database, reader)] == [1]
    assert await house.parked() == [("undecodable", None), ("undecodable", None)]


async def test_trouble_that_passes_takes_the_batch_back_and_it_is_tried_again(house: House) -> None:
    reader = await subscribe(house.database, "gemeente")
    await house.dossiers.allow(ONE, "gemeente")
    for _ in range(2):
        await house.dossiers.append(ONE)
    await house.relay.run_once()
    house.dossiers.away = True
    with pytest.raises(ConnectionError):
        await house.notifier.run_once()
    house.dossiers.away = False
    await house.settle()
    assert [row[3] for row in await got(house.database, reader)] == [1, 2]


async def test_two_notifiers_and_two_servers_of_lanes_do_the_work_of_one(house: House) -> None:
    reader = await subscribe(house.database, "gemeente")
    other = Notifier(house.database, house.bus, house.dossiers)
    for _ in range(10):
        for dossier in (ONE, TWO):
            await house.dossiers.allow(dossier, "gemeente")
            await house.dossiers.append(dossier)
        await house.relay.run_once()
        await both(house.notifier.run_once(), other.run_once())
        await both(house.lanes.run_once(), Lanes(house.database, house.dossiers).run_once())
    await house.settle()
    rows = await got(house.database, reader)
    assert [row[0] for row in rows] == [*range(1, 21)]
    for dossier in (ONE, TWO):
        assert [(row[2], row[3]) for row in rows if row[1] == dossier] == [(n, n) for n in range(1, 11)]
    assert len(await house.ledger()) == 20
    await other.close()
