"""Keeps opened key rings at hand, each good only at the `authz_epoch` at which it was fetched (design §5)."""

from collections.abc import Sequence
from uuid import UUID

from services.foundation.database.connection import Database
from services.foundation.vault.cache import KeyCache
from services.foundation.vault.keys import Keys
from services.foundation.vault.sealing import KeyRing


class StaleKeys(Exception):
    """The keys at hand are of another moment; leave the fence, fetch, and decide again."""


class Keyrings:
    def __init__(self, database: Database, keys: Keys, cache: KeyCache) -> None:
        self._database, self._keys, self._cache = database, keys, cache

    def at_hand(self, dossier_id: UUID, epoch: int) -> KeyRing:
        """The ring cached at exactly this epoch, which was read under the fence; raises `StaleKeys`."""
        ring = self._cache.get(dossier_id, epoch)
        if ring is None:
            raise StaleKeys
        return ring

    def made(self, dossier_id: UUID) -> KeyRing | None:
        """The ring of a dossier whose first event is not stored yet, once `create` has committed it."""
        return self._cache.get(dossier_id, 0)

    def keep(self, ring: KeyRing, epoch: int) -> None:
        self._cache.put(ring, epoch)

    async def fetch(self, dossier_id: UUID) -> KeyRing | None:
        """Outside any fence: the epoch first, then the keys, so that what is cached is never newer than its epoch."""
        async with self._database.connection() as conn:
            epoch = await conn.fetchval("select authz_epoch from dossier.dossiers where id = $1", dossier_id)
        ring = await self._keys.fetch(dossier_id)
        if ring is not None and epoch is not None:
            self._cache.put(ring, epoch)
        return ring

    async def fetch_many(self, dossier_ids: Sequence[UUID]) -> None:
        """The same for several at once."""
        async with self._database.connection() as conn:
            rows = await conn.fetch("select id, authz_epoch from dossier.dossiers where id = any($1)", dossier_ids)
        rings = await self._keys.fetch_many(dossier_ids)
        for row in rows:
            if (ring := rings.get(UUID(int=row["id"].int))) is not None:
                self._cache.put(ring, row["authz_epoch"])

    async def create(self, dossier_id: UUID) -> KeyRing:
        """Committed in the key database before the first event; a new dossier stands at epoch 0."""
        ring = await self._keys.create(dossier_id)
        self._cache.put(ring, 0)
        return ring

    async def destroy(self, dossier_id: UUID) -> None:
        """For good, and doing it again is quiet. After the erasure is committed: then no key is asked for any more."""
        self._cache.drop(dossier_id)
        await self._keys.destroy(dossier_id)
