"""What is told: thin events to who asked to be told. Each is decided at its own moment, under the fence, and logged.

Nothing is opened here: what a thin event tells is no content, and whoever fetches it passes the gate again.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final
from uuid import UUID

from services.dossier.envelopes import Json, thin
from services.dossier.gate import facts, fence, ledger
from services.dossier.gate.decision import Permit, Prohibitions, Reader, Subject, decide_delivery
from services.dossier.gate.facts import Known, Row
from services.foundation.database.connection import LOCK_TIMEOUT, Connection, Database

WAIT_FOR_ONE_OF_SEVERAL: Final = 0.25


@dataclass(frozen=True)
class Candidates:
    """Entries that may have to be delivered to one reader, in this order, until `most` of them were."""

    dossier_id: UUID
    reader: Reader
    sequences: Sequence[int]
    types: Sequence[str] = ()
    most: int | None = None


@dataclass(frozen=True)
class Deliverable:
    """An entry that its reader may have now: what that reader gets, and what the ledger says of it."""

    sequence: int
    event: Json
    logged: ledger.Row


class Delivery:
    """Decides who is told of what, now. Holds no state of its own."""

    def __init__(self, database: Database, law: Prohibitions) -> None:
        self._database, self._law = database, law

    def transaction(self, dossier_id: UUID) -> AbstractAsyncContextManager[Connection]:
        """A transaction in which the dossier's fence is held shared: what is decided in it holds until it commits."""
        return self._database.transaction(fence.shared(dossier_id))

    def fenced(self, dossier_ids: Iterable[UUID]) -> AbstractAsyncContextManager[Connection]:
        """A connection that holds these fences shared until the block ends: for who decides, commits and then sends.

        Where one of several is not to be had soon, none is: who waits for it holds up the others.
        """
        ids = _in_order(dossier_ids)
        soon = LOCK_TIMEOUT if len(ids) == 1 else WAIT_FOR_ONE_OF_SEVERAL
        return self._database.keeping(*map(fence.shared, ids), lock_timeout=soon)

    def transaction_over(self, dossier_ids: Iterable[UUID]) -> AbstractAsyncContextManager[Connection]:
        return self._database.transaction(*map(fence.shared, _in_order(dossier_ids)))

    async def deliver(self, conn: Connection, offered: Sequence[Candidates]) -> list[Mapping[int, Json]]:
        """Decides now: for each, what is delivered, by sequence, as a thin event without number. Writes the ledger."""
        decided = await self._deliverable(conn, offered)
        await ledger.permitted_each(conn, [one.logged for each in decided for one in each])
        return [{one.sequence: one.event for one in each} for each in decided]

    async def still(self, conn: Connection, offered: Sequence[Candidates]) -> list[Mapping[int, Json]]:
        """Of what was delivered before: what may be shown again now. No ledger row: it was written at the delivery."""
        return [{one.sequence: one.event for one in each} for each in await self._deliverable(conn, offered)]

    async def _deliverable(self, conn: Connection, offered: Sequence[Candidates]) -> list[list[Deliverable]]:
        knowns = await facts.places_of_each(conn, [(one.dossier_id, one.reader) for one in offered])
        asked = {(one.dossier_id, sequence) for one in offered for sequence in one.sequences}
        rows = await facts.entries_of_several(conn, asked)
        return [
            [] if known is None else list(islice(self._of_one(one, known, rows), one.most))
            for one, known in zip(offered, knowns, strict=True)
        ]

    def _of_one(self, one: Candidates, known: Known, rows: Mapping[tuple[UUID, int], Row]) -> Iterator[Deliverable]:
        for sequence in one.sequences:
            row = rows.get((one.dossier_id, sequence))
            if row is not None and _is_wanted(row.subject, one.types):
                decision = decide_delivery(one.reader, known.place, row.subject, known.now, self._law)
                if isinstance(decision, Permit):
                    logged = _delivered(one, known.now, row, decision)
                    yield Deliverable(sequence, _thin(one.dossier_id, row), logged)


def _delivered(one: Candidates, at: datetime, row: Row, permit: Permit) -> ledger.Row:
    ids = [row.subject.event_id]
    return ledger.Row(one.dossier_id, one.reader, at, "delivery", ids, (), permit.grants, permit.reason)


def _in_order(dossier_ids: Iterable[UUID]) -> list[UUID]:
    ids = sorted(set(dossier_ids))
    assert len(ids) <= fence.MOST_FENCES
    return ids


def _thin(dossier_id: UUID, row: Row) -> Json:
    return thin(dossier_id, row.subject.event_id, row.source, row.neutral_type, row.recorded_at)


def _is_wanted(subject: Subject, types: Sequence[str]) -> bool:
    return not types or any(subject.type == t or (t.endswith("*") and subject.type.startswith(t[:-1])) for t in types)
