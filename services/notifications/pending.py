"""What waits in a lane, in its order, and the numbers it gets: the same for everyone who serves lanes.

A claim moves `due_at` of a lane past its lease and raises `attempt`: who comes back late finds another number there,
and does nothing. Whoever writes here takes the rows of deliveries first and those of lanes last, each in one order, as
who places entries does: so nobody waits crosswise, and a lane is held for a moment only.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from services.foundation.database.connection import Connection
from services.notifications.ports import Candidates, Reader

_HOLD = """
    select claim.n, lane.last_number, lane.failures
    from unnest($1::uuid[], $2::uuid[], $3::bigint[]) with ordinality as claim (subscription_id, dossier_id, attempt, n)
    join notifications.lanes as lane using (subscription_id, dossier_id, attempt)
    order by lane.subscription_id, lane.dossier_id for update of lane
"""
_SUBSCRIPTIONS = """
    select id, organisation, person, roles, types from notifications.subscriptions
    where id = any($1::uuid[]) order by id for key share
"""
_PENDING = """
    select claim.n, pending.*
    from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::int[]) with ordinality
        as claim (subscription_id, dossier_id, attempt, most, n)
    join notifications.lanes as lane using (subscription_id, dossier_id, attempt)
    cross join lateral (
        select sequence, ordinal, number, place, replay from notifications.deliveries as delivery
        where delivery.subscription_id = lane.subscription_id and delivery.dossier_id = lane.dossier_id
          and state = 'pending' order by place, replay, sequence limit claim.most for update
    ) as pending
    order by claim.n, pending.place, pending.replay, pending.sequence
"""
# The rows of subscriptions are held from here to the commit: no gaps.
_ORDINALS = """
    with held as (
        select id, fresh from unnest($1::uuid[], $2::int[]) as given (id, fresh)
        join notifications.subscriptions using (id) order by id for no key update of subscriptions
    )
    update notifications.subscriptions as subscription set last_ordinal = last_ordinal + fresh
    from held where subscription.id = held.id returning subscription.id, last_ordinal - fresh
"""


@dataclass(frozen=True)
class Claim:
    subscription_id: UUID
    dossier_id: UUID
    attempt: int
    failures: int

    @property
    def lane(self) -> tuple[UUID, UUID]:
        return self.subscription_id, self.dossier_id


@dataclass(frozen=True)
class Waiting:
    """A claimed lane: for whom, of which types, and what waits in it."""

    claim: Claim
    reader: Reader
    types: tuple[str, ...]
    rows: Sequence[Any]

    def candidates(self, most: int | None = None) -> Candidates:
        sequences = [row["sequence"] for row in self.rows]
        return Candidates(self.claim.dossier_id, self.reader, sequences, self.types, most)


class ClaimLost(Exception):
    """Another has claimed the lane while this was decided: it is the other's."""

    retry_after = 0


async def hold(conn: Connection, claims: Sequence[Claim]) -> dict[Claim, Any]:
    """Locks lanes to the end of the transaction, and gives their rows; not what another has claimed since.

    A statement of its own: who puts something in a lane holds its row, so what is read after this is new.
    """
    rows = await conn.fetch(_HOLD, *columns((*claim.lane, claim.attempt) for claim in claims)) if claims else ()
    return {claims[row["n"] - 1]: row for row in rows}


async def looked(conn: Connection, looks: Sequence[tuple[Claim, int]]) -> list[Waiting | None]:
    """So much of what waits in each of these lanes, locked, but no lane; nothing of what another has claimed since.

    None: its subscription has ended; what it left behind goes too.
    """
    subscriptions = await _subscriptions(conn, {claim.subscription_id for claim, _ in looks})
    pending = await _pending(conn, looks)
    waiting: list[Waiting | None] = []
    for claim, _ in looks:
        if claim.subscription_id in subscriptions:
            waiting.append(Waiting(claim, *subscriptions[claim.subscription_id], pending.get(claim, ())))
        else:
            await _forget(conn, claim)
            waiting.append(None)
    return waiting


async def _subscriptions(conn: Connection, ids: AbstractSet[UUID]) -> dict[UUID, tuple[Reader, tuple[str, ...]]]:
    return {
        row["id"]: (Reader(row["organisation"], row["person"], frozenset(row["roles"])), tuple(row["types"]))
        for row in await conn.fetch(_SUBSCRIPTIONS, list(ids))
    }


async def _pending(conn: Connection, looks: Sequence[tuple[Claim, int]]) -> dict[Claim, list[Any]]:
    looks = sorted(looks, key=lambda look: look[0].lane)
    rows = await conn.fetch(_PENDING, *columns((*claim.lane, claim.attempt, most) for claim, most in looks))
    return {looks[n - 1][0]: list(its) for n, its in groupby(rows, key=itemgetter("n"))}


async def ordinals(conn: Connection, fresh: Mapping[UUID, int]) -> dict[UUID, int]:
    """The last ordinal given of each subscription; so many next ones are the caller's."""
    if not fresh:
        return {}
    return dict(map(tuple, await conn.fetch(_ORDINALS, *columns(fresh.items()))))


async def _forget(conn: Connection, claim: Claim) -> None:
    for table in ("deliveries", "lanes"):
        await conn.execute(
            f"delete from notifications.{table} where subscription_id = $1 and dossier_id = $2", *claim.lane
        )


def columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    """Rows as the arrays that `unnest` takes."""
    return [list(column) for column in zip(*rows, strict=True)]
