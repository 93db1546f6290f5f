"""An erasure holds in a restored backup too: what came back is wiped again, by the list of destroyed keys."""

from collections.abc import Sequence
from uuid import UUID

from services.dossier.gate import fence
from services.dossier.store import append as store
from services.foundation import clock
from services.foundation.database.connection import Database

CAME_BACK = "select id from dossier.dossiers where id = any($1) and erased_at is null order by id"


async def wiped_again(database: Database, erased: Sequence[UUID]) -> list[UUID]:
    """Of these dossiers, those that a backup had brought back; of each all is wiped that an erasure wipes."""
    async with database.connection() as conn:
        came_back = [UUID(int=row["id"].int) for row in await conn.fetch(CAME_BACK, list(erased))]
    for dossier_id in came_back:
        async with database.transaction(fence.append(dossier_id), fence.exclusive(dossier_id)) as conn:
            await store.erase(conn, dossier_id, await clock.now(conn))
            await conn.execute("update dossier.dossiers set authz_epoch = authz_epoch + 1 where id = $1", dossier_id)
    return came_back
