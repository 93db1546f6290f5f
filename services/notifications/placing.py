"""Puts an entry in the lanes of everyone who might have to be told, and a replay behind the grant that opens it."""

from collections.abc import Iterable
from typing import TypeAlias
from uuid import UUID

from services.foundation.database.connection import Connection
from services.notifications.ports import Audience

Lane: TypeAlias = tuple[UUID, UUID, str]  # subscription, dossier, owner

# An entry stands in its lane by its own sequence, and a replayed one by that of the grant that opened it: the order in
# a lane follows from the rows alone, whoever wrote them and when.
_PLACE = """
    with candidates as (
        select id, owner from notifications.subscriptions
        where owner = any($1::text[]) and (dossiers is null or $2::uuid = any(dossiers))
    ), placed as (
        insert into notifications.deliveries (subscription_id, dossier_id, sequence, place)
        select id, $2, $3, $3 from candidates on conflict do nothing returning subscription_id
    )
    select candidates.id, candidates.owner from candidates join placed on placed.subscription_id = candidates.id
"""
_REPLAY = """
    with candidates as (
        select id, owner from notifications.subscriptions
        where owner = $1 and ($2::text is null or person = $2)
          and (dossiers is null or $3::uuid = any(dossiers))
    ), placed as (
        insert into notifications.deliveries (subscription_id, dossier_id, sequence, place, replay)
        select id, $3, earlier, $4, true from candidates, generate_series(1, $4::int - 1) as earlier
        order by id, earlier
        on conflict (subscription_id, dossier_id, sequence) do update
        set state = 'pending', place = excluded.place, replay = true where deliveries.state = 'dropped'
        returning subscription_id
    )
    select distinct candidates.id, candidates.owner from candidates
    join placed on placed.subscription_id = candidates.id
"""
_WAITING = """
    insert into notifications.lanes (subscription_id, dossier_id, owner, is_waiting, way)
    select lane.subscription_id, dossier_id, lane.owner, true,
        case subscription.channel when 'webhook' then 'webhook' else 'kept' end
    from unnest($1::uuid[], $2::uuid[], $3::text[]) with ordinality as lane (subscription_id, dossier_id, owner, n)
    left join notifications.subscriptions as subscription on subscription.id = lane.subscription_id
    order by n
    on conflict (subscription_id, dossier_id) do update set is_waiting = true
"""


class Placing:
    """Within one transaction. The rows of lanes are written last and in one order, so that two never wait crosswise."""

    def __init__(self, conn: Connection, audience: Audience) -> None:
        self.conn = conn
        self._audience = audience
        self._touched: set[Lane] = set()

    async def place(self, dossier_id: UUID, sequence: int) -> list[Lane]:
        owners = await self._audience.of(self.conn, dossier_id, sequence)
        rows = await self.conn.fetch(_PLACE, sorted(owners), dossier_id, sequence) if owners else []
        replay = await self._audience.replay_for(self.conn, dossier_id, sequence)
        if replay is not None:
            rows += await self.conn.fetch(_REPLAY, replay.organisation, replay.person, dossier_id, sequence)
        return [(row["id"], dossier_id, row["owner"]) for row in rows]

    def touch(self, lanes: Iterable[Lane]) -> None:
        self._touched.update(lanes)

    async def finish(self) -> None:
        """Say which lanes have work. A worker that holds one of them finishes first, and then finds it waiting."""
        await set_waiting(self.conn, self._touched)
        self._touched.clear()


async def set_waiting(conn: Connection, lanes: Iterable[Lane]) -> None:
    ordered = sorted(lanes, key=lambda lane: (lane[0], lane[1]))
    if ordered:
        await conn.execute(_WAITING, *(list(column) for column in zip(*ordered, strict=True)))
