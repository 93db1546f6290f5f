"""The figures of one dossier on a day (metrics.md): every key of its table, absent where the table says so."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.appointments import appointed
from services.dossier.trajectory.history import History, day_named, day_of
from services.dossier.trajectory.rules.buddy import is_covered
from services.dossier.trajectory.rules.income import is_checked, steps
from services.dossier.trajectory.rules.training import phase_completed_on
from services.dossier.trajectory.stage import spans
from services.dossier.trajectory.work import Job, any_active, counted, keeps_promise, trials

Figures = dict[str, Any]
CHECKPOINTS: Final = (26, 52)
ONE_DAY: Final = timedelta(1)


def metrics(history: History, parameters: Parameters) -> Figures:
    """On the day of the history."""
    begun = [job for job in counted(history) if job.starts_on <= history.day]
    return {
        "placements_started_M3": len(begun),
        "employers": len({job.employer for job in begun}),
        **(_retention(history, begun, parameters) if begun else {}),
        **_trials(history, parameters),
        **_handovers(history),
        "M8_repeat_stories": len(list(history.named("repeat-story.reported"))),
        **_contact_persons(history),
        "M10_silence_signals": sum(e.data["code"] == "contact_silence" for e in history.named("signal.raised")),
        **_income(history, parameters),
        "M14_consents": _consents(history),
        **_out_of_sight(history, parameters),
        **_credentials(history),
    }


def _retention(history: History, begun: Sequence[Job], parameters: Parameters) -> Figures:
    today = history.day
    first = min(begun, key=lambda job: job.starts_on)
    begin = first.starts_on
    gaps = list(_ended_gaps(begun, begin, today))
    found: Figures = {"first_work_on": begin.isoformat()}
    for weeks in CHECKPOINTS:
        day = begin + timedelta(weeks=weeks)
        strict, at_first = f"M1_retained_labour_market_{weeks}w", f"M2_retained_first_employer_{weeks}w"
        if day > today:
            found |= {strict: None, at_first: None}
            continue
        works = any_active(begun, day)
        tolerated = any(a <= day <= b and (b - a).days + 1 <= parameters.tolerance_days for a, b in gaps)
        stays = any_active((job for job in begun if job.employer == first.employer), day)
        found |= {strict: int(works), f"M1_tolerant_{weeks}w": int(works or tolerated), at_first: int(stays)}
    days = (today - begin).days + 1
    worked = sum(any_active(begun, begin + timedelta(n)) for n in range(days))
    found["M4_work_continuity"] = round(worked / days, 4)
    found["M5_gap_days"] = [(b - a).days + 1 for a, b in gaps]
    return found


def _ended_gaps(begun: Sequence[Job], begin: date, today: date) -> Iterator[tuple[date, date]]:
    """First and last day of each run of days without work that has ended."""
    reached = begin
    for job in sorted(begun, key=lambda job: job.starts_on):
        if job.starts_on > reached + ONE_DAY:
            yield reached + ONE_DAY, job.starts_on - ONE_DAY
        reached = max(reached, today if job.ended_on is None else job.ended_on)


def _trials(history: History, parameters: Parameters) -> Figures:
    several, ended = counted(history), [trial for trial in trials(history) if trial.ended_on is not None]
    if not ended:
        return {}
    both = (trial for trial in ended if trial.ended_on is not None and trial.is_evaluated_by_both(trial.ended_on))
    return {
        "M6_trials_ended": len(ended),
        "M6_trials_converted": sum(keeps_promise(trial, several, parameters.promise_days) for trial in ended),
        "M7_trials_evaluated_both_sides": len(list(both)),
    }


def _handovers(history: History) -> Figures:
    begun = list(history.named("handover.initiated"))
    if not begun:
        return {}
    accepted = {e.data["handover_id"]: e for e in history.named("handover.accepted")}
    pairs = [(e, accepted[e.data["handover_id"]]) for e in begun if e.data["handover_id"] in accepted]
    return {
        "M8_handover_days": [(day_named(end.data, "accepted_on") - day_of(start)).days for start, end in pairs],
        "M8_completeness_start_end": [[s.data["completeness"], e.data["completeness"]] for s, e in pairs],
    }


def _contact_persons(history: History) -> Figures:
    contact_persons = appointed(history, "participant")
    opened = next(iter(history.named("dossier.opened")), None)
    waited = None
    if contact_persons and opened is not None:
        waited = (min(day_named(e.data, "from_on") for e in contact_persons) - day_of(opened)).days
    return {
        "M9_contact_persons": len({e.data["person"] for e in contact_persons}),
        "M9_days_without_contact_person": waited,
    }


def _income(history: History, parameters: Parameters) -> Figures:
    wanted = steps(history)
    clawback = sum((Decimal(str(e.data["clawback_eur"])) for e in history.named("income-effect.observed")), Decimal())
    return {
        "M13_clawback_eur": float(round(clawback, 2)),
        "M13_income_steps": len(wanted),
        "M13_income_steps_checked": sum(is_checked(history, step, parameters) for step in wanted),
    }


def _consents(history: History) -> dict[str, int]:
    bases = [e.data["basis"] for e in history.named("consent.granted")]
    by_participant = bases.count("consent")
    ended = {verb: len(list(history.named(f"consent.{verb}"))) for verb in ("declined", "narrowed", "revoked")}
    return {"granted_by_participant": by_participant, "statutory": len(bases) - by_participant} | ended


def _out_of_sight(history: History, parameters: Parameters) -> Figures:
    lost = [span for span in spans(history, parameters) if span.stage == "out_of_sight"]
    return {
        "M15_days_out_of_sight": sum(span.days_to(history.day) for span in lost),
        "M15_outreach_attempts": len(list(history.named("outreach.attempted"))),
        "M15_reentries": len(list(history.named("trajectory.reentered"))),
    }


def _credentials(history: History) -> Figures:
    entered = list(history.named("credential-phase.entered"))
    if not entered:
        return {}
    phases = [(e, day_named(e.data, "entered_on"), phase_completed_on(history, e) or history.day) for e in entered]
    covered, days = 0, 0
    for entry, begin, end in phases:
        length = (end - begin).days + 1
        days += length
        covered += sum(is_covered(history, entry.data["phase"], begin + timedelta(n)) for n in range(length))
    return {
        "M17_buddy_coverage": round(covered / days, 4) if days else 0.0,
        "M17_phase_weeks": [_weeks(*phase) for phase in phases],
    }


def _weeks(entered: Entry, begin: date, end: date) -> list[Any]:
    return [entered.data["phase"], entered.data["attempt"], round((end - begin).days / 7, 1)]
