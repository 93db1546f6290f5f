"""R-27: of the manual no more is used than was shared, and it is reviewed in time."""

from collections.abc import Iterator
from datetime import timedelta

from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.becoming import LOOK, TODAY, Becomes, at_once, on_day
from services.dossier.trajectory.history import History, day_of, place


def overshared(history: History, _parameters: Parameters) -> Iterator[Becomes]:
    for held in history.named("team-briefing.held"):
        unshared = set(held.data["sections_used"]) - _shared_with(history, held)
        if unshared or not held.data["participant_approved_text"]:
            yield at_once("R-27", "overshared", held, severity=TODAY)


def manual_review_due(history: History, parameters: Parameters) -> Iterator[Becomes]:
    published = next(reversed(list(history.named("self-manual.published"))), None)
    if published is None:
        return
    day = day_of(published) + timedelta(weeks=parameters.manual_review_weeks, days=1)
    changed = [day_of(e) for e in history.named("capacity.changed") if place(e) > place(published)]
    yield on_day(min((day, *changed)), "R-27", "manual_review_due", published, severity=LOOK, once="")


def _shared_with(history: History, held: Entry) -> set[str]:
    """What the last extract before it, to the organisation of who held it, was made of."""
    before = [
        e
        for e in history.named("self-manual.shared")
        if e.data["recipient_org"] == held.organisation and place(e) < place(held)
    ]
    return set(before[-1].data["sections"]) if before else set()
