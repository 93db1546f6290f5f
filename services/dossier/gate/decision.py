"""The one rule that decides, for one reader and one entry at one moment, what may leave (design §4, the nine steps)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.dossier.domain.consent import Grant

ABOUT_ACCESS = ("nl.dossier.consent.", "nl.dossier.delegate.")
# Consent entries that the party they name may read while it has any access (domain README, "Consent events").
READABLE_BY_PARTY = frozenset(f"nl.dossier.consent.{verb}" for verb in ("requested", "granted", "narrowed", "expired"))
# Of these the party named gets a notice, also without any access left, and never the content.
NOTICE_WITHOUT_ACCESS = frozenset(
    f"nl.dossier.{name}"
    for name in (
        "consent.revoked",
        "consent.declined",
        "copy-recall.requested",
        "copy-recall.answered",
        "referral.withdrawn",
    )
)
SIGNAL = "nl.dossier.signal.raised"
NOTICE_TO_READERS = READABLE_BY_PARTY | {"nl.dossier.correction.requested"}


class Prohibitions(Protocol):
    """What the law file says of employers (R-17)."""

    def is_employer(self, kind: str | None) -> bool: ...
    def employer_may_read(self, type_: str) -> bool: ...
    @property
    def forbidden_classes(self) -> frozenset[str]: ...


@dataclass(frozen=True)
class Reader:
    """Who asks, and for what. A machine client has no person; a participant has no organisation.

    `purpose`: what is asked rests on grants of this purpose alone (`Draad-Purpose`); absent: on any.
    """

    person: str | None
    organisation: str | None
    organisation_kind: str | None
    role: str
    is_platform: bool = False
    purpose: str | None = None


@dataclass(frozen=True)
class Place:
    """What this dossier knows of this reader at the moment of deciding."""

    is_owner: bool
    is_reading_delegate: bool
    is_contact_person: bool
    grants: tuple[Grant, ...]


@dataclass(frozen=True)
class Subject:
    """What may stand in clear of one entry: enough to decide, nothing of its content."""

    sequence: int
    event_id: UUID
    type: str
    privacy_class: str
    usual_class: str
    classes: frozenset[str]
    occurred_at: datetime
    organisation: str | None
    relation: frozenset[str] | None
    addressee: str | None
    party: str | None
    party_person: str | None
    applicant: str | None
    offered_to: str | None
    offer_is_open: bool
    is_withheld: bool
    about: "Subject | None" = None  # of a signal: the entry that it is about

    @property
    def needs(self) -> frozenset[str]:
        """The event's class; for a raised event the usual class as well (R-34)."""
        return frozenset((self.privacy_class, self.usual_class))


@dataclass(frozen=True)
class Permit:
    """What may be opened, under which grants; `reason` is a code that the access log shows."""

    classes: frozenset[str]
    reason: str
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True)
class Deny:
    reason: str


Decision = Permit | Deny


def live_grants(reader: Reader, place: Place, now: datetime, operation: str) -> tuple[Grant, ...]:
    """The grants that this caller holds now for this operation, narrowed to the purpose when one is named."""
    return tuple(
        grant
        for grant in place.grants
        if grant.is_held_by(reader.organisation, reader.person)
        and operation in grant.operations
        and grant.is_live(now)
        and reader.purpose in (None, grant.purpose)
    )


def covering(grants: Iterable[Grant], subject: Subject) -> tuple[Grant, ...]:
    """Those that cover the event by class, type and history, each judged alone."""
    return tuple(
        grant
        for grant in grants
        if subject.needs <= grant.classes
        and grant.covers_type(subject.type)
        and grant.covers_history(subject.occurred_at)
    )


def decide(reader: Reader, place: Place, subject: Subject, now: datetime, law: Prohibitions) -> Decision:
    """May this reader read this entry now, and which of its classes? First match wins; the default is no.

    That the dossier exists and is not erased (step 1) is settled where its facts are loaded: without them there is
    no `Place`.
    """
    if place.is_owner or place.is_reading_delegate:
        return Permit(subject.classes, "own_dossier" if place.is_owner else "delegate")
    if _is_offered(reader, subject):
        return Permit(subject.classes, "offer")
    grants = live_grants(reader, place, now, "read")
    if not grants:
        return Deny("no_grant")
    if subject.is_withheld:
        return Deny("retracted")
    if _is_about_access(reader, subject):
        return _decide_about_access(reader, place, subject, grants)
    is_employer = law.is_employer(reader.organisation_kind)
    if subject.type == SIGNAL:
        return _decide_signal(reader, place, subject, now, law, grants)
    if subject.addressee is not None:
        if subject.addressee != reader.organisation and not place.is_contact_person:
            return Deny("addressed_to_another")
        return _by_grant(subject, covering(grants, subject), law, is_employer)
    if reader.organisation is not None and reader.organisation in (subject.organisation, subject.applicant):
        return Permit(
            subject.classes, "own_entry" if subject.organisation == reader.organisation else "own_request", grants
        )
    if is_employer and (reason := _closed_to_employer(reader, subject, law)) is not None:
        return Deny(reason)
    return _by_grant(subject, covering(grants, subject), law, is_employer)


