"""Serves the lanes: each delivery is decided by the gate at its moment and, when permitted, numbered and kept.

A lane is one subscription in one dossier: strictly in order inside, independent outside. Where its way is `kept` (for
`pull` and `feed`) the decision is the sending, so one transaction under the fence of the dossier holds it all:
decision, ledger, number. Webhooks are served beside these, by `webhooks/deliverer.py`.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.foundation.database.connection import Connection, Database
from services.foundation.doorbell import Doorbell, keep_working
from services.foundation.failpoints import reach
from services.foundation.telemetry import fault, log
from services.notifications.pending import Claim, ClaimLost, hold, looked, ordinals
from services.notifications.ports import Release, Thin
from services.notifications.trouble import passes

BATCH = 50
AT_A_TIME = 8
LEASE = 30.0
FIRST_RETRY = 0.2
LAST_RETRY = 60.0

_DUE = """
    way = 'kept' and is_waiting and parked_at is null and due_at <= clock_timestamp() and not exists (
        select from notifications.subscriptions as s where s.id = subscription_id and not s.is_ready)
"""
_NEXT_OWNER = f"select min(owner) from notifications.lanes where owner > $1 and {_DUE}"
_CLAIM = f"""
    update notifications.lanes as lane
    set attempt = lane.attempt + 1, due_at = clock_timestamp() + $2 * interval '1 second'
    from (
        select subscription_id, dossier_id from notifications.lanes
        where owner = $1 and {_DUE} and ($4::uuid is null or subscription_id = $4)
        order by due_at limit $3 for update skip locked
    ) as due
    where lane.subscription_id = due.subscription_id and lane.dossier_id = due.dossier_id
    returning lane.subscription_id, lane.dossier_id, lane.attempt, lane.failures
"""
_DELIVERED = """
    update notifications.deliveries as delivery
    set state = 'delivered', ordinal = coalesce(delivery.ordinal, given.ordinal),
        number = coalesce(delivery.number, given.number)
    from unnest($3::int[], $4::bigint[], $5::int[]) as given (sequence, ordinal, number)
    where subscription_id = $1 and dossier_id = $2 and delivery.sequence = given.sequence
"""
# What has a number was delivered once and stays so: a refusal now stops the repeat, and the re-read hides it.
_REFUSED = """
    update notifications.deliveries set state = case when ordinal is null then 'dropped' else 'delivered' end
    where subscription_id = $1 and dossier_id = $2 and sequence = any($3::int[])
"""
# Served last is due last: the lanes of one owner take turns too.
_SERVED = """
    update notifications.lanes
    set due_at = clock_timestamp(), failures = 0, reason = null, last_number = $3, is_waiting = exists (
        select from notifications.deliveries as d
        where d.subscription_id = $1 and d.dossier_id = $2 and d.state = 'pending')
    where subscription_id = $1 and dossier_id = $2
"""
_FAILED = """
    update notifications.lanes
    set failures = failures + 1, reason = $4, due_at = clock_timestamp() + $5 * interval '1 second',
        parked_at = case when $6 then clock_timestamp() end
    where subscription_id = $1 and dossier_id = $2 and attempt = $3
"""
_WAITING = """
    select exists (select from notifications.lanes
                   where subscription_id = $1 and is_waiting and parked_at is null and failures = 0)
