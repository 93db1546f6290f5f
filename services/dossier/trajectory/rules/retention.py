"""R-01: whether retention checks are held, on the clock of each placement and on that of the labour market."""

from collections.abc import Iterator
from datetime import timedelta

from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.becoming import Becomes, on_day
from services.dossier.trajectory.history import History, day_named
from services.dossier.trajectory.work import counted

RULE = "R-01"


def retention_check_missed(history: History, parameters: Parameters) -> Iterator[Becomes]:
    several = counted(history)
    if not several:
        return
    for job in several:
        for weeks in parameters.placement_clock:
            if job.is_active(job.starts_on + timedelta(weeks=weeks)):
                yield from _missed(history, parameters, job.started, "placement", weeks)
    first = min(several, key=lambda job: job.starts_on)
    for weeks in parameters.labour_clock:
        yield from _missed(history, parameters, first.started, "labour_market", weeks)


def _missed(history: History, parameters: Parameters, about: Entry, clock: str, weeks: int) -> Iterator[Becomes]:
    due = day_named(about.data, "starts_on") + timedelta(weeks=weeks)
    for check in history.named("retention-check.completed"):
        is_this = check.data["clock"] == clock and check.data["checkpoint_weeks"] == weeks
        if is_this and abs((day_named(check.data, "held_on") - due).days) <= parameters.retention_window_days:
            return
    yield on_day(due + timedelta(parameters.retention_window_days + 1), RULE, "retention_check_missed", about)
