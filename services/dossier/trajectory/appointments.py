"""Who was appointed as contact person: for the participant, or for an employer (R-14, R-32)."""

from typing import Literal

from services.dossier.domain.entries import Entry
from services.dossier.trajectory.history import History


def appointed(history: History, audience: Literal["participant", "employer"]) -> list[Entry]:
    """The appointments, in the order of history."""
    return [e for e in history.named("contact-person.appointed") if e.data["audience"] == audience]
