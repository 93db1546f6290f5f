"""A small dossier service for tests of what stands behind its outbox: it appends, offers, decides and keeps a ledger.

The one rule of its gate: an organisation, or a `person:<key>`, may know a dossier from `allow` until `withdraw`. Its
tables and its fence are in the database, so that what it decides is part of the transaction that asks, as with the
real one.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid5

import orjson

from services.foundation.database.connection import Connection, Database, Lock, advisory_key
from services.notifications.ports import Candidates, Reader, ReplayFor, Thin

SOURCE = "https://example.org/source"
TABLES = """
    create schema if not exists dossier;
    create table if not exists dossier.outbox (
        pos bigint generated always as identity primary key, dossier_id uuid not null, sequence int not null,
        event bytea not null, position bigint, published_at timestamptz);
    create schema if not exists fake;
    create table fake.entries (dossier_id uuid, sequence int, type text not null, opens_history_to text,
        primary key (dossier_id, sequence));
    create table fake.allowed (dossier_id uuid, owner text, is_allowed bool not null, primary key (dossier_id, owner));
    create table fake.ledger (id bigserial primary key, dossier_id uuid, owner text, sequence int);
"""
ALLOWED = "select is_allowed from fake.allowed where dossier_id = $1 and owner = $2"


def event_id(dossier_id: UUID, sequence: int) -> UUID:
    return uuid5(dossier_id, str(sequence))


def thin(dossier_id: UUID, sequence: int, type_: str) -> Thin:
    """As the gate gives it: without `sequence`."""
    return {
        "specversion": "1.0",
        "id": str(event_id(dossier_id, sequence)),
        "source": SOURCE,
        "type": type_,
        "subject": f"dossier/{dossier_id}",
        "time": "2000-01-01T00:00:00Z",
        "sequencetype": "Integer",
        "dataref": f"/v1/dossiers/{dossier_id}/events/{event_id(dossier_id, sequence)}",
    }


@dataclass
class Dossiers:
    """Audience and Release at once. `poison` and `away` make the audience fail, `broken` and `busy` the gate."""

    database: Database
    poison: set[tuple[UUID, int]] = field(default_factory=set)
    broken: set[tuple[UUID, int]] = field(default_factory=set)
    busy: set[UUID] = field(default_factory=set)
    away: bool = False

    @classmethod
    async def begin(cls, database: Database) -> "Dossiers":
        async with database.connection() as conn:
            await conn.execute(TABLES)
        return cls(database)

    async def append(
        self, dossier_id: UUID, type_: str = "nl.dossier.goal.set", *, history_to: str | None = None
    ) -> int:
        async with self.database.transaction(Lock(advisory_key("append", dossier_id))) as conn:
            sequence: int = 1 + await conn.fetchval(
                "select coalesce(max(sequence), 0) from fake.entries where dossier_id = $1", dossier_id
            )
            await conn.execute(
                "insert into fake.entries values ($1, $2, $3, $4)", dossier_id, sequence, type_, history_to
            )
            event = thin(dossier_id, sequence, type_) | {"sequence": str(sequence)}
            await conn.execute(
                "insert into dossier.outbox (dossier_id, sequence, event) values ($1, $2, $3)",
                dossier_id,
                sequence,
                orjson.dumps(event),
            )
        return sequence

    async def allow(self, dossier_id: UUID, *owners: str, allowed: bool = True) -> None:
        async with self.database.transaction(Lock(advisory_key("fence", dossier_id))) as conn:
            for owner in owners:
                await conn.execute(
                    "insert into fake.allowed values ($1, $2, $3) "
                    "on conflict (dossier_id, owner) do update set is_allowed = excluded.is_allowed",
                    dossier_id,
                    owner,
                    allowed,
                )

    async def withdraw(self, dossier_id: UUID, *owners: str) -> None:
        await self.allow(dossier_id, *owners, allowed=False)

    async def forget(self, dossier_id: UUID, owner: str) -> None:
        """From now on this owner is not even offered anything."""
        async with self.database.connection() as conn:
            await conn.execute("delete from fake.allowed where dossier_id = $1 and owner = $2", dossier_id, owner)

    # What a root takes from the real one

    async def of(self, conn: Connection, dossier_id: UUID, sequence: int) -> frozenset[str]:
        if self.away:
            raise ConnectionError
        if (dossier_id, sequence) in self.poison:
            raise LookupError("poison")
        rows = await conn.fetch("select owner from fake.allowed where dossier_id = $1", dossier_id)
        return frozenset(row["owner"] for row in rows)

    async def replay_for(self, conn: Connection, dossier_id: UUID, sequence: int) -> ReplayFor | None:
        to = await conn.fetchval(
            "select opens_history_to from fake.entries where dossier_id = $1 and sequence = $2", dossier_id, sequence
        )
        return ReplayFor(to, None) if to else None

    async def known(self, conn: Connection, reader: Reader) -> Sequence[tuple[UUID, int]]:
        rows = await conn.fetch(
            "select e.dossier_id, max(e.sequence) from fake.entries e join fake.allowed a using (dossier_id) "
            "where a.owner = $1 group by e.dossier_id",
            reader.owner,
        )
        return [(row[0], row[1]) for row in rows]

    @asynccontextmanager
    async def transaction(self, dossier_id: UUID) -> AsyncIterator[Connection]:
        if dossier_id in self.busy:
            raise TimeoutError
        async with self.transaction_over([dossier_id]) as conn:
            yield conn

    @asynccontextmanager
    async def fenced(self, dossier_ids: Iterable[UUID]) -> AsyncIterator[Connection]:
        ids = sorted(set(dossier_ids))
        assert len(ids) <= 25
        if self.busy & set(ids):
            raise TimeoutError
        async with self.database.keeping(*(Lock(advisory_key("fence", id), shared=True) for id in ids)) as conn:
            yield conn

    @asynccontextmanager
    async def transaction_over(self, dossier_ids: Sequence[UUID]) -> AsyncIterator[Connection]:
        assert len(dossier_ids) <= 25
        assert list(dossier_ids) == sorted(set(dossier_ids))
        locks = [Lock(advisory_key("fence", dossier_id), shared=True) for dossier_id in dossier_ids]
        async with self.database.transaction(*locks) as conn:
            yield conn

    async def deliver(self, conn: Connection, offered: Sequence[Candidates]) -> Sequence[Mapping[int, Thin]]:
        return [await self.delivered(conn, one) for one in offered]

    async def delivered(self, conn: Connection, one: Candidates) -> Mapping[int, Thin]:
        found: dict[int, Thin] = {}
        for sequence in one.sequences:
            if (one.dossier_id, sequence) in self.broken:
                raise LookupError("broken")
            event = (await self._permitted(conn, replace(one, sequences=[sequence]))).get(sequence)
            if event is None or (one.types and not any(covers(pattern, event["type"]) for pattern in one.types)):
                continue
            found[sequence] = event
            await conn.execute(
                "insert into fake.ledger (dossier_id, owner, sequence) values ($1, $2, $3)",
                one.dossier_id,
                one.reader.owner,
                sequence,
            )
            if len(found) == one.most:
                break
        return found

    async def still(self, conn: Connection, offered: Sequence[Candidates]) -> Sequence[Mapping[int, Thin]]:
        return [await self._permitted(conn, one) for one in offered]

    async def _permitted(self, conn: Connection, one: Candidates) -> Mapping[int, Thin]:
        if not await conn.fetchval(ALLOWED, one.dossier_id, one.reader.owner):
            return {}
        rows = await conn.fetch(
            "select sequence, type from fake.entries where dossier_id = $1 and sequence = any($2::int[])",
            one.dossier_id,
            list(one.sequences),
        )
        return {row["sequence"]: thin(one.dossier_id, row["sequence"], row["type"]) for row in rows}


def covers(pattern: str, type_: str) -> bool:
    return type_ == pattern or (pattern.endswith("*") and type_.startswith(pattern[:-1]))


async def subscribe(
    database: Database,
    organisation: str | None,
    person: str | None = None,
    *,
    types: Iterable[str] = (),
    dossiers: Sequence[UUID] | None = None,
) -> UUID:
    """A pull subscription, straight in the table."""
    reader = Reader(organisation, person, frozenset())
    async with database.connection() as conn:
        created: UUID = await conn.fetchval(
            "insert into notifications.subscriptions (id, owner, organisation, person, roles, channel, types, dossiers)"
            " values (gen_random_uuid(), $1, $2, $3, '{}', 'pull', $4, $5) returning id",
            reader.owner,
            organisation,
            person,
            list(types),
            dossiers,
        )
    return created


async def got(database: Database, subscription_id: UUID) -> list[tuple[int, UUID, int, int, bool]]:
    """What was delivered: ordinal, dossier, number, the dossier's own sequence, whether a replay."""
    async with database.connection() as conn:
        rows = await conn.fetch(
            "select ordinal, dossier_id, number, sequence, replay from notifications.deliveries "
            "where subscription_id = $1 and ordinal is not null order by ordinal",
            subscription_id,
        )
    return [tuple(row) for row in rows]


async def both(*turns: Any) -> list[Any]:
    return list(await asyncio.gather(*turns))
