"""A step of the participant rests on a decision that they agreed to (R-28)."""

from collections.abc import Mapping

from services.dossier.domain.admission.references import Check
from services.dossier.domain.commands import Record
from services.dossier.domain.days import civil_day
from services.dossier.domain.refusals import RuleBroken
from services.dossier.domain.state import Open


def check_agreed(command: Record, dossier: Open) -> None:
    decision = dossier.decisions.get(command.data["decision_id"])
    is_agreed = decision is not None and decision.agreed
    age = (civil_day(command.occurred_at) - decision.decided_on).days if decision is not None else 0
    if not is_agreed or not 0 <= age <= command.parameters.decision_days:
        raise RuleBroken(
            "Decide together first: name a recent decision that the participant agreed to.",
            rule="R-28",
            pointers=("/data/decision_id",),
        )


CHECKS: Mapping[str, Check] = {
    "trial-placement.requested": check_agreed,
    "development-plan.agreed": check_agreed,
    "transition.planned": check_agreed,
}
