"""The only way out for content: decided here, under the fence, with its ledger row committed before anything leaves."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import orjson

from services.dossier.domain.commands import AboutEntry
from services.dossier.envelopes import Json, envelope, numbered
from services.dossier.gate import facts, fence, ledger
from services.dossier.gate.decision import Permit, Prohibitions, Reader, Subject, decide, live_grants, summary
from services.dossier.gate.facts import Known, Row
from services.dossier.store.bodies import binding, unpack
from services.dossier.store.keyrings import Keyrings, StaleKeys
from services.foundation.database.connection import Connection, Database, Lock
from services.foundation.problems import UNAVAILABLE, Problem, not_found
from services.foundation.vault.sealing import KeyRing

T = TypeVar("T")
MOST_TRIES = 3
CHUNK = 200


@dataclass(frozen=True)
class Filter:
    """What a list is narrowed to; the two moments are exclusive (`asOf`, `knownAt`)."""

    type: str | None = None
    occurred_before: datetime | None = None
    recorded_before: datetime | None = None

    @property
    def like(self) -> str | None:
        if self.type is None:
            return None
        name = self.type if self.type.startswith("nl.dossier.") else f"nl.dossier.{self.type}"
        escaped = name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return escaped[:-1] + "%" if escaped.endswith("*") else escaped


@dataclass(frozen=True)
class Page:
    items: list[Json]
    last: int  # the sequence after which reading goes on


def open_permitted(ring: KeyRing, dossier_id: UUID, row: Row, permit: Permit) -> Json:
    """The data of one entry, of the permitted classes alone: keys of other classes are absent."""
    subject = row.subject
    data: Json = {}
    for class_, sealed in unpack(row.sealed, row.parts):
        if class_ in permit.classes:
            bound = binding(dossier_id, subject.sequence, subject.event_id, row.neutral_type, class_)
            part = orjson.loads(ring.open(class_, sealed, bound))
            data |= part["data"]
    return data


class Gate:
    """Decides and releases. Holds no state of its own but the cached keys."""

    def __init__(self, database: Database, keyrings: Keyrings, law: Prohibitions) -> None:
        self._database, self._keyrings, self._law = database, keyrings, law

    # One event

    async def read_event(self, reader: Reader, dossier_id: UUID, event_id: UUID) -> Json:
        async def attempt(conn: Connection) -> Json | None:
            rows = await conn.fetch(facts.ONE, dossier_id, reader.person, reader.organisation, event_id)
            known, now = facts.place_of(rows, reader)
            reason = "unknown"
            for row in facts.entries_of(rows) if known else ():
                assert known is not None
                decision = decide(reader, known.place, row.subject, now, self._law)
                if isinstance(decision, Permit):
                    return await self._release_one(conn, reader, known, row, decision)
                reason = decision.reason
            await ledger.refused(conn, dossier_id, known is not None, reader, now, "read", event_id, reason)
            return None

        return await released(self._database, self._keyrings, dossier_id, attempt)

    async def _release_one(self, conn: Connection, reader: Reader, known: Known, row: Row, permit: Permit) -> Json:
        ring = self._keyrings.at_hand(known.dossier_id, known.epoch)
        event = self.render(ring, known, row, permit)
        await ledger.permitted(
            conn,
            known.dossier_id,
            standing(reader, known),
            known.now,
            "read",
            [row.subject.event_id],
            permit.classes,
            permit.grants,
            permit.reason,
        )
        return event

    def render(self, ring: KeyRing, known: Known, row: Row, permit: Permit) -> Json:
        event = _envelope(known, row)
        if known.place.is_owner or known.place.is_reading_delegate:
            event = numbered(event, row.subject.sequence)
        event["data"] = open_permitted(ring, known.dossier_id, row, permit)
        return event

    async def again(self, conn: Connection, reader: Reader, dossier_id: UUID, sequence: int) -> Json:
        """In the transaction of a repeated write: the stored event as its writer may read it now (R-29)."""
        known, now = await facts.place(conn, dossier_id, reader)
        assert known is not None  # the repeat was found under its lock
        (raw,) = await conn.fetch(facts.THESE, dossier_id, [sequence])
        row = facts.row_of(raw, raw["sealed"])
        decision = decide(reader, known.place, row.subject, now, self._law)
        if isinstance(decision, Permit):
            return await self._release_one(conn, reader, known, row, decision)
        return _envelope(known, row)

    async def about(self, conn: Connection, reader: Reader, dossier_id: UUID, event_id: UUID) -> AboutEntry | None:
        """The entry that another is about, for whoever wrote it or may read it; nothing of its content.

        When another source used the same id, one's own comes first.
        """
        rows = await conn.fetch(facts.ONE, dossier_id, reader.person, reader.organisation, event_id)
        known, now = facts.place_of(rows, reader)
        if known is None:
            return None
        named = [row.subject for row in facts.entries_of(rows)]
        own = [s for s in named if s.organisation is not None and s.organisation == reader.organisation]
        readable = [s for s in named if isinstance(decide(reader, known.place, s, now, self._law), Permit)]
        return next((_about(subject) for subject in (*own, *readable)), None)

    # Many events

    async def read_events(self, reader: Reader, dossier_id: UUID, filter_: Filter, after: int, limit: int) -> Page:
        async def attempt(conn: Connection) -> Page | None:
            known, now = await facts.place(conn, dossier_id, reader)
            is_open = known is not None and may_know(reader, known)
            is_open = is_open or await facts.is_offered(conn, dossier_id, reader)  # of an unknown id, too: same path
            if known is None or not is_open:
                await ledger.refused(conn, dossier_id, known is not None, reader, now, "list", None, "no_grant")
                return None
            permits, last = await self._permitted(conn, reader, known, filter_, after, limit)
            items: list[Json] = []
            if permits:
                ring = self._keyrings.at_hand(dossier_id, known.epoch)
                items = [self.render(ring, known, row, permit) for row, permit in permits]
            await self._log_list(conn, reader, known, permits)
            return Page(items, last)

        return await released(self._database, self._keyrings, dossier_id, attempt)

    async def _permitted(
        self,
        conn: Connection,
        reader: Reader,
        known: Known,
        filter_: Filter,
        after: int,
        limit: int,
    ) -> tuple[list[tuple[Row, Permit]], int]:
        """The next `limit` entries that this reader may read, and where reading goes on.

        The place to go on is the last *permitted* entry: a cursor, too, may not rest on what is not readable.
        """
        found: list[tuple[Row, Permit]] = []
        at = after
        while len(found) < limit:
            rows = await conn.fetch(
                facts.SOME,
                known.dossier_id,
                at,
                CHUNK,
                filter_.like,
                filter_.occurred_before,
                filter_.recorded_before,
            )
            for raw in rows:
                row = facts.row_of(raw, raw["sealed"])
                decision = decide(reader, known.place, row.subject, known.now, self._law)
                if isinstance(decision, Permit):
                    found.append((row, decision))
                    if len(found) == limit:
                        break
            if len(rows) < CHUNK or len(found) == limit:
                break
            at = rows[-1]["sequence"]
        return found, found[-1][0].subject.sequence if found else after

    async def _log_list(
        self,
        conn: Connection,
        reader: Reader,
        known: Known,
        permits: Sequence[tuple[Row, Permit]],
    ) -> None:
        """An empty list, too, names the grants by which it could be asked for, and no others."""
        classes, grants = summary({row.subject.sequence: permit for row, permit in permits})
        reasons = {permit.reason for _, permit in permits}
        await ledger.permitted(
            conn,
            known.dossier_id,
            standing(reader, known),
            known.now,
            "list",
            [row.subject.event_id for row, _ in permits],
            classes,
            grants or live_grants(reader, known.place, known.now, "read"),
            reasons.pop() if len(reasons) == 1 else ledger.reason_of(known.place),
        )


async def released(
    database: Database,
    keyrings: Keyrings,
    dossier_id: UUID,
    attempt: Callable[[Connection], Awaitable[T | None]],
    locks: tuple[Lock, ...] = (),
) -> T:
    """Runs `attempt` under the shared fence, or the stronger `locks`, and gives what it released, after the commit.

    404 when that is nothing. When keys are needed that are not at hand, they are fetched outside the fence and
    everything is decided anew.
    """
    for _ in range(MOST_TRIES):
        try:
            async with database.transaction(*(locks or (fence.shared(dossier_id),))) as conn:
                value = await attempt(conn)
            return _found(value)
        except StaleKeys:
            if await keyrings.fetch(dossier_id) is None:
                raise Problem(UNAVAILABLE, "The keys of this dossier cannot be had now; nothing was read.") from None
    raise Problem(UNAVAILABLE, "Access to this dossier is changing; ask again.")


def _about(subject: Subject) -> AboutEntry:
    return AboutEntry(
        event_id=subject.event_id,
        type=subject.type,
        privacy_class=subject.privacy_class,
        organisation=subject.organisation,
        sequence=subject.sequence,
    )


def _envelope(known: Known, row: Row) -> Json:
    subject = row.subject
    return envelope(
        known.dossier_id,
        subject.event_id,
        row.source,
        subject.type,
        subject.privacy_class,
        row.recorded_at,
        row.writer,
    )


def may_know(reader: Reader, known: Known) -> bool:
    """Does this dossier exist for the reader: its owner, a delegate who may read, or any live grant to read."""
    place = known.place
    return place.is_owner or place.is_reading_delegate or bool(live_grants(reader, place, known.now, "read"))


async def known_to(conn: Connection, reader: Reader, dossier_id: UUID, way: str) -> Known | None:
    """The dossier, where it exists for the reader; where it does not, the refusal is written."""
    known, now = await facts.place(conn, dossier_id, reader)
    if known is not None and may_know(reader, known):
        return known
    await ledger.refused(conn, dossier_id, known is not None, reader, now, way, None, "no_grant")
    return None


def standing(reader: Reader, known: Known) -> Reader:
    """The reader in the role that this dossier gives: the access log says participant or delegate, not a job."""
    if known.place.is_owner:
        return replace(reader, role="P")
    return replace(reader, role="DEL") if known.place.is_reading_delegate else reader


def _found(value: T | None) -> T:
    if value is None:
        raise not_found()
    return value
