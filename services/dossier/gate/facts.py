"""Loads, under the fence, what the decision needs to know. SQL narrows and may offer too much; it never decides."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from services.dossier.domain.consent import Grant
from services.dossier.gate.decision import Place, Reader, Subject
from services.foundation.database.connection import Connection

GRANT_COLUMNS = """
g.consent_id, g.event_id as grant_event, g.organisation as grantee, g.person as grantee_person, g.classes as granted,
g.event_types, g.operations, g.purpose, g.basis, g.legal_ref, g.history, g.valid_from, g.valid_until,
g.referral_id, g.ended_at, g.purpose_ends_at"""


# Now is never before what was recorded last: a clock that is set back, or another server's, revives no grant.
def _places_of(named: str, also: str = "") -> str:
    """Of what `named` names as q(id, person, organisation), a row for each grant; an id that is none has a row too."""
    return f"""
select {also}d.id, d.authz_epoch, d.head, d.erased_at, greatest(foundation.now(), d.recorded_at) as now,
  o.person as owner,
  array(select row(c.from_at, c.until_at) from dossier.index_contacts c
        where c.dossier_id = q.id and c.person = q.person) as contact,
  array(select row(l.from_at, l.until_at) from dossier.index_delegates l
        where l.dossier_id = q.id and l.person = q.person and 'read' = any(l.powers)) as delegated,
  {GRANT_COLUMNS}
from {named}
left join dossier.dossiers d on d.id = q.id
left join dossier.owners o on o.dossier_id = d.id
left join dossier.index_grants g on g.dossier_id = d.id and g.organisation = q.organisation
"""


ONE_DOSSIER = "(select $1::uuid as id, $2::text as person, $3::text as organisation) q"
PLACE = _places_of(ONE_DOSSIER)
SEVERAL = "(select id, $2::text as person, $3::text as organisation from unnest($1::uuid[]) as given (id)) q"
PLACES = _places_of(SEVERAL) + "order by d.id\n"
EACH = "unnest($1::uuid[], $2::text[], $3::text[]) with ordinality as q(id, person, organisation, n)"
PLACES_OF_EACH = _places_of(EACH, "q.n, ") + "order by q.n\n"

GRANTS = f"select {GRANT_COLUMNS} from dossier.index_grants g where g.dossier_id = $1"

SUBJECT_COLUMNS = """
e.sequence, e.event_id, e.source, e.recorded_at, e.class, e.neutral_type, e.classes, i.type, i.usual_class,
i.occurred_at, i.person as writer, i.organisation as writer_organisation, i.relation, i.addressee, i.party,
i.party_person, i.applicant, i.offered_to, i.offer_closed_at, i.withheld, i.about,
ae.event_id as about_event_id, ae.class as about_class, ae.classes as about_classes, ai.type as about_type,
ai.usual_class as about_usual_class, ai.occurred_at as about_occurred_at,
ai.organisation as about_writer_organisation, ai.relation as about_relation, ai.addressee as about_addressee,
ai.party as about_party, ai.party_person as about_party_person, ai.applicant as about_applicant,
ai.offered_to as about_offered_to, ai.offer_closed_at as about_offer_closed_at, ai.withheld as about_withheld"""

# What a signal is about: only who may read that may read the signal.
ABOUT = """
left join dossier.events ae on ae.dossier_id = i.dossier_id and ae.sequence = i.about
left join dossier.index_entries ai on ai.dossier_id = i.dossier_id and ai.sequence = i.about"""

# One read in one round trip: the place and the entry side by side, a row per grant and entry of that id.
ONE = (
    _places_of(ONE_DOSSIER, f"{SUBJECT_COLUMNS}, e.sealed, ")
    + """
left join dossier.events e on e.dossier_id = d.id and e.event_id = $4
left join dossier.index_entries i on i.dossier_id = e.dossier_id and i.sequence = e.sequence
"""
    + ABOUT
)

SOME = f"""
select {SUBJECT_COLUMNS}, e.sealed
from dossier.events e
join dossier.index_entries i on i.dossier_id = e.dossier_id and i.sequence = e.sequence
{ABOUT}
where e.dossier_id = $1 and e.sequence > $2
  and ($4::text is null or i.type like $4)
  and ($5::timestamptz is null or i.occurred_at < $5)
  and ($6::timestamptz is null or e.recorded_at < $6)
order by e.sequence limit $3
"""

OFFERED = """
select exists(select from dossier.index_entries i
              where i.dossier_id = $1 and i.offered_to = $2 and i.offer_closed_at is null and not i.withheld)
