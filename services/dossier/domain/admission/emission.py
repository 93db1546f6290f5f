"""Who may write what: the role of its schema, a live grant or a delegate's power, and the limits of its class."""

from services.dossier.domain.access import live_delegation, live_grants
from services.dossier.domain.commands import Record
from services.dossier.domain.entries import HEALTH
from services.dossier.domain.knowledge import WITHOUT_A_GRANT, may_know
from services.dossier.domain.refusals import NotAllowed, RuleBroken, UnknownDossier
from services.dossier.domain.state import Open

# What a delegate with the power to answer may write: the participant was asked for it.
ANSWERS = frozenset({"opportunity.responded", "trial-placement.evaluated", "survey.answered"})


def check_known(command: Record, dossier: Open) -> None:
    facts = command.facts
    if not may_know(dossier, command.by, command.type, command.now, facts.employers, facts.timeline):
        raise UnknownDossier


def check_role(command: Record) -> None:
    if not _roles(command) & command.may_emit:
        raise NotAllowed("Your role does not record events of this type.", rule=command.may_emit_rule)


def check_permission(command: Record, dossier: Open) -> None:
    match command.by.standing:
        case "participant" | "platform":
            return
        case "delegate":
            _check_power(command, dossier)
        case "professional":
            _check_grant(command, dossier)


def check_moment(command: Record) -> None:
    if command.occurred_at > command.now:
        raise RuleBroken("Record what has happened, not what is to come.", pointers=("/data/occurred_at",))


def check_class(command: Record) -> None:
    if command.privacy_class in (command.usual_class, HEALTH):
        return
    raise RuleBroken(
        "Keep the usual privacy class of this type, or raise it to health-sensitive.",
        rule="R-34",
        pointers=("/privacyclass",),
    )


def check_employer_form(command: Record) -> None:
    facts = command.facts
    if command.by.standing != "professional" or not facts.law.is_employer(facts.actor_kind):
        return
    if forbidden := facts.law.forbidden_in_emission(command.data):
        raise RuleBroken(
            "Leave out what says something about health: an employer reports an adaptation by its solution.",
            rule="R-17",
            pointers=tuple(f"/data{pointer.removeprefix('/data')}" for pointer in forbidden),
        )


def _roles(command: Record) -> frozenset[str]:
    match command.by.standing:
        case "participant":
            return frozenset({"P"})
        case "delegate":
            return frozenset({"DEL"})
        case "platform":
            return frozenset({"SYS"})
        case "professional":
            return command.by.roles - {"P", "DEL", "SYS"}


def _check_power(command: Record, dossier: Open) -> None:
    if command.name == "delegate.withdrawn" and command.data["delegate"] == command.by.person:
        return
    if command.name.startswith("consent."):
        enough = {"consent"}
    elif command.name in ANSWERS:
        enough = {"answer", "emit"}
    else:
        enough = {"emit"}
    if not live_delegation(dossier, command.by.person, command.now) & enough:
        raise NotAllowed("The participant did not give you the power to do this.")


def _check_grant(command: Record, dossier: Open) -> None:
    if command.type in WITHOUT_A_GRANT:
        return
    needed = {command.privacy_class, command.usual_class}
    grants = live_grants(dossier, command.by, command.now, command.facts.employers, command.facts.timeline)
    if not any("emit" in g.operations and needed <= g.classes and g.covers_type(command.type) for g in grants):
        raise NotAllowed("Ask the participant for a grant that lets you record events of this kind.", rule="R-11")
