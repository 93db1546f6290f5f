"""Which acts answer a signal, and where it stands in the contact person's list: the table of the portal, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

Group = Literal["a", "b", "c", "d"]
GROUPS: Final[tuple[Group, ...]] = ("a", "b", "c", "d")
SOON: Final = timedelta(7)
# To an organisation, not to a person's list.
NOT_IN_THE_LIST: Final = frozenset(("contact_person_gap", "employer_contact_missing"))

SPOKEN: Final = "contact-moment.held"
PLAN: Final = "development-plan.agreed"


@dataclass(frozen=True)
class Answer:
    """`group`: a = act today, c = within a week, d = by date; absent: b when it is overdue, else by its date.

    `also`: what is no act of the list, and settles it as well. `with_anyone`: speaking with somebody else will do.
    """

    group: Group | None
    acts: tuple[str, ...]
    also: tuple[str, ...] = ()
    with_anyone: bool = False


ANSWERS: Final[Mapping[str, Answer]] = {
    "concern_urgent": Answer("a", (SPOKEN, "concern.resolved")),
    "between_jobs": Answer("a", (SPOKEN, "safe-haven.entered")),
    "after_failure_contact": Answer("a", (SPOKEN, PLAN), ("trajectory.reentered",)),
    "training_absence": Answer("a", (SPOKEN, "concern.raised")),
    "contact_silence": Answer(None, (SPOKEN, "outreach.attempted")),
    "outreach_due": Answer(None, ("outreach.attempted", "contact.restored")),
    "retention_check_missed": Answer(None, ("retention-check.completed", "appointment.made")),
    "trial_evaluation_due": Answer(
        None, ("trial-placement.evaluated", SPOKEN), ("trial-placement.ended",), with_anyone=True
    ),
    "trial_evaluation_missing": Answer(None, ("trial-placement.evaluated", SPOKEN), with_anyone=True),
    "trial_promise_broken": Answer(None, (SPOKEN, "transition.planned"), ("placement.started",), with_anyone=True),
    "support_ending": Answer(
        None,
        ("scheme.requested", "transition.planned", SPOKEN),
        (
            "scheme.decided",
            "jobcoach.extended",
        ),
    ),
    "contract_ending": Answer(
        None,
        ("scheme.requested", "transition.planned", SPOKEN),
        (
            "placement.renewed",
            "placement.ended",
        ),
    ),
    "handover_incomplete": Answer(
        None,
        (SPOKEN,),
        (
            "handover.accepted",
            "handover.cancelled",
        ),
        with_anyone=True,
    ),
    "handover_overdue": Answer(
        None,
        (SPOKEN,),
        (
            "handover.accepted",
            "handover.cancelled",
        ),
        with_anyone=True,
    ),
    "question_overdue": Answer(None, ("question.answered",)),
    "concern_open_too_long": Answer(None, ("concern.resolved", "signal.handled")),
    "decision_unread": Answer(None, (SPOKEN,)),
    "income_check_missing": Answer(None, ("income-effect.estimated", "question.asked")),
    "income_surprise": Answer("c", ("income-effect.observed",)),
    "phase_overdue": Answer("c", (PLAN, SPOKEN), ("credential-phase.completed",)),
    "buddy_missing": Answer("c", ("buddy.matched",)),
    "story_repeated": Answer("c", (SPOKEN,), with_anyone=True),
    "overlap": Answer("c", (SPOKEN,), with_anyone=True),
    "overshared": Answer("c", (SPOKEN,), with_anyone=True),
    "support_maximum_near": Answer("c", ("scheme.requested",)),
    "manual_review_due": Answer("d", (SPOKEN,), ("self-manual.published",)),
    "consent_expiring": Answer("d", (SPOKEN,)),
    "consent_purpose_ended": Answer("d", (SPOKEN,)),
    # Not in the portal's table: what ends each of these by its rule.
    "stipend_ended": Answer(None, ("scheme.requested", SPOKEN)),
    "plan_overdue": Answer(
        None,
        (PLAN, SPOKEN),
        (
            "trial-placement.requested",
            "placement.started",
            "trajectory.reentered",
        ),
    ),
    "employer_revisit_due": Answer("d", ("opportunity.proposed",)),
    "correction_overdue": Answer(None, ("correction.answered",)),
    "referral_overdue": Answer(None, ("referral.withdrawn", SPOKEN)),
    "recall_overdue": Answer(None, ("copy-recall.answered",)),
    "contact_person_gap": Answer("a", ("contact-person.appointed",)),
    "employer_contact_missing": Answer(None, ("contact-person.appointed",)),
}
# A code without a line of its own is still a call to look: dealt with, and said so.
OTHERWISE: Final = Answer(None, ("signal.handled",))


def acts_for(code: str) -> tuple[str, ...]:
    """Whole event types, the first act first."""
    return tuple(f"nl.dossier.{name}" for name in ANSWERS.get(code, OTHERWISE).acts)


def group_of(code: str, due_on: date, day: date) -> Group:
    group = ANSWERS.get(code, OTHERWISE).group
    if group is not None:
        return group
    if due_on < day:
        return "b"
    return "c" if due_on <= day + SOON else "d"
