"""What stands still until an operator has taken the cause away: told by ids alone, and let go on."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from services.foundation.database.connection import Connection
from services.notifications.pending import columns
from services.notifications.streams import CONSUMER

_LANES = """
    select subscription_id, dossier_id, parked_at, reason from notifications.lanes
    where parked_at is not null order by parked_at, subscription_id, dossier_id
"""
_DOSSIERS = """
    with waiting as (
        select key, count(distinct sequence) as entries, min(sequence) as first, min(parked_at) as since
        from notifications.parked where consumer = $1 and sequence is not null group by key
    )
    select key::uuid, entries, first, since, case when blocked_at is null then 'gap' else 'poison' end
    from waiting left join notifications.streams as stream on stream.consumer = $1 and stream.dossier_id = key::uuid
    order by since, key
"""
_RECORDS = """
    select partition, "offset", parked_at from notifications.parked
    where consumer = $1 and sequence is null order by partition, "offset"
"""
# In the order in which everyone holds several lanes.
_RESUME = """
    with standing as (
        select subscription_id, dossier_id from notifications.lanes
        where parked_at is not null and (cardinality($1::uuid[]) = 0 or dossier_id = any($1))
        order by subscription_id, dossier_id for update
    )
    update notifications.lanes as lane set parked_at = null, reason = null, failures = 0, due_at = '-infinity'
    from standing where lane.subscription_id = standing.subscription_id and lane.dossier_id = standing.dossier_id
    returning lane.subscription_id, lane.dossier_id, lane.attempt
"""
_SINCE = """
    select lane.parked_at is not null as is_parked,
        lane.parked_at is null and lane.is_waiting as is_waiting,
        lane.attempt > resumed.attempt and lane.reason is null and lane.due_at <= clock_timestamp() as was_served
    from unnest($1::uuid[], $2::uuid[], $3::bigint[]) as resumed (subscription_id, dossier_id, attempt)
    join notifications.lanes as lane using (subscription_id, dossier_id)
"""

ResumedLane: TypeAlias = tuple[UUID, UUID, int]  # subscription, dossier, and its attempt until now


@dataclass(frozen=True)
class ParkedLane:
    """`reason`: the class of the fault that a delivery met."""

    subscription_id: UUID
    dossier_id: UUID
    since: datetime
    reason: str


@dataclass(frozen=True)
class ParkedDossier:
    """Entries that the notifier has and cannot apply: the first fails (`poison`), or one before it is not there."""

    dossier_id: UUID
    entries: int
    first: int
    since: datetime
    reason: str


@dataclass(frozen=True)
class ParkedRecord:
    """No entry at all."""

    partition: int
    offset: int
    since: datetime


@dataclass(frozen=True)
class Parked:
    lanes: Sequence[ParkedLane]
    dossiers: Sequence[ParkedDossier]
    records: Sequence[ParkedRecord]


@dataclass(frozen=True)
class Outcome:
    """Of lanes that were resumed: how many go on, stand still again, or have not been tried yet."""

    went_on: int
    still: int
    untried: int
    is_settled: bool


async def parked(conn: Connection) -> Parked:
    return Parked(
        [ParkedLane(*row) for row in await conn.fetch(_LANES)],
        await dossiers(conn),
        [ParkedRecord(*row) for row in await conn.fetch(_RECORDS, CONSUMER)],
    )


async def dossiers(conn: Connection, among: AbstractSet[UUID] = frozenset()) -> list[ParkedDossier]:
    """Those with entries at the notifier, `among` these where any is named."""
    found = [ParkedDossier(*row) for row in await conn.fetch(_DOSSIERS, CONSUMER)]
    return [one for one in found if not among or one.dossier_id in among]


async def resume_lanes(conn: Connection, among: AbstractSet[UUID] = frozenset()) -> list[ResumedLane]:
    """Whoever serves lanes tries these next; of these dossiers, or all where none is named."""
    return [(row[0], row[1], row[2]) for row in await conn.fetch(_RESUME, list(among))]


async def since(conn: Connection, resumed: Sequence[ResumedLane]) -> Outcome:
    """What became of them; one that is not there any more had lost its subscription."""
    rows = await conn.fetch(_SINCE, *columns(resumed)) if resumed else []
    still = sum(row["is_parked"] for row in rows)
    untried = sum(row["is_waiting"] and not row["was_served"] for row in rows)
    is_settled = not any(row["is_waiting"] for row in rows)
    return Outcome(len(resumed) - still - untried, still, untried, is_settled)
