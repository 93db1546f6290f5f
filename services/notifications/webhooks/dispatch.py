"""Decides what several lanes send next, and writes it, all under the fences of their dossiers.

The order is what makes a withdrawal hold (design §4): the lines are open before the fences are taken; under them the
gate decides, the ledger rows and the numbers are committed, and each small request is handed to the kernel; only then
are the fences released. So nothing leaves after a withdrawal is acknowledged, and a withdrawal waits at most for such
writes.
"""

import asyncio
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import orjson

from services.foundation import failpoints
from services.foundation.database.connection import Connection, within
from services.foundation.telemetry import fault, log
from services.notifications.pending import Claim, ClaimLost, Waiting, columns, hold, looked, ordinals
from services.notifications.ports import Release, Thin
from services.notifications.webhooks.lines import Line, NoAnswer
from services.notifications.webhooks.messages import message_id, posted
from services.notifications.webhooks.outcomes import Outcome
from services.notifications.webhooks.signatures import SigningKey
from services.notifications.webhooks.walls import Target

_DROPPED = """
    update notifications.deliveries as delivery
    set state = case when accepted_at is null then 'dropped' else 'delivered' end
    from unnest($1::uuid[], $2::uuid[], $3::int[]) as refused (subscription_id, dossier_id, sequence)
    where delivery.subscription_id = refused.subscription_id and delivery.dossier_id = refused.dossier_id
      and delivery.sequence = refused.sequence
"""
_NUMBERED = """
    with given as (
        select * from unnest($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::int[])
            as given (subscription_id, dossier_id, sequence, ordinal, number)
    ), lane as (
        update notifications.lanes as lane set last_number = greatest(last_number, given.number)
        from given where lane.subscription_id = given.subscription_id and lane.dossier_id = given.dossier_id
    )
    update notifications.deliveries as delivery
    set ordinal = given.ordinal, number = given.number, attempts = attempts + 1, attempted_at = foundation.now(),
        status = null, reason = null
    from given where delivery.subscription_id = given.subscription_id and delivery.dossier_id = given.dossier_id
      and delivery.sequence = given.sequence
"""
_SERVED = """
    update notifications.lanes
    set failures = 0, reason = null, retry_at = '-infinity', is_waiting = waits,
        due_at = case when waits and not $3 then due_at else clock_timestamp() end
    from (select exists (
        select from notifications.deliveries as d
        where d.subscription_id = $1 and d.dossier_id = $2 and d.state = 'pending') as waits) as more
    where subscription_id = $1 and dossier_id = $2 returning is_waiting and not $3
"""


class Clock(Protocol):
    def __call__(self) -> float: ...


@dataclass(frozen=True)
class Ready:
    """A claimed lane of which the line is open.

    `is_last`: of this claim, which then gives its lane back. `look`: at so much of what waits, until one may be sent.
    """

    claim: Claim
    line: Line
    target: Target
    signing: tuple[SigningKey, ...]
    is_last: bool = False
    look: int = 1


@dataclass(frozen=True)
class Sent:
    """What was decided and written: an entry of the lane's dossier. `failed`: it is not whole on the wire."""

    sequence: int
    failed: Outcome | None = None


@dataclass(frozen=True)
class Nothing:
    """Nothing was written; `more` says whether the claim holds, because there is more to look at."""

    more: bool


Found: TypeAlias = tuple[int, Thin]
"""The sequence of an entry in its dossier, and what its reader gets."""


@dataclass(frozen=True)
class Chosen:
    """Of what was looked at in a lane: the first that may be sent now, if any, and what stands before it."""

    waiting: Waiting
    row: Any
    event: Thin
    refused: Sequence[int]

    @classmethod
    def of(cls, waiting: Waiting, permitted: Mapping[int, Thin]) -> "Chosen":
        refused: list[int] = []
        for row in waiting.rows:
            if row["sequence"] in permitted:
                return cls(waiting, row, permitted[row["sequence"]], refused)
            refused.append(row["sequence"])
        return cls(waiting, None, {}, refused)


