"""The sandbox's clock walks: from due moment to due moment, and waits each time until everything has arrived."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from services.foundation import clock
from services.foundation.database.connection import Database

Work = Callable[[], Awaitable[int]]
NextDue = Callable[[datetime], Awaitable[datetime | None]]


class Walk:
    """`fire` records what is due; `carry` are relay, notifier and lanes, each until it has nothing left to do."""

    def __init__(self, database: Database, next_due: NextDue, fire: Work, carry: Sequence[Work]) -> None:
        self._database, self._next_due, self._fire, self._carry = database, next_due, fire, carry
        self._one_at_a_time = asyncio.Lock()

    async def now(self) -> datetime:
        async with self._database.connection() as conn:
            return await clock.now(conn)

    async def to(self, moment: datetime) -> datetime:
        """One jump gives exactly what day-by-day steps give. Raises `ClockGoesForward`."""
        async with self._one_at_a_time:
            if moment < await self.now():
                raise clock.ClockGoesForward
            await self._settle()
            while (due := await self._next_due(moment)) is not None:
                await self._advance(max(due, await self.now()))
                await self._fire()
                await self._settle()
            await self._advance(moment)
            await self._settle()
            return moment

    async def _advance(self, moment: datetime) -> None:
        async with self._database.connection() as conn:
            await clock.advance(conn, moment)

    async def _settle(self) -> None:
        while any([await work() for work in self._carry]):
            pass
