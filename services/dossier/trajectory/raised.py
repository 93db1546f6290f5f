"""What became of a signal: whether it still follows, was handled, when one is reminded, and to whom it goes on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from services.dossier.domain.days import civil_day, day_in, moment_in
from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Timeline
from services.dossier.trajectory.acts import ANSWERS, OTHERWISE, SPOKEN
from services.dossier.trajectory.appointments import appointed
from services.dossier.trajectory.contact import contacts
from services.dossier.trajectory.history import History, day_named, day_of, place
from services.dossier.trajectory.rules.overlap import side_by_side
from services.dossier.trajectory.stage import Span, span_on
from services.dossier.trajectory.work import counted

Kind = Literal["person", "organisation", "role", "participant"]
Numbers = Mapping[str, int | str]


@dataclass(frozen=True)
class Addressee:
    """Whom a task is for: a person or an organisation by key, whoever has a role here, or the participant."""

    kind: Kind
    key: str = ""


@dataclass(frozen=True)
class Reminding:
    """Further periods of a signal that is still open: reminders, never another signal (state.md §1).

    `every`: days; absent: one is not reminded. `until_on`: the first day on which the ground for it is gone.
    `goes_on_to`: the organisation that has it too from `goes_on_at`.
    """

    every: int | None = None
    until_on: date | None = None
    goes_on_at: date | None = None
    goes_on_to: str | None = None

    def last(self, raised_on: date, day: date) -> date | None:
        """The last day on which one was reminded, by this day."""
        if self.every is None:
            return None
        until = day if self.until_on is None else min(day, self.until_on - timedelta(1))
        periods = (until - raised_on).days // self.every
        return raised_on + timedelta(periods * self.every) if periods > 0 else None

    def is_over(self, day: date) -> bool:
        return self.until_on is not None and self.until_on <= day

    def organisation(self, day: date) -> str | None:
        return self.goes_on_to if self.goes_on_at is not None and self.goes_on_at <= day else None


@dataclass(frozen=True)
class Raised:
    """A signal that was raised. `handled_in`: the sequence of the entry that says so; absent: nobody did.

    `follows`: whether the rules still say it; if not, later news has overtaken it (R-29). `answered_on`: the last day
    of an act that answers it. `is_last`: of several warnings of the same the last one. `organisations`: whom it names
    (R-10, R-25), which rests on more than the entry that it is about.
    """

    sequence: int
    signal_id: str
    rule: str
    code: str
    raised_on: date
    due_on: date
    severity: int
    for_actor: str
    about: str | None
    numbers: Numbers
    follows: bool
    handled_in: int | None
    answered_on: date | None
    is_last: bool
    reminding: Reminding
    others: tuple[Addressee, ...]
    organisations: tuple[str, ...] = ()

    def calls(self, day: date) -> bool:
        """Whether something is left to do: nothing was done about it since it was raised, or came back."""
        if not self.is_last or self.reminding.is_over(day):
            return False
        since = self.reminding.last(self.raised_on, day) or self.raised_on
        return self.answered_on is None or self.answered_on < since


def all_raised(history: History, still: frozenset[str], stages: list[Span], timeline: Timeline) -> tuple[Raised, ...]:
    """In the order in which they were raised. `still`: the ids of the signals that the rules say now."""
    handled = {e.data["signal_id"]: e.sequence for e in reversed(list(history.named("signal.handled")))}
    by_id = {str(e.event_id): e for e in history.entries}
    last = {(e.data["code"], e.data.get("about_event_id")): e.sequence for e in history.named("signal.raised")}
    return tuple(
        _raised(history, e, by_id, still, handled, last, stages, timeline) for e in history.named("signal.raised")
    )


def _raised(
    history: History,
    entry: Entry,
    by_id: Mapping[str, Entry],
    still: frozenset[str],
    handled: Mapping[str, int],
    last: Mapping[tuple[str, str | None], int],
    stages: list[Span],
    timeline: Timeline,
) -> Raised:
    data = entry.data
    raised_on = civil_day(moment_in(data["raised_at"]))
    about = by_id.get(data.get("about_event_id", ""))
    code = data["code"]
    return Raised(
        sequence=entry.sequence,
        signal_id=data["signal_id"],
        rule=data["rule"],
        code=code,
        raised_on=raised_on,
        due_on=day_named(data, "due_on"),
        severity=data["severity"],
        for_actor=data["for_actor"],
        about=data.get("about_event_id"),
        numbers={} if about is None else _numbers(entry, about, stages, timeline),
        follows=data["signal_id"] in still,
        handled_in=handled.get(data["signal_id"]),
        answered_on=None if about is None else _answered_on(history, entry, about),
        is_last=last[code, data.get("about_event_id")] == entry.sequence,
        reminding=Reminding() if about is None else _reminding(history, code, about, raised_on, stages, timeline),
        others=() if about is None else tuple(_others(history, code, about)),
        organisations=() if about is None else _organisations(history, code, about),
    )


def _organisations(history: History, code: str, about: Entry) -> tuple[str, ...]:
    match code:
        case "overlap":
            return side_by_side(history, about)
        case "story_repeated":
            return (about.organisation,) if about.organisation is not None else ()
    return ()


# What answers it

# Names of what an entry is about: an act answers a signal about the same, as far as both say what that is.
SAME: Final = (
    "concern_id",
    "trial_id",
    "placement_id",
    "handover_id",
    "question_id",
    "arrangement_id",
    "training_id",
    "scheme_code",
    "phase",
)


def _answered_on(history: History, raised: Entry, about: Entry) -> date | None:
    answer = ANSWERS.get(raised.data["code"], OTHERWISE)
    names = {*answer.acts, *answer.also} - {SPOKEN, "signal.handled"}
    acts = [e for e in history.named(*names) if _is_about_the_same(e, about)] if names else []
    if SPOKEN in answer.acts:
        acts += history.named(SPOKEN) if answer.with_anyone else contacts(history)
    return max((day_of(e) for e in acts if place(e) > place(raised)), default=None)


def _is_about_the_same(act: Entry, about: Entry) -> bool:
    if act.data.get("from_placement_id", about.data.get("placement_id")) != about.data.get("placement_id"):
        return False
    return all(act.data[name] == about.data[name] for name in SAME if name in act.data and name in about.data)


# The numbers of a sentence about it (portal.md §9), of fields that have the class of their event alone


def _numbers(raised: Entry, about: Entry, stages: list[Span], timeline: Timeline) -> Numbers:
    data, since = about.data, {"since": day_of(about).isoformat()}
    match raised.data["code"]:
        case "contact_silence":
            day = civil_day(moment_in(raised.data["raised_at"]))
            return since | {"weeks": _silence_weeks(day, stages, timeline)}
        case "retention_check_missed":
            due_on = day_named(raised.data, "due_on")
            late = timeline.on(due_on).retention_window_days + 1
            return {"weeks": ((due_on - day_named(data, "starts_on")).days - late) // 7}
        case "training_absence":
            return {"missed": data["missed_in_a_row"]}
        case "handover_incomplete" | "handover_overdue":
            return {"missing": len(data["items_missing"])}
        case "phase_overdue":
            return {"since": data["entered_on"], "weeks": data["expected_weeks"]}
        case "consent_expiring" | "consent_purpose_ended":
            return {"organisation": data["grantee_org"]}
    return since


def _silence_weeks(day: date, stages: list[Span], timeline: Timeline) -> int:
    span = span_on(stages, day)
    return timeline.on(day).silence_weeks[span.stage if span else "intake"]


# Reminders, and where it goes on to


def _reminding(
    history: History, code: str, about: Entry, raised_on: date, stages: list[Span], timeline: Timeline
) -> Reminding:
    match code:
        case "contact_silence":
            days = 7 * _silence_weeks(raised_on, stages, timeline)
            return Reminding(days, None, raised_on + timedelta(days), _organisation_of_contact_person(history))
        case "between_jobs":
            return Reminding(timeline.on(raised_on).between_jobs_repeat_days, _taken_up_on(history, about))
        case "outreach_due":
            tried = (e for e in history.named("outreach.attempted") if day_named(e.data, "attempted_on") >= raised_on)
            until_on = min((day_named(e.data, "attempted_on") for e in tried), default=None)
            return Reminding(timeline.on(raised_on).outreach_days, until_on)
        case "question_overdue":
            asked = _organisation_of(history, about.data["to_actor"])
            return Reminding(None, None, raised_on, asked or _organisation_of_contact_person(history))
        case "contact_person_gap":
            return Reminding(None, None, raised_on, _appointing_organisation(history, about))
        case "employer_contact_missing":
            return Reminding(None, None, raised_on, _organisation_of_contact_person(history))
    return Reminding()


def _taken_up_on(history: History, lost: Entry) -> date | None:
    """R-07 reminds until there is work, a safe haven or training."""
    after = day_named(lost.data, "ended_on")
    days = [
        *(job.starts_on for job in counted(history)),
        *(day_named(e.data, "entered_on") for e in history.named("safe-haven.entered")),
        *(day_named(e.data, "started_on") for e in history.named("training.started")),
    ]
    return min((day for day in days if day > after), default=None)


def _organisation_of_contact_person(history: History) -> str | None:
    last = next(reversed(appointed(history, "participant")), None)
    return None if last is None else last.data["org"]


def _organisation_of(history: History, person: str) -> str | None:
    named = (e.data["org"] for e in history.named("contact-person.appointed") if e.data["person"] == person)
    return next(named, None)


def _appointing_organisation(history: History, about: Entry) -> str | None:
    """Who should appoint (R-14): who appointed before, else who opened the dossier or let the person go.

    Never the responsible organisation because it is responsible: a contact person outlasts that.
    """
    before = [e for e in appointed(history, "participant") if place(e) < place(about) and e.organisation is not None]
    return before[-1].organisation if before else about.organisation


# Whom else a rule warns (rules.md "Signals")

PARTICIPANT: Final = Addressee("participant")


def _others(history: History, code: str, about: Entry) -> Iterable[Addressee]:
    data = about.data
    match code:
        case "support_ending" | "contract_ending":
            return (PARTICIPANT, *_employers(history, about))
        case "trial_evaluation_due" | "trial_evaluation_missing":
            return (PARTICIPANT, *_employer_of_trial(history, data["trial_id"]))
        case "consent_expiring" | "consent_purpose_ended" | "decision_unread" | "manual_review_due":
            return (PARTICIPANT,)
        case "story_repeated":
            return _person(about.person)
        case "correction_overdue":
            return _organisation(data["to_org"])
        case "referral_overdue":
            return _organisation(about.organisation)
        case "recall_overdue":
            return (PARTICIPANT, *_organisation(data["of_org"]))
        case "employer_revisit_due":
            return (Addressee("role", "WSP"),)
        case "buddy_missing":
            return (Addressee("role", "DSK"),)
    return ()


def _person(key: str | None) -> tuple[Addressee, ...]:
    return () if key is None else (Addressee("person", key),)


def _organisation(key: str | None) -> tuple[Addressee, ...]:
    return () if key is None else (Addressee("organisation", key),)


def _employers(history: History, about: Entry) -> tuple[Addressee, ...]:
    """Of a contract its employer; of other support every employer of work that runs at that moment."""
    if "employer_org" in about.data:
        return _organisation(about.data["employer_org"])
    named = {job.id: job.employer for job in counted(history)}
    if "placement_id" in about.data:
        return _organisation(named.get(about.data["placement_id"]))
    until_on = day_in(about.data.get("until_on") or about.data.get("valid_until")) or history.day
    running = {job.employer for job in counted(history) if job.starts_on <= until_on and job.ended is None}
    return tuple(Addressee("organisation", key) for key in sorted(running))


def _employer_of_trial(history: History, trial_id: str) -> tuple[Addressee, ...]:
    requested = (e for e in history.named("trial-placement.requested") if e.data["trial_id"] == trial_id)
    return next((_organisation(e.data["employer_org"]) for e in requested), ())
