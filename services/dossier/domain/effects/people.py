"""Delegates of the participant, and who is the contact person."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from services.dossier.domain.days import day_in, day_named, moment_in
from services.dossier.domain.entries import Entry
from services.dossier.domain.state import Appointment, Delegation, Open, Unassignment


def _delegate_appointed(dossier: Open, entry: Entry) -> Open:
    data = entry.data
    delegation = Delegation(
        person=data["delegate"],
        powers=frozenset(data["powers"]),
        from_on=day_named(data, "from_on"),
        until_on=day_named(data, "until_on"),
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
        from_on=day_named(data, "from_on"),
        overlap_until_on=day_in(data.get("overlap_until_on")),
    )
    return replace(dossier, appointments=(*dossier.appointments, appointment))


def _professional_unassigned(dossier: Open, entry: Entry) -> Open:
    until_on = day_named(entry.data, "until_on")
    unassignment = Unassignment(entry.data["person"], entry.occurred_at, entry.sequence, until_on)
    return replace(dossier, unassignments=(*dossier.unassignments, unassignment))


EFFECTS: Mapping[str, Callable[[Open, Entry], Open]] = {
    "delegate.appointed": _delegate_appointed,
    "delegate.withdrawn": _delegate_withdrawn,
    "contact-person.appointed": _contact_person_appointed,
    "professional.unassigned": _professional_unassigned,
}
