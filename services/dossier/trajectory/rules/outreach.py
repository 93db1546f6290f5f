"""R-20: out of sight is a stage with its own rhythm: keep trying, once per pause."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.becoming import Becomes, on_day
from services.dossier.trajectory.history import History, day_named, day_of, place


def outreach_due(history: History, parameters: Parameters) -> Iterator[Becomes]:
    for lost in history.named("contact.lost"):
        restored = [e for e in history.named("contact.restored") if place(e) > place(lost)]
        ended_on = day_of(restored[0]) if restored else None
        attempts = [(place(e), day_named(e.data, "attempted_on")) for e in history.named("outreach.attempted")]
        before = [day for at, day in attempts if at < place(lost)]
        during = [day for at, day in attempts if at > place(lost) and (ended_on is None or day <= ended_on)]
        tried = [max(before, default=day_of(lost)), *sorted(during)]
        for last, following in pairwise((*tried, ended_on)):
            assert last is not None  # only the end may be absent
            day = last + timedelta(parameters.outreach_days + 1)
            if following is None or following >= day:
                yield on_day(day, "R-20", "outreach_due", lost)
