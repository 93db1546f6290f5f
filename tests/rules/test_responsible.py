"""Who is responsible for a dossier (state.md §5)."""

from datetime import datetime
from typing import Any

from services.dossier.domain.entries import Entry
from services.dossier.trajectory.state import derive
from tests.rules.given import history, intake, on, opened


def handed(id_: str, to: str, accepted_on: str, responsible_from: str) -> list[Entry]:
    begun: dict[str, Any] = {"handover_id": id_, "to_org": to, "due_on": accepted_on, "completeness": 1}
    done = {"handover_id": id_, "accepted_on": accepted_on, "responsible_from": responsible_from}
    return [on("2025-01-03", "handover.initiated", **begun), on(accepted_on, "handover.accepted", **done)]


def responsible(day: str, *entries: Entry) -> str | None:
    at = datetime.fromisoformat(f"{day}T22:00:00+00:00")
    told = derive(history(*entries).entries, (), at, "noor")
    return told["responsible_organisation"][0] if "responsible_organisation" in told else None


def test_who_opened_it_then_who_accepted_it_from_its_day_on() -> None:
    accepted = handed("h1", "uwv", "2025-02-01", "2025-02-10")
    assert responsible("2025-02-09", opened(), *accepted) == "oosterlo"
    assert responsible("2025-02-10", opened(), *accepted) == "uwv"


def test_opened_by_the_participant_it_is_who_held_the_first_intake() -> None:
    by_noor = on("2025-01-01", "dossier.opened", by=None)
    assert responsible("2025-01-02", by_noor) is None
    assert responsible("2025-01-02", by_noor, intake(by_org="rwc")) == "rwc"


def test_of_two_handovers_the_last_accepted_counts_whichever_day_comes_last() -> None:
    first = handed("h1", "uwv", "2025-02-01", "2025-03-01")
    second = handed("h2", "rwc", "2025-02-05", "2025-02-05")
    assert responsible("2025-02-28", opened(), *first, *second) == "rwc"
    assert responsible("2025-03-02", opened(), *first, *second) == "rwc"
