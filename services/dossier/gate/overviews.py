"""Exits that show more than entries: what a dossier is now, its figures, who has access, who looked."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from services.dossier.domain.consent import Grant
from services.dossier.domain.days import civil_day, midnight
from services.dossier.domain.evolution import numbered
from services.dossier.domain.numbers import Numbers
from services.dossier.domain.state import timeline_of
from services.dossier.envelopes import Json, utc
from services.dossier.gate import facts, fence, ledger
from services.dossier.gate.decision import Permit, Prohibitions, Reader, decide, live_grants
from services.dossier.gate.facts import Known, Row
from services.dossier.gate.past import all_grants, past_of
from services.dossier.gate.release import known_to, may_know, released, standing
from services.dossier.store.keyrings import Keyrings
from services.dossier.trajectory.metrics import metrics
from services.dossier.trajectory.state import derive
from services.foundation.database.connection import Connection, Database

# Of a reader: the dossiers it owns, is a delegate in, or holds a grant in; the list starts from the grants (design §4).
MIGHT_KNOW = """
select d.id, d.number from dossier.dossiers d
where d.number > $3 and d.erased_at is null and d.id in (
  select o.dossier_id from dossier.owners o where o.person = $1
  union all select l.dossier_id from dossier.index_delegates l where l.person = $1
  union all select g.dossier_id from dossier.index_grants g where g.organisation = $2)
