"""The signals of contact, people and what was asked, each as state.md §4 has it."""

from collections.abc import Iterator
from datetime import date

from tests.oracle.dates import date_in, days, weeks, working_day_after
from tests.oracle.grants import may_read
from tests.oracle.state import stage
from tests.oracle.told import Event, Follows, Told, at_once


def silent_since(told: Told, day: date) -> Event | None:
    """R-06. The last contact, or the opening, if on this day the limit has passed."""
    if any(closed.day <= day for closed in told.all("dossier.closed")):
        return None
    (opened,) = told.all("dossier.opened")
    last = told.contacts[-1] if told.contacts else opened
    limit = last.day + weeks(told.numbers["silence_weeks"][stage(told, day)])
    agreed = [when for when in _appointments(told, day) if when > last.day]
    if last.name == "contact-moment.held" and last["next_on"]:
        agreed.append(last.on("next_on"))
    if agreed:
        cap = last.day + weeks(told.numbers["next_on_cap_weeks"])
        limit = max(limit, min(max(agreed), cap) + days(told.numbers["next_on_grace_days"]))
    return last if day > limit else None


def _appointments(told: Told, day: date) -> Iterator[date]:
    """Made by that day, and not cancelled or replaced by that day."""
    made = list(told.until(day, "appointment.made"))
    gone = {event["appointment_id"] for event in told.until(day, "appointment.cancelled")}
    gone |= {event["replaces_appointment_id"] for event in made}
    for appointment in made:
        if appointment["appointment_id"] not in gone:
            yield date_in(appointment["at"])


def handover_incomplete(told: Told) -> Iterator[Follows]:
    for initiated in told.all("handover.initiated"):
        if len(initiated["items_present"]) < 10:
            yield at_once("R-09", "handover_incomplete", initiated)


def handover_overdue(told: Told) -> Iterator[Follows]:
    """R-09. The day after `due_on`, not accepted by then, not cancelled."""
    for initiated in told.all("handover.initiated"):
        due, handover = initiated.on("due_on"), initiated["handover_id"]
        accepted = [e.on("accepted_on") for e in told.all("handover.accepted") if e["handover_id"] == handover]
        cancelled = [e for e in told.all("handover.cancelled") if e["handover_id"] == handover]
        if not cancelled and not any(day <= due for day in accepted):
            yield Follows(due + days(1), "R-09", "handover_overdue", initiated, None)


def story_repeated(told: Told) -> Iterator[Follows]:
    """R-10. A later intake asks as new what an earlier one holds that the asker may read."""
    intakes = told.all("intake.completed")
    for intake in intakes:
        oldest = _months_before(intake.day, told.numbers["story_months"])
        for earlier in intakes:
            if not earlier.is_before(intake) or earlier.day < oldest or not may_read(told, intake, earlier):
                continue
            if {*earlier["newly_asked"], *earlier["reused_fields"]} & {*intake["newly_asked"]}:
                yield at_once("R-10", "story_repeated", intake)
                break


def _months_before(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, 28))


def contact_person_gap(told: Told) -> Iterator[Follows]:
    """R-14. Day 4 without anybody appointed; the 2nd working day after the active one left without a successor."""
    appointed = [e for e in told.all("contact-person.appointed") if e["audience"] == "participant"]
    (opened,) = told.all("dossier.opened")
    too_late = opened.day + days(told.numbers["appointment_days"] + 1)
    if not any(e.day < too_late for e in appointed):
        yield Follows(too_late, "R-14", "contact_person_gap", opened, None)
    for gone in told.all("professional.unassigned"):
        own = [n for n, e in enumerate(appointed) if e["person"] == gone["person"] and e.is_before(gone)]
        own = [n for n in own if appointed[n].on("from_on") <= gone.day]
        if not own:
            continue
        too_late = working_day_after(gone.day, told.numbers["gap_working_days"] + 1)
        successors = [e for e in appointed[own[-1] + 1 :] if e.on("from_on") < too_late]
        if not successors:
            yield Follows(too_late, "R-14", "contact_person_gap", gone, None)


