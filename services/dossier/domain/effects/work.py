"""What is decided, offered, tried and worked, and with which employer."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from services.dossier.domain.days import civil_day, day_in, day_named
from services.dossier.domain.effects.changing import change, put
from services.dossier.domain.entries import Entry
from services.dossier.domain.state import Hosting, JointDecision, Open, Placement, Trial


def _joint_decision(dossier: Open, entry: Entry) -> Open:
    decision = JointDecision(entry.data["participant_agreed"], civil_day(entry.occurred_at))
    return replace(dossier, decisions=put(dossier.decisions, entry.data["decision_id"], decision))


def _opportunity_proposed(dossier: Open, entry: Entry) -> Open:
    opportunities = put(dossier.opportunities, entry.data["opportunity_ref"], entry.data["employer_org"])
    return replace(dossier, opportunities=opportunities)


def _trial_requested(dossier: Open, entry: Entry) -> Open:
    data = entry.data
    trial = Trial(data["employer_org"], day_named(data, "planned_start_on"), day_named(data, "planned_end_on"))
    return replace(dossier, trials=put(dossier.trials, data["trial_id"], trial))


def _trial_decided(dossier: Open, entry: Entry) -> Open:
    if (new_end_on := day_in(entry.data.get("new_end_on"))) is None:
        return dossier
    return replace(dossier, trials=change(dossier.trials, entry.data["trial_id"], planned_end_on=new_end_on))


def _trial_started(dossier: Open, entry: Entry) -> Open:
    started = {"started_on": day_named(entry.data, "started_on"), "started_known": entry.recorded_at}
    return replace(dossier, trials=change(dossier.trials, entry.data["trial_id"], **started))


def _trial_ended(dossier: Open, entry: Entry) -> Open:
    ended = {"ended_on": day_named(entry.data, "ended_on"), "ended_known": entry.recorded_at}
    return replace(dossier, trials=change(dossier.trials, entry.data["trial_id"], **ended))


def _placement_started(dossier: Open, entry: Entry) -> Open:
    data = entry.data
    starts_on = day_named(data, "starts_on")
    hosts = (Hosting(data["host_org"], starts_on, entry.recorded_at),) if "host_org" in data else ()
    placement = Placement(data["employer_org"], data["kind"], starts_on, entry.recorded_at, hosts)
    return replace(dossier, placements=put(dossier.placements, data["placement_id"], placement))


def _placement_changed(dossier: Open, entry: Entry) -> Open:
    data = entry.data
    placement = dossier.placements.get(data["placement_id"])
    if placement is None or "host_org" not in data:
        return dossier
    hosting = Hosting(data["host_org"], day_named(data, "effective_on"), entry.recorded_at)
    hosts = tuple(sorted((*placement.hosts, hosting), key=lambda h: h.from_on))
    return replace(dossier, placements=change(dossier.placements, data["placement_id"], hosts=hosts))


def _placement_ended(dossier: Open, entry: Entry) -> Open:
    ended = {"ended_on": day_named(entry.data, "ended_on"), "ended_known": entry.recorded_at}
    return replace(dossier, placements=change(dossier.placements, entry.data["placement_id"], **ended))


def _scheme_requested(dossier: Open, entry: Entry) -> Open:
    return replace(dossier, schemes=put(dossier.schemes, entry.data["request_id"], entry.data["applicant_org"]))


EFFECTS: Mapping[str, Callable[[Open, Entry], Open]] = {
    "joint-decision.recorded": _joint_decision,
    "opportunity.proposed": _opportunity_proposed,
    "trial-placement.requested": _trial_requested,
    "trial-placement.decided": _trial_decided,
    "trial-placement.started": _trial_started,
    "trial-placement.ended": _trial_ended,
    "placement.started": _placement_started,
    "placement.changed": _placement_changed,
    "placement.ended": _placement_ended,
    "scheme.requested": _scheme_requested,
}