"""

THESE = f"""
select {SUBJECT_COLUMNS}, e.sealed
from dossier.events e
join dossier.index_entries i on i.dossier_id = e.dossier_id and i.sequence = e.sequence
{ABOUT}
where e.dossier_id = $1 and e.sequence = any($2::int[])
order by e.sequence
"""

OF_SEVERAL = f"""
select e.dossier_id, {SUBJECT_COLUMNS}
from unnest($1::uuid[], $2::int[]) as given (dossier_id, sequence)
join dossier.events e on e.dossier_id = given.dossier_id and e.sequence = given.sequence
join dossier.index_entries i on i.dossier_id = e.dossier_id and i.sequence = e.sequence
{ABOUT}
"""

LATEST = f"""
select {SUBJECT_COLUMNS}
from dossier.events e
join dossier.index_entries i on i.dossier_id = e.dossier_id and i.sequence = e.sequence
{ABOUT}
where e.dossier_id = $1 and e.sequence < $2
order by e.sequence desc limit $3
"""


@dataclass(frozen=True)
class Known:
    """A dossier that exists, as this reader stands to it, at this moment of the business clock."""

    dossier_id: UUID
    place: Place
    now: datetime
    epoch: int
    head: int


@dataclass(frozen=True)
class Row:
    """One entry: what decides it, and its still sealed body."""

    subject: Subject
    source: str
    recorded_at: datetime
    neutral_type: str
    writer: str | None
    parts: tuple[str, ...]
    sealed: bytes


def place_of(rows: Sequence[Any], reader: Reader) -> tuple[Known | None, datetime]:
    """The place from the rows of PLACE or ONE; nothing when the dossier does not exist or is erased (step 1)."""
    first = rows[0]
    now: datetime = first["now"]
    if first["id"] is None or first["erased_at"] is not None:
        return None, now
    is_person = reader.person is not None and not reader.is_platform
    place = Place(
        is_owner=is_person and first["owner"] == reader.person,
        is_reading_delegate=is_person and _any_now(first["delegated"], now),
        is_contact_person=is_person and _any_now(first["contact"], now),
        grants=() if reader.is_platform else tuple(grants_of(rows)),
    )
    return Known(UUID(int=first["id"].int), place, now, first["authz_epoch"], first["head"]), now


def _any_now(periods: Iterable[Any], now: datetime) -> bool:
    return any(from_at <= now and (until_at is None or now < until_at) for from_at, until_at in periods)


def grants_of(rows: Sequence[Any]) -> list[Grant]:
    found: dict[str, Grant] = {}
    for row in rows:
        if row["consent_id"] is None or row["consent_id"] in found:
            continue
        found[row["consent_id"]] = Grant(
            consent_id=row["consent_id"],
            event_id=row["grant_event"],
            organisation=row["grantee"],
            person=row["grantee_person"],
            classes=frozenset(row["granted"]),
            event_types=tuple(row["event_types"]),
            operations=frozenset(row["operations"]),
            purpose=row["purpose"],
            basis=row["basis"],
            legal_ref=row["legal_ref"],
            history=row["history"],
            valid_from=row["valid_from"],
            valid_until=row["valid_until"],
            referral_id=row["referral_id"],
            ended_at=row["ended_at"],
            purpose_ends_at=row["purpose_ends_at"],
        )
    return list(found.values())


def row_of(row: Any, sealed: bytes = b"") -> Row:
    subject = _subject(row, row["sequence"], "")
    if row["about"] is not None:
        subject = replace(subject, about=_subject(row, row["about"], "about_"))
    return Row(
        subject, row["source"], row["recorded_at"], row["neutral_type"], row["writer"], tuple(row["classes"]), sealed
    )


def _subject(row: Any, sequence: int, prefix: str) -> Subject:
    relation = row[f"{prefix}relation"]
    return Subject(
        sequence=sequence,
        event_id=UUID(int=row[f"{prefix}event_id"].int),
        type=row[f"{prefix}type"],
        privacy_class=row[f"{prefix}class"],
        usual_class=row[f"{prefix}usual_class"],
        classes=frozenset(row[f"{prefix}classes"]),
        occurred_at=row[f"{prefix}occurred_at"],
        organisation=row[f"{prefix}writer_organisation"],
        relation=None if relation is None else frozenset(relation),
        addressee=row[f"{prefix}addressee"],
        party=row[f"{prefix}party"],
        party_person=row[f"{prefix}party_person"],
        applicant=row[f"{prefix}applicant"],
        offered_to=row[f"{prefix}offered_to"],
        offer_is_open=row[f"{prefix}offer_closed_at"] is None,
        is_withheld=row[f"{prefix}withheld"],
    )


def entries_of(rows: Sequence[Any]) -> list[Row]:
    """The distinct entries among the rows of ONE: usually one, several when two sources used the same id."""
    found = {row["sequence"]: row for row in rows if row["sequence"] is not None}
    return [row_of(row, row["sealed"]) for _, row in sorted(found.items())]


async def place(conn: Connection, dossier_id: UUID, reader: Reader) -> tuple[Known | None, datetime]:
    return place_of(await conn.fetch(PLACE, dossier_id, reader.person, reader.organisation), reader)


async def places(conn: Connection, dossier_ids: Sequence[UUID], reader: Reader) -> list[Known]:
    """The same for several at once, in ascending order of id; of those that exist."""
    rows = await conn.fetch(PLACES, dossier_ids, reader.person, reader.organisation)
    by_dossier = groupby((row for row in rows if row["id"] is not None), key=lambda row: row["id"])
    found = (place_of(list(of_one), reader)[0] for _, of_one in by_dossier)
    return [known for known in found if known is not None]


async def places_of_each(conn: Connection, asked: Sequence[tuple[UUID, Reader]]) -> list[Known | None]:
    """The place of each of these readers in its dossier, in the order given."""
    if not asked:
        return []
    columns = zip(*((id_, reader.person, reader.organisation) for id_, reader in asked), strict=True)
    rows = await conn.fetch(PLACES_OF_EACH, *map(list, columns))
    of_each = groupby(rows, key=lambda row: row["n"])
    return [place_of(list(its), reader)[0] for (_, reader), (_, its) in zip(asked, of_each, strict=True)]


async def entries_of_several(conn: Connection, asked: AbstractSet[tuple[UUID, int]]) -> dict[tuple[UUID, int], Row]:
    """What decides each of these entries, by dossier and sequence; of those that exist."""
    columns = zip(*sorted(asked), strict=True)
    rows = await conn.fetch(OF_SEVERAL, *map(list, columns)) if asked else []
    return {(UUID(int=row["dossier_id"].int), row["sequence"]): row_of(row) for row in rows}


async def is_offered(conn: Connection, dossier_id: UUID, reader: Reader) -> bool:
    """Whether something in it waits for this reader's organisation, so that its list holds at least that."""
    return bool(await conn.fetchval(OFFERED, dossier_id, reader.organisation))
