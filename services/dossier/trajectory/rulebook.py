"""All rules over time together: what would become due in a dossier, and which entries they look at."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Final
from uuid import UUID

from services.dossier.domain.days import midnight
from services.dossier.domain.numbers import Parameters, Timeline
from services.dossier.trajectory.becoming import Becomes
from services.dossier.trajectory.history import History
from services.dossier.trajectory.rules import (
    between_jobs,
    buddy,
    concern,
    consent_ends,
    decision,
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
Kind = tuple[str, str, str, UUID]  # rule, code, and the entry that it is about

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
    decision.decision_unread,
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


class RuleFailed(Exception):
    """A rule threw: what is due in this dossier is not known until it is put right."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


def all_due(history: History, timeline: Timeline, rules: Sequence[Rule] = RULES) -> list[Becomes]:
    """What became due and what would, unless something happens first; in the order of the moments."""
    found = _with(history, timeline.stretches[0].parameters, rules)
    if len(timeline.stretches) > 1:
        found = _one_after_another(history, timeline, rules, found)
    return sorted(found, key=lambda b: (b.at, b.rule, b.code, b.about.sequence, b.once))


def _with(history: History, parameters: Parameters, rules: Sequence[Rule]) -> list[Becomes]:
    found: list[Becomes] = []
    for rule in rules:
        try:
            found.extend(rule(history, parameters))
        except Exception as error:  # whatever is wrong with a rule, the event that it looks at is not lost
            raise RuleFailed(rule.__name__) from error
    return found


def _one_after_another(
    history: History, timeline: Timeline, rules: Sequence[Rule], first: list[Becomes]
) -> list[Becomes]:
    """Of each stretch what falls into it, so that other numbers never change what was raised before they held.

    What was pending when they came, and with them was due already, is due on their first day: once, and only if
    nothing of its kind was raised about the same entry before. What comes once about an entry has come when it was
    raised by any numbers, and what the numbers before had settled stays settled.
    """
    kept: dict[tuple[object, ...], Becomes] = {}
    raised: set[Kind] = set()
    once_and_raised: set[Kind] = set()
    before: list[Becomes] = []
    for stretch in timeline.stretches:
        begin, end = stretch.from_on or date.min, stretch.until or date.max
        due = first if stretch.from_on is None else _with(history, stretch.parameters, rules)
        counts = Counter(map(_kind, due))
        comes_once = {kind for kind, count in counts.items() if count == 1}
        pending = {_kind(each) for each in before if each.day >= begin} - raised
        late = [_put_off(each, begin) for each in due if each.day < begin and _kind(each) in pending]
        own = [each for each in due if begin <= each.day < end and _kind(each) not in once_and_raised & comes_once]
        for each in (*late, *own):
            kept.setdefault((*_kind(each), each.once), each)
        raised |= {_kind(each) for each in (*late, *own)}
        once_and_raised |= {_kind(each) for each in (*late, *own)} & comes_once
        before = due
    return list(kept.values())


def _kind(due: Becomes) -> Kind:
    return due.rule, due.code, due.about.source, due.about.event_id


def _put_off(due: Becomes, day: date) -> Becomes:
    """To the first day of other numbers; one that is raised once per cause stays the same one."""
    return replace(due, at=midnight(day), due_on=max(due.due_on, day), once=due.once and day.isoformat())


def next_moment(due: Iterable[Becomes], now: datetime) -> datetime | None:
    """`due` in the order of the moments."""
    return next((each.at for each in due if each.at > now), None)
