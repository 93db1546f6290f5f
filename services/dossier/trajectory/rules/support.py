"""R-05 and R-22: support or a contract is about to end, or reaches the most that its scheme gives."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from services.dossier.domain.days import day_in
from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.becoming import Becomes, on_day
from services.dossier.trajectory.history import History, day_named, day_of, place
from services.dossier.trajectory.work import counted

GIVEN = ("granted", "partly_granted", "extended")
COACHING = ("jobcoach.assigned", "jobcoach.extended")


def support_ending(history: History, parameters: Parameters) -> Iterator[Becomes]:
    for decided in history.named("scheme.decided"):
        ends_on = day_in(decided.data.get("valid_until"))
        if ends_on is not None and decided.data["outcome"] in GIVEN:
            later = [day_named(e.data, "decided_on") for e in _later_decisions(history, decided)]
            began = day_named(decided.data, "decided_on")
            yield from _warnings("support_ending", decided, began, ends_on, later, parameters.support_warn_days)
    for coaching in history.named(*COACHING):
        later = [day_of(e) for e in history.named("jobcoach.extended") if _follows(e, coaching)]
        ends_on = day_named(coaching.data, "until_on")
        yield from _warnings("support_ending", coaching, day_of(coaching), ends_on, later, parameters.support_warn_days)


def contract_ending(history: History, parameters: Parameters) -> Iterator[Becomes]:
    for job in counted(history):
        renewals = [e for e in history.named("placement.renewed") if e.data["placement_id"] == job.id]
        plans = [day_of(e) for e in history.named("transition.planned") if e.data["from_placement_id"] == job.id]
        ended = [] if job.ended_on is None else [job.ended_on]
        for contract, began in [
            (job.started, job.starts_on),
            *((e, day_named(e.data, "renewed_on")) for e in renewals),
        ]:
            ends_on = day_in(contract.data.get("ends_on"))
            if ends_on is None:
                continue
            later = [day_named(e.data, "renewed_on") for e in renewals if place(e) > place(contract)]
            stops = [*later, *(day for day in plans if day >= began), *ended]
            yield from _warnings("contract_ending", contract, began, ends_on, stops, parameters.contract_warn_days)


def support_maximum_near(history: History, parameters: Parameters) -> Iterator[Becomes]:
    """On the first day on which the days that a coach covers, counted once each, come near the most there is."""
    ask_after = 7 * (parameters.support_maximum_weeks - parameters.support_ask_weeks)
    covered, reached = 0, date.min
    for from_on, until_on, about in sorted(_periods(history), key=lambda period: period[:2]):
        begin = max(from_on, reached + timedelta(1)) if reached > date.min else from_on
        length = (until_on - begin).days + 1
        if length <= 0:
            continue
        if covered + length >= ask_after:
            day = begin + timedelta(ask_after - covered - 1)
            yield on_day(max(day, from_on), "R-22", "support_maximum_near", about, once="")
            return
        covered, reached = covered + length, until_on


def _warnings(
    code: str, about: Entry, began: date, ends_on: date, stops: Sequence[date], ahead: Sequence[int]
) -> Iterator[Becomes]:
    for days in ahead:
        day = ends_on - timedelta(days)
        if day >= began and not any(stop <= day for stop in stops):
            yield on_day(day, "R-05", code, about, due_on=ends_on)


def _later_decisions(history: History, decided: Entry) -> Iterator[Entry]:
    for entry in history.named("scheme.decided"):
        if entry.data["scheme_code"] == decided.data["scheme_code"] and place(entry) > place(decided):
            yield entry


def _follows(extended: Entry, coaching: Entry) -> bool:
    is_same = extended.data["arrangement_id"] == coaching.data["arrangement_id"]
    return is_same and place(extended) > place(coaching)


def _periods(history: History) -> Iterator[tuple[date, date, Entry]]:
    """Each stretch of coaching, the part before an extension apart from the part that it adds."""
    until: dict[str, date] = {}
    for entry in history.named(*COACHING):
        id_, until_on = entry.data["arrangement_id"], day_named(entry.data, "until_on")
        before = until.get(id_)
        from_on = day_in(entry.data.get("from_on")) or (day_of(entry) if before is None else before + timedelta(1))
        yield from_on, until_on, entry
        until[id_] = until_on
