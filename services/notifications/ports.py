"""What notifications need from the service that owns the dossiers; a root hands them its gate."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias
from uuid import UUID

from services.foundation.database.connection import Connection

Thin: TypeAlias = dict[str, Any]
"""A thin event as its reader gets it, except for `sequence`, which counts per subscription and dossier."""


@dataclass(frozen=True)
class Reader:
    """For whom a delivery is decided; a machine client has no person, a participant no organisation."""

    organisation: str | None
    person: str | None
    roles: frozenset[str]

    @property
    def owner(self) -> str:
        """The key by which an audience offers to this reader."""
        return self.organisation if self.organisation is not None else f"person:{self.person}"

    @property
    def key(self) -> tuple[str, str]:
        """By which its subscriptions are found: equality of two texts, which an index can answer; null is not equal."""
        return self.owner, self.person or ""


@dataclass(frozen=True)
class ReplayFor:
    """To whom an entry that is a grant with `history: all` opens what came before it (R-13)."""

    organisation: str
    person: str | None


@dataclass(frozen=True)
class Candidates:
    """Entries that may have to be delivered to one reader, in the order of their lane, until `most` of them were."""

    dossier_id: UUID
    reader: Reader
    sequences: Sequence[int]
    types: Sequence[str] = ()
    """Those that the subscription asks for; none means all of them."""
    most: int | None = None


class Audience(Protocol):
    """Who might have to be told. It may offer too much, never too little; it decides nothing."""

    async def of(self, conn: Connection, dossier_id: UUID, sequence: int) -> frozenset[str]:
        """Keys of organisations, and `person:<key>` of people without one."""

    async def replay_for(self, conn: Connection, dossier_id: UUID, sequence: int) -> ReplayFor | None:
        """Whom this entry lets subscribe to the whole history, if that is what it does."""

    async def known(self, conn: Connection, reader: Reader) -> Sequence[tuple[UUID, int]]:
        """The dossiers of which this reader might be told, each with its last sequence."""


class Release(Protocol):
    """The gate, for deliveries."""

    def transaction(self, dossier_id: UUID) -> AbstractAsyncContextManager[Connection]:
        """One transaction that holds the fence of this dossier shared."""

    def fenced(self, dossier_ids: Iterable[UUID]) -> AbstractAsyncContextManager[Connection]:
        """A connection, in no transaction, that holds these fences shared until the block ends; at most 25.

        Taken in ascending order; one of several that is not to be had soon is trouble that passes.
        """

    def transaction_over(self, dossier_ids: Sequence[UUID]) -> AbstractAsyncContextManager[Connection]:
        """One transaction that holds the fences of these dossiers shared, taken in ascending order; at most 25."""

    async def deliver(self, conn: Connection, offered: Sequence[Candidates]) -> Sequence[Mapping[int, Thin]]:
        """Decide now, and write a ledger row (way `delivery`) for what is permitted: for each, that, by sequence."""

    async def still(self, conn: Connection, offered: Sequence[Candidates]) -> Sequence[Mapping[int, Thin]]:
        """For each, which of these entries, delivered before, are permitted now, by sequence. No ledger row."""
