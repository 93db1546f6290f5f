"""Reads a stream back into state: a sealed snapshot and the entries after it, opened to decide, never to show."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any
from uuid import UUID

import orjson

from services.dossier.domain.entries import Entry
from services.dossier.domain.evolution import evolve, fold
from services.dossier.domain.state import CODE_VERSION, Dossier, from_json, to_json
from services.dossier.store.bodies import binding, unpack
from services.foundation.database.connection import Connection
from services.foundation.vault.sealing import DERIVED, Binding, KeyRing

SNAPSHOT_EVERY = 5  # measured shape: at most five bodies to open (hotpath.md §3)
HISTORY_VERSION = 1  # of the form in which it is kept
LAST = 2**31 - 1

HEAD = """
select d.id, d.head, d.authz_epoch, d.erased_at, d.recorded_at as last_recorded_at, foundation.now() as now,
  o.person as owner, s.sequence as snapshot_at, s.sealed as snapshot,
  exists(select from dossier.events r where r.dossier_id = $1 and r.event_id = any($3)) as has_repeats,
  array(select t.due_at from dossier.timers t where t.dossier_id = $1 order by 1) as timers,
  e.sequence, e.event_id, e.source, e.recorded_at, e.class, e.neutral_type, e.classes, e.sealed
from (select $1::uuid as id) q
left join dossier.dossiers d on d.id = q.id
left join dossier.owners o on o.dossier_id = q.id
left join dossier.snapshots s on s.dossier_id = d.id and s.code_version = $2
left join dossier.events e on e.dossier_id = d.id and e.sequence > coalesce(s.sequence, 0)
order by e.sequence
"""

# The kept history, and the entries after it; its row comes first, being of sequence 0.
UNTIL = """
with kept as (select sequence, sealed from dossier.histories where dossier_id = $1 and version = $2)
select 0 as sequence, k.sequence as covers, null::uuid as event_id, null as source, null::timestamptz as recorded_at,
  null as class, null as neutral_type, null::text[] as classes, k.sealed from kept k
