"""Writes down what attempts came to: for a lane that is still ours, and for its endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.foundation.database.connection import Database
from services.notifications.pending import Claim, ClaimLost, columns, hold
from services.notifications.webhooks import standing
from services.notifications.webhooks.outcomes import Outcome, pause_after

_DELIVERED: Final = """
    update notifications.deliveries as delivery
    set state = 'delivered', status = accepted.status, reason = null,
        accepted_at = coalesce(accepted_at, foundation.now())
    from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::int[], $5::smallint[]) with ordinality
        as accepted (subscription_id, dossier_id, attempt, sequence, status, n)
    join notifications.lanes as lane using (subscription_id, dossier_id, attempt)
    where delivery.subscription_id = accepted.subscription_id and delivery.dossier_id = accepted.dossier_id
      and delivery.sequence = accepted.sequence
    returning accepted.n
"""
_GO_ON: Final = """
    update notifications.lanes as lane
    set failures = 0, reason = null, retry_at = '-infinity', is_waiting = waits,
        due_at = case when waits and not is_last then due_at else clock_timestamp() end
    from unnest($1::uuid[], $2::uuid[], $3::bool[]) as served (subscription_id, dossier_id, is_last)
    cross join lateral (
        select exists (
            select from notifications.deliveries as d where d.subscription_id = served.subscription_id
            and d.dossier_id = served.dossier_id and d.state = 'pending') as waits
    ) as more
    where lane.subscription_id = served.subscription_id and lane.dossier_id = served.dossier_id
    returning lane.subscription_id, lane.dossier_id, waits and not is_last as goes_on, (
        select state = 'active' and failures = 0 from notifications.webhooks
        where subscription_id = lane.subscription_id) as is_well
"""
_REFUSED: Final = """
    update notifications.deliveries as delivery set status = $5, reason = $6
    from notifications.lanes as lane
    where delivery.subscription_id = $1 and delivery.dossier_id = $2 and sequence = $4
      and lane.subscription_id = $1 and lane.dossier_id = $2 and attempt = $3
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
        each = ((*one.claim.lane, one.claim.attempt, one.sequence, one.status) for one in lot)
        ours = [lot[row["n"] - 1] for row in await conn.fetch(_DELIVERED, *columns(each))]
        if len(await hold(conn, [one.claim for one in ours])) < len(ours):
            raise ClaimLost
        rows = await conn.fetch(_GO_ON, *columns((*one.claim.lane, one.is_last) for one in ours)) if ours else ()
    for id in {row["subscription_id"] for row in rows if not row["is_well"]}:
        async with database.transaction() as conn:
            await standing.after(conn, id, Outcome(None), await conn.fetchval("select foundation.now()"))
    goes_on = {(row["subscription_id"], row["dossier_id"]) for row in rows if row["goes_on"]}
    mine = {one.claim for one in ours}
    return [one.claim in mine and one.claim.lane in goes_on for one in lot]


async def put_off(database: Database, claim: Claim, sequence: int | None, outcome: Outcome, chance: float) -> None:
    """It failed: the lane is tried again later, and the endpoint has failed once more. `sequence`: if one was sent."""
    async with database.transaction() as conn:
        if sequence is not None:
            lane = (*claim.lane, claim.attempt)
            await conn.execute(_REFUSED, *lane, sequence, outcome.status, outcome.reason)
        row = (await hold(conn, [claim])).get(claim)
        if row is None:
            raise ClaimLost
        now = await conn.fetchval("select foundation.now()")
        pause = pause_after(row["failures"] + 1, chance, outcome.retry_after)
        await conn.execute(_AGAIN_LATER, *claim.lane, outcome.reason, now + pause)
        await standing.after(conn, claim.subscription_id, outcome, now)
