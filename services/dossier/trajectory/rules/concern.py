"""R-23: a concern has a clock."""

from collections.abc import Iterator
from datetime import timedelta

from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.becoming import TODAY, Becomes, at_once, on_day
from services.dossier.trajectory.history import History, day_named, day_of


def concern_answered(history: History, parameters: Parameters) -> Iterator[Becomes]:
    resolved = {e.data["concern_id"]: day_named(e.data, "resolved_on") for e in history.named("concern.resolved")}
    for raised in history.named("concern.raised"):
        if raised.data["severity"] >= parameters.concern_severity:
            yield at_once("R-23", "concern_urgent", raised, severity=TODAY)
        limit = day_of(raised) + timedelta(parameters.concern_days)
        resolved_on = resolved.get(raised.data["concern_id"])
        if resolved_on is None or resolved_on > limit:
            yield on_day(limit + timedelta(1), "R-23", "concern_open_too_long", raised)
