"""Who is the participant's contact person, from when until when (R-14): replacement overlaps."""

from datetime import date, datetime

from services.dossier.domain.days import days_after, midnight
from services.dossier.domain.numbers import BY_DEFAULT, Timeline
from services.dossier.domain.state import Appointment, Dossier, Open


def contact_persons(dossier: Dossier, now: datetime, timeline: Timeline = BY_DEFAULT) -> tuple[str, ...]:
    """Actor keys of those active now, the longest standing first; two of them while a replacement overlaps."""
    active = (
        person
        for _, person, from_at, until_at in contact_periods(dossier, timeline)
        if from_at <= now and (until_at is None or now < until_at)
    )
    return tuple(dict.fromkeys(active))


def contact_periods(
    dossier: Dossier, timeline: Timeline = BY_DEFAULT
) -> list[tuple[int, str, datetime, datetime | None]]:
    """Sequence of the appointment, person, from, until (exclusive; absent: no end in sight), in order of history."""
    if not isinstance(dossier, Open):
        return []
    appointed = sorted(dossier.appointments, key=lambda a: (a.at, a.sequence))
    return [
        (a.sequence, a.person, midnight(a.from_on), _until(_last_day(a, appointed[index + 1 :], dossier, timeline)))
        for index, a in enumerate(appointed)
    ]


def _last_day(appointment: Appointment, later: list[Appointment], dossier: Open, timeline: Timeline) -> date:
    place = (appointment.at, appointment.sequence)
    overlaps = (a.overlap_until_on or days_after(a.from_on, timeline.on(a.from_on).overlap_days) for a in later)
    unassigned = (
        u.until_on for u in dossier.unassignments if u.person == appointment.person and (u.at, u.sequence) > place
    )
    return min((*overlaps, *unassigned), default=date.max)


def _until(last_day: date) -> datetime | None:
    return None if last_day == date.max else midnight(days_after(last_day, 1))
