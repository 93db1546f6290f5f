"""All that a dossier was so far, loaded under its fence for what is derived from the whole of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.dossier.domain.consent import Grant
from services.dossier.domain.entries import Entry
from services.dossier.gate import facts, ledger
from services.dossier.store import streams
from services.dossier.trajectory.history import History, history_of
from services.foundation.database.connection import Connection
from services.foundation.vault.sealing import KeyRing


@dataclass(frozen=True)
class Past:
    """`read_at`: when the participant or a delegate first read what is theirs to be told."""

    entries: Sequence[Entry]
    grants: Sequence[Grant]
    owner: str | None
    read_at: Mapping[UUID, datetime]

    def history(self, at: datetime) -> History:
        """As it had happened by that moment."""
        return history_of(self.entries, at, self.owner, self.grants, self.read_at)


async def past_of(conn: Connection, dossier_id: UUID, ring: KeyRing, recorded_before: datetime | None = None) -> Past:
    """What is read last is never older than the entries."""
    entries = await streams.entries(conn, dossier_id, ring, recorded_before)
    grants = await all_grants(conn, dossier_id)
    owner: str | None = await conn.fetchval("select person from dossier.owners where dossier_id = $1", dossier_id)
    return Past(entries, grants, owner, await ledger.first_reads(conn, dossier_id, entries))


async def all_grants(conn: Connection, dossier_id: UUID) -> list[Grant]:
    return facts.grants_of(await conn.fetch(facts.GRANTS, dossier_id))
