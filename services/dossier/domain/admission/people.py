"""Who stands for whom: delegates of the participant, contact persons, professionals of an organisation (R-14)."""

from collections.abc import Mapping

from services.dossier.domain.admission.references import Check, check_own, unknown
from services.dossier.domain.commands import Record
from services.dossier.domain.days import civil_day, day_named, moment_in
from services.dossier.domain.refusals import NotAllowed, RuleBroken
from services.dossier.domain.state import Open


def check_delegate_appointed(command: Record, _: Open) -> None:
    data = command.data
    if data["delegate"] not in command.facts.known_people or data["delegate"] == command.by.person:
        raise RuleBroken("Name someone else who is registered.", pointers=("/data/delegate",))
    from_on, until_on = day_named(data, "from_on"), day_named(data, "until_on")
    if until_on < max(from_on, civil_day(command.now)):
        raise RuleBroken("Let it end after it begins, and not before today.", pointers=("/data/until_on",))


def check_delegate_withdrawn(command: Record, dossier: Open) -> None:
    delegate = command.data["delegate"]
    if command.by.standing == "delegate" and delegate != command.by.person:
        raise NotAllowed("A delegate withdraws nobody but themselves.")
    if not any(d.person == delegate and d.withdrawn_at is None for d in dossier.delegations):
        raise unknown("delegate", "R-11")
    if moment_in(command.data["effective_at"]) > command.now:
        raise RuleBroken("This takes effect at once; it cannot wait.", pointers=("/data/effective_at",))


def check_contact_person(command: Record, _: Open) -> None:
    _check_colleague(command, "R-14")


def check_assigned(command: Record, _: Open) -> None:
    check_own(command, "org", None)
    _check_colleague(command, None)


def check_unassigned(command: Record, _: Open) -> None:
    check_own(command, "org", None)


def _check_colleague(command: Record, rule: str | None) -> None:
    data = command.data
    if command.facts.known_people.get(data["person"]) != data["org"]:
        raise RuleBroken("Name someone of that organisation.", rule=rule, pointers=("/data/person",))


CHECKS: Mapping[str, Check] = {
    "delegate.appointed": check_delegate_appointed,
    "delegate.withdrawn": check_delegate_withdrawn,
    "contact-person.appointed": check_contact_person,
    "professional.assigned": check_assigned,
    "professional.unassigned": check_unassigned,
}
