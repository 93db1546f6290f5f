"""R-09, R-14, R-19, R-20, R-23, R-25, R-27, R-32, R-35, R-36 and R-37: who waits for what, and how long."""

from typing import Any
from uuid import UUID

import pytest

from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import DEFAULTS, Parameters
from services.dossier.trajectory.rulebook import Rule
from services.dossier.trajectory.rules.buddy import buddy_missing
from services.dossier.trajectory.rules.concern import concern_answered
from services.dossier.trajectory.rules.consent_ends import recall_overdue
from services.dossier.trajectory.rules.handover import handover_whole_and_accepted, referral_overdue
from services.dossier.trajectory.rules.manual import manual_review_due, overshared
from services.dossier.trajectory.rules.outreach import outreach_due
from services.dossier.trajectory.rules.overlap import overlap
from services.dossier.trajectory.rules.people import (
    contact_person_gap,
    correction_overdue,
    employer_contact_missing,
    question_overdue,
)
from tests.rules.given import days, history, on, opened, placed

DOSSIER = UUID(int=1)


def concern(severity: int = 2) -> Entry:
    return on("2025-05-21", "concern.raised", concern_id="k1", severity=severity)


def solved(day: str) -> Entry:
    return on(day, "concern.resolved", concern_id="k1", resolved_on=day)


def tried(day: str, told: str | None = None) -> Entry:
    return on(told or day, "outreach.attempted", attempted_on=day, outcome="no_answer")


def handover(completeness: float = 1) -> Entry:
    return on("2025-04-14", "handover.initiated", handover_id="h1", due_on="2025-05-01", completeness=completeness)


def accepted(day: str) -> Entry:
    return on(day, "handover.accepted", handover_id="h1", accepted_on=day)


def appointed(day: str, person: str = "bram", audience: str = "participant", **data: Any) -> Entry:
    return on(day, "contact-person.appointed", person=person, audience=audience, **{"from_on": day} | data)


def briefed(*sections: str, approved: bool = True) -> Entry:
    told: dict[str, Any] = {"sections_used": list(sections), "participant_approved_text": approved}
    return on("2025-05-20", "team-briefing.held", by="bakker", **told)


def shared(day: str, *sections: str, to: str = "bakker") -> Entry:
    return on(day, "self-manual.shared", recipient_org=to, sections=list(sections))


def matched(day: str, **data: Any) -> Entry:
    return on(day, "buddy.matched", buddy="ali", from_on=day, **data)


def coach(day: str, by: str, until_on: str = "2025-12-31") -> Entry:
    return on(day, "jobcoach.assigned", by=by, arrangement_id=by, from_on=day, until_on=until_on)


def training(day: str, id_: str, provider: str, kind: str = "language") -> Entry:
    return on(day, "training.started", training_id=id_, provider_org=provider, kind=kind, started_on=day)


LOST = on("2025-03-04", "contact.lost")
PHASE = on("2025-03-01", "credential-phase.entered", phase="language", attempt=1, entered_on="2025-03-01")
GONE = on("2025-04-17", "professional.unassigned", person="bram", until_on="2025-04-17")
NEXT_MONTH = appointed("2025-04-10", "els", from_on="2025-05-01")
GONE_BEFORE = on("2025-04-17", "professional.unassigned", person="els", until_on="2025-04-17")
ASKED = on("2025-04-01", "question.asked", question_id="q1", due_on="2025-04-16")
MANUAL = on("2025-01-01", "self-manual.published")
REFERRED = on("2025-04-16", "referral.made", referral_id="r1")
RECALL = on("2025-01-01", "copy-recall.requested", recall_id="x", requested_at="2025-01-01T10:00:00+01:00")
CORRECTION = on("2025-01-01", "correction.requested", request_id="x", requested_on="2025-01-01")
JOB = placed("2025-03-13")
FOR_BAKKER = appointed("2025-03-13", audience="employer", employer_org="bakker")


