"""The keys that sign for an endpoint: made for it alone, sealed by the root key, and replaced with an overlap."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID, uuid4

from services.foundation.database.connection import Connection
from services.foundation.vault.root_key import RootKey
from services.notifications.webhooks.signatures import Scheme, SigningKey

LONGEST_OVERLAP: Final = timedelta(hours=24)
MOST_CACHED: Final = 10_000

_ADD = """
    insert into notifications.webhook_keys (id, subscription_id, scheme, public, sealed) values ($1, $2, $3, $4, $5)
"""
COLUMNS: Final = "key.id, scheme, public, sealed, created_at, ends_at"
IS_LIVE: Final = "(ends_at is null or ends_at > clock_timestamp())"
NEWEST_FIRST: Final = "created_at desc, scheme desc"
_LIVE = f"""
    select {COLUMNS} from notifications.webhook_keys as key
    where subscription_id = $1 and {IS_LIVE} order by {NEWEST_FIRST}
"""
# What was already ending goes now: at any moment there are at most the new ones and those before them.
_END = f"""
    update notifications.webhook_keys
    set ends_at = case when ends_at is null then clock_timestamp() + $2 * interval '1 second' else clock_timestamp() end
    where subscription_id = $1 and {IS_LIVE}
"""
_FORGET = "delete from notifications.webhook_keys where subscription_id = $1 and ends_at <= clock_timestamp()"


@dataclass(frozen=True)
class Made:
    """A new key, not stored yet. `shared` is what its receiver is shown, this once; of `v1a` there is no such thing."""

    id: UUID
    subscription_id: UUID
    scheme: Scheme
    public: str | None
    shared: str | None
    sealed: bytes


@dataclass(frozen=True)
class Live:
    """A stored key as it may be shown, and sealed as it lies there."""

    id: UUID
    scheme: Scheme
    public: str | None
    sealed: bytes
    created_at: datetime
    ends_at: datetime | None


class EndpointKeys:
    """The root key may be far away: nothing here asks it within a transaction."""

    def __init__(self, root: RootKey) -> None:
        self._root = root
        self._opened: dict[UUID, SigningKey] = {}

    async def made(self, subscription_id: UUID, schemes: Sequence[Scheme]) -> list[Made]:
        return [await self._make(subscription_id, scheme) for scheme in schemes]

    async def _make(self, subscription_id: UUID, scheme: Scheme) -> Made:
        id, key = uuid4(), SigningKey.fresh(scheme)
        sealed = await self._root.wrap(key.secret, _bound_to(subscription_id, id, scheme))
        return Made(id, subscription_id, scheme, key.public, key.shared, sealed)

    async def signing(self, subscription_id: UUID, keys: Sequence[Live]) -> tuple[SigningKey, ...]:
        """Opened once in a process, and kept in its memory alone."""
        return tuple([await self._open(subscription_id, key) for key in keys])

    async def _open(self, subscription_id: UUID, key: Live) -> SigningKey:
        if (held := self._opened.get(key.id)) is not None:
            return held
        secret = await self._root.unwrap(key.sealed, _bound_to(subscription_id, key.id, key.scheme))
        if len(self._opened) >= MOST_CACHED:
            self._opened.clear()
        return self._opened.setdefault(key.id, SigningKey(key.scheme, secret))


async def add(conn: Connection, keys: Sequence[Made]) -> None:
    for key in keys:
        await conn.execute(_ADD, key.id, key.subscription_id, key.scheme, key.public, key.sealed)


async def live(conn: Connection, subscription_id: UUID) -> list[Live]:
    """The newest first."""
    return [live_of(row) for row in await conn.fetch(_LIVE, subscription_id)]


async def replace_by(conn: Connection, subscription_id: UUID, keys: Sequence[Made], overlap: timedelta) -> None:
    """Old and new sign side by side for the overlap; receivers change over within it."""
    assert timedelta() <= overlap <= LONGEST_OVERLAP
    await conn.execute(_FORGET, subscription_id)
    await conn.execute(_END, subscription_id, overlap.total_seconds())
    await add(conn, keys)


def live_of(row: Any) -> Live:
    scheme = cast(Scheme, row["scheme"])
    return Live(row["id"], scheme, row["public"], row["sealed"], row["created_at"], row["ends_at"])


def _bound_to(subscription_id: UUID, id: UUID, scheme: Scheme) -> bytes:
    """A sealed key that is moved to another endpoint does not open there."""
    return b"\0".join((b"draad", b"webhook", subscription_id.bytes, id.bytes, scheme.encode()))
