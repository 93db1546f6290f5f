"""What does the clock cost that has nothing to do, with 100,000 dossiers in which something is due later?"""

import asyncio
import time
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import UUID

from services.dossier.trajectory.timers import Timers
from services.foundation.database.connection import Database
from services.foundation.database.embedded import KEYS, MAIN, embedded
from services.foundation.database.migrations import migrate

DOSSIERS: Final = 100_000
SECONDS: Final = 30.0
FILLED: Final = (
    "insert into dossier.dossiers (id, head, authz_epoch, recorded_at)"
    " select gen_random_uuid(), 1, 1, now() from generate_series(1, $1)",
    "insert into dossier.timers (id, dossier_id, due_at, sealed)"
    " select gen_random_uuid(), id, now() + (1 + random() * 300) * interval '1 day', '' from dossier.dossiers",
)


async def run() -> str:
    """Processor time of the loop and of the database backend that answers it."""
    async with embedded(None) as server:
        await migrate(server.url(MAIN), server.url(KEYS))
        database = await Database.open(server.url(MAIN), size=1)
        async with database.connection() as conn:
            await conn.execute(FILLED[0].replace("$1", str(DOSSIERS)))
            await conn.execute(FILLED[1])
            await conn.execute("analyze dossier.timers")
            backend = await conn.fetchval("select pg_backend_pid()")
        loop = asyncio.create_task(Timers(database, _nothing).run())
        ours, theirs, begun = time.process_time(), _spent(backend), time.monotonic()
        await asyncio.sleep(SECONDS)
        took = time.monotonic() - begun
        ours, theirs = time.process_time() - ours, _spent(backend) - theirs
        loop.cancel()
        with suppress(asyncio.CancelledError):
            await loop
        await database.close()
    return (
        f"{DOSSIERS:,} idle dossiers for {took:.0f} s: the loop took {100 * ours / took:.2f} % of a core, "
        f"its database backend {100 * theirs / took:.2f} % (aim < 1 %)"
    )


async def _nothing(_dossier_id: UUID) -> int:
    raise AssertionError("nothing is due")


def _spent(pid: int) -> float:
    """Seconds of processor time, in steps of a hundredth."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100
