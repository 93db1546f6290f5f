"""Keys that were destroyed, and the list of it, by which they stay destroyed in a restored backup too."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from services.foundation.database.connection import Database, Lock, advisory_key

RECORD: Final = "insert into keys.destroyed (dossier_id) values ($1) on conflict do nothing"
CAME_BACK: Final = """
    select dossier_id from keys.dossier_keys
     where dossier_id = any($1::uuid[]) or dossier_id in (select dossier_id from keys.destroyed)
     order by dossier_id
"""


@dataclass(frozen=True)
class Destroyed:
    dossier_id: UUID
    at: datetime


def lock(dossier_id: UUID) -> Lock:
    """Making and destroying the keys of a dossier wait for each other; else keys could be made beside a tombstone."""
    return Lock(advisory_key("keys", dossier_id))


async def destroy(database: Database, dossier_id: UUID) -> None:
    """Deletes the wrapped keys and records that, in one transaction; also if there are none. Again is quiet."""
    async with database.transaction(lock(dossier_id)) as connection:
        await connection.execute(RECORD, dossier_id)
        await connection.execute("delete from keys.dossier_keys where dossier_id = $1", dossier_id)


async def destroyed(database: Database) -> list[Destroyed]:
    """The list to keep outside the backups of this database, and to replay after a restore of either database."""
    async with database.connection() as connection:
        rows = await connection.fetch("select dossier_id, destroyed_at from keys.destroyed order by destroyed_at")
    return [Destroyed(UUID(bytes=row["dossier_id"].bytes), row["destroyed_at"]) for row in rows]


async def replay(database: Database, known: Iterable[UUID] = ()) -> list[UUID]:
    """After a restore: destroys again what this database's list, or a newer copy of it, says was destroyed.

    Gives the dossiers whose keys the backup had brought back.
    """
    elsewhere = sorted(set(known))
    async with database.connection() as connection:
        rows = await connection.fetch(CAME_BACK, elsewhere)
    came_back = [UUID(bytes=row["dossier_id"].bytes) for row in rows]
    for dossier_id in sorted({*elsewhere, *came_back}):
        await destroy(database, dossier_id)
    return came_back
