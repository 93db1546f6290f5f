"""All rules over time together: what would become due in a dossier, and which entries they look at."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from services.dossier.domain.commands import Parameters
from services.dossier.trajectory.becoming import Becomes
from services.dossier.trajectory.history import History
from services.dossier.trajectory.rules import (
    between_jobs,
    buddy,
    concern,
    consent_ends,
    handover,
    income,
    manual,
    outreach,
    overlap,
    people,
    retention,
    silence,
    story,
    support,
    training,
    trial,
)

Rule = Callable[[History, Parameters], Iterable[Becomes]]

RULES: Final[tuple[Rule, ...]] = (
    retention.retention_check_missed,
    trial.trial_evaluated_and_kept,
    support.support_ending,
    support.contract_ending,
    silence.contact_silence,
    between_jobs.between_jobs,
    handover.handover_whole_and_accepted,
    story.story_repeated,
    consent_ends.consent_ends,
    people.contact_person_gap,
    income.income_check_missing,
    income.income_surprise,
    training.training_absence,
    training.phase_overdue,
    training.after_failure_contact,
    training.stipend_ended,
    buddy.buddy_missing,
    outreach.outreach_due,
    trial.trial_followed_up,
    support.support_maximum_near,
    concern.concern_answered,
    overlap.overlap,
    manual.overshared,
    manual.manual_review_due,
    people.employer_contact_missing,
    people.question_overdue,
    people.correction_overdue,
    handover.referral_overdue,
    consent_ends.recall_overdue,
)

# Entries that no rule looks at: of these alone nothing follows. What is not named here is looked at.
UNWATCHED: Final = frozenset(
    (
        "identity.verified",
        "contact-details.changed",
        "goal.set",
        "life-domain.noted",
        "jobfolio-item.added",
        "match-profile.published",
        "language-level.assessed",
        "opportunity.proposed",
        "opportunity.responded",
        "workplace-adaptation.arranged",
        "repeat-story.reported",
        "success.recorded",
        "survey.answered",
        "mechanism.observed",
        "intervention.assigned",
        "signal.raised",
        "signal.handled",
        "dossier-copy.provided",
        "scheme.requested",
        "scheme.supplemented",
        "safe-haven.entered",
        "safe-haven.exited",
    )
)


def all_due(history: History, parameters: Parameters, rules: Sequence[Rule] = RULES) -> list[Becomes]:
    """What became due and what would, unless something happens first; in the order of the moments."""
    found = [each for rule in rules for each in rule(history, parameters)]
    return sorted(found, key=lambda b: (b.at, b.rule, b.code, b.about.sequence, b.once))


def next_moment(due: Iterable[Becomes], now: datetime) -> datetime | None:
    """`due` in the order of the moments."""
    return next((each.at for each in due if each.at > now), None)
