"""R-26: a decision that the participant has not read after two weeks is one that somebody explains."""

from collections.abc import Iterator
from datetime import timedelta

from services.dossier.domain.days import midnight
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.becoming import Becomes, on_day
from services.dossier.trajectory.history import History, day_of


def decision_unread(history: History, parameters: Parameters) -> Iterator[Becomes]:
    for communicated in history.named("decision.communicated"):
        day = day_of(communicated) + timedelta(parameters.decision_read_days + 1)
        read_at = history.read_at.get(communicated.event_id)
        if read_at is None or read_at >= midnight(day):
            yield on_day(day, "R-26", "decision_unread", communicated)