@pytest.mark.parametrize(
    ("rule", "entries", "expected"),
    [
        #
        (concern_answered, [concern()], ["2025-06-05"]),
        (concern_answered, [concern(4)], ["2025-05-21", "2025-06-05"]),
        (concern_answered, [concern(), solved("2025-06-04")], []),
        (concern_answered, [concern(), solved("2025-06-05")], ["2025-06-05"]),
        #
        (outreach_due, [tried("2025-03-03")], []),
        (outreach_due, [tried("2025-03-03"), LOST], ["2025-04-01"]),
        (outreach_due, [LOST], ["2025-04-02"]),
        (outreach_due, [tried("2025-03-03"), LOST, tried("2025-03-31")], ["2025-04-29"]),
        (outreach_due, [tried("2025-03-03"), LOST, tried("2025-04-01")], ["2025-04-01", "2025-04-30"]),
        (outreach_due, [tried("2025-03-03"), LOST, on("2025-03-31", "contact.restored")], []),
        (outreach_due, [tried("2025-03-03"), LOST, on("2025-04-01", "contact.restored")], ["2025-04-01"]),
        # Told later, but tried before: the last attempt is the last by its date.
        (outreach_due, [tried("2025-03-03"), LOST, tried("2025-03-01", told="2025-03-05")], ["2025-04-01"]),
        #
        (buddy_missing, [PHASE], ["2025-03-15"]),
        (buddy_missing, [PHASE, matched("2025-03-15")], []),
        (buddy_missing, [PHASE, matched("2025-03-16")], ["2025-03-15"]),
        (buddy_missing, [PHASE, matched("2025-03-01", until_on="2025-03-14")], ["2025-03-15"]),
        (buddy_missing, [PHASE, matched("2025-03-01", phase="orientation")], ["2025-03-15"]),
        (buddy_missing, [PHASE, matched("2025-03-01", phase="language")], []),
        #
        (handover_whole_and_accepted, [handover()], ["2025-05-02"]),
        (handover_whole_and_accepted, [handover(0.8)], ["2025-04-14", "2025-05-02"]),
        (handover_whole_and_accepted, [handover(), accepted("2025-05-01")], []),
        (handover_whole_and_accepted, [handover(), accepted("2025-05-02")], ["2025-05-02"]),
        (handover_whole_and_accepted, [handover(), on("2025-04-20", "handover.cancelled", handover_id="h1")], []),
        #
        (overshared, [briefed("pitfalls")], ["2025-05-20"]),
        (overshared, [shared("2025-05-01", "pitfalls"), briefed("pitfalls")], []),
        (overshared, [shared("2025-05-01", "pitfalls"), briefed("pitfalls", approved=False)], ["2025-05-20"]),
        (overshared, [shared("2025-05-01", "pitfalls", to="x"), briefed("pitfalls")], ["2025-05-20"]),
        (overshared, [shared("2025-05-01", "pitfalls"), shared("2025-05-02"), briefed("pitfalls")], ["2025-05-20"]),
        (manual_review_due, [MANUAL], ["2025-07-03"]),
        (manual_review_due, [MANUAL, on("2025-03-01", "self-manual.published")], ["2025-08-31"]),
        (manual_review_due, [MANUAL, on("2025-02-01", "capacity.changed")], ["2025-02-01"]),
        #
        (contact_person_gap, [opened()], ["2025-01-05"]),
        (contact_person_gap, [opened(), appointed("2025-01-04")], []),
        (contact_person_gap, [opened(), appointed("2025-01-05")], ["2025-01-05"]),
        # Good Friday, 18 April 2025, and Easter Monday are no working days.
        (contact_person_gap, [opened(), appointed("2025-01-02"), GONE], ["2025-04-23"]),
        (contact_person_gap, [opened(), appointed("2025-01-02"), GONE, appointed("2025-04-19", "els")], []),
        (contact_person_gap, [opened(), appointed("2025-01-02", "els"), GONE], []),
        # Somebody who has yet to begin is no successor yet, nor missed.
        (contact_person_gap, [opened(), appointed("2025-01-02"), GONE, NEXT_MONTH], ["2025-04-23"]),
        (contact_person_gap, [opened(), appointed("2025-01-02"), NEXT_MONTH, GONE], ["2025-04-23"]),
        (contact_person_gap, [opened(), appointed("2025-01-02"), NEXT_MONTH, GONE_BEFORE], []),
        #
        (employer_contact_missing, [JOB], ["2025-03-14"]),
        (employer_contact_missing, [FOR_BAKKER, JOB], []),
        (question_overdue, [ASKED], ["2025-04-24"]),
        (question_overdue, [ASKED, on("2025-04-20", "question.answered", question_id="q1")], []),
        #
        (correction_overdue, [CORRECTION], ["2025-01-30"]),
        (correction_overdue, [CORRECTION, on("2025-01-02", "correction.answered", request_id="x")], []),
        (referral_overdue, [REFERRED], ["2025-04-28"]),
        (referral_overdue, [REFERRED, on("2025-04-20", "referral.answered", referral_id="r1")], []),
        (referral_overdue, [REFERRED, on("2025-04-20", "referral.withdrawn", referral_id="r1")], []),
        (recall_overdue, [RECALL], ["2025-02-01"]),
        (recall_overdue, [RECALL, on("2025-01-02", "copy-recall.answered", recall_id="x")], []),
        #
        (overlap, [coach("2025-01-01", "a"), coach("2025-02-01", "b")], ["2025-02-15"]),
        (overlap, [coach("2025-01-01", "a", "2025-02-14"), coach("2025-02-01", "b")], []),
        (overlap, [coach("2025-01-01", "a"), training("2025-01-01", "t", "b")], []),
        (overlap, [training("2025-01-01", "t", "a"), training("2025-01-05", "u", "b")], ["2025-01-19"]),
        (overlap, [training("2025-01-01", "t", "a"), training("2025-01-05", "u", "a")], []),
        (overlap, [training("2025-01-01", "t", "a"), training("2025-01-05", "u", "b", "vocational")], []),
    ],
)
def test_fires_on_its_day_and_stops(rule: Rule, entries: list[Entry], expected: list[str]) -> None:
    assert days(rule, *entries) == expected


