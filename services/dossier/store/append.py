"""Writes decided entries: one statement for event, index, outbox, head and ledger; the rest only when it changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import orjson

from services.dossier.domain.consent import Grant
from services.dossier.domain.entries import Entry
from services.dossier.domain.index import IndexFacts
from services.dossier.envelopes import neutral_type, numbered, thin
from services.dossier.store.bodies import binding, divide, pack
from services.foundation.database.connection import Connection
from services.foundation.vault.sealing import KeyRing

SEPARATOR = "\x1f"  # stands in no key and no class; unnest cannot take lists of lists

INSERT = r"""
with entry as (
  select * from unnest($2::int[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::bytea[],
                       $10::text[], $11::text[], $12::timestamptz[], $13::text[], $14::text[], $15::text[], $16::text[],
                       $17::text[], $18::text[], $19::text[], $20::text[], $21::int[], $22::bytea[])
    as t(sequence, event_id, source, class, neutral_type, classes, sealed, mac,
         type, usual_class, occurred_at, person, organisation, relation, addressee,
         party, party_person, applicant, offered_to, about, thin)
), dossier as (
  insert into dossier.dossiers as d (id, head, authz_epoch, recorded_at) values ($1, $23, $24, $25)
  on conflict (id) do update set head = $23, authz_epoch = d.authz_epoch + $24, recorded_at = $25 where d.head = $26
  returning d.authz_epoch
), event as (
  insert into dossier.events (dossier_id, sequence, event_id, source, recorded_at, class, neutral_type, classes, sealed,
                              mac)
  select $1, sequence, event_id, source, $25, class, neutral_type, string_to_array(classes, e'\x1f'), sealed, mac
  from entry
  where exists (select from dossier)
), index_entry as (
  insert into dossier.index_entries (dossier_id, sequence, type, usual_class, occurred_at, person, organisation,
                                     relation, addressee, party, party_person, applicant, offered_to, about)
  select $1, sequence, type, usual_class, occurred_at, person, organisation, string_to_array(relation, e'\x1f'),
         addressee,
         party, party_person, applicant, offered_to, about from entry
), outgoing as (
  insert into dossier.outbox (dossier_id, sequence, event) select $1, sequence, thin from entry order by sequence
), log as (
  insert into dossier.ledger (dossier_id, at, actor, organisation, role, purpose, basis, event_ids, classes, way,
                              decision, reason)
  select $1, $25, $27, $28, $29, $30, $31, $32, $33, 'read', 'permit', $34 where $32::uuid[] is not null
)
select authz_epoch from dossier
"""

WIPED = (
    "index_entries",
    "index_grants",
    "index_contacts",
    "index_delegates",
    "snapshots",
    "histories",
    "outlooks",
    "owners",
    "claims",
)


class HeadMoved(Exception):
    """Another writer appended between reading and writing, which the APPEND lock should have prevented."""


@dataclass(frozen=True)
class Writing:
    """One entry about to be stored, with what may stand in clear beside it and the mark that recognises a repeat."""

    entry: Entry
    field_classes: Mapping[str, str]
    index: IndexFacts
    mac: bytes


@dataclass(frozen=True)
class Echo:
    """The ledger row of giving a writer back, whole, what it wrote."""

    actor: str | None
    organisation: str | None
    role: str
    purpose: str | None
    basis: str | None
    event_ids: tuple[UUID, ...]
    classes: frozenset[str]
    reason: str


def seal(dossier_id: UUID, ring: KeyRing, writing: Writing) -> tuple[tuple[str, ...], bytes]:
    entry = writing.entry
    parts = divide(entry.privacy_class, writing.field_classes, entry.data)
    sealed = []
    for class_, data in parts.items():
        part: dict[str, Any] = {"data": data}
        if class_ == entry.privacy_class:
            part |= {
                "type": entry.type,
                "usual_class": entry.usual_class,
                "person": entry.person,
                "organisation": entry.organisation,
            }
        bound = binding(
            dossier_id, entry.sequence, entry.event_id, neutral_type(entry.type, entry.privacy_class), class_
        )
        sealed.append(ring.seal(class_, orjson.dumps(part), bound))
    return tuple(parts), pack(sealed)


async def append(
    conn: Connection,
    dossier_id: UUID,
    ring: KeyRing,
    writings: Sequence[Writing],
    head: int,
    raises_epoch: bool,
    at: datetime,
    echo: Echo | None,
) -> int:
    """Stores the entries after `head`, all or none; gives the dossier's epoch after it."""
    columns = list(zip(*(_columns(dossier_id, ring, w) for w in writings), strict=True))
    epoch: int | None = await conn.fetchval(
        INSERT,
        dossier_id,
        *(list(column) for column in columns),
        writings[-1].entry.sequence,
        int(raises_epoch and head > 0),
        at,
        head,
        *_echo(echo),
    )
    if epoch is None:
        raise HeadMoved
    return epoch


def _columns(dossier_id: UUID, ring: KeyRing, writing: Writing) -> tuple[Any, ...]:
    entry, index = writing.entry, writing.index
    classes, sealed = seal(dossier_id, ring, writing)
    return (
        entry.sequence,
        entry.event_id,
        entry.source,
        entry.privacy_class,
        neutral_type(entry.type, entry.privacy_class),
        SEPARATOR.join(classes),
        sealed,
        writing.mac,
        entry.type,
        entry.usual_class,
        entry.occurred_at,
        entry.person,
        entry.organisation,
        None if index.relation is None else SEPARATOR.join(sorted(index.relation)),
        index.addressee,
        index.party,
        index.party_person,
        index.applicant,
        index.offered_to,
        index.about,
        orjson.dumps(numbered(_thin(dossier_id, entry), entry.sequence)),
    )


def _thin(dossier_id: UUID, entry: Entry) -> dict[str, Any]:
    travels_as = neutral_type(entry.type, entry.privacy_class)
    return thin(dossier_id, entry.event_id, entry.source, travels_as, entry.recorded_at)


def _echo(echo: Echo | None) -> tuple[Any, ...]:
    if echo is None:
        return (None,) * 8
    return (
        echo.actor,
        echo.organisation,
        echo.role,
        echo.purpose,
        echo.basis,
        list(echo.event_ids),
        sorted(echo.classes),
        echo.reason,
    )


# What may stand in clear of the state, rewritten where it changed.


async def write_grants(conn: Connection, dossier_id: UUID, grants: Iterable[Grant]) -> None:
    await conn.executemany(
        """
        insert into dossier.index_grants (dossier_id, consent_id, event_id, organisation, person, classes, event_types,
          operations, purpose, basis, legal_ref, history, valid_from, valid_until, referral_id, ended_at,
          purpose_ends_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
        on conflict (dossier_id, consent_id) do update set classes = excluded.classes,
          event_types = excluded.event_types, valid_until = excluded.valid_until, ended_at = excluded.ended_at,
          purpose_ends_at = excluded.purpose_ends_at
        """,
        [
            (
                dossier_id,
                grant.consent_id,
                grant.event_id,
                grant.organisation,
                grant.person,
                sorted(grant.classes),
                list(grant.event_types),
                sorted(grant.operations),
                grant.purpose,
                grant.basis,
                grant.legal_ref,
                grant.history,
                grant.valid_from,
                grant.valid_until,
                grant.referral_id,
                grant.ended_at,
                grant.purpose_ends_at,
            )
            for grant in grants
        ],
    )


async def write_owner(conn: Connection, dossier_id: UUID, person: str | None) -> None:
    await conn.execute("insert into dossier.owners (dossier_id, person) values ($1, $2)", dossier_id, person)


async def write_contacts(
    conn: Connection, dossier_id: UUID, contacts: Sequence[tuple[int, str, datetime, datetime | None]]
) -> None:
    await conn.execute("delete from dossier.index_contacts where dossier_id = $1", dossier_id)
    await conn.executemany(
        "insert into dossier.index_contacts (dossier_id, ordinal, sequence, person, from_at, until_at)"
        " values ($1, $2, $3, $4, $5, $6)",
        [(dossier_id, ordinal, *contact) for ordinal, contact in enumerate(contacts)],
    )


async def write_delegates(
    conn: Connection, dossier_id: UUID, delegates: Sequence[tuple[str, Iterable[str], datetime, datetime]]
) -> None:
    await conn.execute("delete from dossier.index_delegates where dossier_id = $1", dossier_id)
    await conn.executemany(
        "insert into dossier.index_delegates (dossier_id, ordinal, person, powers, from_at, until_at)"
        " values ($1, $2, $3, $4, $5, $6)",
        [
            (dossier_id, ordinal, person, sorted(powers), from_at, until_at)
            for ordinal, (person, powers, from_at, until_at) in enumerate(delegates)
        ],
    )


async def close_offers(conn: Connection, dossier_id: UUID, sequences: Sequence[int], at: datetime) -> None:
    await conn.execute(
        """
        update dossier.index_entries set offer_closed_at = $3
        where dossier_id = $1 and sequence = any($2) and offer_closed_at is null
        """,
        dossier_id,
        list(sequences),
        at,
    )


async def withhold(conn: Connection, dossier_id: UUID, own: Sequence[tuple[UUID, str | None]]) -> None:
    """Retracted as *wrong person*: closed to everybody but the participant (design §4, step 4).

    `own`: ids, each with the organisation that wrote the entry and takes it back.
    """
    await conn.execute(
        """
        update dossier.index_entries i set withheld = true
        from dossier.events e, unnest($2::uuid[], $3::text[]) as own(event_id, organisation)
        where e.dossier_id = $1 and e.event_id = own.event_id and i.dossier_id = $1 and i.sequence = e.sequence
          and i.organisation is not distinct from own.organisation
        """,
        dossier_id,
        [event_id for event_id, _ in own],
        [organisation for _, organisation in own],
    )


async def write_snapshot(conn: Connection, dossier_id: UUID, sequence: int, code_version: int, sealed: bytes) -> None:
    await conn.execute(
        """
        insert into dossier.snapshots (dossier_id, sequence, code_version, sealed) values ($1, $2, $3, $4)
        on conflict (dossier_id) do update set sequence = $2, code_version = $3, sealed = $4
        """,
        dossier_id,
        sequence,
        code_version,
        sealed,
    )


async def write_timers(conn: Connection, dossier_id: UUID, timers: Sequence[tuple[UUID, datetime, bytes]]) -> None:
    """A row without a cause asks to look again, and stays until it is due."""
    await conn.execute(
        "delete from dossier.timers where dossier_id = $1 and (sealed <> '' or due_at <= foundation.now())", dossier_id
    )
    await conn.executemany(
        "insert into dossier.timers (id, dossier_id, due_at, sealed) values ($1, $2, $3, $4)",
        [(id_, dossier_id, due_at, sealed) for id_, due_at, sealed in timers],
    )


async def erase(conn: Connection, dossier_id: UUID, at: datetime) -> None:
    """Marks it and wipes all that could be rebuilt. A timer that is due stays until the keys are destroyed as well."""
    await conn.execute("update dossier.dossiers set erased_at = $2 where id = $1", dossier_id, at)
    for table in WIPED:
        await conn.execute(f"delete from dossier.{table} where dossier_id = $1", dossier_id)
    await write_timers(conn, dossier_id, [(uuid4(), at, b"")])
