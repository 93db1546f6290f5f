"""Where webhooks of a subscription go, and how that endpoint stands: its row, and what changes it."""

from dataclasses import dataclass
from datetime import datetime
from random import random
from typing import Any
from uuid import UUID

from services.foundation.database.connection import Connection
from services.foundation.telemetry import log
from services.notifications.webhooks.handshake import Agreement
from services.notifications.webhooks.outcomes import Health, Outcome

_COLUMNS = "endpoint, rate, state, failures, failing_since, not_before, reason"
_CREATE = "insert into notifications.webhooks (subscription_id, owner, endpoint) values ($1, $2, $3)"
_FIND = f"select {_COLUMNS} from notifications.webhooks where subscription_id = $1"
_RATE = "update notifications.webhooks set rate = $2 where subscription_id = $1"
_NOT_CONFIRMED = "update notifications.webhooks set reason = $2 where subscription_id = $1"
_SET = """
    update notifications.webhooks set state = $2, failures = $3, failing_since = $4, not_before = $5, reason = $6
    where subscription_id = $1
"""
_LATER = "way = 'webhook' and is_waiting and parked_at is null and retry_at > '-infinity'"
# Before the row of the endpoint, as whoever writes down an attempt takes them: so nobody waits crosswise.
_HOLD_LANES = f"""
    select from notifications.lanes where subscription_id = $1 and {_LATER} order by dossier_id for update
"""
# What was put off since it was held waits as it was told to: whoever did that may be waiting for the endpoint.
_FLOW = f"""
    update notifications.lanes as lane set retry_at = '-infinity', failures = 0
    from (select subscription_id, dossier_id from notifications.lanes
          where subscription_id = $1 and {_LATER} for update skip locked) as waiting
    where lane.subscription_id = waiting.subscription_id and lane.dossier_id = waiting.dossier_id
"""


@dataclass(frozen=True)
class Endpoint:
    url: str
    rate: int | None
    health: Health


async def create(conn: Connection, subscription_id: UUID, owner: str, url: str) -> None:
    """Pending: nothing is sent before its handshake."""
    await conn.execute(_CREATE, subscription_id, owner, url)


async def find(conn: Connection, subscription_id: UUID) -> Endpoint | None:
    return _endpoint(await conn.fetchrow(_FIND, subscription_id))


async def agreed(conn: Connection, subscription_id: UUID, agreement: Agreement) -> None:
    """What the handshake came to: it opens the endpoint, or tells why not."""
    if not agreement.outcome.is_accepted:
        await conn.execute(_NOT_CONFIRMED, subscription_id, agreement.outcome.reason)
        return
    await conn.execute(_HOLD_LANES, subscription_id)
    await conn.execute(_RATE, subscription_id, agreement.rate)
    await _open(conn, subscription_id)


async def _open(conn: Connection, subscription_id: UUID) -> None:
    """Everything that waits is due; its lanes are held."""
    await _set(conn, subscription_id, Health("active"))
    await conn.execute(_FLOW, subscription_id)


async def resumed(conn: Connection, subscription_id: UUID) -> None:
    """By a replay: what stood still for failing goes on; what its receiver ended does not."""
    await conn.execute(_HOLD_LANES, subscription_id)
    found = await _held(conn, subscription_id)
    if found is not None and found.health.state in ("degraded", "paused"):
        await _open(conn, subscription_id)


async def after(conn: Connection, subscription_id: UUID, outcome: Outcome, now: datetime) -> None:
    """In the transaction that completes an attempt, or that follows it."""
    if outcome.is_accepted:
        await conn.execute(_HOLD_LANES, subscription_id)
    found = await _held(conn, subscription_id)
    if found is None or found.health.state not in ("active", "degraded"):
        return
    then = found.health.after(outcome, now, random())
    await _set(conn, subscription_id, then)
    if then.state != found.health.state:
        log.warning("webhook_state", subscription_id=subscription_id, state=then.state, reason=then.reason)
        if then.state == "active":
            await conn.execute(_FLOW, subscription_id)


async def _held(conn: Connection, subscription_id: UUID) -> Endpoint | None:
    return _endpoint(await conn.fetchrow(_FIND + " for update", subscription_id))


async def _set(conn: Connection, subscription_id: UUID, health: Health) -> None:
    await conn.execute(
        _SET,
        subscription_id,
        health.state,
        health.failures,
        health.failing_since,
        health.not_before,
        health.reason,
    )


def _endpoint(row: Any) -> Endpoint | None:
    if row is None:
        return None
    health = Health(row["state"], row["failures"], row["failing_since"], row["not_before"], row["reason"])
    return Endpoint(row["endpoint"], row["rate"], health)
