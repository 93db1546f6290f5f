"""Carries the next delivery of a lane to its receiver: connected first, decided and written under the fence.

The order is what makes a withdrawal hold (design §4): the line is open before the fence is taken; under it the gate
decides, the ledger row and the number are committed, and one small request is handed to the kernel; only then is the
fence released, and the answer is waited for without any lock. So nothing leaves after a withdrawal is acknowledged,
and a withdrawal waits at most for such a write.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from random import random
from typing import Any, Final, Protocol
from uuid import UUID, uuid5

import orjson

from services.foundation import failpoints
from services.foundation.database.connection import Connection, Database, within
from services.notifications.pending import Claim, Waiting, held, last_ordinal
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
_SENDING = """
    update notifications.deliveries
    set ordinal = $4, number = $5, attempts = attempts + 1, attempted_at = foundation.now(), status = null,
        reason = null
    where subscription_id = $1 and dossier_id = $2 and sequence = $3
"""
_LAST_NUMBER = "update notifications.lanes set last_number = $3 where subscription_id = $1 and dossier_id = $2"
_STILL_MINE = """
    select foundation.now() from notifications.lanes
    where subscription_id = $1 and dossier_id = $2 and attempt = $3 for update
"""
_ACCEPTED = """
    update notifications.deliveries
    set state = 'delivered', status = $4, reason = null, accepted_at = coalesce(accepted_at, $5)
    where subscription_id = $1 and dossier_id = $2 and sequence = $3
"""
_REFUSED = """
    update notifications.deliveries set status = $4, reason = $5
    where subscription_id = $1 and dossier_id = $2 and sequence = $3
"""
_SERVED = """
    update notifications.lanes
    set failures = 0, reason = null, retry_at = '-infinity', is_waiting = exists (
        select from notifications.deliveries as d
        where d.subscription_id = $1 and d.dossier_id = $2 and d.state = 'pending')
    where subscription_id = $1 and dossier_id = $2 returning is_waiting
"""
_AGAIN_LATER = """
    update notifications.lanes set failures = failures + 1, reason = $3, retry_at = $4
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
        number = await self._numbered(conn, claim, waiting, row)
        return row["sequence"], event | {"sequence": str(number)}

    async def _numbered(self, conn: Connection, claim: Claim, waiting: Waiting, row: Any) -> int:
        """A number once given stays, whatever becomes of the attempt: no other entry may ever come under it."""
        lane = claim.subscription_id, claim.dossier_id
        ordinal, number = row["ordinal"], row["number"]
        if ordinal is None:
            number = waiting.last_number + 1
            ordinal = await last_ordinal(conn, claim.subscription_id, 1) + 1
            await conn.execute(_LAST_NUMBER, *lane, number)
        await conn.execute(_SENDING, *lane, row["sequence"], ordinal, number)
        given: int = number
        return given

    def _posted(self, claim: Claim, target: Target, signing: tuple[SigningKey, ...], event: Thin) -> bytes:
        body = orjson.dumps(event)
        return posted(target, signing, message_id(claim.subscription_id, event["id"]), int(self.clock()), body)

    async def _complete(self, claim: Claim, sent: Sent | None, outcome: Outcome) -> bool:
        """Only while the lane is still ours: else another has it, and will send again under the same id."""
        lane = claim.subscription_id, claim.dossier_id
        async with self.database.transaction() as conn:
            now: datetime | None = await conn.fetchval(_STILL_MINE, *lane, claim.attempt)
            if now is None:
                return False
            if outcome.is_accepted and sent is not None:
                await conn.execute(_ACCEPTED, *lane, sent.sequence, outcome.status, now)
                more = bool(await conn.fetchval(_SERVED, *lane))
            else:
                failures = await conn.fetchval(
                    "select failures from notifications.lanes where subscription_id = $1 and dossier_id = $2", *lane
                )
                if sent is not None:
                    await conn.execute(_REFUSED, *lane, sent.sequence, outcome.status, outcome.reason)
                pause = pause_after(failures + 1, self.chance(), outcome.retry_after)
                await conn.execute(_AGAIN_LATER, *lane, outcome.reason, now + pause)
                more = False
            await standing.after(conn, claim.subscription_id, outcome, now)
        return more

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
