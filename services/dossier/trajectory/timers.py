"""Fires what is due: any number of processes may, since doing it again is quiet. Nothing here polls dossiers."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from services.dossier.trajectory import parked
from services.dossier.trajectory.rulebook import RuleFailed
from services.foundation import telemetry
from services.foundation.database.connection import Database
from services.foundation.doorbell import Doorbell, keep_working

BATCH: Final = 50
FIRST_RETRY: Final = 2.0  # seconds of real time, doubled up to the last
LAST_RETRY: Final = 900.0

# The clock is volatile: asked in a query of its own it is asked once, and the index on due_at serves.
DUE = """
select dossier_id, min(due_at) as due_at from dossier.timers
where due_at <= (select foundation.now()) and (retry_at is null or retry_at <= clock_timestamp())
group by dossier_id order by min(due_at), dossier_id limit $1
"""

FAILED = """
update dossier.timers set failures = failures + 1,
  retry_at = clock_timestamp() + least($2 * 2 ^ failures, $3) * interval '1 second'
where dossier_id = $1 and due_at <= foundation.now()
"""


class Timers:
    """`fire` records what is due in one dossier (`Handler.end_due`)."""

    def __init__(self, database: Database, fire: Callable[[UUID], Awaitable[int]]) -> None:
        self._database, self._fire = database, fire
        self._bell = Doorbell()
        self._parked: int | None = None  # not known before the first turn

    def wake(self) -> None:
        self._bell.ring()

    async def run(self) -> None:
        """Until cancelled."""
        await keep_working("timers", self.run_once, self._bell)

    async def run_once(self) -> int:
        """Fires until nothing is due; how many dossiers were served. One that fails is tried later, alone."""
        served = 0
        while True:
            async with self._database.connection() as conn:
                due = [UUID(int=row["dossier_id"].int) for row in await conn.fetch(DUE, BATCH)]
                if self._parked or (self._parked is None and not due) or (served and not due):
                    self._parked = await parked.count(conn)
            if not due:
                return served
            for dossier_id in due:
                await self._serve(dossier_id)
                served += 1

    async def next_due(self, until: datetime) -> datetime | None:
        """The next moment, not after `until`, at which something falls due; for a clock that walks."""
        async with self._database.connection() as conn:
            moment: datetime | None = await conn.fetchval(
                "select min(due_at) from dossier.timers where due_at <= $1 and failures = 0", until
            )
            return moment

    async def _serve(self, dossier_id: UUID) -> None:
        try:
            await self._fire(dossier_id)
        except Exception as error:  # the outermost place of a timer: its fault is its own, all others fire
            if isinstance(error, RuleFailed):
                parked.alarm(dossier_id, error)
            else:
                telemetry.log.error("timer_failed", dossier_id=str(dossier_id), **telemetry.fault(error))
            async with self._database.connection() as conn:
                await conn.execute(FAILED, dossier_id, FIRST_RETRY, LAST_RETRY)
