"""Schemes, decisions and work offered: a form is never bounced, and a decision is understood (R-08, R-26)."""

from collections.abc import Mapping

from services.dossier.domain.admission.references import Check
from services.dossier.domain.commands import Record
from services.dossier.domain.refusals import AgainstState, RuleBroken
from services.dossier.domain.state import Open

# Grounds for refusing a scheme. The version of a form is none.
GROUNDS = frozenset({"not_eligible", "not_covered", "maximum_reached", "not_needed", "other"})


def check_scheme_requested(command: Record, dossier: Open) -> None:
    """Sent again it is the same request; by another applicant it would show one the decision on the other."""
    if dossier.schemes.get(command.data["request_id"], command.data["applicant_org"]) != command.data["applicant_org"]:
        raise AgainstState("Choose another id: this one is in use.", rule="R-17", pointers=("/data/request_id",))


def check_scheme_decided(command: Record, _: Open) -> None:
    if "reason" in command.data and command.data["reason"] not in GROUNDS:
        raise RuleBroken(
            "Decide on the request itself: the version of a form is no ground.", rule="R-08", pointers=("/data/reason",)
        )


def check_decision_communicated(command: Record, _: Open) -> None:
    """Words of blanks explain nothing."""
    fields = ("plain_summary", "consequences", "ask_whom")
    blank = tuple(f"/data/{field}" for field in fields if not str(command.data.get(field, "")).strip())
    if blank:
        raise RuleBroken(
            "Say in plain words what was decided, what follows from it, and whom to ask.", rule="R-26", pointers=blank
        )


def check_opportunity(command: Record, dossier: Open) -> None:
    reference, employer = command.data["opportunity_ref"], command.data["employer_org"]
    if dossier.opportunities.get(reference, employer) != employer:
        raise AgainstState("Choose another id: this one is in use.", rule="R-17", pointers=("/data/opportunity_ref",))


CHECKS: Mapping[str, Check] = {
    "scheme.requested": check_scheme_requested,
    "scheme.decided": check_scheme_decided,
    "decision.communicated": check_decision_communicated,
    "opportunity.proposed": check_opportunity,
}
