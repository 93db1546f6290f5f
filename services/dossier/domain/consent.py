"""The grant: who may do what with which part of a dossier, on which legal basis, from when until when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

History = Literal["all", "from_grant"]


@dataclass(frozen=True)
class Grant:
    """One grant as it stands now (R-11). `event_types` empty means every type; an entry ending in `*` is a prefix.

    `ended_at` is set by withdrawal or expiry; `purpose_ends_at` is the end of the relation it was given for (R-11b)
    or of the referral it belongs to (R-36), when one is known. An ended grant never revives.
    """

    consent_id: str
    event_id: UUID
    organisation: str
    person: str | None
    classes: frozenset[str]
    event_types: tuple[str, ...]
    operations: frozenset[str]
    purpose: str
    basis: str
    legal_ref: str | None
    history: History
    valid_from: datetime
    valid_until: datetime
    referral_id: str | None = None
    ended_at: datetime | None = None
    purpose_ends_at: datetime | None = None

    @property
    def is_revocable(self) -> bool:
        """A statutory grant is visible and contestable, never withdrawable (R-11)."""
        return self.basis != "statutory_task"

    def is_live(self, now: datetime) -> bool:
        """From `valid_from`, before whatever ends it first."""
        return self.valid_from <= now and not self.has_ended(now)

    def has_ended(self, now: datetime) -> bool:
        """Whatever ended it: withdrawal, its window, or its purpose. One that has yet to begin has not."""
        return any(at is not None and at <= now for at in (self.valid_until, self.ended_at, self.purpose_ends_at))

    def can_be_withdrawn(self, now: datetime) -> bool:
        return self.is_revocable and not self.has_ended(now)

    def is_held_by(self, organisation: str | None, person: str | None) -> bool:
        """A grant that names a person is held by that person alone, within the organisation."""
        return organisation == self.organisation and self.person in (None, person)

    def covers_type(self, type_: str) -> bool:
        """The event's true type against the listed types and prefixes."""
        return not self.event_types or any(
            type_ == listed or (listed.endswith("*") and type_.startswith(listed[:-1])) for listed in self.event_types
        )

    def covers_history(self, occurred_at: datetime) -> bool:
        """`from_grant` is judged by when the event occurred, against `valid_from` of the grant live now (state.md)."""
        return self.history == "all" or occurred_at >= self.valid_from
