"""R-20: out of sight is a stage with its own rhythm: keep trying, once per pause."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.becoming import Becomes, on_day
from services.dossier.trajectory.history import History, day_named, day_of, place


def outreach_due(history: History, parameters: Parameters) -> Iterator[Becomes]:
    tried = sorted(day_named(e.data, "attempted_on") for e in history.named("outreach.attempted"))
    for lost in history.named("contact.lost"):
        lost_on = day_of(lost)
        restored = (day_of(e) for e in history.named("contact.restored") if place(e) > place(lost))
        ended_on = next(restored, None)
        before = [day for day in tried if day <= lost_on]
        during = [day for day in tried if lost_on < day and (ended_on is None or day <= ended_on)]
        for last, following in pairwise((*(before[-1:] or [lost_on]), *during, ended_on)):
            assert last is not None  # only the end may be absent
            day = last + timedelta(parameters.outreach_days + 1)
            if following is None or following >= day:
                yield on_day(day, "R-20", "outreach_due", lost)
