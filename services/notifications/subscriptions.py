"""Subscriptions as their owner sees them: a caller has its own, and another's does not exist for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.foundation.callers import Caller
from services.foundation.database.connection import Connection
from services.notifications.ports import Reader

MOST = 100

_COLUMNS = "id, channel, types, dossiers, created_at, position"
_OWN = "owner = $1 and coalesce(person, '') = $2 and channel <> 'feed'"
_COUNT = f"select count(*) from notifications.subscriptions where {_OWN}"
_CREATE = f"""
    insert into notifications.subscriptions (id, owner, organisation, person, roles, channel, types, dossiers)
    values ($1, $2, $3, $4, $5, $6, $7, $8) returning {_COLUMNS}
"""
_LIST = f"""
    select {_COLUMNS} from notifications.subscriptions where {_OWN} and position > $3 order by position limit $4
"""
_FIND = f"select {_COLUMNS} from notifications.subscriptions where {_OWN} and id = $3"
_CHANGE = f"""
    update notifications.subscriptions set types = $4, dossiers = $5 where {_OWN} and id = $3 returning {_COLUMNS}
"""
_ROLES = "update notifications.subscriptions set roles = $2 where id = $1 and roles <> $2"
_HOLD_LANES = "select from notifications.lanes where subscription_id = $1 order by dossier_id for update"
_AGAIN = """
    update notifications.deliveries set state = 'pending', attempts = 0
    where subscription_id = $1 and state = 'delivered' and ($2::uuid[] is null or dossier_id = any($2::uuid[]))
"""
_WAITING = """
    update notifications.lanes set is_waiting = true, retry_at = '-infinity', failures = 0
    where subscription_id = $1 and ($2::uuid[] is null or dossier_id = any($2::uuid[]))
"""


@dataclass(frozen=True)
class Subscription:
    id: UUID
    channel: str
    types: tuple[str, ...]
    dossiers: tuple[UUID, ...] | None
    """None: all that its owner may know, later ones too."""
    created_at: datetime
    position: int


def reader_of(caller: Caller) -> Reader:
    """Organisation and person; a machine client has no person, and so the grants that name none."""
    return Reader(caller.organisation, caller.person, caller.roles)


async def create(
    conn: Connection, id: UUID, reader: Reader, channel: str, types: Sequence[str], dossiers: Sequence[UUID] | None
) -> Subscription | None:
    """None when this reader has as many as one may have."""
    if await conn.fetchval(_COUNT, *reader.key) >= MOST:
        return None
    whose = (reader.owner, reader.organisation, reader.person, sorted(reader.roles))
    return _subscription(await conn.fetchrow(_CREATE, id, *whose, channel, list(types), dossiers))


async def of_reader(conn: Connection, reader: Reader, after: int, limit: int) -> list[Subscription]:
    rows = await conn.fetch(_LIST, *reader.key, after, limit)
    return [_subscription(row) for row in rows]


async def find(conn: Connection, reader: Reader, id: UUID) -> Subscription | None:
    row = await conn.fetchrow(_FIND, *reader.key, id)
    return _subscription(row) if row else None


async def change(
    conn: Connection, reader: Reader, id: UUID, types: Sequence[str], dossiers: Sequence[UUID] | None
) -> Subscription | None:
    """What was decided stays decided; what is on its way is decided by the new choice of types."""
    row = await conn.fetchrow(_CHANGE, *reader.key, id, list(types), dossiers)
    return _subscription(row) if row else None


async def remember_roles(conn: Connection, id: UUID, reader: Reader) -> None:
    """A delivery is decided when its reader is not there: by the roles it had when it was seen last."""
    await conn.execute(_ROLES, id, sorted(reader.roles))


async def delete(conn: Connection, id: UUID) -> None:
    """Lanes first, as everyone who holds both takes them: whoever serves one finishes before it goes."""
    await conn.execute(_HOLD_LANES, id)
    for table in ("deliveries", "lanes", "webhooks", "webhook_keys"):
        await conn.execute(f"delete from notifications.{table} where subscription_id = $1", id)
    await conn.execute("delete from notifications.subscriptions where id = $1", id)


async def deliver_again(conn: Connection, id: UUID, dossiers: Sequence[UUID] | None) -> None:
    """What was delivered is pending again, with the numbers that it has; each is decided anew."""
    await conn.execute(_HOLD_LANES, id)
    await conn.execute(_AGAIN, id, dossiers)
    await conn.execute(_WAITING, id, dossiers)


def _subscription(row: Any) -> Subscription:
    dossiers = None if row["dossiers"] is None else tuple(row["dossiers"])
    return Subscription(row["id"], row["channel"], tuple(row["types"]), dossiers, row["created_at"], row["position"])
