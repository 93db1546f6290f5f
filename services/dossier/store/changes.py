"""Rewrites, in the appending transaction, what else rests on the state: index, timers, snapshot; where it changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import orjson

from services.dossier.domain.consent import Grant
from services.dossier.domain.contact import contact_periods
from services.dossier.domain.days import days_after, midnight
from services.dossier.domain.ends import due, with_ends
from services.dossier.domain.evolution import RETRACTED, needs_whole_history
from services.dossier.domain.numbers import Numbers, Timeline
from services.dossier.domain.state import CODE_VERSION, Dossier, Open, timeline_of
from services.dossier.store import append as store
from services.dossier.store.append import Writing
from services.dossier.store.streams import SNAPSHOT_EVERY, sealed_snapshot
from services.foundation.database.connection import Connection
from services.foundation.vault.sealing import DERIVED, Binding, KeyRing

RULES = "rules"
ACCESS = ("grants", "trials", "placements", "referrals", "delegations", "appointments", "unassignments")


@dataclass(frozen=True)
class Step:
    """From which state to which, and where the last snapshot stands.

    `is_watched`: what is due may have moved. `is_overdue`: the clock has yet to serve this dossier. `timers`: when it
    was to look at it. `next_signal`: when a rule over time would raise something next.
    """

    before: Dossier
    after: Dossier
    sequence: int
    snapshot_at: int
    employers: frozenset[str]
    parameters: Numbers
    is_watched: bool
    is_overdue: bool
    timers: tuple[datetime, ...]
    next_signal: datetime | None

    @property
    def changes_access(self) -> bool:
        """Whether anything moved on which grants, their ends, contact persons or delegates rest.

        `evolve` leaves what it does not change as it is, so the same object means: nothing happened to it.
        """
        before, after = self.before, self.after
        if not (isinstance(before, Open) and isinstance(after, Open)):
            return True
        return any(getattr(before, name) is not getattr(after, name) for name in ACCESS)

    def grants(self, dossier: Dossier) -> Mapping[str, Grant]:
        return grants_of(dossier, self.employers, timeline_of(dossier, self.parameters))


def grants_of(dossier: Dossier, employers: frozenset[str], timeline: Timeline) -> Mapping[str, Grant]:
    """Every grant as it stands, with the end of its purpose where one is known (R-11b, R-36)."""
    if not isinstance(dossier, Open):
        return {}
    return {id_: with_ends(grant, dossier, employers, timeline) for id_, grant in dossier.grants.items()}


async def write(
    conn: Connection, dossier_id: UUID, ring: KeyRing, step: Step, writings: Sequence[Writing], at: datetime
) -> None:
    if step.changes_access:
        await _write_grants(conn, dossier_id, step)
        await _write_people(conn, dossier_id, step)
    if step.is_watched:
        await _write_timers_that_moved(conn, dossier_id, ring, step, at)
    closed = [w.index.closes_offer for w in writings if w.index.closes_offer is not None]
    if closed:
        await store.close_offers(conn, dossier_id, closed, at)
    wrong = [(UUID(w.entry.data["event_id"]), w.entry.organisation) for w in writings if _is_about_another_person(w)]
    if wrong:
        await store.withhold(conn, dossier_id, wrong)
    if step.sequence - step.snapshot_at >= SNAPSHOT_EVERY or needs_whole_history(w.entry for w in writings):
        sealed = sealed_snapshot(dossier_id, ring, step.after, step.sequence)
        await store.write_snapshot(conn, dossier_id, step.sequence, CODE_VERSION, sealed)


async def write_afresh(conn: Connection, dossier_id: UUID, ring: KeyRing, step: Step) -> None:
    """Also what no entry changed: the numbers of the rules may have, since it was written."""
    await store.write_grants(conn, dossier_id, step.grants(step.after).values())
    await store.write_contacts(conn, dossier_id, contact_periods(step.after, timeline_of(step.after, step.parameters)))
    await _write_timers(conn, dossier_id, ring, _timed(step))


async def _write_timers_that_moved(conn: Connection, dossier_id: UUID, ring: KeyRing, step: Step, at: datetime) -> None:
    """What is due already stays so until the clock has served it: more may rest on it than these entries changed."""
    timers = [*_timed(step), *([(at, RULES)] if step.is_overdue else [])]
    if step.changes_access or sorted(moment for moment, _ in timers) != list(step.timers):
        await _write_timers(conn, dossier_id, ring, timers)


async def _write_timers(
    conn: Connection, dossier_id: UUID, ring: KeyRing, timers: Sequence[tuple[datetime, str]]
) -> None:
    """The cause is sealed, only the moment stands in clear."""
    await store.write_timers(conn, dossier_id, [_timer(dossier_id, ring, at, cause) for at, cause in timers])


def _timed(step: Step) -> list[tuple[datetime, str]]:
    """The ends of grants, each, and the next moment at which a rule would raise something."""
    ends = [(d.at, d.consent_id) for d in due(step.after, step.employers, timeline_of(step.after, step.parameters))]
    return ends if step.next_signal is None else [*ends, (step.next_signal, RULES)]


async def _write_grants(conn: Connection, dossier_id: UUID, step: Step) -> None:
    before = step.grants(step.before)
    after = step.grants(step.after)
    changed = [grant for id_, grant in after.items() if before.get(id_) != grant]
    if changed:
        await store.write_grants(conn, dossier_id, changed)
    gone = before.keys() - after.keys()
    if gone:
        await conn.execute(
            "delete from dossier.index_grants where dossier_id = $1 and consent_id = any($2)", dossier_id, list(gone)
        )


async def _write_people(conn: Connection, dossier_id: UUID, step: Step) -> None:
    contacts = contact_periods(step.after, timeline_of(step.after, step.parameters))
    if contacts != contact_periods(step.before, timeline_of(step.before, step.parameters)):
        await store.write_contacts(conn, dossier_id, contacts)
    delegates = _delegates(step.after)
    if delegates != _delegates(step.before):
        await store.write_delegates(conn, dossier_id, delegates)


def _delegates(dossier: Dossier) -> list[tuple[str, frozenset[str], datetime, datetime]]:
    if not isinstance(dossier, Open):
        return []
    return [
        (
            delegation.person,
            delegation.powers,
            midnight(delegation.from_on),
            delegation.withdrawn_at or midnight(days_after(delegation.until_on, 1)),
        )
        for delegation in dossier.delegations
    ]


def _is_about_another_person(writing: Writing) -> bool:
    return writing.entry.type == RETRACTED and writing.entry.data["ground"] == "wrong_person"


def _timer(dossier_id: UUID, ring: KeyRing, at: datetime, cause: str) -> tuple[UUID, datetime, bytes]:
    id_ = uuid4()
    return (
        id_,
        at,
        ring.seal(DERIVED, orjson.dumps({"cause": cause}), Binding(dossier_id, f"timer:{id_}", "timer", DERIVED, 1)),
    )
