"""R-06: no contact in which the participant took part for longer than the stage allows; once per silence."""

from collections.abc import Iterator
from datetime import date, timedelta

from services.dossier.domain.days import civil_day, day_in, moment_in
from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.becoming import Becomes, on_day
from services.dossier.trajectory.contact import contacts
from services.dossier.trajectory.history import History, day_of
from services.dossier.trajectory.stage import spans

ONE_DAY = timedelta(1)


def contact_silence(history: History, parameters: Parameters) -> Iterator[Becomes]:
    last = next(reversed(contacts(history)), None) or next(iter(history.named("dossier.opened")), None)
    if last is None:
        return
    agreed = _agreed_until(history, last, parameters)
    closed = min((day_of(e) for e in history.named("dossier.closed")), default=date.max)
    for span in spans(history, parameters):
        limit = day_of(last) + timedelta(weeks=parameters.silence_weeks[span.stage])
        first_too_late = max(span.from_on, max(limit, agreed or limit) + ONE_DAY)
        if first_too_late >= closed:
            return
        if span.until_on is None or first_too_late <= span.until_on:
            yield on_day(first_too_late, "R-06", "contact_silence", last, once="")
            return


def _agreed_until(history: History, last: Entry, parameters: Parameters) -> date | None:
    """What was agreed at the last contact, or an appointment ahead of it, with grace and a cap."""
    ahead = [day for day in (day_in(last.data.get("next_on")), *_appointments(history)) if day and day > day_of(last)]
    if not ahead:
        return None
    cap = day_of(last) + timedelta(weeks=parameters.next_on_cap_weeks)
    return min(max(ahead), cap) + timedelta(parameters.next_on_grace_days)


def _appointments(history: History) -> Iterator[date]:
    cancelled = {e.data["appointment_id"] for e in history.named("appointment.cancelled")}
    made = list(history.named("appointment.made"))
    replaced = {e.data.get("replaces_appointment_id") for e in made}
    for entry in made:
        if entry.data["appointment_id"] not in cancelled | replaced:
            yield civil_day(moment_in(entry.data["at"]))
