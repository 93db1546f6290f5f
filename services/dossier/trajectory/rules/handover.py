"""R-09 and R-36: a handover is whole and accepted in time; a referral is answered in time."""

from collections.abc import Iterator
from datetime import timedelta

from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.becoming import Becomes, at_once, on_day
from services.dossier.trajectory.history import History, day_named, day_of
from services.dossier.trajectory.working_days import working_days_after


def handover_whole_and_accepted(history: History, _parameters: Parameters) -> Iterator[Becomes]:
    accepted = {e.data["handover_id"]: day_named(e.data, "accepted_on") for e in history.named("handover.accepted")}
    cancelled = {e.data["handover_id"] for e in history.named("handover.cancelled")}
    for begun in history.named("handover.initiated"):
        id_, due_on = begun.data["handover_id"], day_named(begun.data, "due_on")
        if begun.data["completeness"] < 1:
            yield at_once("R-09", "handover_incomplete", begun, due_on=due_on)
        in_time = id_ in accepted and accepted[id_] <= due_on
        if not in_time and id_ not in cancelled:
            yield on_day(due_on + timedelta(1), "R-09", "handover_overdue", begun)


def referral_overdue(history: History, parameters: Parameters) -> Iterator[Becomes]:
    settled = {e.data["referral_id"] for e in history.named("referral.answered", "referral.withdrawn")}
    for made in history.named("referral.made"):
        if made.data["referral_id"] not in settled:
            day = working_days_after(day_of(made), parameters.referral_answer_working_days + 1)
            yield on_day(day, "R-36", "referral_overdue", made)
