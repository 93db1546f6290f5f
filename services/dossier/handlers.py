"""The only command path: lock, load, fold, decide, seal, append, commit (design §2, "Write")."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from services.dossier.domain.commands import AboutEntry, Facts, Record
from services.dossier.domain.decisions import ID_IS_USED
from services.dossier.domain.entries import Actor
from services.dossier.domain.knowledge import may_know
from services.dossier.envelopes import Json
from services.dossier.gate import fence
from services.dossier.gate.law import Law
from services.dossier.gate.release import Gate
from services.dossier.store import append as store
from services.dossier.store import changes, streams
from services.dossier.store.keyrings import Keyrings, StaleKeys
from services.dossier.store.streams import Head
from services.dossier.trajectory.rulebook import RULES, Rule, RuleFailed
from services.dossier.writing.answers import answer
from services.dossier.writing.drafting import Kept, drafted
from services.dossier.writing.incoming import Incoming, Key
from services.dossier.writing.recording import NoKeysYet, Recording
from services.dossier.writing.refusing import decided, of_erased, refuse_faults
from services.dossier.writing.repeats import USED, canonical, each_once
from services.dossier.writing.standing import actor_of
from services.dossier.writing.surroundings import Surroundings, Surveyor
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

T = TypeVar("T")
MOST_TRIES = 4
ERASED = "nl.dossier.dossier.erased"


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
            recording = self._recording(conn, head, around, kept)
            failure = await recording.end_due()
            if recording.draft.writings:
                await recording.write()
            if failure is not None:
                failed.append(failure)
            else:  # else what is due stays so, with how often it failed
                await changes.write_afresh(conn, dossier_id, recording.ring, recording.step)
            return len(recording.draft.writings)

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

    def _recording(self, conn: Connection, head: Head, around: Surroundings, kept: Kept) -> Recording:
        keyrings, id = self._keyrings, head.dossier_id
        ring = keyrings.at_hand(id, head.epoch) if head.exists else keyrings.made(id)
        draft = drafted(head, ring, kept)
        return Recording(conn, draft, around, self._contract, self._rules, self._platform_source)

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
        recording = self._recording(conn, head, around, kept)
        draft, dossier = recording.draft, recording.draft.before
        actor = actor_of(caller, head.owner, dossier, draft.now)
        # What follows an opening in its own batch is judged by `decide`, when the dossier is there.
        known = incoming if head.exists else incoming[:1]
        employers, timeline = around.employers, around.timeline(dossier)
        if not all(may_know(dossier, actor, one.type, draft.now, employers, timeline) for one in known):
            raise not_found()
        refuse_faults(incoming, draft.now)
        repeated = await self._repeated(recording, incoming) if head.has_repeats else {}
        for one in each_once(incoming):
            if one.key in repeated:
                continue
            about = await self._about(conn, dossier_id, one, around)
            for new in decided(self._command(one, actor, recording, about), draft.state, one.at):
                recording.add(new, one.event_id, one.source, recording.ring.mac(canonical(one)), about=about)
        shown = await self._stored(recording, actor) if draft.writings else {}
        for key, sequence in repeated.items():
            shown[key] = await self._gate.again(conn, around.reader, dossier_id, sequence)
        return Recorded([shown[one.key] for one in incoming], is_new=bool(draft.writings))

    async def _stored(self, recording: Recording, actor: Actor) -> dict[Key, Json]:
        """What was added, and the signals that follow from it; what was added as its writer may read it."""
        draft, head, around = recording.draft, recording.draft.head, recording.around
        await recording.refold()
        events, echo = answer(head.dossier_id, draft.writings, draft.state, draft.now, actor, around, self._law)
        keys = [(written.entry.source, written.entry.event_id) for written in draft.writings]
        is_claimed = head.owner is None and actor.standing == "participant"
        await recording.call_back()
        await recording.raise_what_follows(actor.person if is_claimed else head.owner)
        await recording.write(echo)
        if is_claimed:
            await store.write_owner(recording.conn, head.dossier_id, actor.person)
        return dict(zip(keys, events, strict=True))

    # One event

    def _command(self, one: Incoming, actor: Actor, recording: Recording, about: AboutEntry | None) -> Record:
        draft, around = recording.draft, recording.around
        type_ = self._contract.types[one.type]
        usual = about.privacy_class if type_.class_of is not None and about is not None else type_.privacy_class
        grantee = one.data.get("grantee_org") or one.data.get("requester_org")
        kind = around.kinds.get(grantee) if grantee else None
        return Record(
            dossier_id=recording.dossier_id,
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

    async def _repeated(self, recording: Recording, incoming: Sequence[Incoming]) -> dict[Key, int]:
        """Which of these are stored already (R-29); another body under a used source and id is refused."""
        rows = await recording.conn.fetch(
            "select event_id, source, sequence, mac from dossier.events where dossier_id = $1 and event_id = any($2)",
            recording.dossier_id,
            [one.event_id for one in incoming],
        )
        stored = {(row["source"], UUID(int=row["event_id"].int)): row for row in rows}
        found: dict[Key, int] = {}
        for one in incoming:
            row = stored.get(one.key)
            if row is None:
                continue
            if recording.ring.mac(canonical(one)) != row["mac"]:
                raise Problem(CONFLICT, USED)
            found[one.key] = row["sequence"]
        return found