def outreach_due(told: Told) -> Iterator[Follows]:
    """R-20. Day 29 after the last attempt, or after the loss, until contact is restored."""
    pause = days(told.numbers["outreach_days"] + 1)
    attempts = sorted(attempt.on("attempted_on") for attempt in told.all("outreach.attempted"))
    for lost in told.all("contact.lost"):
        restored = [e.day for e in told.all("contact.restored") if lost.is_before(e)]
        before = [day for day in attempts if day <= lost.day]
        starts = [before[-1] if before else lost.day] + [day for day in attempts if day > lost.day]
        for start in starts:
            due = start + pause
            is_broken = any(start < day < due for day in attempts)
            is_over = any(day < due for day in restored)
            if not is_broken and not is_over:
                yield Follows(due, "R-20", "outreach_due", lost, start)


def concern_urgent(told: Told) -> Iterator[Follows]:
    for raised in told.all("concern.raised"):
        if raised["severity"] >= told.numbers["concern_severity"]:
            yield at_once("R-23", "concern_urgent", raised)


def concern_open_too_long(told: Told) -> Iterator[Follows]:
    """R-23. Day 15, and not resolved by day 14."""
    for raised in told.all("concern.raised"):
        last_day = raised.day + days(told.numbers["concern_days"])
        is_resolved = any(
            e["concern_id"] == raised["concern_id"] and e.on("resolved_on") <= last_day
            for e in told.all("concern.resolved")
        )
        if not is_resolved:
            yield Follows(last_day + days(1), "R-23", "concern_open_too_long", raised, None)


def overshared(told: Told) -> Iterator[Follows]:
    """R-27. A text not approved, or a section that was not in the last manual shared with who held the briefing."""
    for briefing in told.all("team-briefing.held"):
        shared = [
            e
            for e in told.all("self-manual.shared")
            if e["recipient_org"] == briefing.organisation and e.is_before(briefing)
        ]
        sections = shared[-1]["sections"] if shared else []
        if not briefing["participant_approved_text"] or not set(briefing["sections_used"]) <= set(sections):
            yield at_once("R-27", "overshared", briefing)


def manual_review_due(told: Told) -> Iterator[Follows]:
    """R-27. Day 183 after the last published manual, or the first change of capacity after it."""
    for manual in told.all("self-manual.published")[-1:]:
        changes = [change.day for change in told.all("capacity.changed") if manual.is_before(change)]
        half_a_year = manual.day + weeks(told.numbers["manual_review_weeks"]) + days(1)
        yield Follows(min([half_a_year, *changes]), "R-27", "manual_review_due", manual, None)


def question_overdue(told: Told) -> Iterator[Follows]:
    """R-32. The 4th working day after `due_on`, not answered."""
    for asked in told.all("question.asked"):
        too_late = working_day_after(asked.on("due_on"), told.numbers["question_working_days"] + 1)
        answers = [e for e in told.all("question.answered") if e["question_id"] == asked["question_id"]]
        if not any(e.day < too_late for e in answers):
            yield Follows(too_late, "R-32", "question_overdue", asked, None)


def correction_overdue(told: Told) -> Iterator[Follows]:
    """R-35. Day 29 after `requested_on`, not answered."""
    for asked in told.all("correction.requested"):
        too_late = asked.on("requested_on") + days(told.numbers["correction_days"] + 1)
        answers = [e for e in told.all("correction.answered") if e["request_id"] == asked["request_id"]]
        if not any(e.day < too_late for e in answers):
            yield Follows(too_late, "R-35", "correction_overdue", asked, None)


def referral_overdue(told: Told) -> Iterator[Follows]:
    """R-36. The 6th working day after the offer, not answered, not withdrawn."""
    for made in told.all("referral.made"):
        too_late = working_day_after(made.day, told.numbers["referral_answer_working_days"] + 1)
        answers = told.of("referral.answered", "referral.withdrawn")
        if not any(e["referral_id"] == made["referral_id"] and e.day < too_late for e in answers):
            yield Follows(too_late, "R-36", "referral_overdue", made, None)
