"""The slow walk: every civil day, at midnight and after each word that is recorded, what follows that did not before?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from tests.oracle import grants, people, support, work
from tests.oracle.dates import days
from tests.oracle.told import Event, Follows, Told

RULES = (
    work.retention_check_missed,
    work.trial_evaluation_due,
    work.trial_evaluation_missing,
    work.trial_promise_broken,
    work.contract_ending,
    work.between_jobs,
    work.income_check_missing,
    work.income_surprise,
    work.after_a_trial_not_retained,
    work.employer_contact_missing,
    support.support_ending,
    support.training_absence,
    support.phase_overdue,
    support.contact_after_a_failed_attempt,
    support.stipend_ended,
    support.buddy_missing,
    support.support_maximum_near,
    support.overlap,
    people.handover_incomplete,
    people.handover_overdue,
    people.story_repeated,
    people.contact_person_gap,
    people.outreach_due,
    people.concern_urgent,
    people.concern_open_too_long,
    people.overshared,
    people.manual_review_due,
    people.question_overdue,
    people.correction_overdue,
    people.referral_overdue,
    grants.consent_purpose_ended,
    grants.consent_expiring,
)


@dataclass(frozen=True, order=True)
class Signal:
    """As the trajectory files tell it: civil day, rule, code, and the number of the event that it is about."""

    on: date
    rule: str
    code: str
    about: int


class Diary:
    """What was raised in one dossier, day by day; one signal per rule, code, cause and moment (§1)."""

    def __init__(self, told: Told) -> None:
        self.told = told
        self.signals: list[Signal] = []
        self._raised: set[object] = set()

    def walk(self, events: Iterable[Event], until: date) -> None:
        waiting = sorted(events, key=lambda event: event.number)
        today = waiting[0].recorded_on
        first = today
        while today <= until:
            if self.told.all("dossier.opened"):
                self._look(today, [today])
            while waiting and waiting[0].recorded_on == today:
                news = waiting.pop(0)
                self.told.learn(news)
                is_late = news.recorded_on > news.day or news.name == "entry.retracted"
                self._look(today, _days(first, today) if is_late else [today])
            today += days(1)

    def _look(self, today: date, silence_on: Iterable[date]) -> None:
        for rule in RULES:
            for follows in rule(self.told, today):
                if follows.on <= today:
                    self._raise(today, follows)
        for day in silence_on:
            since = people.is_silent(self.told, day)
            if since is not None:
                self._raise(today, Follows(day, "R-06", "contact_silence", since, None))

    def _raise(self, today: date, follows: Follows) -> None:
        identity = (follows.rule, follows.code, follows.about.number, follows.moment)
        if identity not in self._raised:
            self._raised.add(identity)
            self.signals.append(Signal(today, follows.rule, follows.code, follows.about.number))


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += days(1)
