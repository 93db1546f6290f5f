"""Grants and what is asked about them: requests, answers, narrowing, ends, recalls."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from services.dossier.domain.consent import Grant
from services.dossier.domain.days import moment_in
from services.dossier.domain.effects.changing import change, put
from services.dossier.domain.entries import Entry
from services.dossier.domain.state import AccessRequest, Open, Recall


def _consent_requested(dossier: Open, entry: Entry) -> Open:
    request = AccessRequest(entry.data["requester_org"], entry.data["purpose"])
    return replace(dossier, requests=put(dossier.requests, entry.data["request_id"], request))


def _consent_declined(dossier: Open, entry: Entry) -> Open:
    requests = change(dossier.requests, entry.data["request_id"], declined_at=entry.recorded_at)
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
    requests = change(dossier.requests, data.get("request_id", ""), granted=True)
    return replace(dossier, grants=put(dossier.grants, grant.consent_id, grant), requests=requests)


def _consent_narrowed(dossier: Open, entry: Entry) -> Open:
    data = entry.data
    changes: dict[str, Any] = {"classes": frozenset(data["classes"])}
    if "event_types" in data:
        changes["event_types"] = tuple(data["event_types"])
    if "valid_until" in data:
        changes["valid_until"] = moment_in(data["valid_until"])
    return replace(dossier, grants=change(dossier.grants, data["consent_id"], **changes))


def _consent_revoked(dossier: Open, entry: Entry) -> Open:
    return _end_grant(dossier, entry, moment_in(entry.data["effective_at"]))


def _consent_expired(dossier: Open, entry: Entry) -> Open:
    return _end_grant(dossier, entry, moment_in(entry.data["expired_at"]))


def _recall_requested(dossier: Open, entry: Entry) -> Open:
    recall = Recall(entry.data["of_org"], entry.data["consent_id"])
    return replace(dossier, recalls=put(dossier.recalls, entry.data["recall_id"], recall))


def _recall_answered(dossier: Open, entry: Entry) -> Open:
    return replace(dossier, recalls=change(dossier.recalls, entry.data["recall_id"], answered=True))


def _end_grant(dossier: Open, entry: Entry, at: datetime) -> Open:
    """What ended first stays the end."""
    grant = dossier.grants.get(entry.data["consent_id"])
    if grant is None:
        return dossier
    ended_at = min(moment for moment in (at, entry.recorded_at, grant.ended_at) if moment is not None)
    return replace(dossier, grants=change(dossier.grants, grant.consent_id, ended_at=ended_at))


EFFECTS: Mapping[str, Callable[[Open, Entry], Open]] = {
    "consent.requested": _consent_requested,
    "consent.declined": _consent_declined,
    "consent.granted": _consent_granted,
    "consent.narrowed": _consent_narrowed,
    "consent.revoked": _consent_revoked,
    "consent.expired": _consent_expired,
    "copy-recall.requested": _recall_requested,
    "copy-recall.answered": _recall_answered,
}
