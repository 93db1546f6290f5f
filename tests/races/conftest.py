"""Fresh databases for the races, with a business clock that stands still."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest

from services.foundation.clock import advance, begin_sandbox
from services.foundation.database.connection import Connection, Database
from tests.database import database, databases, server, urls
from tests.pairs import Urls
from tests.races.stepped import stepped
from tests.races.world import NOW

__all__ = ["database", "databases", "server", "urls"]


@dataclass(frozen=True)
class Ground:
    """A database whose calls can be stepped, one that is not, and a connection that watches who waits."""

    stepped: Database
    plain: Database
    watch: Connection


@pytest.fixture(params=[8])
async def ground(urls: Urls, request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    watch = await asyncpg.connect(urls.main)
    await begin_sandbox(watch)
    await advance(watch, NOW)
    plain, stopping = await Database.open(urls.main, size=4), await stepped(urls.main, request.param)
    yield Ground(stopping, plain, watch)
    await stopping.close()
    await plain.close()
    await watch.close()
