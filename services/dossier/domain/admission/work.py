"""Trials and placements: a promise, a maximum, and one story per id (R-02, R-03, R-17)."""

from collections.abc import Mapping

from services.dossier.domain.admission.references import Check, check_unused, known, unknown
from services.dossier.domain.commands import Record
from services.dossier.domain.days import day_in, day_named, months_after
from services.dossier.domain.refusals import AgainstState, RuleBroken
from services.dossier.domain.state import Open, Placement, Trial

TRIAL = "R-04"  # the rule by which a trial runs from start to end
PLACEMENT = "R-01"  # the rule whose clock a placement starts


def check_trial_requested(command: Record, dossier: Open) -> None:
    _check_promise(command)
    _check_length(command)
    check_unused(command, "trial_id", dossier.trials, TRIAL)


def check_trial_decided(command: Record, dossier: Open) -> None:
    trial = _trial(command, dossier)
    data, parameters = command.data, command.parameters
    begins_on = trial.started_on or trial.planned_start_on
    new_end_on = day_in(data.get("new_end_on"))
    is_longer = new_end_on is not None and new_end_on >= months_after(begins_on, parameters.trial_max_months)
    if (data["outcome"] == "extended" or is_longer) and not data.get("reason", "").strip():
        raise RuleBroken("Give the reason for a longer trial.", rule="R-03", pointers=("/data/reason",))
    if new_end_on is not None and new_end_on >= months_after(begins_on, parameters.trial_hard_max_months):
        raise RuleBroken("No trial may last this long.", rule="R-03", pointers=("/data/new_end_on",))


def check_trial_started(command: Record, dossier: Open) -> None:
    if _trial(command, dossier).started_on is not None:
        raise AgainstState("This trial has started already.", rule=TRIAL, pointers=("/data/trial_id",))


def check_trial_evaluated(command: Record, dossier: Open) -> None:
    _trial(command, dossier)


def check_trial_ended(command: Record, dossier: Open) -> None:
    if _trial(command, dossier).ended_on is not None:
        raise AgainstState("This trial has ended already.", rule=TRIAL, pointers=("/data/trial_id",))


def check_placement_started(command: Record, dossier: Open) -> None:
    check_unused(command, "placement_id", dossier.placements, PLACEMENT)


def check_placement_goes_on(command: Record, dossier: Open) -> None:
    _placement(command, dossier)


def check_placement_ended(command: Record, dossier: Open) -> None:
    if _placement(command, dossier).ended_on is not None:
        raise AgainstState(
            "This placement has ended already; retract that entry if its day is wrong.",
            rule=PLACEMENT,
            pointers=("/data/placement_id",),
        )


def _check_promise(command: Record) -> None:
    data = command.data
    broken = []
    if data["intent_to_retain"] is not True:
        broken.append("/data/intent_to_retain")
    is_short = data.get("intended_months", 0) < command.parameters.trial_contract_months
    if data["intended_contract"] != "permanent" and is_short:
        broken.append("/data/intended_months")
    if data["intended_hours_per_week"] < data["hours_per_week"]:
        broken.append("/data/intended_hours_per_week")
    if broken:
        raise RuleBroken(
            "A trial states the intention to retain: a permanent contract or one of at least six months, "
            "for at least the hours of the trial.",
            rule="R-02",
            pointers=tuple(broken),
        )


def _check_length(command: Record) -> None:
    begins_on, ends_on = day_named(command.data, "planned_start_on"), day_named(command.data, "planned_end_on")
    if not begins_on <= ends_on < months_after(begins_on, command.parameters.trial_max_months):
        raise RuleBroken(
            "Plan a trial of at most two months; who decides on it can extend it with a reason.",
            rule="R-03",
            pointers=("/data/planned_end_on",),
        )


def _trial(command: Record, dossier: Open) -> Trial:
    trial = known(command, "trial_id", dossier.trials, TRIAL)
    if _is_of_another(command, {trial.employer}):
        raise unknown("trial_id", TRIAL)
    return trial


def _placement(command: Record, dossier: Open) -> Placement:
    placement = known(command, "placement_id", dossier.placements, PLACEMENT)
    if _is_of_another(command, {placement.employer, *(h.organisation for h in placement.hosts)}):
        raise unknown("placement_id", PLACEMENT)
    return placement


def _is_of_another(command: Record, relation: set[str]) -> bool:
    """Another employer's relation does not exist for an employer (R-17)."""
    facts = command.facts
    is_employer = command.by.standing == "professional" and facts.law.is_employer(facts.actor_kind)
    return is_employer and command.organisation not in relation


CHECKS: Mapping[str, Check] = {
    "trial-placement.requested": check_trial_requested,
    "trial-placement.decided": check_trial_decided,
    "trial-placement.started": check_trial_started,
    "trial-placement.evaluated": check_trial_evaluated,
    "trial-placement.ended": check_trial_ended,
    "placement.started": check_placement_started,
    "placement.changed": check_placement_goes_on,
    "placement.renewed": check_placement_goes_on,
    "placement.ended": check_placement_ended,
}
