"""Reads again what was delivered: by the numbers it got then, and only what the gate permits now."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from services.foundation.database.connection import Database
from services.notifications.ports import Candidates, Reader, Release, Thin

AT_ONCE = 25
MOST_FENCES = 25

_ROWS = """
    select ordinal, dossier_id, sequence, number, state, replay, is_read, attempts, attempted_at, status, reason,
        case when state = 'pending' then (
            select retry_at from notifications.lanes as lane
            where lane.subscription_id = $1 and lane.dossier_id = delivery.dossier_id and retry_at > '-infinity'
        ) end as next_at
    from notifications.deliveries as delivery
    where subscription_id = $1 and ordinal > $2 and ($3::text is null or state = $3)
      and ($4::bool is null or is_read = $4) order by ordinal limit $5
"""
_ONE = """
    select ordinal, dossier_id, sequence, number, state, replay, is_read, attempted_at from notifications.deliveries
    where subscription_id = $1 and ordinal = $2
"""
_MARK = "update notifications.deliveries set is_read = $3 where subscription_id = $1 and ordinal = $2"


@dataclass(frozen=True)
class Delivery:
    ordinal: int
    state: str
    replay: bool
    is_read: bool
    event: Thin
    """The thin event whole, with the `sequence` of this subscription in this dossier."""
    sending: dict[str, Any] | None
    """What sending it came to, where it is sent."""


async def page(
    database: Database,
    release: Release,
    subscription_id: UUID,
    reader: Reader,
    *,
    after: int,
    limit: int,
    state: str | None = None,
    is_read: bool | None = None,
) -> list[Delivery]:
    """The next deliveries that may be shown. What may not is passed over unseen: a page is short only at the end."""
    shown: list[Delivery] = []
    while len(shown) < limit:
        at_once = max(AT_ONCE, limit - len(shown))
        async with database.connection() as conn:
            rows = await conn.fetch(_ROWS, subscription_id, after, state, is_read, at_once)
        for group in _under_one_transaction(rows):
            if len(shown) < limit:
                shown += await _permitted(release, reader, group)
        if len(rows) < at_once:
            break
        after = rows[-1]["ordinal"]
    return shown[:limit]


async def mark(
    database: Database, release: Release, subscription_id: UUID, reader: Reader, ordinal: int, is_read: bool
) -> Delivery | None:
    """One that may be shown, now read or unread; nothing when there is none, or it may not be known any more."""
    async with database.connection() as conn:
        rows = await conn.fetch(_ONE, subscription_id, ordinal)
    shown = await _permitted(release, reader, rows) if rows else []
    if not shown:
        return None
    async with database.connection() as conn:
        await conn.execute(_MARK, subscription_id, ordinal, is_read)
    return replace(shown[0], is_read=is_read)


def _under_one_transaction(rows: Sequence[Any]) -> Iterator[list[Any]]:
    """Rows in their order, cut where the number of dossiers would need more fences than one may hold."""
    group: list[Any] = []
    dossiers: set[UUID] = set()
    for row in rows:
        if row["dossier_id"] not in dossiers and len(dossiers) == MOST_FENCES:
            yield group
            group, dossiers = [], set()
        group.append(row)
        dossiers.add(row["dossier_id"])
    if group:
        yield group


async def _permitted(release: Release, reader: Reader, rows: Sequence[Any]) -> list[Delivery]:
    sequences: dict[UUID, list[int]] = {}
    for row in rows:
        sequences.setdefault(row["dossier_id"], []).append(row["sequence"])
    offered = [Candidates(id, reader, of_it) for id, of_it in sequences.items()]
    async with release.transaction_over(sorted(sequences)) as conn:
        now = dict(zip(sequences, await release.still(conn, offered), strict=True))
    return [
        Delivery(
            row["ordinal"],
            row["state"],
            row["replay"],
            row["is_read"],
            now[row["dossier_id"]][row["sequence"]] | {"sequence": str(row["number"])},
            _sending(row),
        )
        for row in rows
        if row["sequence"] in now[row["dossier_id"]]
    ]


def _sending(row: Any) -> dict[str, Any] | None:
    if row["attempted_at"] is None:
        return None
    told = ("attempts", "attempted_at", "status", "reason", "next_at")
    return {name: row[name] for name in told if row[name] is not None}
