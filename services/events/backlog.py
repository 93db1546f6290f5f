"""What waits in the outbox, for whoever watches it: how many entries, and for how long the oldest."""

from datetime import datetime
from math import nan
from typing import Final

import orjson

from services.foundation import telemetry
from services.foundation.database.connection import Connection

MOST: Final = 100_000  # counted no further, so that asking costs little when much waits

_unpublished = telemetry.gauge("draad_outbox_unpublished", "Entries that are stored and not on the bus yet, to 100,000")
_oldest = telemetry.gauge("draad_outbox_oldest_seconds", "For how long the oldest of these has waited")

# ix_outbox_unpublished holds what waits, and nothing of what was published.
_WAITING: Final = f"""
    select (select count(*) from (select from dossier.outbox where published_at is null limit {MOST}) as waiting),
        (select event from dossier.outbox where published_at is null order by pos limit 1),
        foundation.now()
"""


async def look(conn: Connection) -> None:
    count, event, now = await conn.fetchrow(_WAITING)
    _unpublished.set(count)
    _oldest.set(0 if event is None else max(0.0, (now - _time(event)).total_seconds()))


def unknown() -> None:
    for gauge in (_unpublished, _oldest):
        gauge.set(nan)


def _time(event: bytes) -> datetime:
    return datetime.fromisoformat(orjson.loads(event)["time"])
