"""On which databases an installation works, and on which it refuses to."""

from pathlib import Path

import pytest

from services.foundation import clock
from services.foundation.database.embedded import Server
from services.foundation.database.migrations import PostgresTooOld
from services.foundation.parties import Organisation, Parties, register
from services.roots import databases as places
from services.roots.databases import InventedPeople, Place, RealPeople, SchemaBehind
from tests.database import Databases, empty_databases
from tests.pairs import Urls

pytestmark = pytest.mark.anyio
FOLDER = Path("somewhere")


@pytest.fixture
def place(urls: Urls) -> Place:
    return Place(urls.main, urls.keys)


async def test_a_migrated_database_is_an_installation(place: Place) -> None:
    await places.demand_installation(place)
    await places.demand_no_real_people(place, FOLDER)


async def test_every_service_that_is_not_migrated_is_named(server: Server) -> None:
    async with empty_databases(server) as urls:
        with pytest.raises(SchemaBehind, match=r"foundation, bus, dossier, events, notifications, keys.*draad migrate"):
            await places.demand_installation(Place(urls.main, urls.keys))


async def test_a_service_at_another_version_is_named(place: Place, databases: Databases) -> None:
    async with databases.main.connection() as conn:
        await conn.execute("update events.alembic_version set version_num = 'of a newer program'")

    assert await places.behind(place) == ["events"]


async def test_an_old_postgresql_is_told_by_its_version(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "OLDEST_POSTGRES", 99)

    with pytest.raises(PostgresTooOld, match=r"This is PostgreSQL \d+\.\d+"):
        await places.demand_installation(place)


async def test_a_sandbox_is_no_place_for_real_people(place: Place, databases: Databases) -> None:
    async with databases.main.connection() as conn:
        await clock.begin_sandbox(conn)

    await places.demand_no_real_people(place, FOLDER)
    with pytest.raises(InventedPeople):
        await places.demand_installation(place)


async def test_where_real_people_are_no_sandbox_begins(place: Place, databases: Databases) -> None:
    async with databases.main.transaction() as conn:
        await register(conn, Parties(organisations=(Organisation("oosterlo", "municipality", "Oosterlo"),)))

    with pytest.raises(RealPeople, match="another folder"):
        await places.demand_no_real_people(place, FOLDER)