"""


class Lanes:
    """Any number of these may work at once, in any number of processes."""

    def __init__(self, database: Database, release: Release, *, lease: float = LEASE) -> None:
        self._database = database
        self._release = release
        self._lease = lease
        self._last_owner = ""
        self._turn = asyncio.Lock()
        self._bell = Doorbell()

    def wake(self) -> None:
        self._bell.ring()

    async def run(self) -> None:
        """Until cancelled."""
        await keep_working("lanes", self.run_once, self._bell)

    async def run_once(self) -> int:
        """Serve until no lane is due; the number of deliveries decided. A lane that waits for a retry is not due."""
        async with self._turn:
            decided = 0
            while (owner := await self._next_owner()) is not None:
                decided += await self._serve_owner(owner)
            return decided

    async def drain(self, subscription_id: UUID, owner: str, *, within: float) -> None:
        """Serve this one subscription now, beside others that may be serving it, until it waits for nothing."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if not await self._serve_owner(owner, subscription_id):
                async with self._database.connection() as conn:
                    if not await conn.fetchval(_WAITING, subscription_id):
                        return
                await asyncio.sleep(0.02)

    async def _next_owner(self) -> str | None:
        """Owners take turns by name, so that one with many lanes never keeps another waiting."""
        async with self._database.connection() as conn:
            owner: str | None = await conn.fetchval(_NEXT_OWNER, self._last_owner)
            if owner is None and self._last_owner:
                owner = await conn.fetchval(_NEXT_OWNER, "")
        self._last_owner = owner or ""
        return owner

    async def _serve_owner(self, owner: str, subscription_id: UUID | None = None) -> int:
        async with self._database.connection() as conn:
            rows = await conn.fetch(_CLAIM, owner, self._lease, AT_A_TIME, subscription_id)
        if rows:
            reach("lanes.after_claim")
        decided = 0
        for claim in (Claim(*row) for row in rows):
            decided += await self._serve(claim)
        return decided

    async def _serve(self, claim: Claim) -> int:
        try:
            async with self._release.transaction(claim.dossier_id) as conn:
                decided = await self._decide(conn, claim)
                reach("lanes.before_commit")
            reach("lanes.after_commit")
            return decided
        except ClaimLost:
            return 0
        except Exception as error:  # the outermost place of a lane: its fault is its own, the others go on
            await self._failed(claim, error)
            return 0

    async def _decide(self, conn: Connection, claim: Claim) -> int:
        (waiting,) = await looked(conn, [(claim, _limit(claim))])
        if waiting is None:
            return 0
        delivered: Mapping[int, Thin] = {}
        if waiting.rows:
            (delivered,) = await self._release.deliver(conn, [waiting.candidates()])
        lane = (await hold(conn, [claim])).get(claim)
        if lane is None:
            raise ClaimLost
        permitted = [row for row in waiting.rows if row["sequence"] in delivered]
        refused = [row["sequence"] for row in waiting.rows if row["sequence"] not in delivered]
        given = await _number(conn, claim, permitted, lane["last_number"])
        if refused:
            await conn.execute(_REFUSED, *claim.lane, refused)
        await conn.execute(_SERVED, *claim.lane, lane["last_number"] + given)
        return len(waiting.rows)

    async def _failed(self, claim: Claim, error: Exception) -> None:
        """Trouble that passes: later. A fault: once more one by one, then this lane alone stands still."""
        parked = not passes(error) and _limit(claim) == 1
        pause = min(LAST_RETRY, FIRST_RETRY * 2**claim.failures) if passes(error) else 0.0
        reason = type(error).__name__
        async with self._database.connection() as conn:
            await conn.execute(_FAILED, *claim.lane, claim.attempt, reason, pause, parked)
        log.error(
            "lane_parked" if parked else "lane_failed",
            subscription_id=claim.subscription_id,
            dossier_id=claim.dossier_id,
            attempt=claim.attempt,
            **fault(error),
        )


async def _number(conn: Connection, claim: Claim, permitted: list[Any], last_number: int) -> int:
    """Give the next numbers to what has none yet."""
    if not permitted:
        return 0
    fresh = sum(row["ordinal"] is None for row in permitted)
    last = (await ordinals(conn, {claim.subscription_id: fresh}))[claim.subscription_id]
    sequences, places, numbers, given = [], [], [], 0
    for row in permitted:
        given += row["ordinal"] is None
        sequences.append(row["sequence"])
        places.append(last + given)
        numbers.append(last_number + given)
    await conn.execute(_DELIVERED, *claim.lane, sequences, places, numbers)
    return given


def _limit(claim: Claim) -> int:
    """After a failure one at a time, so that what stands before the culprit gets through."""
    return 1 if claim.failures else BATCH
