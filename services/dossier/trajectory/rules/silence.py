"""R-06: no contact in which the participant took part for longer than the stage allows; once per silence."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from services.dossier.domain.days import civil_day, day_in, moment_in
from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.becoming import Becomes, on_day
from services.dossier.trajectory.contact import contacts
from services.dossier.trajectory.history import History, day_of
from services.dossier.trajectory.stage import span_on, spans

ONE_DAY = timedelta(1)


@dataclass(frozen=True)
class _Appointment:
    """For a day, standing from the day on which it was made to that on which it was cancelled or replaced."""

    on: date
    made_on: date
    gone_on: date

    def stands(self, day: date) -> bool:
        return self.made_on <= day < self.gone_on


def contact_silence(history: History, parameters: Parameters) -> Iterator[Becomes]:
    last = next(reversed(contacts(history)), None) or next(iter(history.named("dossier.opened")), None)
    if last is None:
        return
    several, appointments = spans(history, parameters), list(_appointments(history))
    closed = min((day_of(e) for e in history.named("dossier.closed")), default=date.max)
    turns = {span.from_on for span in several} | {day for a in appointments for day in (a.made_on, a.gone_on)}
    for begin, end in pairwise(sorted({*turns, date.max})):
        span = span_on(several, begin)
        if span is None:
            continue
        ahead = [a.on for a in appointments if a.stands(begin)]
        limit = day_of(last) + timedelta(weeks=parameters.silence_weeks[span.stage])
        first_too_late = max(begin, max(limit, _agreed_until(last, ahead, parameters) or limit) + ONE_DAY)
        if first_too_late < min(end, closed):
            yield on_day(first_too_late, "R-06", "contact_silence", last, once="")
            return


def _agreed_until(last: Entry, appointments: Iterable[date], parameters: Parameters) -> date | None:
    """What was agreed at the last contact, or an appointment ahead of it, with grace and a cap."""
    ahead = [day for day in (day_in(last.data.get("next_on")), *appointments) if day and day > day_of(last)]
    if not ahead:
        return None
    cap = day_of(last) + timedelta(weeks=parameters.next_on_cap_weeks)
    return min(max(ahead), cap) + timedelta(parameters.next_on_grace_days)


def _appointments(history: History) -> Iterator[_Appointment]:
    gone = {e.data["appointment_id"]: day_of(e) for e in history.named("appointment.cancelled")}
    made = list(history.named("appointment.made"))
    replaced = {e.data.get("replaces_appointment_id"): day_of(e) for e in made}
    for entry in made:
        id_ = entry.data["appointment_id"]
        gone_on = min(gone.get(id_, date.max), replaced.get(id_, date.max))
        yield _Appointment(civil_day(moment_in(entry.data["at"])), day_of(entry), gone_on)
