"""What one recorded event is to the domain: an entry of the dossier, opened, with who wrote it and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

Standing = Literal["participant", "delegate", "professional", "platform"]
HEALTH = "health-sensitive"
# Never retracted: that would give back what was withdrawn, or take away without a withdrawal.
LASTING = ("consent.", "copy-recall.", "delegate.", "dossier.", "entry.")


@dataclass(frozen=True)
class Actor:
    """Who acts in a dossier, and in which standing towards it.

    `person` is an actor key (absent for a machine client), `organisation` an organisation key (absent for a
    participant or their delegate), `roles` the role codes of `domain/README.md` that the caller may take here.
    """

    standing: Standing
    person: str | None
    organisation: str | None
    roles: frozenset[str]


@dataclass(frozen=True)
class NewEntry:
    """An event that a decision wants recorded; the platform gives id, sequence and time."""

    type: str
    data: Mapping[str, Any]
    privacy_class: str
    usual_class: str
    by: Actor


@dataclass(frozen=True)
class Entry:
    """A recorded event, opened. `organisation` is absent when the participant or a delegate wrote it."""

    sequence: int
    event_id: UUID
    source: str
    type: str
    privacy_class: str
    usual_class: str
    recorded_at: datetime
    occurred_at: datetime
    person: str | None
    organisation: str | None
    data: Mapping[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """The type without its prefix: `placement.started`."""
        return self.type.removeprefix("nl.dossier.")
