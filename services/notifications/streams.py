"""Applies the entries of each dossier strictly in order, and parks what cannot be applied, with what follows it.

What applies or parks holds the rows of the offsets first, then the row of the stream, then lanes. So beside a notifier
that takes records, an operator who resumes a dossier neither applies an entry twice nor passes one over.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import orjson

from services.foundation.bus.port import Received
from services.foundation.database.connection import Connection, Database
from services.foundation.telemetry import fault, log
from services.notifications.placing import Placing
from services.notifications.ports import Audience
from services.notifications.trouble import passes

CONSUMER: Final = "notifier"

_STREAM = (
    "select last_sequence, blocked_at is not null from notifications.streams where consumer = $1 and dossier_id = $2"
)
_APPLIED = """
    insert into notifications.streams (consumer, dossier_id, last_sequence) values ($1, $2, $3)
    on conflict (consumer, dossier_id) do update set last_sequence = excluded.last_sequence
"""
_BLOCK = """
    insert into notifications.streams (consumer, dossier_id, last_sequence, blocked_at)
    values ($1, $2, 0, clock_timestamp())
    on conflict (consumer, dossier_id) do update set blocked_at = coalesce(streams.blocked_at, clock_timestamp())
"""
_PARK = """
    insert into notifications.parked (consumer, partition, "offset", key, sequence, value, reason)
    values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing
"""
_PARKED = """
    select distinct sequence from notifications.parked
    where consumer = $1 and key = $2 and sequence is not null order by sequence
"""
_UNPARK = "delete from notifications.parked where consumer = $1 and key = $2 and sequence <= $3"
_UNBLOCK = "update notifications.streams set blocked_at = null where consumer = $1 and dossier_id = $2"
_HOLD_ALL = "select next_offset from notifications.offsets where consumer = $1 order by partition for update"


@dataclass(frozen=True)
class Entry:
    """Of an entry on the bus, what a consumer needs."""

    dossier_id: UUID
    sequence: int


class Undecodable(Exception):
    """This record is no entry."""


def decode(record: Received) -> Entry:
    try:
        thin = orjson.loads(record.value)
        dossier_id, sequence = UUID(record.key), int(thin["sequence"])
        if thin["subject"] != f"dossier/{dossier_id}" or sequence < 1:
            raise Undecodable
    except (ValueError, KeyError, TypeError) as error:
        raise Undecodable from error
    return Entry(dossier_id, sequence)


async def take(placing: Placing, record: Received) -> int:
    """For who holds the row of this record's offset: the number of entries applied, or parked for the first time."""
    try:
        entry = decode(record)
    except Undecodable:
        return await _park_undecodable(placing.conn, record)
    last, blocked = await _stream(placing.conn, entry.dossier_id)
    if entry.sequence <= last:
        return 0
    if blocked:
        return await _park(placing.conn, record, entry.sequence, "blocked")
    if entry.sequence > last + 1:
        log.error("gap", dossier_id=entry.dossier_id, sequence=entry.sequence, partition=record.partition)
        return await _park(placing.conn, record, entry.sequence, "gap")
    if not await _apply(placing, entry):
        await placing.conn.execute(_BLOCK, CONSUMER, entry.dossier_id)
        return await _park(placing.conn, record, entry.sequence, "poison")
    return 1 + await _drain(placing, entry.dossier_id)


async def resume(database: Database, audience: Audience, dossier_id: UUID) -> int:
    """Try again what was parked for this dossier, in order, and let it go on where that succeeds."""
    async with database.transaction() as conn:
        await conn.fetch(_HOLD_ALL, CONSUMER)
        placing = Placing(conn, audience)
        applied = await _drain(placing, dossier_id)
        await placing.finish()
    return applied


async def _stream(conn: Connection, dossier_id: UUID) -> tuple[int, bool]:
    """The last sequence applied, and whether a poisonous entry holds what follows."""
    last, blocked = await conn.fetchrow(_STREAM, CONSUMER, dossier_id) or (0, False)
    return last, blocked


async def _apply(placing: Placing, entry: Entry) -> bool:
    """False when this entry fails by itself; trouble that passes rises, and takes the whole batch back."""
    conn = placing.conn
    await conn.execute("savepoint entry")
    try:
        lanes = await placing.place(entry.dossier_id, entry.sequence)
        await conn.execute(_APPLIED, CONSUMER, entry.dossier_id, entry.sequence)
    except Exception as error:  # whatever an audience meets must not stop the other dossiers
        if passes(error):
            raise
        await conn.execute("rollback to savepoint entry")
        log.error("poison", dossier_id=entry.dossier_id, sequence=entry.sequence, **fault(error))
        return False
    await conn.execute("release savepoint entry")
    placing.touch(lanes)
    return True


async def _drain(placing: Placing, dossier_id: UUID) -> int:
    """What was parked for this dossier and now follows: to the first that fails again, or a gap that may yet fill."""
    conn = placing.conn
    rows = await conn.fetch(_PARKED, CONSUMER, str(dossier_id))
    if not rows:
        return 0
    last, _ = await _stream(conn, dossier_id)
    applied, then = 0, _UNBLOCK
    for (sequence,) in rows:
        if sequence > last + 1:
            break
        if sequence == last + 1:
            if not await _apply(placing, Entry(dossier_id, sequence)):
                then = _BLOCK
                break
            last, applied = sequence, applied + 1
    await conn.execute(then, CONSUMER, dossier_id)
    await conn.execute(_UNPARK, CONSUMER, str(dossier_id), last)
    return applied


async def _park(conn: Connection, record: Received, sequence: int | None, reason: str) -> int:
    value = bytes(record.value)
    await conn.execute(_PARK, CONSUMER, record.partition, record.offset, record.key, sequence, value, reason)
    return 1


async def _park_undecodable(conn: Connection, record: Received) -> int:
    """By its key: what follows of that dossier, if the key is one, will be a gap, and nothing else waits."""
    log.error("undecodable", partition=record.partition, offset=record.offset)
    return await _park(conn, record, None, "undecodable")
