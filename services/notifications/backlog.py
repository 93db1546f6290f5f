"""What waits in lanes, what stands still, and how the endpoints of webhooks stand, for whoever watches them."""

from math import nan
from typing import Final, get_args

from services.foundation import telemetry
from services.foundation.database.connection import Connection
from services.notifications.webhooks.outcomes import State

MOST: Final = 100_000  # counted no further, so that asking costs little when much waits
STATES: Final = get_args(State)

_waiting = telemetry.gauge("draad_lanes_waiting", "Lanes with something to deliver, now or later, each way to 100,000")
_lanes_parked = telemetry.gauge("draad_lanes_parked", "Lanes that stand still after a fault")
_entries_parked = telemetry.gauge("draad_entries_parked", "Records of the bus that could not be applied")
_webhooks = telemetry.gauge("draad_webhooks", "Endpoints of webhooks, by how they stand", "status")

# Each by an index of what waits alone (ix_lanes_due, ix_lanes_webhook, ix_lanes_parked) or a table that holds nothing
# else. Their order is there for the planner: it then takes that index whatever it believes of how many wait.
_NUMBERS: Final = f"""
    select
        (select count(*) from (
            select from notifications.lanes where is_waiting and parked_at is null and way = 'kept'
            order by owner, due_at limit {MOST}) as waiting)
        + (select count(*) from (
            select from notifications.lanes where is_waiting and parked_at is null and way = 'webhook'
            order by subscription_id, retry_at, due_at limit {MOST}) as waiting),
        (select count(*) from (select from notifications.lanes where parked_at is not null limit {MOST}) as standing),
        (select count(*) from (select from notifications.parked limit {MOST}) as parked)
"""
_STATES: Final = "select state, count(*) from notifications.webhooks group by state"


async def look(conn: Connection) -> None:
    numbers = await conn.fetchrow(_NUMBERS)
    states = dict(map(tuple, await conn.fetch(_STATES)))
    for gauge, number in zip((_waiting, _lanes_parked, _entries_parked), numbers, strict=True):
        gauge.set(number)
    for state in STATES:
        _webhooks.labels(state).set(states.get(state, 0))


def unknown() -> None:
    for gauge in (_waiting, _lanes_parked, _entries_parked, *(_webhooks.labels(state) for state in STATES)):
        gauge.set(nan)
