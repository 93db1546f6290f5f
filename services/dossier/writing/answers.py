"""What a writer gets back: what it wrote, as it may read it, decided by the gate's own rule on the state after it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.dossier.domain.access import live_delegation
from services.dossier.domain.contact import contact_persons
from services.dossier.domain.entries import Actor
from services.dossier.domain.state import Dossier
from services.dossier.envelopes import Json, envelope, numbered
from services.dossier.gate.decision import Permit, Place, Prohibitions, Subject, decide, summary
from services.dossier.gate.ledger import purpose_and_basis
from services.dossier.store.append import Echo, Writing
from services.dossier.store.bodies import divide
from services.dossier.store.changes import grants_of
from services.dossier.writing.surroundings import Surroundings


def answer(
    dossier_id: UUID,
    writings: Sequence[Writing],
    dossier: Dossier,
    now: datetime,
    actor: Actor,
    around: Surroundings,
    law: Prohibitions,
) -> tuple[list[Json], Echo | None]:
    """The events, and the ledger row of giving them back; no row when only envelopes go back."""
    place = _place(dossier, now, actor, around)
    events: list[Json] = []
    permits: dict[int, Permit] = {}
    for writing in writings:
        decision = decide(around.reader, place, _subject(writing), now, law)
        event = _envelope(dossier_id, writing)
        if place.is_owner or place.is_reading_delegate:
            event = numbered(event, writing.entry.sequence)
        if isinstance(decision, Permit):
            permits[writing.entry.sequence] = decision
            event["data"] = {
                name: value
                for name, value in writing.entry.data.items()
                if writing.field_classes.get(name, writing.entry.privacy_class) in decision.classes
            }
        events.append(event)
    return events, _echo(writings, permits, actor, around)


def _place(dossier: Dossier, now: datetime, actor: Actor, around: Surroundings) -> Place:
    if around.reader.is_platform:
        return Place(is_owner=False, is_reading_delegate=False, is_contact_person=False, grants=())
    timeline = around.timeline(dossier)
    grants = grants_of(dossier, around.employers, timeline).values()
    return Place(
        is_owner=actor.standing == "participant",
        is_reading_delegate=actor.standing == "delegate" and "read" in live_delegation(dossier, actor.person, now),
        is_contact_person=actor.person in contact_persons(dossier, now, timeline),
        grants=tuple(grant for grant in grants if grant.organisation == actor.organisation),
    )


def _subject(writing: Writing) -> Subject:
    entry, index = writing.entry, writing.index
    return Subject(
        sequence=entry.sequence,
        event_id=entry.event_id,
        type=entry.type,
        privacy_class=entry.privacy_class,
        usual_class=entry.usual_class,
        classes=frozenset(divide(entry.privacy_class, writing.field_classes, entry.data)),
        occurred_at=entry.occurred_at,
        organisation=entry.organisation,
        relation=index.relation,
        addressee=index.addressee,
        party=index.party,
        party_person=index.party_person,
        applicant=index.applicant,
        offered_to=index.offered_to,
        offer_is_open=True,
        is_withheld=False,
    )


def _envelope(dossier_id: UUID, writing: Writing) -> Json:
    entry = writing.entry
    return envelope(
        dossier_id, entry.event_id, entry.source, entry.type, entry.privacy_class, entry.recorded_at, entry.person
    )


def _echo(writings: Sequence[Writing], permits: dict[int, Permit], actor: Actor, around: Surroundings) -> Echo | None:
    if not permits:
        return None
    classes, grants = summary(permits)
    reason = next(iter(permits.values())).reason
    purpose, basis = purpose_and_basis(grants, reason)
    role = min(actor.roles, default=around.reader.role) if actor.standing != "professional" else around.reader.role
    return Echo(
        actor=around.reader.person,
        organisation=around.reader.organisation,
        role=role,
        purpose=purpose,
        basis=basis,
        event_ids=tuple(w.entry.event_id for w in writings if w.entry.sequence in permits),
        classes=classes,
        reason=reason,
    )
