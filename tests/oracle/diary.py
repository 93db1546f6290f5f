"""The slow walk: every civil day, at midnight and after each word recorded: what follows that did not before?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from tests.oracle import grants, people, support, work
from tests.oracle.dates import days
from tests.oracle.told import Event, Follows, Told

# What follows from what was told, each with the first day on which it follows.
FROM_WHAT_WAS_TOLD = (
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
)
# What has to be looked at on the day itself: an end that came does not go away again.
ON_THE_DAY = (grants.consent_purpose_ended, grants.consent_expiring)


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
        self._ahead: list[Follows] = []

    def walk(self, events: Iterable[Event], until: date) -> None:
        waiting = sorted(events, key=lambda event: event.number)
        today = waiting[0].recorded_on
        while today <= until:
            if self.told.all("dossier.opened"):
                self._look(today, [today])
            while waiting and waiting[0].recorded_on == today:
                news = waiting.pop(0)
                self.told.learn(news)
                self._ahead = [follows for rule in FROM_WHAT_WAS_TOLD for follows in rule(self.told)]
                is_late = news.recorded_on > news.day or news.name == "entry.retracted"
                self._look(today, self._since_last_contact(today) if is_late else [today])
            today += days(1)

    def _since_last_contact(self, today: date) -> Iterator[date]:
        """Late news: on one of the days that went by it may have been silent for too long."""
        day = self.told.contacts[-1].day if self.told.contacts else self.told.all("dossier.opened")[0].day
        while day < today:
            day += days(1)
            yield day

    def _look(self, today: date, silence_on: Iterable[date]) -> None:
        for follows in self._ahead:
            if follows.on <= today:
                self._raise(today, follows)
        for rule in ON_THE_DAY:
            for follows in rule(self.told, today):
                if follows.on <= today:
                    self._raise(today, follows)
        for day in silence_on:
            since = people.silent_since(self.told, day)
            if since is not None:
                self._raise(today, Follows(day, "R-06", "contact_silence", since, None))

    def _raise(self, today: date, follows: Follows) -> None:
        identity = (follows.rule, follows.code, follows.about.number, follows.moment)
        if identity not in self._raised:
            self._raised.add(identity)
            self.signals.append(Signal(today, follows.rule, follows.code, follows.about.number))
