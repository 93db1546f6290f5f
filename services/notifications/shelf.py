"""The feed of a reader: a subscription of channel `feed`, made and filled with what came before at its first read."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from services.foundation.callers import Caller
from services.foundation.database.connection import Busy, Connection, Database
from services.notifications import deliveries, subscriptions
from services.notifications.lanes import Lanes
from services.notifications.placing import set_waiting
from services.notifications.ports import Audience, Reader, Release

FIRST_READ = 15.0
TRIES = 3

_FEED = """
    select id, is_ready from notifications.subscriptions
    where owner = $1 and coalesce(person, '') = $2 and channel = 'feed'
"""
_HEADS = """
    select coalesce(feed.last_ordinal, 0) as head
    from unnest($1::text[], $2::text[]) with ordinality as who (owner, person, place)
    left join notifications.subscriptions as feed
        on feed.owner = who.owner and coalesce(feed.person, '') = who.person and feed.channel = 'feed'
    order by who.place
"""
_MAKE = """
    insert into notifications.subscriptions (id, owner, organisation, person, roles, channel, types, is_ready)
    values ($1, $2, $3, $4, $5, 'feed', '{}', false) on conflict do nothing
"""
_HOLD = "select is_ready from notifications.subscriptions where id = $1 for update"
_BACKFILL = """
    insert into notifications.deliveries (subscription_id, dossier_id, sequence, place)
    select $1, known.dossier_id, n, n from unnest($2::uuid[], $3::int[]) as known (dossier_id, head),
        generate_series(1, known.head) as n
    order by known.dossier_id, n on conflict do nothing
"""
_READY = "update notifications.subscriptions set is_ready = true where id = $1"


class Shelf:
    """What the backbone serves as `GET /v1/feed`."""

    def __init__(self, database: Database, release: Release, audience: Audience, lanes: Lanes) -> None:
        self._database = database
        self._release = release
        self._audience = audience
        self._lanes = lanes

    async def read(self, caller: Caller, after: int, limit: int) -> list[dict[str, Any]]:
        """Items after this `feed_seq`, as `{feed_seq, event, replay?}`."""
        reader = subscriptions.reader_of(caller)
        feed = await self._feed(reader)
        page = await deliveries.page(self._database, self._release, feed, reader, after=after, limit=limit)
        return [
            {"feed_seq": item.ordinal, "event": item.event} | ({"replay": True} if item.replay else {}) for item in page
        ]

    async def heads(self, callers: Sequence[Caller]) -> list[int]:
        """The last `feed_seq` that was given in each one's feed; 0 where there is no feed yet."""
        keys = [subscriptions.reader_of(caller).key for caller in callers]
        async with self._database.connection() as conn:
            rows = await conn.fetch(_HEADS, [owner for owner, _ in keys], [person for _, person in keys])
        return [row["head"] for row in rows]

    async def _feed(self, reader: Reader) -> UUID:
        async with self._database.connection() as conn:
            row = await conn.fetchrow(_FEED, *reader.key)
            if row is None:
                # Committed before it is filled: what is placed from now on finds it, what was before is known below.
                whose = (reader.owner, reader.organisation, reader.person, sorted(reader.roles))
                await conn.execute(_MAKE, uuid4(), *whose)
                row = await conn.fetchrow(_FEED, *reader.key)
            await subscriptions.remember_roles(conn, row["id"], reader)
        feed: UUID = row["id"]
        if not row["is_ready"]:
            await self._fill(feed, reader)
            await self._lanes.drain(feed, reader.owner, within=FIRST_READ)
        return feed

    async def _fill(self, feed: UUID, reader: Reader) -> None:
        """Beside a notifier that places in the same lanes one of the two may have to give way: then once more."""
        for left in reversed(range(TRIES)):
            try:
                async with self._database.transaction() as conn:
                    return await self._fill_within(conn, feed, reader)
            except Busy:
                if not left:
                    raise
        return None

    async def _fill_within(self, conn: Connection, feed: UUID, reader: Reader) -> None:
        if await conn.fetchval(_HOLD, feed):
            return
        known = await self._audience.known(conn, reader)
        await conn.execute(_BACKFILL, feed, [id for id, _ in known], [head for _, head in known])
        await set_waiting(conn, [(feed, id, reader.owner) for id, head in known if head])
        await conn.execute(_READY, feed)
