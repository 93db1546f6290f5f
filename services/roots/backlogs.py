"""Asks each service at a scrape what waits in it; what is not known in time is told as such, never as it was."""

import asyncio
from typing import Final

import asyncpg

from services.dossier.trajectory import parked as dossiers
from services.events import backlog as outbox
from services.foundation.database.connection import AWAY, Database
from services.notifications import backlog as lanes

PATIENCE: Final = 1.0


class Backlogs:
    """One look at a time, however often it is asked: a database in trouble gets no more to do."""

    def __init__(self, database: Database, *, patience: float = PATIENCE) -> None:
        self._database = database
        self._patience = patience
        self._turn = asyncio.Lock()
        self._looks: set[asyncio.Task[bool]] = set()

    async def look(self) -> None:
        """Sets the gauges, within `patience`."""
        look = asyncio.create_task(self._look())
        self._looks.add(look)
        look.add_done_callback(self._looks.discard)
        ended, _ = await asyncio.wait({look}, timeout=self._patience)
        if not ended:
            look.cancel()  # and not waited for: of a database that hangs a connection is not to be had back either
        if not ended or look.cancelled() or not look.result():
            dossiers.unknown()
            outbox.unknown()
            lanes.unknown()

    async def _look(self) -> bool:
        try:
            async with self._turn, self._database.connection() as conn:
                await dossiers.count(conn)
                await outbox.look(conn)
                await lanes.look(conn)
        except (*AWAY, asyncpg.PostgresError):
            return False
        return True
