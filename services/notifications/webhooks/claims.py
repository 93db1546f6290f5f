"""Which lanes of webhooks are served next: organisations take turns, and within one its endpoints, and their lanes.

`due_at` is real time (a lease, a turn); `retry_at` and `not_before` are business time. What waits for a retry, or for
an endpoint that stands still, costs nothing here, however much of it there is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from services.foundation.database.connection import Connection
from services.notifications.pending import Claim

_READY = """
    way = 'webhook' and is_waiting and parked_at is null
    and retry_at <= (select foundation.now()) and due_at <= (select clock_timestamp())
"""
# Of a troubled endpoint one lane at a time is tried.
_SERVABLE = f"""
    select owner, subscription_id, state = 'degraded', rate from notifications.webhooks as webhook
    where state in ('active', 'degraded') and coalesce(not_before, '-infinity') <= (select foundation.now())
      and exists (select from notifications.lanes where subscription_id = webhook.subscription_id and {_READY})
      and (state = 'active' or not exists (
          select from notifications.lanes where subscription_id = webhook.subscription_id and way = 'webhook'
          and is_waiting and parked_at is null and due_at > (select clock_timestamp())))
    order by owner, subscription_id
"""
_CLAIM = f"""
    update notifications.lanes as lane
    set attempt = lane.attempt + 1, due_at = clock_timestamp() + $2 * interval '1 second'
    from (
        select subscription_id, dossier_id from notifications.lanes where subscription_id = $1 and {_READY}
        order by retry_at, due_at limit $3 for update skip locked
    ) as due
    where lane.subscription_id = due.subscription_id and lane.dossier_id = due.dossier_id
    returning lane.subscription_id, lane.dossier_id, lane.attempt, lane.failures
"""


@dataclass(frozen=True)
class Servable:
    owner: str
    subscription_id: UUID
    is_troubled: bool
    rate: int | None


async def servable(conn: Connection) -> list[Servable]:
    return [Servable(*row) for row in await conn.fetch(_SERVABLE)]


async def claimed(conn: Connection, subscription_id: UUID, lease: float, most: int) -> list[Claim]:
    return [Claim(*row) for row in await conn.fetch(_CLAIM, subscription_id, lease, most)]


class Turns:
    """Who had the last turn: of all owners, and of the endpoints of each."""

    def __init__(self) -> None:
        self._owner = ""
        self._endpoint: dict[str, UUID] = {}

    def of(self, found: Sequence[Servable]) -> Iterator[Servable]:
        """One endpoint of each owner, in turn; `found` is ordered."""
        owners = [(owner, list(its)) for owner, its in groupby(found, lambda one: one.owner)]
        for owner, its in sorted(owners, key=lambda each: each[0] <= self._owner):
            last = self._endpoint.get(owner)
            chosen = next((one for one in its if last is None or one.subscription_id > last), its[0])
            self._owner, self._endpoint[owner] = owner, chosen.subscription_id
            yield chosen