union all
select e.sequence, 0, e.event_id, e.source, e.recorded_at, e.class, e.neutral_type, e.classes, e.sealed
from dossier.events e
where e.dossier_id = $1 and e.sequence > coalesce((select k.sequence from kept k), 0) and e.sequence <= $3
order by sequence
"""

KEEP = """
insert into dossier.histories (dossier_id, sequence, version, sealed) values ($1, $2, $3, $4)
on conflict (dossier_id) do update set sequence = $2, version = $3, sealed = $4
"""

FIRST = """
select e.sequence, e.event_id, e.source, e.recorded_at, e.class, e.neutral_type, e.classes, e.sealed
from dossier.events e join dossier.dossiers d on d.id = e.dossier_id
where e.dossier_id = $1 and e.sequence = 1 and d.erased_at is null
"""


@dataclass(frozen=True)
class Head:
    """Where a stream stands, with its snapshot and tail still sealed. `exists` is false for an id never opened.

    `timers`: when something is due in it, in order.
    """

    dossier_id: UUID
    exists: bool
    erased: bool
    sequence: int
    epoch: int
    last_recorded_at: datetime | None
    now: datetime
    owner: str | None
    snapshot_at: int
    snapshot: bytes | None
    tail: tuple[Any, ...]
    has_repeats: bool
    timers: tuple[datetime, ...]


async def head(conn: Connection, dossier_id: UUID, event_ids: Sequence[UUID]) -> Head:
    """In one round trip, together with whether one of these ids is in use here already (R-29)."""
    rows = await conn.fetch(HEAD, dossier_id, CODE_VERSION, list(event_ids))
    first = rows[0]
    return Head(
        dossier_id,
        exists=first["id"] is not None,
        erased=first["erased_at"] is not None,
        sequence=first["head"] or 0,
        epoch=first["authz_epoch"] or 0,
        last_recorded_at=first["last_recorded_at"],
        now=first["now"],
        owner=first["owner"],
        snapshot_at=first["snapshot_at"] or 0,
        snapshot=first["snapshot"],
        tail=tuple(row for row in rows if row["sequence"] is not None),
        has_repeats=first["has_repeats"],
        timers=tuple(first["timers"]),
    )


def state_at(head: Head, ring: KeyRing) -> tuple[Dossier, list[Entry]]:
    """The state at the head: the snapshot opened, the tail opened and folded onto it; and that tail."""
    tail = opened(head.dossier_id, ring, head.tail)
    if head.snapshot is None:
        return fold(tail), tail
    plain = ring.open(DERIVED, head.snapshot, snapshot_binding(head.dossier_id, head.snapshot_at))
    return reduce(evolve, tail, from_json(orjson.loads(plain))), tail


def sealed_snapshot(dossier_id: UUID, ring: KeyRing, dossier: Dossier, sequence: int) -> bytes:
    return ring.seal(DERIVED, orjson.dumps(to_json(dossier)), snapshot_binding(dossier_id, sequence))


def history_binding(dossier_id: UUID, sequence: int) -> Binding:
    return Binding(dossier_id, f"history:{sequence}", "history", DERIVED, HISTORY_VERSION)


def snapshot_binding(dossier_id: UUID, sequence: int) -> Binding:
    return Binding(dossier_id, f"snapshot:{sequence}", "snapshot", DERIVED, CODE_VERSION)


async def entries(
    conn: Connection, dossier_id: UUID, ring: KeyRing, recorded_before: datetime | None = None
) -> list[Entry]:
    """The whole history, opened."""
    found, _ = await history(conn, dossier_id, ring)
    return found if recorded_before is None else [entry for entry in found if entry.recorded_at < recorded_before]


async def history(conn: Connection, dossier_id: UUID, ring: KeyRing, until: int = LAST) -> tuple[list[Entry], int]:
    """Up to and with this sequence, opened; and how many of them were kept together."""
    rows = await conn.fetch(UNTIL, dossier_id, HISTORY_VERSION, until)
    if not rows or rows[0]["sequence"] > 0:
        return opened(dossier_id, ring, rows), 0
    covers = rows[0]["covers"]
    plain = ring.open(DERIVED, rows[0]["sealed"], history_binding(dossier_id, covers))
    kept = [_from_plain(fields) for fields in orjson.loads(plain)]
    return [*(entry for entry in kept if entry.sequence <= until), *opened(dossier_id, ring, rows[1:])], covers


async def keep_history(conn: Connection, dossier_id: UUID, ring: KeyRing, entries: Sequence[Entry]) -> None:
    """Sealed whole, so that who needs it does not open each body; written anew where it has grown by a part."""
    last = entries[-1].sequence
    sealed = ring.seal(DERIVED, orjson.dumps([_to_plain(each) for each in entries]), history_binding(dossier_id, last))
    await conn.execute(KEEP, dossier_id, last, HISTORY_VERSION, sealed)


async def first(conn: Connection, dossier_id: UUID, ring: KeyRing) -> Entry | None:
    """With what it was opened; absent when it was not, or is erased."""
    return next(iter(opened(dossier_id, ring, await conn.fetch(FIRST, dossier_id))), None)


def opened(dossier_id: UUID, ring: KeyRing, rows: Sequence[Any]) -> list[Entry]:
    return [_entry(dossier_id, ring, row) for row in rows]


def _entry(dossier_id: UUID, ring: KeyRing, row: Any) -> Entry:
    sequence, event_id, type_ = row["sequence"], UUID(int=row["event_id"].int), row["neutral_type"]
    first, *others = (
        orjson.loads(ring.open(class_, sealed, binding(dossier_id, sequence, event_id, type_, class_)))
        for class_, sealed in unpack(row["sealed"], row["classes"])
    )
    data: dict[str, Any] = first["data"]
    for other in others:
        data |= other["data"]
    return Entry(
        sequence=sequence,
        event_id=event_id,
        source=row["source"],
        type=first["type"],
        privacy_class=row["class"],
        usual_class=first["usual_class"],
        recorded_at=row["recorded_at"],
        occurred_at=datetime.fromisoformat(data["occurred_at"]),
        person=first["person"],
        organisation=first["organisation"],
        data=data,
    )


def _to_plain(entry: Entry) -> tuple[object, ...]:
    return (
        entry.sequence,
        entry.event_id,
        entry.source,
        entry.type,
        entry.privacy_class,
        entry.usual_class,
        entry.recorded_at,
        entry.person,
        entry.organisation,
        dict(entry.data),
    )


def _from_plain(fields: Sequence[Any]) -> Entry:
    sequence, event_id, source, type_, privacy_class, usual_class, recorded_at, person, organisation, data = fields
    return Entry(
        sequence=sequence,
        event_id=UUID(event_id),
        source=source,
        type=type_,
        privacy_class=privacy_class,
        usual_class=usual_class,
        recorded_at=datetime.fromisoformat(recorded_at),
        occurred_at=datetime.fromisoformat(data["occurred_at"]),
        person=person,
        organisation=organisation,
        data=data,
    )
