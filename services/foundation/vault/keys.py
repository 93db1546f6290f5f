"""The keys of dossiers in their own database: made whole, fetched, and destroyed for good."""

import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.foundation.database.connection import Connection, Database
from services.foundation.vault import tombstones
from services.foundation.vault.root_key import KEY_BYTES, DoesNotOpen, RootKey, derived, seal, unseal
from services.foundation.vault.sealing import CLASSES, KeyRing

VERSION: Final = 1

FETCH: Final = """
    select d.dossier_id, d.version, d.wrapped, c.class, c.version as class_version, c.wrapped as class_wrapped
      from keys.dossier_keys d join keys.class_keys c using (dossier_id)
     where d.dossier_id = any($1::uuid[])
       and not exists (select from keys.destroyed x where x.dossier_id = d.dossier_id)
"""
INSERT_DOSSIER_KEY: Final = """
    insert into keys.dossier_keys (dossier_id, version, wrapped) values ($1, $2, $3)
    on conflict do nothing returning dossier_id
"""
INSERT_CLASS_KEYS: Final = """
    insert into keys.class_keys (dossier_id, class, version, wrapped)
    select $1, k.class, $2, k.wrapped from unnest($3::text[], $4::bytea[]) as k(class, wrapped)
"""


class WrongRootKey(Exception):
    """The keys in the key database were wrapped by another root key; start with that one."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class KeysDestroyed(Exception):
    """The keys of this dossier were destroyed; it cannot be made again."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


def wrapping_context(kind: str, dossier_id: UUID, version: int, class_: str = "") -> bytes:
    """What a wrapped key is bound to, so that it unwraps only where it belongs."""
    return b"\0".join((b"draad", kind.encode(), dossier_id.bytes, str(version).encode(), class_.encode()))


class Keys:
    """The root key wraps dossier keys, a dossier key wraps the class keys of that dossier."""

    def __init__(self, database: Database, root: RootKey) -> None:
        self._database = database
        self._root = root

    async def demand_root_key(self) -> None:
        """Before serving: else new keys are wrapped so that the right root key cannot unwrap them (WrongRootKey)."""
        async with self._database.connection() as connection:
            first = await connection.fetchrow("select dossier_id, version, wrapped from keys.dossier_keys limit 1")
        if first is not None:
            try:
                await self._root.unwrap(
                    first["wrapped"], wrapping_context("dossier", first["dossier_id"], first["version"])
                )
            except DoesNotOpen:
                raise WrongRootKey from None

    async def create(self, dossier_id: UUID) -> KeyRing:
        """All keys of the dossier, made in one transaction unless they were there already. Raises KeysDestroyed."""
        dossier_key = secrets.token_bytes(KEY_BYTES)
        class_keys = {class_: secrets.token_bytes(KEY_BYTES) for class_ in CLASSES}
        # The root key may be far away: ask it before the transaction, not within.
        wrapped = await self._root.wrap(dossier_key, wrapping_context("dossier", dossier_id, VERSION))
        async with self._database.transaction(tombstones.lock(dossier_id)) as connection:
            if await connection.fetchval("select 1 from keys.destroyed where dossier_id = $1", dossier_id):
                raise KeysDestroyed
            made = await connection.fetchval(INSERT_DOSSIER_KEY, dossier_id, VERSION, wrapped)
            if made is not None:
                await _insert_class_keys(connection, dossier_id, dossier_key, class_keys)
        if made is not None:
            return KeyRing(dossier_id, class_keys, derived(dossier_key, "mac"))
        ring = await self.fetch(dossier_id)
        if ring is None:
            raise KeysDestroyed
        return ring

    async def fetch(self, dossier_id: UUID) -> KeyRing | None:
        """None: unknown or destroyed."""
        return (await self.fetch_many([dossier_id])).get(dossier_id)

    async def fetch_many(self, dossier_ids: Sequence[UUID]) -> Mapping[UUID, KeyRing]:
        """In one question to the key database; what is unknown or destroyed is absent."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(FETCH, dossier_ids)
        by_dossier = defaultdict(list)
        for row in rows:
            by_dossier[UUID(bytes=row["dossier_id"].bytes)].append(row)
        rings = {}
        for dossier_id, (first, *others) in by_dossier.items():
            context = wrapping_context("dossier", dossier_id, first["version"])
            dossier_key = await self._root.unwrap(first["wrapped"], context)
            cipher = AESGCM(dossier_key)
            class_keys = {
                row["class"]: unseal(
                    cipher,
                    row["class_wrapped"],
                    wrapping_context("class", dossier_id, row["class_version"], row["class"]),
                )
                for row in (first, *others)
            }
            rings[dossier_id] = KeyRing(dossier_id, class_keys, derived(dossier_key, "mac"))
        return rings

    async def destroy(self, dossier_id: UUID) -> None:
        """For good; again is quiet."""
        await tombstones.destroy(self._database, dossier_id)


async def _insert_class_keys(
    connection: Connection, dossier_id: UUID, dossier_key: bytes, class_keys: Mapping[str, bytes]
) -> None:
    cipher = AESGCM(dossier_key)
    wrapped = [
        seal(cipher, key, wrapping_context("class", dossier_id, VERSION, class_)) for class_, key in class_keys.items()
    ]
    await connection.execute(INSERT_CLASS_KEYS, dossier_id, VERSION, list(class_keys), wrapped)


__all__ = ["DoesNotOpen", "Keys", "KeysDestroyed", "WrongRootKey"]