@pytest.mark.parametrize(
    ("rule", "entries", "numbers", "expected"),
    [
        (concern_answered, [concern(3)], Parameters(concern_severity=3, concern_days=7), ["2025-05-21", "2025-05-29"]),
        (outreach_due, [LOST], Parameters(outreach_days=14), ["2025-03-19"]),
        (buddy_missing, [PHASE], Parameters(buddy_days=7), ["2025-03-08"]),
        (manual_review_due, [MANUAL], Parameters(manual_review_weeks=4), ["2025-01-30"]),
        (contact_person_gap, [opened()], Parameters(appointment_days=7), ["2025-01-09"]),
        (employer_contact_missing, [JOB], Parameters(employer_contact_days=3), ["2025-03-16"]),
        (question_overdue, [ASKED], Parameters(question_working_days=1), ["2025-04-22"]),
        (correction_overdue, [CORRECTION], Parameters(correction_days=7), ["2025-01-09"]),
        (referral_overdue, [REFERRED], Parameters(referral_answer_working_days=1), ["2025-04-22"]),
        (recall_overdue, [RECALL], Parameters(recall_days=7), ["2025-01-09"]),
        (overlap, [coach("2025-01-01", "a"), coach("2025-02-01", "b")], Parameters(support_overlap_days=7),
         ["2025-02-08"]),
    ],
)  # fmt: skip
def test_the_parameters_decide(rule: Rule, entries: list[Entry], numbers: Parameters, expected: list[str]) -> None:
    assert days(rule, *entries, parameters=numbers) == expected


def test_a_review_of_one_manual_is_asked_once() -> None:
    """A change of capacity that is told when the review has been asked moves the day, and is no second signal."""
    (before,) = manual_review_due(history(MANUAL), DEFAULTS)
    late = on("2025-02-01", "capacity.changed", recorded="2025-08-01")
    (after,) = manual_review_due(history(MANUAL, late), DEFAULTS)
    assert before.at != after.at
    assert before.signal_id(DOSSIER) == after.signal_id(DOSSIER)
