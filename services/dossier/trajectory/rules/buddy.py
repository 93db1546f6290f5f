"""R-19: a buddy in every phase."""

from collections.abc import Iterator
from datetime import date, timedelta

from services.dossier.domain.days import day_in
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.becoming import Becomes, on_day
from services.dossier.trajectory.history import History, day_named


def buddy_missing(history: History, parameters: Parameters) -> Iterator[Becomes]:
    for entered in history.named("credential-phase.entered"):
        day = day_named(entered.data, "entered_on") + timedelta(parameters.buddy_days)
        if not is_covered(history, entered.data["phase"], day):
            yield on_day(day, "R-19", "buddy_missing", entered)


def is_covered(history: History, phase: str, day: date) -> bool:
    """Whether a buddy is there for this phase on this day."""
    for matched in history.named("buddy.matched"):
        until_on = day_in(matched.data.get("until_on"))
        runs = day_named(matched.data, "from_on") <= day and (until_on is None or day <= until_on)
        if runs and matched.data.get("phase") in (None, phase):
            return True
    return False