@dataclass(frozen=True)
class Dispatch:
    release: Release
    clock: Clock
    """Real time: a receiver holds `webhook-timestamp` against its own clock."""

    async def send(self, lot: Sequence[Ready]) -> Sequence[Sent | Nothing | Exception]:
        """The next delivery of each lane; what stands before it and may not be sent any more is dropped."""
        results: list[Sent | Nothing | BaseException] = []
        try:
            async with self.release.fenced({one.claim.dossier_id for one in lot}) as conn:
                async with within(conn):
                    found = await self.decide(conn, lot)
                failpoints.reach("webhooks.under_fence")
                # Each is waited for, whatever becomes of the others: none may still be writing when the fences go.
                writes = (self.write(one, each) for one, each in zip(lot, found, strict=True))
                results = await asyncio.gather(*writes, return_exceptions=True)
        except Exception as error:
            if not results:
                raise
            log.warning("fences_lost", **fault(error))  # at the very end: all was written under them, and only once
        return [_no_cancellation(result) for result in results]

    async def decide(self, conn: Connection, lot: Sequence[Ready]) -> list[Found | Nothing]:
        waiting = await looked(conn, [(one.claim, one.look) for one in lot])
        ours = [each for each in waiting if each is not None]
        permitted = await self.release.deliver(conn, [each.candidates(most=1) for each in ours])
        chosen = [Chosen.of(each, its) for each, its in zip(ours, permitted, strict=True)]
        await _drop(conn, chosen)
        lanes = await hold(conn, [one.waiting.claim for one in chosen])
        last = {one.claim for one in lot if one.is_last}
        found: dict[Claim, Found | Nothing] = {
            **await _number(conn, [one for one in chosen if one.row is not None], lanes),
            **await _served(conn, [one.waiting.claim for one in chosen if one.row is None], lanes, last),
        }
        return [found.get(one.claim, Nothing(more=False)) for one in lot]

    async def write(self, one: Ready, found: Found | Nothing) -> Sent | Nothing:
        if isinstance(found, Nothing):
            return found
        sequence, event = found
        id, at = message_id(one.claim.subscription_id, event["id"]), int(self.clock())
        try:
            await one.line.write(posted(one.target, one.signing, id, at, orjson.dumps(event)))
        except NoAnswer as none:
            return Sent(sequence, Outcome(none.reason))
        return Sent(sequence)


async def _drop(conn: Connection, chosen: Sequence[Chosen]) -> None:
    refused = [(*one.waiting.claim.lane, sequence) for one in chosen for sequence in one.refused]
    if refused:
        await conn.execute(_DROPPED, *columns(refused))


async def _number(conn: Connection, chosen: Sequence[Chosen], lanes: Mapping[Claim, Any]) -> dict[Claim, Found]:
    """A number once given stays, whatever becomes of the attempt: no other entry may ever come under it."""
    if any(one.waiting.claim not in lanes for one in chosen):
        raise ClaimLost
    fresh = Counter(one.waiting.claim.subscription_id for one in chosen if one.row["number"] is None)
    last = await ordinals(conn, fresh)
    given: list[tuple[Any, ...]] = []
    found: dict[Claim, Found] = {}
    for one in chosen:
        claim, sequence = one.waiting.claim, one.row["sequence"]
        ordinal, number = one.row["ordinal"], one.row["number"]
        if number is None:
            ordinal = last[claim.subscription_id] = last[claim.subscription_id] + 1
            number = lanes[claim]["last_number"] + 1
        given.append((*claim.lane, sequence, ordinal, number))
        found[claim] = sequence, one.event | {"sequence": str(number)}
    if given:
        await conn.execute(_NUMBERED, *columns(given))
    return found


async def _served(
    conn: Connection, claims: Sequence[Claim], lanes: Container[Claim], last: Container[Claim]
) -> dict[Claim, Nothing]:
    """Lanes in which nothing was found."""
    return {
        claim: Nothing(more=bool(await conn.fetchval(_SERVED, *claim.lane, claim in last)))
        for claim in claims
        if claim in lanes
    }


def _no_cancellation(result: Sent | Nothing | BaseException) -> Sent | Nothing | Exception:
    if isinstance(result, BaseException) and not isinstance(result, Exception):
        raise result
    return result
