"""Putting right: who wrote an entry retracts it or answers for it, once; consent has its own ways (R-35)."""

from collections.abc import Mapping

from services.dossier.domain.access import live_grants
from services.dossier.domain.admission.references import Check, check_unused, known, unknown
from services.dossier.domain.commands import AboutEntry, Record
from services.dossier.domain.entries import LASTING
from services.dossier.domain.refusals import AgainstState, NotAllowed, RuleBroken, UnknownDossier
from services.dossier.domain.state import Open

RULE = "R-35"


def check_retracted(command: Record, dossier: Open) -> None:
    about = _own(command, dossier)
    if about.type.removeprefix("nl.dossier.").startswith(LASTING):
        raise AgainstState("This is ended by an event of its own, not retracted.", rule=RULE)
    if _is_retracted(about, dossier):
        raise AgainstState("This entry has been retracted.", rule=RULE, pointers=("/data/event_id",))


def check_requested(command: Record, dossier: Open) -> None:
    check_unused(command, "request_id", dossier.corrections, RULE)
    about = command.facts.about
    if about is None:
        raise unknown("event_id", RULE)
    if about.organisation is None:
        raise RuleBroken("This entry is the participant's own: retract it.", rule=RULE, pointers=("/data/event_id",))
    if about.organisation != command.data["to_org"]:
        raise RuleBroken("Ask the organisation that wrote the entry.", rule=RULE, pointers=("/data/to_org",))
    if _is_retracted(about, dossier):
        raise AgainstState("This entry has been retracted.", rule=RULE, pointers=("/data/event_id",))


def check_answered(command: Record, dossier: Open) -> None:
    correction = known(command, "request_id", dossier.corrections, RULE)
    if correction.to_org != command.organisation:
        raise unknown("request_id", RULE)
    if correction.answered:
        raise AgainstState("This request has been answered.", rule=RULE, pointers=("/data/request_id",))


def _is_retracted(about: AboutEntry, dossier: Open) -> bool:
    """By who wrote it: another's entry may have the same id."""
    return about.event_id in dossier.retracted.get(about.organisation or "", ())


def _own(command: Record, dossier: Open) -> AboutEntry:
    """Without a grant only one's own entry is known; with one, another's entry is not one's own to take back."""
    about = command.facts.about
    is_guest = command.by.standing == "professional"
    if about is not None and about.organisation == (command.organisation if is_guest else None):
        return about
    facts = command.facts
    if is_guest and not live_grants(dossier, command.by, command.now, facts.employers, facts.timeline):
        raise UnknownDossier
    if about is None:
        raise unknown("event_id", RULE)
    raise NotAllowed("Only who wrote an entry can retract it; ask for a correction.", rule=RULE)


CHECKS: Mapping[str, Check] = {
    "entry.retracted": check_retracted,
    "correction.requested": check_requested,
    "correction.answered": check_answered,
}
