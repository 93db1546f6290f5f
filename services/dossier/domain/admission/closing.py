"""A dossier is closed for a reason of the participant's, and once: never for doing nothing (R-15)."""

from collections.abc import Mapping

from services.dossier.domain.admission.references import Check
from services.dossier.domain.commands import Record
from services.dossier.domain.refusals import AgainstState, RuleBroken
from services.dossier.domain.state import Open

REASONS = frozenset({"participant_request", "goal_reached", "moved_abroad", "deceased"})


def check_closed(command: Record, dossier: Open) -> None:
    if command.data["reason"] not in REASONS:
        raise RuleBroken("Close a dossier only for a listed reason.", rule="R-15", pointers=("/data/reason",))
    if dossier.closed:
        raise AgainstState("This dossier is closed already.", rule="R-15")


CHECKS: Mapping[str, Check] = {
    "dossier.closed": check_closed,
}
