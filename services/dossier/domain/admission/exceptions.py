"""An exception to the numbers of the rules for one dossier: from tomorrow at the earliest, and it ends."""

from collections.abc import Mapping

from services.dossier.domain.admission.references import Check
from services.dossier.domain.commands import Record
from services.dossier.domain.days import civil_day, day_in
from services.dossier.domain.numbers import NOT_FOR_ONE_DOSSIER, faults
from services.dossier.domain.refusals import RuleBroken
from services.dossier.domain.state import Open

NOT_BEFORE_TOMORROW = "Let it begin tomorrow at the earliest: what was raised before stays as it is."


def check_overridden(command: Record, _: Open) -> None:
    data = command.data
    wrong = dict(faults(data["parameters"]))
    if wrong:
        pointers = tuple(f"/data/parameters/{name}" for name in wrong)
        raise RuleBroken(next(iter(wrong.values())), pointers=pointers)
    of_access = sorted(data["parameters"].keys() & NOT_FOR_ONE_DOSSIER)
    if of_access:
        message = "Access rests on this number, so it has no exceptions; the participant can grant again."
        raise RuleBroken(message, rule="R-11b", pointers=tuple(f"/data/parameters/{name}" for name in of_access))
    from_on, until_on = day_in(data["from_on"]), day_in(data["until_on"])
    assert from_on is not None
    assert until_on is not None
    if from_on <= civil_day(command.now):
        raise RuleBroken(NOT_BEFORE_TOMORROW, pointers=("/data/from_on",))
    if until_on < from_on:
        raise RuleBroken("Let it end after it begins.", pointers=("/data/until_on",))


CHECKS: Mapping[str, Check] = {"rule-parameters.overridden": check_overridden}
