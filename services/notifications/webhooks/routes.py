"""Where webhooks go and what signs them: asked for many subscriptions at once, before anything is decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Final
from uuid import UUID

from services.foundation.database.connection import Database
from services.notifications.webhooks import keys
from services.notifications.webhooks.keys import Live

_FIND: Final = f"""
    select webhook.subscription_id, endpoint, {keys.COLUMNS}
    from notifications.webhooks as webhook left join notifications.webhook_keys as key
        on key.subscription_id = webhook.subscription_id and {keys.IS_LIVE}
    where webhook.subscription_id = any($1::uuid[]) order by webhook.subscription_id, {keys.NEWEST_FIRST}
"""


@dataclass(frozen=True)
class Route:
    url: str
    keys: Sequence[Live]


async def routes(database: Database, subscription_ids: Sequence[UUID]) -> list[Route | None]:
    """In the order asked; None where the subscription is gone."""
    async with database.connection() as conn:
        rows = await conn.fetch(_FIND, list(set(subscription_ids)))
    found: dict[UUID, Route] = {}
    for id, group in groupby(rows, key=itemgetter("subscription_id")):
        its = list(group)
        live = [keys.live_of(row) for row in its if row["id"] is not None]
        found[id] = Route(its[0]["endpoint"], live)
    return [found.get(id) for id in subscription_ids]
