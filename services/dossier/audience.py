"""Who might have to be told of an entry: found from the index alone; it may offer too much and decides nothing."""

from collections.abc import Sequence
from uuid import UUID

from services.foundation.database.connection import Connection

MIGHT_KNOW = """
select distinct g.organisation from dossier.index_grants g where g.dossier_id = $1
union
select unnest(array[i.party, i.offered_to]) from dossier.index_entries i where i.dossier_id = $1 and i.sequence = $2
"""

OPENS_HISTORY = """
select g.organisation, g.person
from dossier.index_entries i
join dossier.events e on e.dossier_id = i.dossier_id and e.sequence = i.sequence
join dossier.index_grants g on g.dossier_id = i.dossier_id and g.event_id = e.event_id
where i.dossier_id = $1 and i.sequence = $2 and i.type = 'nl.dossier.consent.granted'
  and g.history = 'all' and 'subscribe' = any(g.operations)
"""

KNOWN = """
select d.id, d.head from dossier.dossiers d
where d.id in (select g.dossier_id from dossier.index_grants g where g.organisation = $1
               union
               select i.dossier_id from dossier.index_entries i where i.offered_to = $1 or i.party = $1)
order by d.id
"""


async def of(conn: Connection, dossier_id: UUID, sequence: int) -> frozenset[str]:
    rows = await conn.fetch(MIGHT_KNOW, dossier_id, sequence)
    return frozenset(row[0] for row in rows if row[0] is not None)


async def opens_history(conn: Connection, dossier_id: UUID, sequence: int) -> tuple[str, str | None] | None:
    """The organisation, and the person if the grant names one, that this entry lets subscribe to all history (R-13)."""
    row = await conn.fetchrow(OPENS_HISTORY, dossier_id, sequence)
    return None if row is None else (row["organisation"], row["person"])


async def known(conn: Connection, organisation: str) -> Sequence[tuple[UUID, int]]:
    return [(UUID(int=row["id"].int), row["head"]) for row in await conn.fetch(KNOWN, organisation)]
