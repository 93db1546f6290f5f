"""R-25: two organisations give the same support at the same time."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import combinations

from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.becoming import LOOK, Becomes, on_day
from services.dossier.trajectory.history import History, day_named, place

# What was given, by whom, from when until when, and the entry with which it began.
Given = tuple[str, str | None, date, date, Entry]


def side_by_side(history: History, begun: Entry) -> tuple[str, ...]:
    """The organisations that give the same as what this entry began, at the same time, its own among them."""
    given = [*_coaching(history), *_trainings(history)]
    own = next((each for each in given if each[4] == begun), None)
    if own is None:
        return ()
    kind, _, from_on, until_on, _ = own
    found = {by for other, by, first, last, _ in given if other == kind and max(first, from_on) <= min(last, until_on)}
    return tuple(sorted(by for by in found if by is not None))


def overlap(history: History, parameters: Parameters) -> Iterator[Becomes]:
    for one, other in combinations((*_coaching(history), *_trainings(history)), 2):
        kind, by, from_on, until_on, entry = one
        other_kind, other_by, other_from_on, other_until_on, other_entry = other
        day = max(from_on, other_from_on) + timedelta(parameters.support_overlap_days)
        if kind == other_kind and by != other_by and day <= min(until_on, other_until_on):
            yield on_day(day, "R-25", "overlap", max(entry, other_entry, key=place), severity=LOOK)


def _coaching(history: History) -> Iterator[Given]:
    extended = {e.data["arrangement_id"]: e for e in history.named("jobcoach.extended")}
    for entry in history.named("jobcoach.assigned"):
        last = extended.get(entry.data["arrangement_id"], entry)
        yield "jobcoach", entry.organisation, day_named(entry.data, "from_on"), day_named(last.data, "until_on"), entry


def _trainings(history: History) -> Iterator[Given]:
    over = {e.data["training_id"]: day_named(e.data, "completed_on") for e in history.named("training.completed")}
    over |= {e.data["training_id"]: day_named(e.data, "stopped_on") for e in history.named("training.discontinued")}
    for entry in history.named("training.started"):
        data = entry.data
        until_on = over.get(data["training_id"], date.max)
        yield f"training:{data['kind']}", data["provider_org"], day_named(data, "started_on"), until_on, entry
