"""Migrations from nothing to the newest schema, and that tables and migrations say the same."""

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.foundation.database import migrations
from services.foundation.database.connection import Database, Unreachable
from services.foundation.database.embedded import Server
from services.foundation.database.migrations import (
    SERVICES,
    AnotherMigrates,
    OneDatabase,
    PostgresTooOld,
    Service,
    WaitedTooLong,
    check,
    heads,
    migrate,
)
from tests.database import Databases, empty_databases
from tests.pairs import Urls

pytestmark = pytest.mark.anyio

by_name = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)


@pytest.fixture
async def empty(server: Server) -> AsyncIterator[Urls]:
    """A pair of databases in which nothing was ever done."""
    async with empty_databases(server) as urls:
        yield urls


async def run_in(url: str, *statements: str) -> None:
    database = await Database.open(url, size=1)
    async with database.connection() as connection:
        for statement in statements:
            await connection.execute(statement)
    await database.close()


async def test_from_nothing_tables_and_migrations_agree(urls: Urls) -> None:
    assert await check(urls.main, urls.keys) == []


async def test_doing_it_again_is_quiet(urls: Urls) -> None:
    await migrate(urls.main, urls.keys)
    assert await check(urls.main, urls.keys) == []


async def test_two_at_once_take_turns(empty: Urls) -> None:
    await asyncio.gather(*(migrate(empty.main, empty.keys) for _ in range(3)))
    assert await check(empty.main, empty.keys) == []


async def test_a_schema_that_is_not_migrated_is_named(empty: Urls) -> None:
    faults = await check(empty.main, empty.keys)
    assert [fault.split(":")[0] for fault in faults] == [service.name for service in SERVICES]


async def test_a_difference_between_tables_and_database_is_named(urls: Urls) -> None:
    await run_in(urls.main, "alter table foundation.sandbox_clock add column zone text")
    (fault,) = await check(urls.main, urls.keys)
    assert fault.startswith("foundation: tables and migrations differ")
    assert "zone" in fault


async def test_each_service_keeps_to_its_own_schema(databases: Databases) -> None:
    asked = "select nspname from pg_namespace where nspname !~ '^(pg_|information_schema)' and nspname <> 'public'"
    for database, name in ((databases.main, "main"), (databases.keys, "keys")):
        async with database.connection() as connection:
            found = {row["nspname"] for row in await connection.fetch(asked)}
            in_public = await connection.fetchval(
                "select count(*) from pg_class where relnamespace = 'public'::regnamespace"
            )
        assert found == {service.metadata().schema for service in SERVICES if service.database == name}
        assert in_public == 0


@by_name
def test_each_service_has_one_head(service: Service) -> None:
    assert len(heads(service)) == 1


@by_name
def test_file_names_say_the_change(service: Service) -> None:
    names = sorted(path.name for path in service.versions.glob("*.py") if path.name != "__init__.py")
    assert names
    assert [name for name in names if not re.fullmatch(r"\d{4}_[a-z]+(_[a-z0-9]+)*\.py", name)] == []
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))


async def test_one_database_for_both_is_refused(empty: Urls) -> None:
    with pytest.raises(OneDatabase, match="a database of their own"):
        await migrate(empty.main, empty.main)


async def test_an_old_postgres_is_refused(empty: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "OLDEST_POSTGRES", 99)
    with pytest.raises(PostgresTooOld, match=r"This is PostgreSQL 18\.\d+; Draad needs 99 or newer"):
        await migrate(empty.main, empty.keys)


@pytest.mark.parametrize("url", ["postgresql://draad@127.0.0.1:1/draad", "postgresql://draad@/draad?host=/nowhere"])
async def test_a_database_that_does_not_answer_is_unreachable(empty: Urls, url: str) -> None:
    with pytest.raises(Unreachable):
        await migrate(url, empty.keys)
    with pytest.raises(Unreachable):
        await migrate(empty.main, empty.main.replace("/test_", "/nobodys_"))


async def test_who_holds_a_lock_does_not_keep_the_migration_waiting(
    urls: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "100ms")
    database = await Database.open(urls.main, size=2)
    async with database.transaction() as connection:
        await connection.execute("lock table foundation.alembic_version in access exclusive mode")
        with pytest.raises(WaitedTooLong, match="Run `draad migrate` again"):
            await migrate(urls.main, urls.keys)
    await database.close()
    await migrate(urls.main, urls.keys)


async def test_who_migrates_too_long_is_named(urls: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "WAIT_FOR_OTHERS", 0.3)
    said: list[str] = []
    database = await Database.open(urls.main, size=1)
    async with database.connection() as connection:
        await connection.execute(f"select pg_advisory_lock({migrations.ONE_AT_A_TIME})")
        with pytest.raises(AnotherMigrates):
            await migrate(urls.main, urls.keys, said.append)
    await database.close()
    assert said == ["another process migrates this database; waiting for it"]


def test_a_revision_is_written_from_the_difference_in_any_folder(tmp_path: Path, urls: Urls) -> None:
    checkout = tmp_path / "a checkout, 100% mine"
    shutil.copytree(migrations.ROOT / "services", checkout / "services")
    tables = checkout / "services" / "foundation" / "tables.py"
    added = 'Column("now", TIMESTAMP(timezone=True), nullable=False),'
    tables.write_text(tables.read_text().replace(added, f'{added}\n    Column("zone", TIMESTAMP(timezone=True)),'))
    before = set(checkout.rglob("versions/*.py"))
    ask = [sys.executable, "-m", "services.foundation.database.migrations", "revision", "foundation"]
    done = subprocess.run([*ask, "zone of the clock", urls.main], cwd=checkout, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (written,) = set(checkout.rglob("versions/*.py")) - before
    assert re.fullmatch(r"\d{4}_zone_of_the_clock\.py", written.name)
    assert "add_column" in written.read_text()
    wrong = subprocess.run([*ask[:-1], "nobody", "x"], cwd=checkout, capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "services: foundation" in wrong.stderr
