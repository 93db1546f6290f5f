"""What may stand in clear beside an entry (design §5), derived when it is appended, so that reading opens no body."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.dossier.domain.commands import AboutEntry
from services.dossier.domain.entries import Entry
from services.dossier.domain.state import Dossier, Open, Placement

# No organisation has an empty key: an entry that names a relation which nobody knows is nobody's.
NOBODY = ""


@dataclass(frozen=True, kw_only=True)
class IndexFacts:
    """`relation`: the organisations of R-17, absent when the entry belongs to none. `party` is who a notice names.

    `offered_to` reads the entry without a grant until an entry with its sequence in `closes_offer` follows. `about` is
    the sequence of the entry that a signal is about: only who may read that one may read the signal.
    """

    relation: frozenset[str] | None = None
    addressee: str | None = None
    party: str | None = None
    party_person: str | None = None
    applicant: str | None = None
    offered_to: str | None = None
    closes_offer: int | None = None
    about: int | None = None


def index_facts(entry: Entry, dossier: Dossier, about: AboutEntry | None = None) -> IndexFacts:
    """`dossier` is the state after the entry, `about` the entry that its `event_id` names."""
    if not isinstance(dossier, Open):
        return IndexFacts()
    party, person = _party(entry, dossier)
    return IndexFacts(
        relation=_relation(entry, dossier),
        addressee=entry.data["recipient_org"] if entry.name == "self-manual.shared" else None,
        party=party,
        party_person=person,
        applicant=dossier.schemes.get(entry.data["request_id"]) if entry.name == "scheme.decided" else None,
        offered_to=entry.data["to_org"] if entry.name in ("referral.made", "correction.requested") else None,
        closes_offer=_closed_offer(entry, dossier, about),
    )


def of_registered(facts: IndexFacts, organisations: Container[str]) -> IndexFacts:
    """Only keys of registered parties may stand in clear: any other word in their place is content."""

    def known(key: str | None) -> str | None:
        return key if key in organisations else None

    return replace(
        facts,
        relation=None if facts.relation is None else frozenset(known(key) or NOBODY for key in facts.relation),
        addressee=None if facts.addressee is None else known(facts.addressee) or NOBODY,
        party=known(facts.party),
        applicant=known(facts.applicant),
        offered_to=known(facts.offered_to),
    )


def _relation(entry: Entry, dossier: Open) -> frozenset[str] | None:
    data = entry.data
    if "recipient_org" in data:
        return frozenset({data["recipient_org"]})
    named = {data[field] for field in ("employer_org", "host_org") if field in data}
    if (reference := _reference(entry)) is not None:
        named |= _organisations_of(reference, data, dossier) or {entry.organisation or NOBODY}
    return frozenset(named) or None


def _reference(entry: Entry) -> str | None:
    """The field by which the entry names its relation. A placement comes before the trial that led to it."""
    if entry.name.startswith("scheme."):
        return "request_id"
    return next((f for f in ("placement_id", "trial_id", "context_id", "opportunity_ref") if f in entry.data), None)


def _organisations_of(reference: str, data: Mapping[str, Any], dossier: Open) -> set[str]:
    id_ = data[reference]
    match reference:
        case "placement_id":
            return _of_placement(dossier.placements.get(id_))
        case "trial_id":
            return {dossier.trials[id_].employer} if id_ in dossier.trials else set()
        case "context_id":
            return _organisations_of("placement_id", {"placement_id": id_}, dossier) | _organisations_of(
                "trial_id", {"trial_id": id_}, dossier
            )
        case "opportunity_ref":
            return {dossier.opportunities[id_]} if id_ in dossier.opportunities else set()
    return {dossier.schemes[id_]} if id_ in dossier.schemes else set()


def _of_placement(placement: Placement | None) -> set[str]:
    return set() if placement is None else {placement.employer, *(host.organisation for host in placement.hosts)}


def _party(entry: Entry, dossier: Open) -> tuple[str | None, str | None]:
    data = entry.data
    match entry.name:
        case "consent.requested":
            return data["requester_org"], None
        case "consent.declined":
            request = dossier.requests.get(data["request_id"])
            return (request.organisation if request else None), None
        case "consent.granted" | "consent.narrowed" | "consent.revoked" | "consent.expired":
            grant = dossier.grants.get(data["consent_id"])
            return (grant.organisation, grant.person) if grant else (None, None)
        case "copy-recall.requested" | "copy-recall.answered":
            recall = dossier.recalls.get(data["recall_id"])
            grant = dossier.grants.get(recall.consent_id) if recall else None
            return (recall.organisation if recall else None), (grant.person if grant else None)
        case "referral.withdrawn":
            referral = dossier.referrals.get(data["referral_id"])
            return (referral.to_org if referral else None), None
        case "correction.requested":
            return data["to_org"], None
    return None, None


def _closed_offer(entry: Entry, dossier: Open, about: AboutEntry | None) -> int | None:
    data = entry.data
    match entry.name:
        case "referral.answered" if data["answer"] != "declined":
            return None
        case "referral.answered" | "referral.completed" | "referral.withdrawn":
            referral = dossier.referrals.get(data["referral_id"])
            return referral.sequence if referral else None
        case "correction.answered":
            correction = dossier.corrections.get(data["request_id"])
            return correction.sequence if correction else None
        case "entry.retracted" if about is not None and about.type == "nl.dossier.referral.made":
            return about.sequence
    return None