order by d.number limit $4
"""

GIVEN = f"""
select {facts.SUBJECT_COLUMNS} from dossier.events e
join dossier.index_entries i on i.dossier_id = e.dossier_id and i.sequence = e.sequence
{facts.ABOUT}
where e.dossier_id = $1 and e.event_id = any($2) and i.type = 'nl.dossier.consent.granted'
"""

LOG = """
select id, at, actor, organisation, role, purpose, basis, event_ids, classes, way, decision, reason
from dossier.ledger where dossier_id = $1 and id > $2 order by id limit $3
"""

NOTHING_SET = Numbers()

BASIS_IN_WORDS = {
    "consent": "With the participant's consent; it can be withdrawn at any moment, without a reason.",
    "no_objection": "The participant declared in writing to have no objection; that can be taken back at any moment.",
    "statutory_task": "For a task that the law gives this organisation; it can be contested, not withdrawn.",
}


class Overviews:
    def __init__(self, database: Database, keyrings: Keyrings, law: Prohibitions) -> None:
        self._database, self._keyrings, self._law = database, keyrings, law

    # What a dossier is now, and its figures

    async def state(
        self,
        reader: Reader,
        dossier_id: UUID,
        occurred_before: datetime | None,
        recorded_before: datetime | None,
        parameters: Numbers = NOTHING_SET,
    ) -> Json:
        """Each value only if all entries that decided it are readable; never recomputed from a part (design §4)."""

        async def attempt(conn: Connection) -> Json | None:
            known = await known_to(conn, reader, dossier_id, "read")
            if known is None:
                return None
            past = await past_of(conn, dossier_id, self._keyrings.at_hand(dossier_id, known.epoch), recorded_before)
            timeline = timeline_of(numbered(past.entries), parameters, recorded_before)
            at = last_moment(known.now, occurred_before)
            values = derive(past.entries, past.grants, at, past.owner, timeline, past.read_at)
            sources = sorted({sequence for _, decided in values.values() for sequence in decided})
            readable = await self._readable(conn, reader, known, sources)
            may = {row.subject.sequence: row for row in readable}
            shown = {name: value for name, (value, decided) in values.items() if decided <= may.keys()}
            disclosed = {sequence for name in shown for sequence in values[name][1]}
            await self._log(conn, reader, known, "read", [may[sequence] for sequence in sorted(disclosed)])
            return {"id": str(dossier_id), **shown}

        return await released(self._database, self._keyrings, dossier_id, attempt)

    async def metrics(
        self,
        reader: Reader,
        dossier_id: UUID,
        occurred_before: datetime | None,
        recorded_before: datetime | None,
        parameters: Numbers,
    ) -> Json:
        """All of them or none: each rests on the whole history, so only who may read all of it has figures."""

        async def attempt(conn: Connection) -> Json | None:
            known = await known_to(conn, reader, dossier_id, "read")
            if known is None:
                return None
            ring = self._keyrings.at_hand(dossier_id, known.epoch)
            history = (await past_of(conn, dossier_id, ring, recorded_before)).history(
                last_moment(known.now, occurred_before)
            )
            readable = await self._readable(conn, reader, known, [entry.sequence for entry in history.entries])
            if len(readable) < len(history.entries):
                await ledger.refused(conn, dossier_id, True, reader, known.now, "read", None, "not_covered")
                return None
            await self._log(conn, reader, known, "read", readable)
            timeline = timeline_of(numbered(history.entries), parameters, recorded_before)
            return metrics(history, timeline.on(history.day))

        return await released(self._database, self._keyrings, dossier_id, attempt)

    # Who has access

    async def grants(self, reader: Reader, dossier_id: UUID) -> list[Json]:
        """The participant and a delegate: all; a grantee: those it holds itself."""

        async def attempt(conn: Connection) -> list[Json] | None:
            known, now = await facts.place(conn, dossier_id, reader)
            if known is None or not (may_know(reader, known) or _holds_any(reader, known)):
                await ledger.refused(conn, dossier_id, known is not None, reader, now, "list", None, "no_grant")
                return None
            sees_all = known.place.is_owner or known.place.is_reading_delegate
            grants = await all_grants(conn, dossier_id) if sees_all else known.place.grants
            held = [g for g in grants if sees_all or _is_asked_for(reader, g)]
            rows = await conn.fetch(GIVEN, dossier_id, [grant.event_id for grant in held])
            await self._log(conn, reader, known, "list", [facts.row_of(row) for row in rows])
            return [_in_words(grant, now) for grant in sorted(held, key=lambda g: (g.valid_from, g.consent_id))]

        return await released(self._database, self._keyrings, dossier_id, attempt)

    # Who looked

    async def access_log(self, reader: Reader, dossier_id: UUID, after: int, limit: int) -> tuple[list[Json], int]:
        """For the participant and a delegate; looking at it leaves one row per reader and civil day.

        Nobody else writes or decides meanwhile: rows are numbered when they are written and seen when committed, so
        who reads on from a page would miss one that got its number before and was committed after.
        """

        async def attempt(conn: Connection) -> tuple[list[Json], int] | None:
            known, now = await facts.place(conn, dossier_id, reader)
            if known is None or not (known.place.is_owner or known.place.is_reading_delegate):
                await ledger.refused(conn, dossier_id, known is not None, reader, now, "list", None, "access_log")
                return None
            await self._log_looking(conn, reader, known)
            rows = await conn.fetch(LOG, dossier_id, after, limit)
            return [_log_item(row) for row in rows], rows[-1]["id"] if rows else after

        alone = (fence.append(dossier_id), fence.exclusive(dossier_id))
        return await released(self._database, self._keyrings, dossier_id, attempt, alone)

    async def _log_looking(self, conn: Connection, reader: Reader, known: Known) -> None:
        already = await conn.fetchval(
            """select 1 from dossier.ledger where dossier_id = $1 and actor is not distinct from $2
               and reason = 'access_log' and decision = 'permit' and at >= $3 limit 1""",
            known.dossier_id,
            reader.person,
            midnight(civil_day(known.now)),
        )
        if already is None:
            await ledger.permitted(
                conn, known.dossier_id, standing(reader, known), known.now, "list", (), reason="access_log"
            )

    # Shared by these exits

    def _may_read(self, reader: Reader, known: Known, row: Row) -> bool:
        return isinstance(decide(reader, known.place, row.subject, known.now, self._law), Permit)

    async def _readable(self, conn: Connection, reader: Reader, known: Known, sequences: Sequence[int]) -> list[Row]:
        rows = map(facts.row_of, await conn.fetch(facts.THESE, known.dossier_id, list(sequences)))
        return [row for row in rows if self._may_read(reader, known, row)]

    async def _log(self, conn: Connection, reader: Reader, known: Known, way: str, disclosed: Sequence[Row]) -> None:
        await ledger.permitted(
            conn,
            known.dossier_id,
            standing(reader, known),
            known.now,
            way,
            sorted({row.subject.event_id for row in disclosed}),
            {row.subject.privacy_class for row in disclosed},
            live_grants(reader, known.place, known.now, "read"),
            ledger.reason_of(known.place),
        )


def last_moment(now: datetime, occurred_before: datetime | None) -> datetime:
    """The last moment that counts."""
    return now if occurred_before is None else min(now, occurred_before - timedelta(microseconds=1))


def _holds_any(reader: Reader, known: Known) -> bool:
    return any(_is_asked_for(reader, grant) and grant.is_live(known.now) for grant in known.place.grants)


def _is_asked_for(reader: Reader, grant: Grant) -> bool:
    return grant.is_held_by(reader.organisation, reader.person) and reader.purpose in (None, grant.purpose)


def _in_words(grant: Grant, now: datetime) -> Json:
    item: Json = {
        "consent_id": grant.consent_id,
        "event_id": str(grant.event_id),
        "grantee_org": grant.organisation,
        "grantee_actor": grant.person,
        "classes": sorted(grant.classes),
        "event_types": list(grant.event_types) or None,
        "operations": sorted(grant.operations),
        "purpose": grant.purpose,
        "basis": grant.basis,
        "basis_in_words": BASIS_IN_WORDS[grant.basis],
        "legal_ref": grant.legal_ref,
        "history": grant.history,
        "valid_from": utc(grant.valid_from),
        "valid_until": utc(grant.valid_until),
        "ended_at": None if grant.ended_at is None else utc(grant.ended_at),
        "purpose_ends_at": None if grant.purpose_ends_at is None else utc(grant.purpose_ends_at),
        "as_of": utc(now),
        "is_live": grant.is_live(now),
        "can_be_withdrawn": grant.can_be_withdrawn(now),
    }
    return {name: value for name, value in item.items() if value is not None}


def _log_item(row: Any) -> Json:
    return {
        "at": utc(row["at"]),
        "actor": row["actor"],
        "organisation": row["organisation"],
        "role": row["role"],
        "purpose": row["purpose"],
        "basis": row["basis"],
        "event_ids": [str(id_) for id_ in row["event_ids"]],
        "classes": list(row["classes"]),
        "way": row["way"],
        "decision": row["decision"],
        "reason": row["reason"],
    }
