"""A desk for webhooks."""

from collections.abc import AsyncIterator

import pytest

from services.foundation.clock import advance, begin_sandbox
from services.foundation.database.connection import Database
from tests.desk import Desk, open_desk
from tests.webhooks import NOW


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    """On a business clock that stands still until a test moves it."""
    async with database.connection() as conn:
        await begin_sandbox(conn)
        await advance(conn, NOW)
    async with open_desk(database) as desk:
        yield desk
