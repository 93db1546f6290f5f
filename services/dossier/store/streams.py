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
from services.foundation.vault.sealing import Binding, KeyRing

DERIVED = "derived"
SNAPSHOT_EVERY = 5  # measured shape: at most five bodies to open (hotpath.md §3)

HEAD = """
select d.id, d.head, d.authz_epoch, d.erased_at, d.recorded_at as last_recorded_at, foundation.now() as now,
  o.person as owner, s.sequence as snapshot_at, s.sealed as snapshot,
  exists(select from dossier.events r where r.dossier_id = q.id and r.event_id = any($3)) as has_repeats,
  e.sequence, e.event_id, e.source, e.recorded_at, e.class, e.neutral_type, e.classes, e.sealed
from (select $1::uuid as id) q
left join dossier.dossiers d on d.id = q.id
left join dossier.owners o on o.dossier_id = q.id
left join dossier.snapshots s on s.dossier_id = d.id and s.code_version = $2
left join dossier.events e on e.dossier_id = d.id and e.sequence > coalesce(s.sequence, 0)
order by e.sequence
"""

ALL = """
select e.sequence, e.event_id, e.source, e.recorded_at, e.class, e.neutral_type, e.classes, e.sealed
from dossier.events e where e.dossier_id = $1 and ($2::timestamptz is null or e.recorded_at < $2)
order by e.sequence
"""


FIRST = """
select e.sequence, e.event_id, e.source, e.recorded_at, e.class, e.neutral_type, e.classes, e.sealed
from dossier.events e join dossier.dossiers d on d.id = e.dossier_id
where e.dossier_id = $1 and e.sequence = 1 and d.erased_at is null
"""


@dataclass(frozen=True)
class Head:
    """Where a stream stands, with its snapshot and tail still sealed. `exists` is false for an id never opened."""

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
    )


def state_at(head: Head, ring: KeyRing) -> Dossier:
    """The state at the head: the snapshot opened, the tail opened and folded onto it."""
    tail = opened(head.dossier_id, ring, head.tail)
    if head.snapshot is None:
        return fold(tail)
    plain = ring.open(DERIVED, head.snapshot, snapshot_binding(head.dossier_id, head.snapshot_at))
    return reduce(evolve, tail, from_json(orjson.loads(plain)))


def sealed_snapshot(dossier_id: UUID, ring: KeyRing, dossier: Dossier, sequence: int) -> bytes:
    return ring.seal(DERIVED, orjson.dumps(to_json(dossier)), snapshot_binding(dossier_id, sequence))


def snapshot_binding(dossier_id: UUID, sequence: int) -> Binding:
    return Binding(dossier_id, f"snapshot:{sequence}", "snapshot", DERIVED, CODE_VERSION)


async def entries(
    conn: Connection, dossier_id: UUID, ring: KeyRing, recorded_before: datetime | None = None
) -> list[Entry]:
    """The whole history, opened."""
    return opened(dossier_id, ring, await conn.fetch(ALL, dossier_id, recorded_before))


async def first(conn: Connection, dossier_id: UUID, ring: KeyRing) -> Entry | None:
    """With what it was opened; absent when it was not, or is erased."""
    return next(iter(opened(dossier_id, ring, await conn.fetch(FIRST, dossier_id))), None)


def opened(dossier_id: UUID, ring: KeyRing, rows: Sequence[Any]) -> list[Entry]:
    return [_entry(dossier_id, ring, row) for row in rows]


def _entry(dossier_id: UUID, ring: KeyRing, row: Any) -> Entry:
    event_id = UUID(int=row["event_id"].int)
    parts = _parts(dossier_id, ring, row, event_id)
    first = next(parts)
    data: dict[str, Any] = first["data"]
    for part in parts:
        data |= part["data"]
    return Entry(
        sequence=row["sequence"],
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


def _parts(dossier_id: UUID, ring: KeyRing, row: Any, event_id: UUID) -> Any:
    for class_, sealed in unpack(row["sealed"], row["classes"]):
        bound = binding(dossier_id, row["sequence"], event_id, row["neutral_type"], class_)
        yield orjson.loads(ring.open(class_, sealed, bound))
