"""Carries the next delivery of a lane to its receiver: connected first, decided and written under the fence.

The order is what makes a withdrawal hold (design §4): the line is open before the fence is taken; under it the gate
decides, the ledger row and the number are committed, and one small request is handed to the kernel; only then is the
fence released, and the answer is waited for without any lock. So nothing leaves after a withdrawal is acknowledged,
and a withdrawal waits at most for such a write.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import random
from typing import Any, Final, Protocol
from uuid import UUID, uuid5

import orjson

from services.foundation import failpoints
from services.foundation.database.connection import Connection, Database, within
from services.notifications.pending import Claim, held
from services.notifications.ports import Release, Thin
from services.notifications.webhooks import keys, standing
from services.notifications.webhooks.keys import EndpointKeys
from services.notifications.webhooks.lines import Line, Lines, NoAnswer, request
from services.notifications.webhooks.outcomes import Outcome, answered, pause_after
from services.notifications.webhooks.signatures import SigningKey, headers
from services.notifications.webhooks.walls import NoEndpoint, Target, Walls

MEDIA_TYPE: Final = "application/cloudevents+json"
AT_ONCE: Final = 50  # of what waits in a lane, so many are looked at until one may be sent

_DROPPED = """
    update notifications.deliveries set state = case when accepted_at is null then 'dropped' else 'delivered' end
    where subscription_id = $1 and dossier_id = $2 and sequence = any($3::int[])
"""
# The row of the subscription is held from here to the commit: no gaps.
_NUMBERED = """
    with ordinal as (
        update notifications.subscriptions set last_ordinal = last_ordinal + 1 where id = $1 returning last_ordinal
    ), lane as (
        update notifications.lanes set last_number = $4 where subscription_id = $1 and dossier_id = $2
    )
    update notifications.deliveries
    set ordinal = last_ordinal, number = $4, attempts = 1, attempted_at = foundation.now()
    from ordinal where subscription_id = $1 and dossier_id = $2 and sequence = $3
"""
_ONCE_MORE = """
    update notifications.deliveries
    set attempts = attempts + 1, attempted_at = foundation.now(), status = null, reason = null
    where subscription_id = $1 and dossier_id = $2 and sequence = $3
"""
# Only while the lane is still ours: else another has it, and sends again under the same id. Its commit waits for no
# disk: what a crash of the database forgets of it is sent once more, under the same id.
_ACCEPTED = """
    with lane as (
        update notifications.lanes as lane
        set failures = 0, reason = null, retry_at = '-infinity', is_waiting = more.waits,
            due_at = case when more.waits then due_at else clock_timestamp() end
        from (select exists (
            select from notifications.deliveries as d where d.subscription_id = $1 and d.dossier_id = $2
            and d.state = 'pending' and d.sequence <> $4) as waits) as more
        where subscription_id = $1 and dossier_id = $2 and attempt = $3 returning is_waiting
    ), delivery as (
        update notifications.deliveries
        set state = 'delivered', status = $5, reason = null, accepted_at = coalesce(accepted_at, foundation.now())
        from lane where subscription_id = $1 and dossier_id = $2 and sequence = $4
    )
    select set_config('synchronous_commit', 'off', true), is_waiting, (
        select state = 'active' and failures = 0 from notifications.webhooks where subscription_id = $1) as is_well
    from lane
"""
_STILL_MINE = """
    select failures, foundation.now() as now from notifications.lanes
    where subscription_id = $1 and dossier_id = $2 and attempt = $3 for update
"""
_REFUSED = """
    update notifications.deliveries set status = $4, reason = $5
    where subscription_id = $1 and dossier_id = $2 and sequence = $3
"""
_SERVED = """
    update notifications.lanes
    set failures = 0, reason = null, retry_at = '-infinity', due_at = clock_timestamp(), is_waiting = exists (
        select from notifications.deliveries as d
        where d.subscription_id = $1 and d.dossier_id = $2 and d.state = 'pending')
    where subscription_id = $1 and dossier_id = $2 returning is_waiting
"""
_AGAIN_LATER = """
    update notifications.lanes set failures = failures + 1, reason = $3, retry_at = $4, due_at = clock_timestamp()
    where subscription_id = $1 and dossier_id = $2
"""


class Clock(Protocol):
    def __call__(self) -> float: ...


@dataclass(frozen=True)
class Sent:
    """What was decided and written: an entry of the lane's dossier. `failed`: it is not whole on the wire."""

    sequence: int
    failed: Outcome | None = None


@dataclass(frozen=True)
class Nothing:
    """Nothing was written; `more` says whether the lane has to be looked at once more."""

    more: bool