def decide_delivery(reader: Reader, place: Place, subject: Subject, now: datetime, law: Prohibitions) -> Decision:
    """May a thin event about this entry be sent to this reader now?

    One live grant to subscribe that covers the event, besides a permit to read; only notices to the party that an
    entry names, and the offer of a referral, are exempt (domain README). Being the owner or a delegate opens
    reading, not delivery: what reaches an organisation is judged by what that organisation may know.
    """
    if reader.organisation is None:
        return Deny("no_grant")
    is_named = subject.party == reader.organisation and subject.party_person in (None, reader.person)
    if is_named and subject.type in NOTICE_WITHOUT_ACCESS:
        return Permit(frozenset(), "notice")
    as_organisation = replace(place, is_owner=False, is_reading_delegate=False)
    permit = decide(reader, as_organisation, subject, now, law)
    if isinstance(permit, Deny):
        return permit
    if (is_named and subject.type in NOTICE_TO_READERS) or permit.reason == "offer":
        return Permit(frozenset(), "notice", permit.grants)
    telling = covering(live_grants(reader, place, now, "subscribe"), subject)
    if subject.type == SIGNAL:  # a call to act then: who comes later finds it in the history, and is not called
        telling = tuple(grant for grant in telling if grant.valid_from <= subject.occurred_at)
    return Permit(frozenset(), "grant", telling) if telling else Deny("no_subscription_granted")


def _is_offered(reader: Reader, subject: Subject) -> bool:
    return (
        subject.offered_to is not None
        and subject.offered_to == reader.organisation
        and subject.offer_is_open
        and not subject.is_withheld
    )


def _is_about_access(reader: Reader, subject: Subject) -> bool:
    """Of a recall or a withdrawn offer, too, the party named gets the notice and never the content."""
    return subject.type.startswith(ABOUT_ACCESS) or (
        subject.type in NOTICE_WITHOUT_ACCESS and subject.party == reader.organisation
    )


def _decide_about_access(reader: Reader, place: Place, subject: Subject, grants: tuple[Grant, ...]) -> Decision:
    if place.is_contact_person and subject.type.startswith(ABOUT_ACCESS):
        return Permit(subject.classes, "contact_person", grants)
    is_named = subject.party == reader.organisation and subject.party_person in (None, reader.person)
    if is_named and subject.type in READABLE_BY_PARTY:
        return Permit(subject.classes, "party_named", grants)
    return Deny("about_access")


def _closed_to_employer(reader: Reader, subject: Subject, law: Prohibitions) -> str | None:
    if not law.employer_may_read(subject.type):
        return "prohibited"
    if subject.relation is not None and reader.organisation not in subject.relation:
        return "another_employer"
    return None


def _decide_signal(
    reader: Reader,
    place: Place,
    subject: Subject,
    now: datetime,
    law: Prohibitions,
    grants: tuple[Grant, ...],
) -> Decision:
    """Under a grant that covers the signal, and only by who may read what it is about; an employer reads none."""
    if law.is_employer(reader.organisation_kind):
        return Deny("prohibited")
    if subject.about is None or isinstance(decide(reader, place, subject.about, now, law), Deny):
        return Deny("about_unreadable")
    return _by_grant(subject, covering(grants, subject), law, is_employer=False)


def _by_grant(subject: Subject, grants: tuple[Grant, ...], law: Prohibitions, is_employer: bool) -> Decision:
    if not grants:
        return Deny("not_covered")
    opened = subject.needs.union(*(grant.classes for grant in grants)) & subject.classes
    if is_employer:
        opened -= law.forbidden_classes
        if subject.privacy_class not in opened:
            return Deny("prohibited")
    return Permit(opened, "grant", grants)


def summary(permits: Mapping[int, Permit]) -> tuple[frozenset[str], tuple[Grant, ...]]:
    """Classes and grants of all permits of one request, for its single ledger row."""
    classes: frozenset[str] = frozenset().union(*(p.classes for p in permits.values())) if permits else frozenset()
    grants = {grant.consent_id: grant for permit in permits.values() for grant in permit.grants}
    return classes, tuple(grants.values())
