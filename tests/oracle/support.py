"""The signals of support, training and the route to a credential, each as state.md §4 has it."""

from collections.abc import Iterator
from datetime import date
from math import floor

from tests.oracle.dates import days
from tests.oracle.told import Event, Follows, Told, at_once, place

GRANTED = ("granted", "partly_granted", "extended")


def support_ending(told: Told) -> Iterator[Follows]:
    """R-05. 84, 42 and 14 days before the end of a scheme or a jobcoach, unless a later word stops it."""
    for decided in told.all("scheme.decided"):
        until = decided.on_or_none("valid_until")
        if decided["outcome"] in GRANTED and until is not None:
            later = [e for e in told.all("scheme.decided") if e["scheme_code"] == decided["scheme_code"]]
            yield from _warnings(told, decided, until, later)
    for arranged in told.of("jobcoach.assigned", "jobcoach.extended"):
        yield from _warnings(told, arranged, arranged.on("until_on"), _same_arrangement(told, arranged))


def _same_arrangement(told: Told, arranged: Event) -> list[Event]:
    events = told.of("jobcoach.assigned", "jobcoach.extended")
    return [event for event in events if event["arrangement_id"] == arranged["arrangement_id"]]


def _warnings(told: Told, period: Event, end: date, same: list[Event]) -> Iterator[Follows]:
    for ahead in told.numbers["support_warn_days"]:
        warning = end - days(ahead)
        is_stopped = any(period.is_before(later) and later.day <= warning for later in same)
        if warning >= period.day and not is_stopped:
            yield Follows(warning, "R-05", "support_ending", period, ahead)


def training_absence(told: Told) -> Iterator[Follows]:
    for progressed in told.all("training.progressed"):
        if progressed["missed_in_a_row"] >= told.numbers["absence"]:
            yield at_once("R-18", "training_absence", progressed)


def phase_overdue(told: Told) -> Iterator[Follows]:
    """R-18. One and a half times the expected weeks, in whole days, and not completed by then."""
    for entered in told.all("credential-phase.entered"):
        allowed = floor(entered["expected_weeks"] * 7 * told.numbers["phase_factor"])
        limit = entered.on("entered_on") + days(allowed)
        is_completed = any(
            (done["phase"], done["attempt"]) == (entered["phase"], entered["attempt"])
            and done.on("completed_on") <= limit
            for done in told.all("credential-phase.completed")
        )
        if not is_completed:
            yield Follows(limit + days(1), "R-18", "phase_overdue", entered, None)


def contact_after_a_failed_attempt(told: Told) -> Iterator[Follows]:
    """R-18. Day 8 after a failed phase, no contact since."""
    for done in told.all("credential-phase.completed"):
        if done["outcome"] != "failed":
            continue
        too_late = done.on("completed_on") + days(told.numbers["failure_contact_days"] + 1)
        if not any(done.is_before(contact) and contact.day < too_late for contact in told.contacts):
            yield Follows(too_late, "R-18", "after_failure_contact", done, None)


def stipend_ended(told: Told) -> Iterator[Follows]:
    """R-18. `valid_until` of a stipend with no later decision."""
    decisions = [e for e in told.all("scheme.decided") if e["scheme_code"] == "practice_stipend"]
    for decided in decisions[-1:]:
        until = decided.on_or_none("valid_until")
        if until is not None:
            yield Follows(until, "R-18", "stipend_ended", decided, None)


def buddy_missing(told: Told) -> Iterator[Follows]:
    """R-19. 14 days after the phase was entered, and no buddy covers that day."""
    for entered in told.all("credential-phase.entered"):
        day = entered.on("entered_on") + days(told.numbers["buddy_days"])
        if not any(_covers(buddy, entered["phase"], day) for buddy in told.all("buddy.matched")):
            yield Follows(day, "R-19", "buddy_missing", entered, None)


def _covers(buddy: Event, phase: str, day: date) -> bool:
    until = buddy.on_or_none("until_on")
    is_there = buddy.on("from_on") <= day and (until is None or day <= until)
    return is_there and buddy["phase"] in (None, phase)


def _coach_until(told: Told, assigned: Event) -> date:
    return _same_arrangement(told, assigned)[-1].on("until_on")


def _coached(told: Told) -> list[tuple[date, date, Event]]:
    """Each stretch of coaching with the word that gave it: an extension begins where the time before it ends."""
    stretches = []
    for assigned in told.all("jobcoach.assigned"):
        first = assigned.on("from_on")
        for word in _same_arrangement(told, assigned):
            stretches.append((first, word.on("until_on"), word))
            first = word.on("until_on") + days(1)
    return stretches


def support_maximum_near(told: Told) -> Iterator[Follows]:
    """R-22. The first day on which the days with a jobcoach so far reach the maximum less the time to ask."""
    reach = 7 * (told.numbers["support_maximum_weeks"] - told.numbers["support_ask_weeks"])
    stretches = _coached(told)
    covered = 0
    day = min((first for first, _, _ in stretches), default=date.max)
    end = max((last for _, last, _ in stretches), default=date.min)
    while day <= end:
        running = [(first, last, word) for first, last, word in stretches if first <= day <= last]
        covered += bool(running)
        if running and covered == reach:
            _, _, about = min(running, key=lambda stretch: (*stretch[:2], place(stretch[2])))
            yield Follows(day, "R-22", "support_maximum_near", about, None)
            return
        day += days(1)


def overlap(told: Told) -> Iterator[Follows]:
    """R-25. Two coaches of two organisations, or two trainings of a kind by two providers, 15 days side by side."""
    given = [
        ("coach", e.organisation, e.on("from_on"), _coach_until(told, e), e) for e in told.all("jobcoach.assigned")
    ]
    given += [
        (e["kind"], e["provider_org"], e.on("started_on"), _end_of_training(told, e), e)
        for e in told.all("training.started")
    ]
    for kind, organisation, first, last, earlier in given:
        for other_kind, other_organisation, other_first, other_last, later in given:
            if earlier.is_before(later) and kind == other_kind and organisation != other_organisation:
                fifteenth = max(first, other_first) + days(told.numbers["support_overlap_days"])
                if fifteenth <= last and fifteenth <= other_last:
                    yield Follows(fifteenth, "R-25", "overlap", later, fifteenth)


def _end_of_training(told: Told, started: Event) -> date:
    """Until it was completed or stopped; the planned end is a plan."""
    for over in told.of("training.completed", "training.discontinued"):
        if over["training_id"] == started["training_id"]:
            return over.day
    return date.max
