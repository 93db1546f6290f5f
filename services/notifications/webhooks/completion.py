"""Writes down what attempts came to: for a lane that is still ours, and for its endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.foundation.database.connection import Database
from services.notifications.pending import Claim, columns, hold
from services.notifications.webhooks import standing
from services.notifications.webhooks.outcomes import Outcome, pause_after

_ACCEPTED: Final = """
    with accepted as (
        select * from unnest($1::uuid[], $2::uuid[], $3::int[], $4::smallint[], $5::bool[])
            as accepted (subscription_id, dossier_id, sequence, status, is_last)
    ), delivery as (
        update notifications.deliveries as delivery
        set state = 'delivered', status = accepted.status, reason = null,
            accepted_at = coalesce(accepted_at, foundation.now())
        from accepted where delivery.subscription_id = accepted.subscription_id
          and delivery.dossier_id = accepted.dossier_id and delivery.sequence = accepted.sequence
    )
    update notifications.lanes as lane
    set failures = 0, reason = null, retry_at = '-infinity', is_waiting = waits,
        due_at = case when waits and not is_last then due_at else clock_timestamp() end
    from accepted cross join lateral (
        select exists (
            select from notifications.deliveries as d where d.subscription_id = accepted.subscription_id
            and d.dossier_id = accepted.dossier_id and d.state = 'pending' and d.sequence <> accepted.sequence) as waits
    ) as more
    where lane.subscription_id = accepted.subscription_id and lane.dossier_id = accepted.dossier_id
    returning lane.subscription_id, lane.dossier_id, waits and not is_last as goes_on, (
        select state = 'active' and failures = 0 from notifications.webhooks
        where subscription_id = lane.subscription_id) as is_well
"""
_REFUSED: Final = """
    update notifications.deliveries set status = $4, reason = $5
    where subscription_id = $1 and dossier_id = $2 and sequence = $3
"""
_AGAIN_LATER: Final = """
    update notifications.lanes set failures = failures + 1, reason = $3, retry_at = $4, due_at = clock_timestamp()
    where subscription_id = $1 and dossier_id = $2
"""


@dataclass(frozen=True)
class Accepted:
    claim: Claim
    sequence: int
    status: int | None
    is_last: bool


async def accepted(database: Database, lot: Sequence[Accepted]) -> list[bool]:
    """For each whether its lane may go on at once. Where another has the lane since, it sends again, as the same."""
    # What a crash of the database forgets of this is sent once more, under the same id.
    async with database.transaction(is_durable=False) as conn:
        mine = await hold(conn, [one.claim for one in lot])
        ours = [one for one in lot if one.claim in mine]
        if not ours:
            return [False] * len(lot)
        rows = await conn.fetch(
            _ACCEPTED, *columns((*one.claim.lane, one.sequence, one.status, one.is_last) for one in ours)
        )
    goes_on = {(row["subscription_id"], row["dossier_id"]): row["goes_on"] for row in rows}
    for id in {row["subscription_id"] for row in rows if not row["is_well"]}:
        async with database.transaction() as conn:
            await standing.after(conn, id, Outcome(None), await conn.fetchval("select foundation.now()"))
    return [one.claim in mine and goes_on[one.claim.lane] for one in lot]


async def put_off(database: Database, claim: Claim, sequence: int | None, outcome: Outcome, chance: float) -> None:
    """It failed: the lane is tried again later, and the endpoint has failed once more. `sequence`: if one was sent."""
    async with database.transaction() as conn:
        row = (await hold(conn, [claim])).get(claim)
        if row is None:
            return
        if sequence is not None:
            await conn.execute(_REFUSED, *claim.lane, sequence, outcome.status, outcome.reason)
        now = await conn.fetchval("select foundation.now()")
        pause = pause_after(row["failures"] + 1, chance, outcome.retry_after)
        await conn.execute(_AGAIN_LATER, *claim.lane, outcome.reason, now + pause)
        await standing.after(conn, claim.subscription_id, outcome, now)
