"""Design §4 told a second time, slowly and from its text: a row of conditions with their outcomes, first match wins."""

from collections.abc import Iterator
from datetime import datetime

from services.dossier.domain.consent import Grant
from services.dossier.gate.decision import Place, Reader, Subject
from services.dossier.gate.law import Law

Opened = frozenset[str] | None  # the classes that are opened; none at all: the entry does not exist


def holds(reader: Reader, grant: Grant, now: datetime, operation: str, purpose: str | None) -> bool:
    if reader.organisation is None or grant.organisation != reader.organisation:
        return False
    if grant.person is not None and grant.person != reader.person:
        return False
    if operation not in grant.operations:
        return False
    if purpose is not None and purpose != grant.purpose:
        return False
    if now < grant.valid_from or now >= grant.valid_until:
        return False
    if grant.ended_at is not None and now >= grant.ended_at:
        return False
    return grant.purpose_ends_at is None or now < grant.purpose_ends_at


def covers(grant: Grant, entry: Subject) -> bool:
    by_class = entry.privacy_class in grant.classes and entry.usual_class in grant.classes
    by_type = grant.event_types == ()
    for listed in grant.event_types:
        if listed[-1] == "*":
            by_type = by_type or entry.type[: len(listed) - 1] == listed[:-1]
        else:
            by_type = by_type or entry.type == listed
    by_history = grant.history == "all" or not entry.occurred_at < grant.valid_from
    return by_class and by_type and by_history


def reads(reader: Reader, place: Place, entry: Subject, now: datetime, law: Law, purpose: str | None = None) -> Opened:
    for applies, outcome in _steps(reader, place, entry, now, law, purpose):
        if applies:
            return outcome
    raise AssertionError("the last step always applies")


def _steps(
    reader: Reader, place: Place, entry: Subject, now: datetime, law: Law, purpose: str | None
) -> Iterator[tuple[bool, Opened]]:
    whole, nothing = entry.classes, None
    organisation = reader.organisation
    live = [g for g in place.grants if holds(reader, g, now, "read", purpose)]
    cover = [g for g in live if covers(g, entry)]
    is_employer = reader.organisation_kind in ("employer", "pool")
    noun, verb = entry.type.split(".")[2:4]

    # 2
    yield place.is_owner, whole
    yield place.is_reading_delegate, whole
    # 3
    asked = organisation is not None and entry.offered_to == organisation and entry.offer_is_open
    yield asked and not entry.is_withheld, whole
    yield not live, nothing
    # 4
    yield entry.is_withheld, nothing
    # 5
    is_access = noun in ("consent", "delegate")
    is_party = entry.party == organisation and (entry.party_person is None or entry.party_person == reader.person)
    gives = noun == "consent" and verb in ("requested", "granted", "narrowed", "expired")
    yield is_access and place.is_contact_person, whole
    yield is_access and gives and is_party, whole
    yield is_access, nothing
    notice_only = noun == "copy-recall" or (noun, verb) == ("referral", "withdrawn")
    yield notice_only and entry.party == organisation, nothing
    # 6
    is_addressed = entry.addressee is not None
    is_for_me = entry.addressee == organisation or place.is_contact_person
    permitted = _fields(entry, cover, law, is_employer)
    yield is_addressed and is_for_me, permitted
    yield is_addressed, nothing
    # 7
    yield entry.organisation == organisation, whole
    yield entry.applicant == organisation, whole
    # 8
    yield is_employer and not law.employer_may_read(entry.type), nothing
    yield is_employer and entry.relation is not None and organisation not in entry.relation, nothing
    # 9
    yield True, permitted


def _fields(entry: Subject, cover: list[Grant], law: Law, is_employer: bool) -> Opened:
    if not cover:
        return None
    opened = set()
    for class_ in entry.classes:
        if is_employer and class_ in ("health-sensitive", "income"):
            continue
        if class_ == entry.privacy_class or any(class_ in grant.classes for grant in cover):
            opened.add(class_)
    return frozenset(opened) if entry.privacy_class in opened else None


def is_told(reader: Reader, place: Place, entry: Subject, now: datetime, law: Law) -> bool:
    """A permit that does not come from being the owner or a delegate, and a grant to subscribe; or a notice."""
    noun, verb = entry.type.split(".")[2:4]
    if reader.organisation is None:
        return False
    is_party = entry.party == reader.organisation and entry.party_person in (None, reader.person)
    always = noun == "copy-recall" or (noun, verb) in (
        ("consent", "revoked"),
        ("consent", "declined"),
        ("referral", "withdrawn"),
    )
    if is_party and always:
        return True
    stranger = Place(False, False, place.is_contact_person, place.grants)
    if reads(reader, stranger, entry, now, law) is None:
        return False
    if is_party and (noun == "consent" or (noun, verb) == ("correction", "requested")):
        return True
    if entry.offered_to == reader.organisation and entry.offer_is_open:
        return True
    return any(holds(reader, g, now, "subscribe", None) and covers(g, entry) for g in place.grants)
