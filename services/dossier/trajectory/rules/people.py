"""R-14, R-32 and R-35: somebody is there for participant and employer; questions and corrections are answered."""

from collections.abc import Iterator
from datetime import date, timedelta

from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.appointments import appointed
from services.dossier.trajectory.becoming import Becomes, on_day
from services.dossier.trajectory.history import History, day_named, day_of, place
from services.dossier.trajectory.work import counted
from services.dossier.trajectory.working_days import working_days_after


def contact_person_gap(history: History, parameters: Parameters) -> Iterator[Becomes]:
    contact_persons = appointed(history, "participant")
    for opened in history.named("dossier.opened"):
        day = day_of(opened) + timedelta(parameters.appointment_days + 1)
        if not any(day_of(e) < day for e in contact_persons):
            yield on_day(day, "R-14", "contact_person_gap", opened)
    for gone in history.named("professional.unassigned"):
        until_on = day_named(gone.data, "until_on")
        day = working_days_after(until_on, parameters.gap_working_days + 1)
        if _is_missed(gone, until_on, day, contact_persons):
            yield on_day(day, "R-14", "contact_person_gap", gone)


def _is_missed(gone: Entry, until_on: date, day: date, contact_persons: list[Entry]) -> bool:
    """Was active, and nobody appointed since has begun before the day, whether named before or after the leaving."""
    begun = [
        number
        for number, e in enumerate(contact_persons)
        if e.data["person"] == gone.data["person"]
        and place(e) < place(gone)
        and day_named(e.data, "from_on") <= until_on
    ]
    return bool(begun) and all(day_named(e.data, "from_on") >= day for e in contact_persons[begun[-1] + 1 :])


def employer_contact_missing(history: History, parameters: Parameters) -> Iterator[Becomes]:
    contact_persons = appointed(history, "employer")
    for job in counted(history):
        day = job.starts_on + timedelta(parameters.employer_contact_days)
        if not any(e.data.get("employer_org") == job.employer and day_of(e) < day for e in contact_persons):
            yield on_day(day, "R-32", "employer_contact_missing", job.started)


def question_overdue(history: History, parameters: Parameters) -> Iterator[Becomes]:
    answered = {e.data["question_id"] for e in history.named("question.answered")}
    for asked in history.named("question.asked"):
        if asked.data["question_id"] not in answered:
            day = working_days_after(day_named(asked.data, "due_on"), parameters.question_working_days + 1)
            yield on_day(day, "R-32", "question_overdue", asked)


def correction_overdue(history: History, parameters: Parameters) -> Iterator[Becomes]:
    answered = {e.data["request_id"] for e in history.named("correction.answered")}
    for requested in history.named("correction.requested"):
        if requested.data["request_id"] not in answered:
            day = day_named(requested.data, "requested_on") + timedelta(parameters.correction_days + 1)
            yield on_day(day, "R-35", "correction_overdue", requested)
