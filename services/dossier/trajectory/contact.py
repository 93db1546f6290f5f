"""Contact in which the participant took part, and nothing else (state.md §3)."""

from typing import Final

from services.dossier.domain.entries import Entry
from services.dossier.trajectory.history import History

ALWAYS: Final = frozenset(
    (
        "intake.completed",
        "retention-check.completed",
        "contact.restored",
        "employability.reviewed",
        "joint-decision.recorded",
        "match.agreed",
    )
)
AT_TIMES: Final = frozenset(("contact-moment.held", "handover.held", "outreach.attempted", "trial-placement.evaluated"))


def is_contact(entry: Entry, participant: str | None) -> bool:
    data = entry.data
    match entry.name:
        case "contact-moment.held":
            return participant in data["with"]
        case "handover.held":
            return bool(data["participant_present"])
        case "outreach.attempted":
            return bool(data["outcome"] == "reached")
        case "trial-placement.evaluated":
            return data["side"] in ("participant", "joint")
    return entry.name in ALWAYS


def contacts(history: History) -> list[Entry]:
    """In the order of history."""
    return [e for e in history.named(*ALWAYS, *AT_TIMES) if is_contact(e, history.participant)]
