"""The endpoints to which nothing goes, or little: told to an operator, who can tell those whose they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from services.foundation.database.connection import Connection
from services.notifications.webhooks.outcomes import State

# The worst first: what goes on only when its owner acts.
_UNWELL = """
    select webhook.subscription_id, organisation, person, endpoint, state, failing_since, reason,
        (select count(*) from notifications.lanes as lane
         where lane.subscription_id = webhook.subscription_id and lane.is_waiting)
    from notifications.webhooks as webhook join notifications.subscriptions on id = webhook.subscription_id
    where state <> 'active'
    order by array_position(array['paused', 'retired', 'degraded', 'pending'], state), failing_since, id
"""


@dataclass(frozen=True)
class Unwell:
    """`since`: from when all attempts failed, on the business clock; absent while its receiver has not agreed.

    `reason`: what the last of them came to, as a code. `waiting`: dossiers of which something waits for it.
    """

    subscription_id: UUID
    organisation: str | None
    person: str | None
    endpoint: str
    state: State
    since: datetime | None
    reason: str | None
    waiting: int

    @property
    def host(self) -> str:
        """All of the address that is told: what follows it may be a secret."""
        return urlsplit(self.endpoint).hostname or ""

    @property
    def needs_its_owner(self) -> bool:
        """It never goes on by itself."""
        return self.state in ("paused", "retired")


async def unwell(conn: Connection) -> Sequence[Unwell]:
    return [Unwell(*row) for row in await conn.fetch(_UNWELL)]
