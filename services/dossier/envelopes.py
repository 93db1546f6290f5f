"""The two shapes in which an entry is told: the thin event that travels, and the envelope of the whole one."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.dossier.domain.entries import HEALTH

Json = dict[str, Any]
NEUTRAL = "nl.dossier.entry.recorded"


def utc(moment: datetime) -> str:
    """RFC 3339 in UTC, as every moment is answered (API Design Rules)."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def neutral_type(type_: str, privacy_class: str) -> str:
    """The type under which an entry travels: its own, or one that tells nothing about health (R-33)."""
    return NEUTRAL if privacy_class == HEALTH else type_


def thin(dossier_id: UUID, event_id: UUID, source: str, travels_as: str, recorded_at: datetime) -> Json:
    """The thin event without `sequence`, which is the dossier's own inside and each reader's own outside."""
    return {
        "specversion": "1.0",
        "id": str(event_id),
        "source": source,
        "type": travels_as,
        "subject": f"dossier/{dossier_id}",
        "time": utc(recorded_at),
        "sequencetype": "Integer",
        "dataref": f"/v1/dossiers/{dossier_id}/events/{event_id}",
    }


def envelope(
    dossier_id: UUID,
    event_id: UUID,
    source: str,
    type_: str,
    privacy_class: str,
    recorded_at: datetime,
    writer: str | None,
) -> Json:
    """The event without `data` and `sequence`: what a writer gets who may not read."""
    event: Json = {
        "specversion": "1.0",
        "id": str(event_id),
        "source": source,
        "type": type_,
        "subject": f"dossier/{dossier_id}",
        "time": utc(recorded_at),
        "datacontenttype": "application/json",
        "dataschema": f"https://dossier.example.org/schema/{type_}/v1",
        "privacyclass": privacy_class,
    }
    return event if writer is None else event | {"actor": writer}


def numbered(event: Json, sequence: int) -> Json:
    return event | {"sequence": str(sequence), "sequencetype": "Integer"}
