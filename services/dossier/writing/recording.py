"""One transaction that records in a dossier: what was decided is added, what follows from it is raised, all is stored.

Nothing here decides: `domain.decisions` does, and the rules over time do.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid5

import orjson

from services.dossier.domain import recalls
from services.dossier.domain.commands import AboutEntry, EndDue
from services.dossier.domain.decisions import decide
from services.dossier.domain.entries import Entry, NewEntry
from services.dossier.domain.evolution import evolve, fold, needs_whole_history
from services.dossier.domain.index import index_facts, of_registered
from services.dossier.domain.state import Erased
from services.dossier.gate import ledger
from services.dossier.store import append as store
from services.dossier.store import changes
from services.dossier.store.append import Echo, Writing
from services.dossier.store.changes import Step
from services.dossier.trajectory import parked
from services.dossier.trajectory.rulebook import Rule, RuleFailed, next_moment
from services.dossier.writing import firing
from services.dossier.writing.drafting import Draft
from services.dossier.writing.firing import Signal, Standing
from services.dossier.writing.surroundings import SYSTEM, Surroundings
from services.foundation.contract import Contract
from services.foundation.database.connection import Connection
from services.foundation.vault.sealing import KeyRing


class NoKeysYet(Exception):
    """A new dossier may be opened: its keys are made and committed first, outside the transaction."""


@dataclass(frozen=True)
class Recording:
    """`source`: the CloudEvents source of what the platform itself records."""

    conn: Connection
    draft: Draft
    around: Surroundings
    contract: Contract
    rules: Sequence[Rule]
    source: str

    @property
    def ring(self) -> KeyRing:
        if self.draft.ring is None:
            raise NoKeysYet
        return self.draft.ring

    @property
    def dossier_id(self) -> UUID:
        return self.draft.head.dossier_id

    def add(
        self,
        new: NewEntry,
        event_id: UUID,
        source: str,
        mac: bytes,
        *,
        about: AboutEntry | None = None,
        cause: int | None = None,
    ) -> None:
        """`cause`: the sequence of the entry that a signal is about."""
        draft = self.draft
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
        index = replace(of_registered(index_facts(entry, draft.state, about), self.around.kinds), about=cause)
        draft.writings.append(Writing(entry, self.contract.types[new.type].field_classes, index, mac))

    def _add_own(self, new: NewEntry, event_id: UUID, cause: int | None = None) -> None:
        mac = self.ring.mac(orjson.dumps({"type": new.type, "data": dict(new.data)}, option=orjson.OPT_SORT_KEYS))
        self.add(new, event_id, self.source, mac, cause=cause)

    async def refold(self) -> None:
        """The state after what was added, where it follows from more than the state before."""
        if needs_whole_history(self.draft.news):
            self.draft.state = fold((*await self.draft.history(self.conn), *self.draft.news))

    async def call_back(self) -> None:
        """What was received under a grant that is withdrawn with erasure asked (R-37), in the same transaction."""
        draft = self.draft
        for grant in recalls.withdrawn(draft.news, draft.state):
            if await ledger.has_reached(self.conn, self.dossier_id, grant.organisation, grant.purpose):
                event_id = uuid5(self.dossier_id, f"copy-recall:{grant.consent_id}:{grant.organisation}")
                timeline = self.around.timeline(draft.state)
                self._add_own(recalls.requested(grant, event_id, draft.now, timeline, SYSTEM), event_id)

    async def raise_what_follows(self, owner: str | None) -> None:
        """Looks at the whole history with the news; without it too where the clock is late, for what was due then."""
        draft, now = self.draft, self.draft.now
        if isinstance(draft.state, Erased) or not firing.follows_from(draft.news):
            return
        draft.is_watched = True
        if not self.rules:
            return
        before = await self._before(owner)
        after = replace(before, entries=[*before.entries, *draft.news], dossier=draft.state)
        overdue: list[Signal] = []
        try:
            if draft.is_overdue:
                overdue = firing.unraised(before, firing.due_in(before, now, self.rules), now)
            due = firing.due_in(after, now, self.rules)
        except RuleFailed as failed:  # what happened is recorded; the clock comes back for the signals
            parked.alarm(self.dossier_id, failed)
            draft.next_signal = now
            return
        draft.next_signal = next_moment(due, now)
        self._raise((*overdue, *firing.news_of(firing.unraised(after, due, now), overdue, now)), after.entries)

    async def end_due(self) -> RuleFailed | None:
        """Ends of grants and signals, in the order of their moments. A rule that fails stops no grant from ending."""
        draft, failed = self.draft, None
        before = await self._before(draft.head.owner)
        try:
            due = firing.due_in(before, draft.now, self.rules)
            draft.next_signal = next_moment(due, draft.now)
        except RuleFailed as error:
            failed, due = error, []
        signals = firing.unraised(before, due, draft.now)
        around = self.around
        command = EndDue(now=draft.now, by=SYSTEM, employers=around.employers, timeline=around.timeline(draft.before))
        for ended in decide(command, draft.before):
            at = datetime.fromisoformat(ended.data["expired_at"])
            earlier = [signal for signal in signals if signal.at < at]
            self._raise(earlier, before.entries)
            signals = signals[len(earlier) :]
            self._add_own(ended, uuid5(self.dossier_id, f"{ended.type}:{ended.data['consent_id']}"))
        self._raise(signals, before.entries)
        return failed

    async def _before(self, owner: str | None) -> Standing:
        """The dossier as it stood before anything was added."""
        entries = await self.draft.history(self.conn)
        read_at = await ledger.first_reads(self.conn, self.dossier_id, entries)
        return Standing(self.dossier_id, entries, self.draft.before, owner, self.around, read_at)

    def _raise(self, signals: Iterable[Signal], entries: Sequence[Entry]) -> None:
        for signal in signals:
            new = firing.raised(signal, self.draft.state, self.draft.now, self.around, entries[0])
            self._add_own(new, signal.event_id, cause=signal.due.about.sequence)

    async def write(self, echo: Echo | None = None) -> None:
        """`echo`: the ledger row of giving the writer back what it wrote."""
        draft, head = self.draft, self.draft.head
        authorises = any(self.contract.types[writing.entry.type].authorises for writing in draft.writings)
        epoch = await store.append(
            self.conn, head.dossier_id, self.ring, draft.writings, head.sequence, authorises, draft.now, echo
        )
        if isinstance(draft.state, Erased):
            await store.erase(self.conn, head.dossier_id, draft.now)
            return
        await changes.write(self.conn, head.dossier_id, self.ring, self.step, draft.writings, draft.now)
        await draft.keep_history(self.conn)
        draft.kept.append((self.ring, epoch))

    @property
    def step(self) -> Step:
        """From the state before to the one after."""
        draft = self.draft
        return Step(
            draft.before,
            draft.state,
            draft.sequence,
            draft.head.snapshot_at,
            self.around.employers,
            self.around.parameters,
            draft.is_watched,
            draft.is_overdue,
            draft.head.timers,
            draft.next_signal,
        )
