"""What an operator does about what stands still on its way out: see it, and let it go on."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from services.foundation.database.connection import Connection, Database
from services.foundation.settings import Settings
from services.foundation.telemetry import log
from services.notifications.parked import Outcome, Parked, ResumedLane, dossiers, parked, resume_lanes, since
from services.notifications.streams import resume
from services.notifications.webhooks.unwell import Unwell, unwell
from services.roots.databases import Progress, databases, demand_installation
from services.roots.house import DossierAudience

PATIENCE: Final = 5.0
GLANCE: Final = 0.1


@dataclass(frozen=True)
class Resumed:
    """How many dossiers at the notifier went on, and stand still again; and what became of the lanes."""

    went_on: int
    still: int
    lanes: Outcome


async def standing_still(settings: Settings, data: Path | None, step: Progress) -> Parked:
    async with _main(settings, data, step) as database, database.connection() as conn:
        return await parked(conn)


async def webhooks_unwell(settings: Settings, data: Path | None, step: Progress) -> Sequence[Unwell]:
    async with _main(settings, data, step) as database, database.connection() as conn:
        return await unwell(conn)


async def let_go_on(settings: Settings, dossier_ids: Sequence[UUID], data: Path | None, step: Progress) -> Resumed:
    """Entries first, because what they place is then tried with the lanes; whoever serves these is waited for a bit."""
    among = frozenset(dossier_ids)
    async with _main(settings, data, step) as database:
        async with database.connection() as conn:
            before = {one.dossier_id for one in await dossiers(conn, among)}
        for dossier_id in sorted(before):
            await resume(database, DossierAudience(), dossier_id)
        async with database.connection() as conn:
            still = len(before & {one.dossier_id for one in await dossiers(conn)})
            lanes = await resume_lanes(conn, among)
            outcome = await _settled(conn, lanes)
    log.info("deliveries_resumed", count=len(before) + len(lanes))
    return Resumed(len(before) - still, still, outcome)


async def _settled(conn: Connection, lanes: Sequence[ResumedLane]) -> Outcome:
    deadline = time.monotonic() + PATIENCE
    while True:
        outcome = await since(conn, lanes)
        if outcome.is_settled or time.monotonic() > deadline:
            return outcome
        await asyncio.sleep(GLANCE)


@asynccontextmanager
async def _main(settings: Settings, data: Path | None, step: Progress) -> AsyncIterator[Database]:
    async with databases(settings, data, step, beside_another=True) as place:
        await demand_installation(place)
        database = await Database.open(place.main, size=2)
        try:
            yield database
        finally:
            await database.close()
