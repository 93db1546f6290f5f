"""The only command path: lock, load, fold, decide, seal, append, commit (design §2, "Write")."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID, uuid5

import orjson

from services.dossier import firing
from services.dossier.answers import answer
from services.dossier.domain import recalls
from services.dossier.domain.commands import AboutEntry, EndDue, Facts, Record
from services.dossier.domain.decisions import ID_IS_USED, decide
from services.dossier.domain.entries import Actor, Entry, NewEntry
from services.dossier.domain.evolution import evolve, fold, needs_whole_history
from services.dossier.domain.index import index_facts, of_registered
from services.dossier.domain.knowledge import may_know
from services.dossier.domain.state import Erased
from services.dossier.drafting import Draft, Kept, drafted
from services.dossier.envelopes import Json
from services.dossier.firing import Signal, Standing
from services.dossier.gate import fence, ledger
from services.dossier.gate.law import Law
from services.dossier.gate.release import Gate
from services.dossier.incoming import Incoming, Key
from services.dossier.refusing import decided, of_erased, refuse_faults
from services.dossier.repeats import USED, canonical, each_once
from services.dossier.standing import actor_of
from services.dossier.store import append as store
from services.dossier.store import changes, streams
from services.dossier.store.append import Writing
from services.dossier.store.changes import Step
from services.dossier.store.keyrings import Keyrings, StaleKeys
from services.dossier.store.streams import Head
from services.dossier.surroundings import PLATFORM, Surroundings, Surveyor
from services.dossier.trajectory import parked
from services.dossier.trajectory.rulebook import RULES, Rule, RuleFailed, next_moment
from services.foundation.callers import Caller
from services.foundation.contract import Contract
from services.foundation.database.connection import Connection, Database
from services.foundation.doorbell import Bell
from services.foundation.failpoints import reach
from services.foundation.problems import (
    CONFLICT,
    UNAVAILABLE,
    Problem,
    not_found,
)
from services.foundation.vault.keys import KeysDestroyed
from services.foundation.vault.sealing import KeyRing

T = TypeVar("T")
MOST_TRIES = 4
ERASED = "nl.dossier.dossier.erased"
SYSTEM = Actor("platform", None, PLATFORM, frozenset(("SYS",)))


class NoKeysYet(Exception):
    """A new dossier may be opened: its keys are made and committed first, outside the transaction."""


@dataclass(frozen=True)
class Recorded:
    """What a write gives back: the events as the writer may read them now, and whether any is new."""

    events: list[Json]
    is_new: bool


class Handler:
    """`platform_source` is the CloudEvents source of what the platform itself records; `on_stored` is called after a
    commit, so that who publishes need not poll.
    """

    def __init__(
        self,
        database: Database,
        keyrings: Keyrings,
        contract: Contract,
        law: Law,
        surveyor: Surveyor,
        gate: Gate,
        platform_source: str,
        rules: Sequence[Rule] = RULES,
    ) -> None:
        self._database, self._keyrings, self._contract, self._law = database, keyrings, contract, law
        self._surveyor, self._gate, self._platform_source = surveyor, gate, platform_source
        self._rules = rules
        self.on_stored: Bell = lambda: None

    async def record(
        self,
        caller: Caller,
        dossier_id: UUID,
        incoming: Sequence[Incoming],
        also: Callable[[Connection], Awaitable[None]] | None = None,
    ) -> Recorded:
        """Stores all of these events or none, in order; `also` is done in the same transaction. Raises `Problem`."""
        around = await self._surveyor.survey(caller, [one.data for one in incoming])
        authorises = any(type_.authorises for one in incoming if (type_ := self._contract.get(one.type)))

        async def attempt(conn: Connection, kept: Kept) -> Recorded:
            recorded = await self._record(conn, caller, dossier_id, incoming, around, kept)
            if also is not None and recorded.is_new:
                await also(conn)
            return recorded

        recorded = await self._write(dossier_id, authorises, attempt)
        if recorded.is_new and any(one.type == ERASED for one in incoming):
            await self._keyrings.destroy(dossier_id)
        return recorded

    async def end_due(self, dossier_id: UUID) -> int:
        """The clock: records what is due by now, ends of grants and signals; doing it again is quiet."""
        around = await self._surveyor.survey(None, ())
        failed: list[RuleFailed] = []

        async def attempt(conn: Connection, kept: Kept) -> int:
            failed.clear()
            head = await streams.head(conn, dossier_id, ())
            if head.erased:  # its process may have died between the erasure and this
                await self._keyrings.destroy(dossier_id)
            if head.erased or not head.exists:
                await store.write_timers(conn, dossier_id, ())
                return 0
            draft = drafted(head, self._ring(head), kept)
            ring, dossier = draft.ring, draft.before
            assert ring is not None
            entries = await draft.history(conn)
            read_at = await ledger.first_reads(conn, dossier_id, entries)
            standing = Standing(dossier_id, entries, dossier, head.owner, around, read_at)
            try:
                due = firing.due_in(standing, draft.now, self._rules)
                draft.next_signal = next_moment(due, draft.now)
            except RuleFailed as error:  # grants end all the same; the clock comes back for the signals
                failed.append(error)
                due = []
            signals = firing.unraised(standing, due, draft.now)
            command = EndDue(now=draft.now, by=SYSTEM, employers=around.employers, timeline=around.timeline(dossier))
            for ended in decide(command, dossier):
                at = datetime.fromisoformat(ended.data["expired_at"])
                while signals and signals[0].at < at:
                    self._raise(draft, signals.pop(0), entries, ring, around)
                event_id = uuid5(dossier_id, f"{ended.type}:{ended.data['consent_id']}")
                self._add(draft, ended, event_id, self._platform_source, _own_mac(ring, ended), around)
            for signal in signals:
                self._raise(draft, signal, entries, ring, around)
            if draft.writings:
                await self._append(conn, draft, ring, around, None)
            if not failed:  # else what is due stays so, with how often it failed
                await changes.write_afresh(conn, dossier_id, ring, _step(draft, around))
            return len(draft.writings)

        recorded = await self._write(dossier_id, True, attempt)
        if failed:
            raise failed[-1]
        return recorded

    # The transaction

    async def _write(
        self, dossier_id: UUID, authorises: bool, attempt: Callable[[Connection, Kept], Awaitable[T]]
    ) -> T:
        """APPEND first, then FENCE when access changes; once more, from the start, when keys had to be fetched."""
        locks = [fence.append(dossier_id)] + ([fence.exclusive(dossier_id)] if authorises else [])
        for _ in range(MOST_TRIES):
            kept: Kept = []
            try:
                async with self._database.transaction(*locks) as conn:
                    done = await attempt(conn, kept)
                    reach("append.before_commit")
                reach("append.after_commit")
                for ring, epoch in kept:  # not before the commit: that epoch may yet come of something else
                    self._keyrings.keep(ring, epoch)
                self.on_stored()
                return done
            except StaleKeys:
                if await self._keyrings.fetch(dossier_id) is None:
                    raise Problem(
                        UNAVAILABLE, "The keys of this dossier cannot be had now; nothing was stored."
                    ) from None
            except NoKeysYet:
                try:
                    await self._keyrings.create(dossier_id)
                except KeysDestroyed:  # erased, and since then restored from a backup of before it was opened
                    raise Problem(CONFLICT, ID_IS_USED) from None
        raise Problem(UNAVAILABLE, "This dossier is changing faster than this could be stored; send it again.")

    def _ring(self, head: Head) -> KeyRing | None:
        if not head.exists:
            return self._keyrings.made(head.dossier_id)
        return self._keyrings.at_hand(head.dossier_id, head.epoch)

    async def _record(
        self,
        conn: Connection,
        caller: Caller,
        dossier_id: UUID,
        incoming: Sequence[Incoming],
        around: Surroundings,
        kept: Kept,
    ) -> Recorded:
        head = await streams.head(conn, dossier_id, [one.event_id for one in incoming])
        if head.erased:
            raise of_erased(incoming, head.now)
        draft = drafted(head, self._ring(head), kept)
        ring, dossier = draft.ring, draft.before
        actor = actor_of(caller, head.owner, dossier, draft.now)
        # What follows an opening in its own batch is judged by `decide`, when the dossier is there.
        known = incoming if head.exists else incoming[:1]
        employers, timeline = around.employers, around.timeline(dossier)
        if not all(may_know(dossier, actor, one.type, draft.now, employers, timeline) for one in known):
            raise not_found()
        refuse_faults(incoming, draft.now)
        repeated = await self._repeated(conn, dossier_id, incoming, ring) if head.has_repeats else {}
        for one in each_once(incoming):
            if one.key in repeated:
                continue
            about = await self._about(conn, dossier_id, one, around)
            command = self._command(dossier_id, one, actor, draft, around, about)
            for new in decided(command, draft.state, one.at):
                if ring is None:
                    raise NoKeysYet
                self._add(draft, new, one.event_id, one.source, ring.mac(canonical(one)), around, about)
        assert ring is not None
        stored = await self._stored(conn, draft, ring, around, actor, head)
        asked = draft.writings[: len(stored)]  # what follows them are signals
        shown = dict(zip(((w.entry.source, w.entry.event_id) for w in asked), stored, strict=True))
        for key, sequence in repeated.items():
            shown[key] = await self._gate.again(conn, around.reader, dossier_id, sequence)
        return Recorded([shown[one.key] for one in incoming], is_new=bool(draft.writings))

    async def _stored(
        self, conn: Connection, draft: Draft, ring: KeyRing, around: Surroundings, actor: Actor, head: Head
    ) -> list[Json]:
        if not draft.writings:
            return []
        if needs_whole_history(draft.news):
            draft.state = fold((*await draft.history(conn), *draft.news))
        events, echo = answer(head.dossier_id, draft.writings, draft.state, draft.now, actor, around, self._law)
        owner = actor.person if head.owner is None and actor.standing == "participant" else head.owner
        await self._call_back(conn, draft, ring, around)
        await self._raise_what_follows(conn, draft, ring, around, owner)
        await self._append(conn, draft, ring, around, echo)
        if head.owner is None and actor.standing == "participant":
            await store.write_owner(conn, head.dossier_id, actor.person)
        return events

    async def _call_back(self, conn: Connection, draft: Draft, ring: KeyRing, around: Surroundings) -> None:
        """What was received under a grant that is withdrawn with erasure asked (R-37), in the same transaction."""
        for grant in recalls.withdrawn(draft.news, draft.state):
            if await ledger.has_reached(conn, draft.head.dossier_id, grant.organisation, grant.purpose):
                event_id = uuid5(draft.head.dossier_id, f"copy-recall:{grant.consent_id}:{grant.organisation}")
                new = recalls.requested(grant, event_id, draft.now, around.timeline(draft.state), SYSTEM)
                self._add(draft, new, event_id, self._platform_source, _own_mac(ring, new), around)

    async def _raise_what_follows(
        self, conn: Connection, draft: Draft, ring: KeyRing, around: Surroundings, owner: str | None
    ) -> None:
        """Looks at the whole history with the news; without it too where the clock is late, for what was due then."""
        now, head = draft.now, draft.head
        if isinstance(draft.state, Erased) or not firing.follows_from(draft.news):
            return
        draft.is_watched = True
        if not self._rules:
            return
        entries = await draft.history(conn)
        read_at = await ledger.first_reads(conn, head.dossier_id, entries)
        after = Standing(head.dossier_id, [*entries, *draft.news], draft.state, owner, around, read_at)
        overdue: list[Signal] = []
        try:
            if draft.is_overdue:
                before = Standing(head.dossier_id, entries, draft.before, owner, around, read_at)
                overdue = firing.unraised(before, firing.due_in(before, now, self._rules), now)
            due = firing.due_in(after, now, self._rules)
        except RuleFailed as failed:  # what happened is recorded; the clock comes back for the signals
            parked.alarm(head.dossier_id, failed)
            draft.next_signal = now
            return
        draft.next_signal = next_moment(due, now)
        for signal in (*overdue, *firing.news_of(firing.unraised(after, due, now), overdue, now)):
            self._raise(draft, signal, after.entries, ring, around)

    def _raise(
        self, draft: Draft, signal: Signal, entries: Sequence[Entry], ring: KeyRing, around: Surroundings
    ) -> None:
        new = firing.raised(signal, draft.state, draft.now, around, entries[0])
        mac = _own_mac(ring, new)
        self._add(draft, new, signal.event_id, self._platform_source, mac, around, cause=signal.due.about.sequence)

    async def _append(
        self, conn: Connection, draft: Draft, ring: KeyRing, around: Surroundings, echo: store.Echo | None
    ) -> None:
        head = draft.head
        types = (self._contract.get(w.entry.type) for w in draft.writings)
        authorises = any(type_.authorises for type_ in types if type_ is not None)
        epoch = await store.append(
            conn, head.dossier_id, ring, draft.writings, head.sequence, authorises, draft.now, echo
        )
        if isinstance(draft.state, Erased):
            await store.erase(conn, head.dossier_id, draft.now)
            return
        await changes.write(conn, head.dossier_id, ring, _step(draft, around), draft.writings, draft.now)
        await draft.keep_history(conn)
        draft.kept.append((ring, epoch))

    # One event

    def _command(
        self,
        dossier_id: UUID,
        one: Incoming,
        actor: Actor,
        draft: Draft,
        around: Surroundings,
        about: AboutEntry | None,
    ) -> Record:
        type_ = self._contract.types[one.type]
        usual = about.privacy_class if type_.class_of is not None and about is not None else type_.privacy_class
        grantee = one.data.get("grantee_org") or one.data.get("requester_org")
        kind = around.kinds.get(grantee) if grantee else None
        return Record(
            dossier_id=dossier_id,
            event_id=one.event_id,
            type=one.type,
            data=one.data,
            privacy_class=one.privacy_class or usual,
            usual_class=usual,
            may_emit=type_.may_emit,
            may_emit_rule=type_.may_emit_rule,
            authorises=type_.authorises,
            by=actor,
            now=draft.now,
            occurred_at=datetime.fromisoformat(one.data["occurred_at"]),
            facts=Facts(
                law=self._law,
                grantee_kind=kind,
                grantee_person_organisation=around.people.get(one.data.get("grantee_actor", "")),
                actor_kind=around.kinds.get(actor.organisation or ""),
                about=about,
                legal_ref=self._law.article(kind, one.data["purpose"]) if kind and "purpose" in one.data else None,
                known_people=around.people,
                employers=around.employers,
                timeline=around.timeline(draft.state),
            ),
        )

    def _add(
        self,
        draft: Draft,
        new: NewEntry,
        event_id: UUID,
        source: str,
        mac: bytes,
        around: Surroundings,
        about: AboutEntry | None = None,
        cause: int | None = None,
    ) -> None:
        """`cause`: the sequence of the entry that a signal is about."""
        type_ = self._contract.types[new.type]
        entry = Entry(
            sequence=draft.sequence + 1,
            event_id=event_id,
            source=source,
            type=new.type,
            privacy_class=new.privacy_class,
            usual_class=new.usual_class,
            recorded_at=draft.now,
            occurred_at=datetime.fromisoformat(new.data["occurred_at"]),
            person=new.by.person,
            organisation=None if new.by.standing in ("participant", "delegate") else new.by.organisation,
            data=new.data,
        )
        draft.state = evolve(draft.state, entry)
        index = replace(of_registered(index_facts(entry, draft.state, about), around.kinds), about=cause)
        draft.writings.append(Writing(entry, type_.field_classes, index, mac))

    async def _about(
        self, conn: Connection, dossier_id: UUID, one: Incoming, around: Surroundings
    ) -> AboutEntry | None:
        """The entry that this one is about (R-35), if the caller may know of it."""
        type_ = self._contract.get(one.type)
        named = one.data.get(type_.class_of) if type_ is not None and type_.class_of is not None else None
        if not isinstance(named, str):
            return None
        try:
            return await self._gate.about(conn, around.reader, dossier_id, UUID(named))
        except ValueError:
            return None

    async def _repeated(
        self, conn: Connection, dossier_id: UUID, incoming: Sequence[Incoming], ring: KeyRing | None
    ) -> dict[Key, int]:
        """Which of these are stored already (R-29); another body under a used source and id is refused."""
        rows = await conn.fetch(
            "select event_id, source, sequence, mac from dossier.events where dossier_id = $1 and event_id = any($2)",
            dossier_id,
            [one.event_id for one in incoming],
        )
        stored = {(row["source"], UUID(int=row["event_id"].int)): row for row in rows}
        found: dict[Key, int] = {}
        for one in incoming:
            row = stored.get(one.key)
            if row is None or ring is None:
                continue
            if ring.mac(canonical(one)) != row["mac"]:
                raise Problem(CONFLICT, USED)
            found[one.key] = row["sequence"]
        return found


def _step(draft: Draft, around: Surroundings) -> Step:
    return Step(
        draft.before,
        draft.state,
        draft.sequence,
        draft.head.snapshot_at,
        around.employers,
        around.parameters,
        draft.is_watched,
        draft.is_overdue,
        draft.head.timers,
        draft.next_signal,
    )


def _own_mac(ring: KeyRing, new: NewEntry) -> bytes:
    return ring.mac(orjson.dumps({"type": new.type, "data": dict(new.data)}, option=orjson.OPT_SORT_KEYS))
