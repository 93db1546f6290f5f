"""What waits in a lane, in its order, and the numbers it gets: the same for everyone who serves lanes.

A claim moves `due_at` of a lane past its lease and raises `attempt`: who comes back late finds another number there,
and does nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.foundation.database.connection import Connection
from services.notifications.ports import Reader

_HOLD = """
    select last_number from notifications.lanes
    where subscription_id = $1 and dossier_id = $2 and attempt = $3 for update
"""
_SUBSCRIPTION = """
    select organisation, person, roles, types from notifications.subscriptions where id = $1 for key share
"""
_PENDING = """
    select sequence, ordinal, number, replay from notifications.deliveries
    where subscription_id = $1 and dossier_id = $2 and state = 'pending' order by place, replay, sequence limit $3
"""
_NUMBERS = """
    update notifications.subscriptions set last_ordinal = last_ordinal + $2 where id = $1 returning last_ordinal - $2
"""


@dataclass(frozen=True)
class Claim:
    subscription_id: UUID
    dossier_id: UUID
    attempt: int
    failures: int


@dataclass(frozen=True)
class Waiting:
    """A claimed lane, held: for whom, of which types, and what waits in it."""

    reader: Reader
    types: tuple[str, ...]
    last_number: int
    rows: Sequence[Any]


async def held(conn: Connection, claim: Claim, limit: int) -> Waiting | None:
    """Locks the lane to the end of the transaction. None: another has claimed it since, or its subscription ended."""
    lane = claim.subscription_id, claim.dossier_id
    last_number = await conn.fetchval(_HOLD, *lane, claim.attempt)
    if last_number is None:
        return None
    subscription = await conn.fetchrow(_SUBSCRIPTION, claim.subscription_id)
    if subscription is None:
        await _forget(conn, claim)
        return None
    reader = Reader(subscription["organisation"], subscription["person"], frozenset(subscription["roles"]))
    return Waiting(reader, tuple(subscription["types"]), last_number, await conn.fetch(_PENDING, *lane, limit))


async def last_ordinal(conn: Connection, subscription_id: UUID, count: int) -> int:
    """The last ordinal given; the next ones are the caller's. The row is held from here to the commit: no gaps."""
    last: int = await conn.fetchval(_NUMBERS, subscription_id, count)
    return last


async def _forget(conn: Connection, claim: Claim) -> None:
    """The subscription is gone; what was still on its way goes too."""
    for table in ("deliveries", "lanes"):
        await conn.execute(
            f"delete from notifications.{table} where subscription_id = $1 and dossier_id = $2",
            claim.subscription_id,
            claim.dossier_id,
        )
