"""The databases that tests run on: one embedded server a session, a migrated template, a fresh pair for each test."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import pytest

from services.foundation.database.connection import Database
from services.foundation.database.embedded import Server, running
from services.foundation.database.migrations import migrate
from tests.pairs import TEMPLATES, Pairs, Urls, administer

SERVER = pytest.StashKey[Server]()
PAIRS = pytest.StashKey[Pairs]()


@dataclass(frozen=True)
class Databases:
    """A fresh, migrated pair of databases, open."""

    main: Database
    keys: Database


def _leave(context: AbstractContextManager[Server]) -> None:
    context.__exit__(None, None, None)


async def _make_templates(server: Server) -> None:
    # A disk that loses what was not flushed is the one fault that no test here makes.
    await administer(server, "alter system set fsync = off", "select pg_reload_conf()")
    await administer(server, *(f'create database "{name}"' for name in TEMPLATES))
    await migrate(server.url(TEMPLATES[0]), server.url(TEMPLATES[1]))


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Server:
    """One embedded PostgreSQL for all tests of a session, with a migrated template of each database.

    It is kept with the session and not with the fixture, which is another one in each folder that imports it.
    """
    if SERVER not in request.config.stash:
        context = running(None)
        started = context.__enter__()
        request.config.add_cleanup(partial(_leave, context))
        asyncio.run(_make_templates(started))
        request.config.stash[SERVER] = started
    return request.config.stash[SERVER]


@pytest.fixture
def urls(server: Server, request: pytest.FixtureRequest) -> Iterator[Urls]:
    """The addresses of a fresh, migrated pair of databases, for tests that open them themselves."""
    stash = request.config.stash
    if PAIRS not in stash:
        stash[PAIRS] = Pairs(server)
        request.config.add_cleanup(stash[PAIRS].close)
    pair = stash[PAIRS].take()
    yield pair
    stash[PAIRS].give_back(pair)


@asynccontextmanager
async def empty_databases(server: Server) -> AsyncIterator[Urls]:
    """A pair of databases in which nothing was ever done, for tests of the migrations themselves."""
    name = f"test_{secrets.token_hex(6)}"
    fresh = [f"{name}_main", f"{name}_keys"]
    await administer(server, *(f'create database "{new}"' for new in fresh))
    try:
        yield Urls(*(server.url(new) for new in fresh))
    finally:
        await administer(server, *(f'drop database "{new}" with (force)' for new in fresh))


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
