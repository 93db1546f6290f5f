"""The stage on PostgreSQL itself: when it takes a task for one that waits for another."""

from typing import Any

import asyncpg
import pytest

from services.foundation.database.connection import Connection, Database
from tests.pairs import Urls
from tests.races.conftest import Ground
from tests.races.schedules import Choices, play
from tests.races.stepped import RealStage
from tests.waiting import HOW_MANY_WAIT

pytestmark = pytest.mark.anyio


class LettingGo:
    """Watches for a stage; a stranger holds the table of dossiers until the stage has asked about it twice."""

    def __init__(self, watch: Connection, stranger: Connection) -> None:
        self._watch, self._stranger = watch, stranger
        self.asked = 0

    async def fetch(self, sql: str, *values: Any) -> Any:
        answer = await self._watch.fetch(sql, *values)
        if self.asked < 2 and await self._watch.fetchval(HOW_MANY_WAIT):
            self.asked += 1
            if self.asked == 2:
                await self._stranger.execute("commit")
        return answer


async def look(database: Database) -> int:
    async with database.transaction() as conn:
        found: int = await conn.fetchval("select count(*) from dossier.dossiers")
        return found


async def test_who_waits_for_somebody_who_is_not_played_goes_on_by_itself(ground: Ground, urls: Urls) -> None:
    """As autovacuum does: it holds a table for a moment, and no task has to be let go for that to end."""
    stranger = await asyncpg.connect(urls.main)
    try:
        await stranger.execute("begin; lock table dossier.dossiers in access exclusive mode")
        watch = LettingGo(ground.watch, stranger)
        stage = await RealStage.begin(watch, {"one": look(ground.stepped)})
        assert await play(stage, Choices()) == {"one": 0}
        assert watch.asked == 2
    finally:
        await stranger.close()
