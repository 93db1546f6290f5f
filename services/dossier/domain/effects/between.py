"""What goes between organisations and comes to an answer: handovers, referrals, corrections."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from uuid import UUID

from services.dossier.domain.days import day_named
from services.dossier.domain.effects.changing import change, put
from services.dossier.domain.entries import Entry
from services.dossier.domain.state import Correction, Handover, Open, Referral, ReferralState


def _handover_initiated(dossier: Open, entry: Entry) -> Open:
    handover = Handover(entry.data["from_org"], entry.data["to_org"])
    return replace(dossier, handovers=put(dossier.handovers, entry.data["handover_id"], handover))


def _handover_accepted(dossier: Open, entry: Entry) -> Open:
    return replace(dossier, handovers=change(dossier.handovers, entry.data["handover_id"], state="accepted"))


def _handover_cancelled(dossier: Open, entry: Entry) -> Open:
    return replace(dossier, handovers=change(dossier.handovers, entry.data["handover_id"], state="cancelled"))


def _referral_made(dossier: Open, entry: Entry) -> Open:
    referral = Referral(entry.sequence, entry.data["from_org"], entry.data["to_org"])
    return replace(dossier, referrals=put(dossier.referrals, entry.data["referral_id"], referral))


def _referral_answered(dossier: Open, entry: Entry) -> Open:
    if entry.data["answer"] == "declined":
        return _end_referral(dossier, entry, "declined", "answered_on")
    return replace(dossier, referrals=change(dossier.referrals, entry.data["referral_id"], state="accepted"))


def _referral_completed(dossier: Open, entry: Entry) -> Open:
    return _end_referral(dossier, entry, "completed", "completed_on")


def _referral_withdrawn(dossier: Open, entry: Entry) -> Open:
    return _end_referral(dossier, entry, "withdrawn", "withdrawn_on")


def _correction_requested(dossier: Open, entry: Entry) -> Open:
    correction = Correction(entry.sequence, UUID(entry.data["event_id"]), entry.data["to_org"])
    return replace(dossier, corrections=put(dossier.corrections, entry.data["request_id"], correction))


def _correction_answered(dossier: Open, entry: Entry) -> Open:
    return replace(dossier, corrections=change(dossier.corrections, entry.data["request_id"], answered=True))


def _entry_retracted(dossier: Open, entry: Entry) -> Open:
    by = entry.organisation or ""
    its = dossier.retracted.get(by, frozenset()) | {UUID(entry.data["event_id"])}
    return replace(dossier, retracted=put(dossier.retracted, by, its))


def _dossier_closed(dossier: Open, _: Entry) -> Open:
    return replace(dossier, closed=True)


def _end_referral(dossier: Open, entry: Entry, state: ReferralState, field: str) -> Open:
    ended = {"state": state, "ended_on": day_named(entry.data, field), "ended_known": entry.recorded_at}
    return replace(dossier, referrals=change(dossier.referrals, entry.data["referral_id"], **ended))


EFFECTS: Mapping[str, Callable[[Open, Entry], Open]] = {
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
