"""The databases that tests run on: one embedded server a session, a migrated template, a fresh pair for each test."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import asyncpg
import pytest

from services.foundation.database.connection import Database
from services.foundation.database.embedded import Server, running
from services.foundation.database.migrations import migrate

TEMPLATES = ("template_main", "template_keys")


@dataclass(frozen=True)
class Urls:
    """Where a fresh, migrated pair of databases stands."""

    main: str
    keys: str


@dataclass(frozen=True)
class Databases:
    """A fresh, migrated pair of databases, open."""

    main: Database
    keys: Database


async def _make_templates(server: Server) -> None:
    await _administer(server, *(f'create database "{name}"' for name in TEMPLATES))
    await migrate(*(server.url(name) for name in TEMPLATES))


async def _administer(server: Server, *statements: str) -> None:
    connection = await asyncpg.connect(server.url("postgres"))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One embedded PostgreSQL for all tests of a session, with a migrated template of each database."""
    with running(None) as server:
        asyncio.run(_make_templates(server))
        yield server


@pytest.fixture
def urls(server: Server) -> Iterator[Urls]:
    """The addresses of a fresh, migrated pair of databases, for tests that open them themselves."""
    name = f"test_{secrets.token_hex(6)}"
    fresh = [f"{name}_{template.removeprefix('template_')}" for template in TEMPLATES]
    make = [
        f'create database "{new}" template "{template}" strategy file_copy'
        for new, template in zip(fresh, TEMPLATES, strict=True)
    ]
    asyncio.run(_administer(server, *make))
    yield Urls(*(server.url(new) for new in fresh))
    asyncio.run(_administer(server, *(f'drop database "{new}" with (force)' for new in fresh)))


@pytest.fixture
async def databases(urls: Urls) -> AsyncIterator[Databases]:
    """A fresh, migrated pair of databases; both clocks are real until a test begins a sandbox."""
    main, keys = await Database.open(urls.main, size=8), await Database.open(urls.keys, size=4)
    try:
        yield Databases(main, keys)
    finally:
        await main.close()
        await keys.close()


@pytest.fixture
async def database(databases: Databases) -> Database:
    """A fresh, migrated main database."""
    return databases.main
