"""From the bus to the reader: each entry once in effect, in order, without gaps, and only what the gate permits."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID, uuid5

import pytest

from services.events.relay import Relay
from services.foundation.bus.postgres import PostgresBus
from services.foundation.database.connection import Database
from services.notifications.lanes import Lanes
from services.notifications.notifier import Notifier
from tests.dossiers import Dossiers, got, subscribe

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
