"""What each recorded event makes of the state; a type that no decision needs makes nothing of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from services.dossier.domain.consent import Grant
from services.dossier.domain.days import civil_day, day_in, moment_in
from services.dossier.domain.entries import Entry
from services.dossier.domain.state import (
    AccessRequest,
    Appointment,
    Attempt,
    Correction,
    Delegation,
    Dossier,
    Erased,
    Handover,
    Hosting,
    JointDecision,
    NotOpened,
    Open,
    Placement,
    Recall,
    Referral,
    ReferralState,
    Trial,
    Unassignment,
)

V = TypeVar("V")
RETRACTED = "nl.dossier.entry.retracted"


def fold(entries: Iterable[Entry]) -> Dossier:
    """The whole history; what was retracted counts for nothing, from the beginning (R-35)."""
    history = tuple(entries)
    retracted = {UUID(entry.data["event_id"]) for entry in history if entry.type == RETRACTED}
    dossier: Dossier = NotOpened()
    for entry in history:
        if entry.event_id not in retracted:
            dossier = evolve(dossier, entry)
    return dossier


def needs_whole_history(tail: Iterable[Entry]) -> bool:
    """A snapshot cannot be carried over a retraction: what was retracted may lie before it."""
    return any(entry.type == RETRACTED for entry in tail)


def evolve(dossier: Dossier, entry: Entry) -> Dossier:
    if isinstance(dossier, Erased) or entry.name == "dossier.erased":
        return Erased()
    if isinstance(dossier, NotOpened):
        if entry.name != "dossier.opened":
            raise ValueError("a history begins with the opening of the dossier")
        dossier = Open(opened_by=entry.organisation)
    if entry.organisation is not None and entry.organisation not in dossier.writers:
        dossier = replace(dossier, writers=dossier.writers | {entry.organisation})
    apply = APPLIED.get(entry.name)
    return dossier if apply is None else apply(dossier, entry)


def _put(values: Mapping[str, V], key: str, value: V) -> dict[str, V]:
    return {**values, key: value}


def _change(values: Mapping[str, V], key: str, **changes: Any) -> Mapping[str, V]:
    """Nothing to change where a retraction took away what this event is about."""
    known: Any = values.get(key)
    return values if known is None else {**values, key: replace(known, **changes)}


# Consent


def _consent_requested(dossier: Open, entry: Entry) -> Open:
    request = AccessRequest(entry.data["requester_org"], entry.data["purpose"])
    return replace(dossier, requests=_put(dossier.requests, entry.data["request_id"], request))


def _consent_declined(dossier: Open, entry: Entry) -> Open:
    requests = _change(dossier.requests, entry.data["request_id"], declined_at=entry.recorded_at)
    return replace(dossier, requests=requests)


def _consent_granted(dossier: Open, entry: Entry) -> Open:
    data = entry.data
    grant = Grant(
        consent_id=data["consent_id"],
        event_id=entry.event_id,
        organisation=data["grantee_org"],
        person=data.get("grantee_actor"),
        classes=frozenset(data["classes"]),
        event_types=tuple(data.get("event_types", ())),
        operations=frozenset(data["operations"]),
        purpose=data["purpose"],
        basis=data["basis"],
        legal_ref=data.get("legal_ref"),
        history=data["history"],
        valid_from=moment_in(data["valid_from"]),
        valid_until=moment_in(data["valid_until"]),
        referral_id=data.get("referral_id"),
    )
    requests = _change(dossier.requests, data.get("request_id", ""), granted=True)
    return replace(dossier, grants=_put(dossier.grants, grant.consent_id, grant), requests=requests)


def _consent_narrowed(dossier: Open, entry: Entry) -> Open:
    data = entry.data
    changes: dict[str, Any] = {"classes": frozenset(data["classes"])}
    if "event_types" in data:
        changes["event_types"] = tuple(data["event_types"])
    if "valid_until" in data:
        changes["valid_until"] = moment_in(data["valid_until"])
    return replace(dossier, grants=_change(dossier.grants, data["consent_id"], **changes))


def _consent_revoked(dossier: Open, entry: Entry) -> Open:
    return _end_grant(dossier, entry, moment_in(entry.data["effective_at"]))


def _consent_expired(dossier: Open, entry: Entry) -> Open:
    return _end_grant(dossier, entry, moment_in(entry.data["expired_at"]))


def _end_grant(dossier: Open, entry: Entry, at: datetime) -> Open:
    """What ended first stays the end."""
    grant = dossier.grants.get(entry.data["consent_id"])
    if grant is None:
        return dossier
    ended_at = min(moment for moment in (at, entry.recorded_at, grant.ended_at) if moment is not None)
    return replace(dossier, grants=_change(dossier.grants, grant.consent_id, ended_at=ended_at))


def _recall_requested(dossier: Open, entry: Entry) -> Open:
    recall = Recall(entry.data["of_org"], entry.data["consent_id"])
    return replace(dossier, recalls=_put(dossier.recalls, entry.data["recall_id"], recall))


def _recall_answered(dossier: Open, entry: Entry) -> Open:
    return replace(dossier, recalls=_change(dossier.recalls, entry.data["recall_id"], answered=True))


# Delegates and contact persons


def _delegate_appointed(dossier: Open, entry: Entry) -> Open:
    data = entry.data
    delegation = Delegation(
        person=data["delegate"],
        powers=frozenset(data["powers"]),
        from_on=_day(data, "from_on"),
        until_on=_day(data, "until_on"),
    )
    return replace(dossier, delegations=(*dossier.delegations, delegation))


def _delegate_withdrawn(dossier: Open, entry: Entry) -> Open:
    at = min(moment_in(entry.data["effective_at"]), entry.recorded_at)
    delegations = tuple(
        replace(d, withdrawn_at=at) if d.person == entry.data["delegate"] and d.withdrawn_at is None else d
        for d in dossier.delegations
    )
    return replace(dossier, delegations=delegations)


def _contact_person_appointed(dossier: Open, entry: Entry) -> Open:
    data = entry.data
    if data["audience"] != "participant":
        return dossier
    appointment = Appointment(
        person=data["person"],
        organisation=data["org"],
        at=entry.occurred_at,
        sequence=entry.sequence,
        from_on=_day(data, "from_on"),
        overlap_until_on=day_in(data.get("overlap_until_on")),
    )
    return replace(dossier, appointments=(*dossier.appointments, appointment))


def _professional_unassigned(dossier: Open, entry: Entry) -> Open:
    until_on = _day(entry.data, "until_on")
    unassignment = Unassignment(entry.data["person"], entry.occurred_at, entry.sequence, until_on)
    return replace(dossier, unassignments=(*dossier.unassignments, unassignment))


# Work


def _joint_decision(dossier: Open, entry: Entry) -> Open:
    decision = JointDecision(entry.data["participant_agreed"], civil_day(entry.occurred_at))
    return replace(dossier, decisions=_put(dossier.decisions, entry.data["decision_id"], decision))


def _opportunity_proposed(dossier: Open, entry: Entry) -> Open:
    opportunities = _put(dossier.opportunities, entry.data["opportunity_ref"], entry.data["employer_org"])
    return replace(dossier, opportunities=opportunities)


def _trial_requested(dossier: Open, entry: Entry) -> Open:
    data = entry.data
    trial = Trial(data["employer_org"], _day(data, "planned_start_on"), _day(data, "planned_end_on"))
    return replace(dossier, trials=_put(dossier.trials, data["trial_id"], trial))


def _trial_decided(dossier: Open, entry: Entry) -> Open:
    if (new_end_on := day_in(entry.data.get("new_end_on"))) is None:
        return dossier
    return replace(dossier, trials=_change(dossier.trials, entry.data["trial_id"], planned_end_on=new_end_on))


def _trial_started(dossier: Open, entry: Entry) -> Open:
    started = {"started_on": _day(entry.data, "started_on"), "started_known": entry.recorded_at}
    return replace(dossier, trials=_change(dossier.trials, entry.data["trial_id"], **started))


def _trial_ended(dossier: Open, entry: Entry) -> Open:
    ended = {"ended_on": _day(entry.data, "ended_on"), "ended_known": entry.recorded_at}
    return replace(dossier, trials=_change(dossier.trials, entry.data["trial_id"], **ended))


def _placement_started(dossier: Open, entry: Entry) -> Open:
    data = entry.data
    starts_on = _day(data, "starts_on")
    hosts = (Hosting(data["host_org"], starts_on, entry.recorded_at),) if "host_org" in data else ()
    placement = Placement(data["employer_org"], data["kind"], starts_on, entry.recorded_at, hosts)
    return replace(dossier, placements=_put(dossier.placements, data["placement_id"], placement))


def _placement_changed(dossier: Open, entry: Entry) -> Open:
    data = entry.data
    placement = dossier.placements.get(data["placement_id"])
    if placement is None or "host_org" not in data:
        return dossier
    hosting = Hosting(data["host_org"], _day(data, "effective_on"), entry.recorded_at)
    hosts = tuple(sorted((*placement.hosts, hosting), key=lambda h: h.from_on))
    return replace(dossier, placements=_change(dossier.placements, data["placement_id"], hosts=hosts))


def _placement_ended(dossier: Open, entry: Entry) -> Open:
    ended = {"ended_on": _day(entry.data, "ended_on"), "ended_known": entry.recorded_at}
    return replace(dossier, placements=_change(dossier.placements, entry.data["placement_id"], **ended))


def _scheme_requested(dossier: Open, entry: Entry) -> Open:
    return replace(dossier, schemes=_put(dossier.schemes, entry.data["request_id"], entry.data["applicant_org"]))


def _manual_published(dossier: Open, entry: Entry) -> Open:
    id_, version = entry.data["manual_id"], entry.data["version"]
    return replace(dossier, manuals=_put(dossier.manuals, id_, max(version, dossier.manuals.get(id_, version))))


# Out of sight: a row of attempts begins again with whoever was reached


def _outreach_attempted(dossier: Open, entry: Entry) -> Open:
    if entry.data["outcome"] == "reached":
        return replace(dossier, attempts=())
    attempt = Attempt(_day(entry.data, "attempted_on"), entry.data["channel"])
    return replace(dossier, attempts=(*dossier.attempts, attempt))


def _contact_restored(dossier: Open, _: Entry) -> Open:
    return replace(dossier, attempts=())


# Between organisations


def _handover_initiated(dossier: Open, entry: Entry) -> Open:
    handover = Handover(entry.data["from_org"], entry.data["to_org"])
    return replace(dossier, handovers=_put(dossier.handovers, entry.data["handover_id"], handover))


def _handover_accepted(dossier: Open, entry: Entry) -> Open:
    return replace(dossier, handovers=_change(dossier.handovers, entry.data["handover_id"], state="accepted"))


def _handover_cancelled(dossier: Open, entry: Entry) -> Open:
    return replace(dossier, handovers=_change(dossier.handovers, entry.data["handover_id"], state="cancelled"))


def _referral_made(dossier: Open, entry: Entry) -> Open:
    referral = Referral(entry.event_id, entry.data["from_org"], entry.data["to_org"])
    return replace(dossier, referrals=_put(dossier.referrals, entry.data["referral_id"], referral))


def _referral_answered(dossier: Open, entry: Entry) -> Open:
    if entry.data["answer"] == "declined":
        return _end_referral(dossier, entry, "declined", "answered_on")
    return replace(dossier, referrals=_change(dossier.referrals, entry.data["referral_id"], state="accepted"))


def _referral_completed(dossier: Open, entry: Entry) -> Open:
    return _end_referral(dossier, entry, "completed", "completed_on")


def _referral_withdrawn(dossier: Open, entry: Entry) -> Open:
    return _end_referral(dossier, entry, "withdrawn", "withdrawn_on")


def _end_referral(dossier: Open, entry: Entry, state: ReferralState, day: str) -> Open:
    ended = {"state": state, "ended_on": _day(entry.data, day), "ended_known": entry.recorded_at}
    return replace(dossier, referrals=_change(dossier.referrals, entry.data["referral_id"], **ended))


def _correction_requested(dossier: Open, entry: Entry) -> Open:
    correction = Correction(entry.event_id, UUID(entry.data["event_id"]), entry.data["to_org"])
    return replace(dossier, corrections=_put(dossier.corrections, entry.data["request_id"], correction))


def _correction_answered(dossier: Open, entry: Entry) -> Open:
    return replace(dossier, corrections=_change(dossier.corrections, entry.data["request_id"], answered=True))


def _entry_retracted(dossier: Open, entry: Entry) -> Open:
    return replace(dossier, retracted=dossier.retracted | {UUID(entry.data["event_id"])})


def _dossier_closed(dossier: Open, _: Entry) -> Open:
    return replace(dossier, closed=True)


def _day(data: Mapping[str, Any], name: str) -> Any:
    """A required date field: the schema let nothing else in."""
    return day_in(data[name])


APPLIED: Mapping[str, Callable[[Open, Entry], Open]] = {
    "consent.requested": _consent_requested,
    "consent.declined": _consent_declined,
    "consent.granted": _consent_granted,
    "consent.narrowed": _consent_narrowed,
    "consent.revoked": _consent_revoked,
    "consent.expired": _consent_expired,
    "copy-recall.requested": _recall_requested,
    "copy-recall.answered": _recall_answered,
    "delegate.appointed": _delegate_appointed,
    "delegate.withdrawn": _delegate_withdrawn,
    "contact-person.appointed": _contact_person_appointed,
    "professional.unassigned": _professional_unassigned,
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
    "self-manual.published": _manual_published,
    "outreach.attempted": _outreach_attempted,
    "contact.restored": _contact_restored,
    "handover.initiated": _handover_initiated,
    "handover.accepted": _handover_accepted,
    "handover.cancelled": _handover_cancelled,
    "referral.made": _referral_made,
    "referral.answered": _referral_answered,
    "referral.completed": _referral_completed,
    "referral.withdrawn": _referral_withdrawn,
    "correction.requested": _correction_requested,
    "correction.answered": _correction_answered,
    "entry.retracted": _entry_retracted,
    "dossier.closed": _dossier_closed,
}
