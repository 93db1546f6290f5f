"""Whatever order things happen in, and whoever dies on the way: gapless numbers, each entry once, in order."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID, uuid5

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.events.relay import Relay
from services.foundation.bus.port import Record
from services.foundation.bus.postgres import PostgresBus
from services.foundation.database.connection import Connection, Database
from services.notifications.lanes import Lanes
from services.notifications.notifier import Notifier
from services.notifications.ports import Candidates, Thin
from tests.dossiers import Dossiers, got, subscribe
from tests.pairs import Urls

SPACE = UUID("00000000-0000-4000-8000-000000000004")
DOSSIERS = [uuid5(SPACE, "one"), uuid5(SPACE, "two")]
TABLES = """fake.entries fake.allowed fake.ledger dossier.outbox events.relay bus.topics bus.partitions bus.entries
    notifications.subscriptions notifications.deliveries notifications.lanes notifications.offsets notifications.streams
    notifications.parked"""

dossier = st.sampled_from(DOSSIERS)
deadly = st.integers(0, 4)
"""How many calls a worker lives; 0: to its end."""
step = st.one_of(
    st.tuples(st.just("append"), dossier),
    st.tuples(st.just("append"), dossier),
    st.tuples(st.just("grant"), dossier),
    st.tuples(st.just("withdraw"), dossier),
    st.tuples(st.just("relay"), deadly),
    st.tuples(st.just("notifier"), deadly),
    st.tuples(st.just("lanes"), deadly),
)


class Killed(BaseException):
    """Power was cut; no `except Exception` sees it."""


class Mortal(Dossiers):
    """Ports that kill whoever calls them for the n-th time, in the middle of its transaction."""

    lives = 0

    def _die(self) -> None:
        self.lives -= 1
        if self.lives == 0:
            raise Killed

    async def of(self, conn: Connection, dossier_id: UUID, sequence: int) -> frozenset[str]:
        self._die()
        return await super().of(conn, dossier_id, sequence)

    async def delivered(self, conn: Connection, one: Candidates) -> Mapping[int, Thin]:
        found: dict[int, Thin] = {}
        for sequence in one.sequences:
            found |= await super().delivered(conn, replace(one, sequences=[sequence]))
            self._die()
        return found


class MortalBus(PostgresBus):
    """Kills the relay after its n-th publication was kept."""

    lives = 0

    async def publish(self, topic: str, records: Sequence[Record]) -> None:
        await super().publish(topic, records)
        self.lives -= 1
        if self.lives == 0:
            raise Killed


async def turn(house: "House", worker: str, lives: int) -> None:
    house.dossiers.lives = house.bus.lives = lives
    relay = Relay(house.database, house.bus, batch=3, chunk=1)
    notifier = Notifier(house.database, house.bus, house.dossiers)
    lanes = Lanes(house.database, house.dossiers, lease=0)
    try:
        match worker:
            case "relay":
                await relay.run_once()
            case "notifier":
                await notifier.run_once()
            case _:
                await lanes.run_once()
    except Killed:
        pass
    finally:
        house.dossiers.lives = house.bus.lives = 0
        await relay.close()
        await notifier.close()


class House:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.dossiers = Mortal(database)
        self.bus = MortalBus(database)


@asynccontextmanager
async def empty_house(url: str) -> AsyncIterator[House]:
    database = await Database.open(url, size=4)
    try:
        async with database.connection() as conn:
            if await conn.fetchval("select to_regclass('fake.entries') is null"):
                await Dossiers.begin(database)
            await conn.execute(f"truncate {', '.join(TABLES.split())}")
        yield House(database)
    finally:
        await database.close()


async def live(url: str, steps: Sequence[tuple[str, UUID | int]]) -> None:
    async with empty_house(url) as house:
        always, sometimes = await subscribe(house.database, "altijd"), await subscribe(house.database, "soms")
        for id in DOSSIERS:
            await house.dossiers.allow(id, "altijd")
        for what, about in steps:
            match what, about:
                case "append", UUID():
                    await house.dossiers.append(about)
                case "grant", UUID():
                    await house.dossiers.allow(about, "soms")
                    await house.dossiers.append(about, history_to="soms")
                case "withdraw", UUID():
                    await house.dossiers.withdraw(about, "soms")
                case _, int():
                    await turn(house, what, about)
        for worker in ("relay", "notifier", "lanes"):
            await turn(house, worker, 0)
        heads = await _heads(house.database)
        rows = await got(house.database, always)
        _check_numbers(rows)
        assert {id: [row[3] for row in rows if row[1] == id] for id in DOSSIERS} == {
            id: [*range(1, heads.get(id, 0) + 1)] for id in DOSSIERS
        }
        rows = await got(house.database, sometimes)
        _check_numbers(rows)
        for id in DOSSIERS:
            first = [row[3] for row in rows if row[1] == id and not row[4]]
            assert first == sorted(first), "what is no replay comes in the order of the dossier"
        await _check_ledger(house.database)


def _check_numbers(rows: Sequence[tuple[int, UUID, int, int, bool]]) -> None:
    assert [row[0] for row in rows] == [*range(1, len(rows) + 1)], "the subscription counts without gaps"
    for id in DOSSIERS:
        of_it = [row for row in rows if row[1] == id]
        assert [row[2] for row in of_it] == [*range(1, len(of_it) + 1)], "so does each dossier in it"


async def _heads(database: Database) -> dict[UUID, int]:
    async with database.connection() as conn:
        return dict(await conn.fetch("select dossier_id, max(sequence) from fake.entries group by 1"))


async def _check_ledger(database: Database) -> None:
    """Each delivery has exactly one row, and nothing else has one."""
    async with database.connection() as conn:
        ledger = await conn.fetch("select owner, dossier_id, sequence from fake.ledger order by 1, 2, 3")
        delivered = await conn.fetch(
            "select owner, dossier_id, sequence from notifications.deliveries join notifications.subscriptions "
            "on id = subscription_id where ordinal is not null order by 1, 2, 3"
        )
    assert [tuple(row) for row in ledger] == [tuple(row) for row in delivered]


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(step, min_size=4, max_size=24))
def test_any_interleaving_with_deaths_gives_gapless_numbers(urls: Urls, steps: list[tuple[str, UUID | int]]) -> None:
    asyncio.run(live(urls.main, steps))