@dataclass(frozen=True)
class Courier:
    database: Database
    release: Release
    lines: Lines
    walls: Walls
    keys: EndpointKeys
    clock: Clock = time.time
    """Real time: a receiver holds `webhook-timestamp` against its own clock."""
    chance: Callable[[], float] = random

    async def carry(self, claim: Claim) -> bool:
        """One delivery, or those that may not be sent any more; True when this lane may go on at once."""
        async with self.database.connection() as conn:
            endpoint = await standing.find(conn, claim.subscription_id)
            live = await keys.live(conn, claim.subscription_id)
        if endpoint is None:
            return await self._look_after(claim)
        signing = await self.keys.signing(claim.subscription_id, live)
        try:
            target = self.walls.target(endpoint.url)
            line = await self.lines.to(target)
        except (NoAnswer, NoEndpoint) as none:
            reason = none.reason if isinstance(none, NoAnswer) else "unsafe"
            await self._complete(claim, None, Outcome(reason))
            return False
        try:
            sent = await self._decide_and_write(claim, line, target, signing)
        except BaseException:
            line.abort()
            raise
        if isinstance(sent, Nothing):
            line.leave()
            return sent.more
        outcome = sent.failed or await _outcome(line)
        failpoints.reach("webhooks.before_complete")
        return await self._complete(claim, sent, outcome)

    async def _decide_and_write(
        self, claim: Claim, line: Line, target: Target, signing: tuple[SigningKey, ...]
    ) -> Sent | Nothing:
        async with self.release.fenced(claim.dossier_id) as conn:
            async with within(conn):
                found = await self._decide(conn, claim)
            if isinstance(found, Nothing):
                return found
            sequence, event = found
            failpoints.reach("webhooks.under_fence")
            try:
                await line.write(self._posted(claim, target, signing, event))
            except NoAnswer as none:
                return Sent(sequence, Outcome(none.reason))
            return Sent(sequence)

    async def _decide(self, conn: Connection, claim: Claim) -> tuple[int, Thin] | Nothing:
        """The first of what waits that may be sent now, numbered; what stands before it and may not is dropped."""
        waiting = await held(conn, claim, AT_ONCE)
        if waiting is None:
            return Nothing(more=False)
        dropped: list[int] = []
        found: tuple[Any, Thin] | None = None
        for row in waiting.rows:
            event = await self.release.deliver(
                conn, claim.dossier_id, waiting.reader, row["sequence"], types=waiting.types
            )
            if event is not None:
                found = row, event
                break
            dropped.append(row["sequence"])
        lane = claim.subscription_id, claim.dossier_id
        if dropped:
            await conn.execute(_DROPPED, *lane, dropped)
        if found is None:
            return Nothing(more=bool(await conn.fetchval(_SERVED, *lane)))
        row, event = found
        # A number once given stays, whatever becomes of the attempt: no other entry may ever come under it.
        number = row["number"] or waiting.last_number + 1
        if row["number"] is None:
            await conn.execute(_NUMBERED, *lane, row["sequence"], number)
        else:
            await conn.execute(_ONCE_MORE, *lane, row["sequence"])
        return row["sequence"], event | {"sequence": str(number)}

    def _posted(self, claim: Claim, target: Target, signing: tuple[SigningKey, ...], event: Thin) -> bytes:
        body = orjson.dumps(event)
        return posted(target, signing, message_id(claim.subscription_id, event["id"]), int(self.clock()), body)

    async def _complete(self, claim: Claim, sent: Sent | None, outcome: Outcome) -> bool:
        lane = claim.subscription_id, claim.dossier_id, claim.attempt
        if outcome.is_accepted and sent is not None:
            async with self.database.connection() as conn:
                row = await conn.fetchrow(_ACCEPTED, *lane, sent.sequence, outcome.status)
            if row is not None and row["is_well"] is False:
                async with self.database.transaction() as conn:
                    now = await conn.fetchval("select foundation.now()")
                    await standing.after(conn, claim.subscription_id, outcome, now)
            return row is not None and bool(row["is_waiting"])
        async with self.database.transaction() as conn:
            row = await conn.fetchrow(_STILL_MINE, *lane)
            if row is not None:
                await self._put_off(conn, claim, sent, outcome, row)
        return False

    async def _put_off(self, conn: Connection, claim: Claim, sent: Sent | None, outcome: Outcome, row: Any) -> None:
        lane = claim.subscription_id, claim.dossier_id
        if sent is not None:
            await conn.execute(_REFUSED, *lane, sent.sequence, outcome.status, outcome.reason)
        pause = pause_after(row["failures"] + 1, self.chance(), outcome.retry_after)
        await conn.execute(_AGAIN_LATER, *lane, outcome.reason, row["now"] + pause)
        await standing.after(conn, claim.subscription_id, outcome, row["now"])

    async def _look_after(self, claim: Claim) -> bool:
        """The subscription is gone: what it left behind goes too."""
        async with self.database.transaction() as conn:
            await held(conn, claim, 1)
        return False


def posted(target: Target, signing: tuple[SigningKey, ...], id: str, at: int, body: bytes) -> bytes:
    return request("POST", target, {"Content-Type": MEDIA_TYPE} | headers(signing, id, at, body), body)


def message_id(subscription_id: UUID, event_id: str) -> str:
    """The same at every attempt and every replay; another for another subscription."""
    return f"msg_{uuid5(subscription_id, event_id).hex}"


async def _outcome(line: Line) -> Outcome:
    try:
        answer = await line.answer()
    except NoAnswer as none:
        return Outcome(none.reason)
    return answered(answer.status, answer.retry_after)
