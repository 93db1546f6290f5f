"""What was received under a withdrawn grant is called back, where the participant asked for erasure (R-37)."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from uuid import UUID

from services.dossier.domain.consent import Grant
from services.dossier.domain.days import civil_day, days_after
from services.dossier.domain.entries import Actor, Entry, NewEntry
from services.dossier.domain.numbers import Timeline
from services.dossier.domain.state import Dossier, Open

REVOKED = "nl.dossier.consent.revoked"
REQUESTED = "nl.dossier.copy-recall.requested"


def withdrawn(news: Iterable[Entry], dossier: Dossier) -> Iterator[Grant]:
    """The grants that were just withdrawn, of which the copies are to be erased."""
    if not isinstance(dossier, Open):
        return
    for entry in news:
        if (
            entry.type == REVOKED
            and entry.data["erase_copies_requested"]
            and entry.data["consent_id"] in dossier.grants
        ):
            yield dossier.grants[entry.data["consent_id"]]


def requested(grant: Grant, event_id: UUID, now: datetime, timeline: Timeline, by: Actor) -> NewEntry:
    """To the organisation that read or got something; it answers under the id of this event."""
    at, today = now.astimezone(UTC).isoformat(), civil_day(now)
    data = {
        "recall_id": str(event_id),
        "consent_id": grant.consent_id,
        "of_org": grant.organisation,
        "requested_at": at,
        "answer_by_on": days_after(today, timeline.on(today).recall_days).isoformat(),
        "occurred_at": at,
    }
    return NewEntry(REQUESTED, data, "identity", "identity", by)
