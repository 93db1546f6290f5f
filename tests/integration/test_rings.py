"""In one process each part rings the next: what was stored is on its way at once, and waits for no poll."""

import asyncio
from uuid import uuid4

import pytest

from services.foundation import doorbell
from services.foundation.parties import Organisation, Parties, Person, register
from services.foundation.vault.root_key import LocalRootKey
from services.roots.house import built
from tests.database import databases, server, urls
from tests.dossiers import subscribe
from tests.pairs import Urls
from tests.races.world import CARLA, DOSSIER, NOOR, PORTAL, granted, held, opened

__all__ = ["databases", "server", "urls"]
pytestmark = pytest.mark.anyio

DELIVERED = "select count(*) from notifications.deliveries where state = 'delivered'"


async def test_an_event_is_delivered_though_nobody_polls(urls: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "SHORTEST", 3600.0)
    monkeypatch.setattr(doorbell, "LONGEST", 3600.0)
    async with built(urls.main, urls.keys, LocalRootKey(bytes(32)), PORTAL, size=8) as house:
        async with house.database.transaction() as conn:
            people = (
                Person("noor", frozenset((NOOR.subject,)), roles=NOOR.roles, sources=NOOR.sources),
                Person("carla", frozenset((CARLA.subject,)), "oosterlo", CARLA.roles),
            )
            oosterlo = Organisation("oosterlo", "municipality", "Oosterlo (fictief)", sources=CARLA.sources)
            await register(conn, Parties(organisations=(oosterlo,), people=people))
        await house.registry.refresh()
        await subscribe(house.database, "oosterlo", "carla")
        working = [asyncio.create_task(part.run()) for part in (house.relay, house.notifier, house.lanes)]
        await house.handler.record(NOOR, DOSSIER, [opened(DOSSIER), granted("c1", CARLA)])
        for number in range(3):  # the first may have been found by the first turn of each
            await house.handler.record(CARLA, DOSSIER, [held(moment_id=f"m{number}-{uuid4()}")])
            async with asyncio.timeout(30), house.database.connection() as conn:
                while await conn.fetchval(DELIVERED) < 2 + number:  # noqa: ASYNC110 - other tasks deliver
                    await asyncio.sleep(0.02)
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
