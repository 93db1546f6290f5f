"""The access log's rows: written in the transaction that decides, one per request and dossier, ids only (V3)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.dossier.domain.consent import Grant
from services.dossier.domain.entries import Entry
from services.dossier.gate.decision import Place, Reader
from services.foundation.database.connection import Connection

PERMITTED = """
insert into dossier.ledger (dossier_id, at, actor, organisation, role, purpose, basis, event_ids, classes, way,
                            decision, reason)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""

SEPARATOR = "\x1f"  # stands in no id and no class; unnest cannot take lists of lists

PERMITTED_EACH = r"""
insert into dossier.ledger (dossier_id, at, actor, organisation, role, purpose, basis, event_ids, classes, way,
                            decision, reason)
select t.dossier_id, t.at, t.actor, t.organisation, t.role, t.purpose, t.basis,
       string_to_array(t.event_ids, e'\x1f')::uuid[], string_to_array(t.classes, e'\x1f'), t.way, 'permit', t.reason
from unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::text[], $11::text[])
  as t(dossier_id, at, actor, organisation, role, purpose, basis, event_ids, classes, way, reason)
"""

REFUSED_UNKNOWN = """
insert into dossier.refusals (dossier_id, at, actor, organisation, role, event_ids, way, reason)
values ($1, $2, $3, $4, $5, $6, $7, $8)
"""

# An entry itself, with all that is in it: a value that was derived from several names them too, and shows none.
FIRST_READS = """
select e.event_id, min(l.at) as at
from dossier.events e join dossier.ledger l on l.dossier_id = e.dossier_id and e.event_id = any(l.event_ids)
where e.dossier_id = $1 and e.event_id = any($2) and l.decision = 'permit' and l.reason in ('own_dossier', 'delegate')
  and e.classes <@ l.classes and (l.way = 'list' or (l.way = 'read' and cardinality(l.event_ids) = 1))
group by e.event_id
"""

# Anything that somebody else wrote; what the ledger names no purpose for rests on no grant.
REACHED = """
select exists (
  select from dossier.ledger l
  where l.dossier_id = $1 and l.organisation = $2 and l.decision = 'permit'
    and $3 = any(string_to_array(l.purpose, ','))
    and exists (
      select from dossier.events e join dossier.index_entries i using (dossier_id, sequence)
      where e.dossier_id = $1 and e.event_id = any(l.event_ids) and i.organisation is distinct from $2))
"""

READ_BY_THE_PARTICIPANT = frozenset(("nl.dossier.decision.communicated",))


def purpose_and_basis(grants: Iterable[Grant], reason: str) -> tuple[str | None, str | None]:
    """Which purpose and basis the permit rested on; several are named side by side."""
    grants = tuple(grants)
    if not grants:
        return None, reason
    purposes = sorted({grant.purpose for grant in grants})
    bases = sorted({grant.basis for grant in grants})
    return ",".join(purposes), ",".join(bases)


def reason_of(place: Place) -> str:
    """Why this reader may know the dossier at all."""
    if place.is_owner:
        return "own_dossier"
    return "delegate" if place.is_reading_delegate else "grant"


async def permitted(  # noqa: PLR0913 - a row of the log has so many columns
    conn: Connection,
    dossier_id: UUID,
    reader: Reader,
    at: datetime,
    way: str,
    event_ids: Iterable[UUID],
    classes: Iterable[str] = (),
    grants: Iterable[Grant] = (),
    reason: str = "grant",
) -> None:
    purpose, basis = purpose_and_basis(grants, reason)
    await conn.execute(
        PERMITTED,
        dossier_id,
        at,
        reader.person,
        reader.organisation,
        reader.role,
        purpose,
        basis,
        list(event_ids),
        sorted(classes),
        way,
        "permit",
        reason,
    )


@dataclass(frozen=True)
class Row:
    """What `permitted` takes, for one of several that are written together."""

    dossier_id: UUID
    reader: Reader
    at: datetime
    way: str
    event_ids: Sequence[UUID]
    classes: Iterable[str]
    grants: Iterable[Grant]
    reason: str


async def permitted_each(conn: Connection, rows: Sequence[Row]) -> None:
    """All in one statement."""
    if rows:
        columns = zip(*(_columns(row) for row in rows), strict=True)
        await conn.execute(PERMITTED_EACH, *map(list, columns))


def _columns(row: Row) -> tuple[Any, ...]:
    purpose, basis = purpose_and_basis(row.grants, row.reason)
    ids, classes = SEPARATOR.join(map(str, row.event_ids)), SEPARATOR.join(sorted(row.classes))
    who = (row.reader.person, row.reader.organisation, row.reader.role)
    return (row.dossier_id, row.at, *who, purpose, basis, ids, classes, row.way, row.reason)


async def refused(
    conn: Connection,
    dossier_id: UUID,
    exists: bool,
    reader: Reader,
    at: datetime,
    way: str,
    asked: UUID | None,
    reason: str,
) -> None:
    """A refusal of a dossier that exists stands in its own log; of one that does not, in `refusals`."""
    ids = [] if asked is None else [asked]
    who = (reader.person, reader.organisation, reader.role)
    if exists:
        await conn.execute(PERMITTED, dossier_id, at, *who, None, None, ids, [], way, "deny", reason)
    else:
        await conn.execute(REFUSED_UNKNOWN, dossier_id, at, *who, ids, way, reason)


async def first_reads(conn: Connection, dossier_id: UUID, entries: Iterable[Entry]) -> Mapping[UUID, datetime]:
    """When the participant or a delegate first read what is theirs to be told (R-26): a fact for the rules."""
    return await first_reads_of(conn, dossier_id, [e.event_id for e in entries if e.type in READ_BY_THE_PARTICIPANT])


async def first_reads_of(conn: Connection, dossier_id: UUID, told: Sequence[UUID]) -> Mapping[UUID, datetime]:
    if not told:
        return {}
    rows = await conn.fetch(FIRST_READS, dossier_id, told)
    return {UUID(int=row["event_id"].int): row["at"] for row in rows}


async def has_reached(conn: Connection, dossier_id: UUID, organisation: str, purpose: str) -> bool:
    """Whether it read or got anything for this purpose (R-37)."""
    return bool(await conn.fetchval(REACHED, dossier_id, organisation, purpose))
