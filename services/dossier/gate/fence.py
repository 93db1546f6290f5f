"""The two locks of a dossier: APPEND first, for every write; then FENCE, shared to read, exclusive to change access."""

from uuid import UUID

from services.foundation.database.connection import Lock, advisory_key

MOST_FENCES = 25  # per transaction: 400 locks × 38 connections emptied the lock table (design §4)


def append(dossier_id: UUID) -> Lock:
    return Lock(advisory_key("dossier.append", dossier_id))


def shared(dossier_id: UUID) -> Lock:
    return Lock(advisory_key("dossier.fence", dossier_id), shared=True)


def exclusive(dossier_id: UUID) -> Lock:
    return Lock(advisory_key("dossier.fence", dossier_id))
