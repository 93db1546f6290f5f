"""What one transaction decides to record in a dossier: the entries so far, what they follow, and where they lead."""

from dataclasses import dataclass, field
from datetime import datetime

from services.dossier.domain.entries import Entry
from services.dossier.domain.state import Dossier, NotOpened
from services.dossier.store import streams
from services.dossier.store.append import Writing
from services.dossier.store.streams import Head
from services.foundation.database.connection import Connection
from services.foundation.vault.sealing import KeyRing

HISTORY_GROWS_BY = 8
Kept = list[tuple[KeyRing, int]]


@dataclass
class Draft:
    """`before`: the state at the head, of which `tail` was opened to know it. `ring`: absent until keys are made.

    `kept`: the keys, with the epoch at which they are good once this is committed. `next_signal`: when a rule would
    raise something next, known once the rules were looked at (`is_watched`).
    """

    head: Head
    ring: KeyRing | None
    tail: list[Entry]
    before: Dossier
    state: Dossier
    kept: Kept
    writings: list[Writing] = field(default_factory=list)
    is_watched: bool = False
    next_signal: datetime | None = None
    _history: list[Entry] | None = None
    _kept_until: int = 0

    @property
    def now(self) -> datetime:
        """The business clock, and never before what was recorded last."""
        last = self.head.last_recorded_at
        return self.head.now if last is None else max(last, self.head.now)

    @property
    def sequence(self) -> int:
        return self.head.sequence + len(self.writings)

    @property
    def is_overdue(self) -> bool:
        """Something fell due that the clock has yet to serve."""
        return any(at <= self.now for at in self.head.timers)

    @property
    def news(self) -> list[Entry]:
        return [writing.entry for writing in self.writings]

    async def history(self, conn: Connection) -> list[Entry]:
        """All that was recorded before, opened once."""
        if self._history is None:
            self._history = self.tail
            if self.head.snapshot is not None:
                assert self.ring is not None
                covered, self._kept_until = await streams.history(
                    conn, self.head.dossier_id, self.ring, self.head.snapshot_at
                )
                self._history = [*covered, *self.tail]
        return self._history

    async def keep_history(self, conn: Connection) -> None:
        """Where it was opened and has grown by a worthwhile part: what is written stays in step with its size."""
        grown = self.sequence - self._kept_until
        if self._history is None or self.ring is None or grown < max(HISTORY_GROWS_BY, self.sequence // 8):
            return
        await streams.keep_history(conn, self.head.dossier_id, self.ring, [*self._history, *self.news])


def drafted(head: Head, ring: KeyRing | None, kept: Kept) -> Draft:
    """Nothing decided yet."""
    if not head.exists:
        return Draft(head, ring, [], NotOpened(), NotOpened(), kept)
    assert ring is not None
    dossier, tail = streams.state_at(head, ring)
    return Draft(head, ring, tail, dossier, dossier, kept)
