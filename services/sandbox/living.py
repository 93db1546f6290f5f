"""Living trajectories through a sandbox on one clock, and observing who may know what."""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import chain, count, zip_longest
from typing import Any

from services.sandbox.client import Answer, Api
from services.sandbox.conversation import CannotReplay, Conversation
from services.sandbox.lives import CIVIL, Attempt, Check, Life, Person, Row
from services.sandbox.observed import (
    DayBegan,
    EventLanded,
    Happening,
    Listed,
    ListOpened,
    ListRow,
    Looked,
    Observation,
    Occasion,
    Opened,
    PlatformActed,
    Reader,
    Refused,
    SentAgain,
    Summary,
    Surprise,
)
from services.sandbox.reasons import Grant, Grants

_EVENT = {"Content-Type": "application/cloudevents+json"}
_PURPOSE_ENDS = timedelta(days=15)  # R-11b: the first day after the 14 that follow the end of a relation
Act = Callable[[], Iterator[Happening]]


class Replay:
    """Lives the files through the sandbox; `observe` yields what happens, in order of time."""

    def __init__(self, api: Api, lives: Sequence[Life], language: str) -> None:
        self._sandbox, self._lives, self._language = Conversation(api), tuple(lives), language
        self._grants = {life.id: Grants() for life in lives}
        self._stored: dict[str, dict[int, Answer]] = {life.id: {} for life in lives}
        self._known: set[str] = set()  # ids of events that the files posted, or that were shown
        self._seen: dict[tuple[str, str], dict[int, Row]] = defaultdict(dict)  # (life, actor) → what they could read
        self._called: dict[str, set[str]] = defaultdict(set)  # actor → what called them already
        self._opened: set[tuple[str, date]] = set()  # whose list was opened on which day
        self._tally: dict[str, int] = defaultdict(int)
        self._steps: list[tuple[datetime, int, int, Act, Life]] = []
        self._order = count()
        self._began = self._now = min(life.rows[0].at for life in lives)
        self._end = max(life.ends for life in lives)

    @property
    def progress(self) -> float:
        """How much of the time of these lives has passed, from 0 to 1."""
        return max(self._now - self._began, timedelta()) / max(self._end - self._began, timedelta(seconds=1))

    def observe(self) -> Iterator[Observation]:
        """Everything, from who takes part to the sums."""
        self._enter()
        yield Opened(self._lives, self._sandbox.titles(self._lives[0].owner.key, self._language))
        day: date | None = None
        for happening in self._happenings():
            today = happening.at.astimezone(CIVIL).date()
            if day is None or today > day:
                yield DayBegan(happening.at, today, (today - day).days - 1 if day else 0)
                self._tally["days"] += 1
                day = today
            self._tally["surprises"] += isinstance(happening, Surprise)
            yield happening
        yield self._summary()

    # Entering the sandbox

    def _enter(self) -> None:
        self._now = self._sandbox.clock()
        if self._now > self._began:
            raise CannotReplay(
                f"This sandbox already stands at {self._now.date()}, and its clock only goes forward; "
                f"these lives begin on {self._began.date()}. Start a fresh one with `draad sandbox`."
            )
        for life in self._lives:
            self._sandbox.enter(life)
            self._plan(life)
        people = (person for life in self._lives for person in life.people.values())
        self._sandbox.subscribe(dict.fromkeys(person.key for person in people if not _keeps_quiet(person)))

    def _plan(self, life: Life) -> None:
        for row in life.rows:
            self._at(row.at, 1, partial(self._post, life, row), life)
        for check in life.checks:
            self._at(check.at, 2, partial(self._check, life, check), life)
        for attempt in life.attempts:
            self._at(attempt.at, 3, partial(self._attempt, life, attempt), life)

    def _at(self, at: datetime, rank: int, act: Act, life: Life) -> None:
        if at <= self._end:
            heapq.heappush(self._steps, (at, rank, next(self._order), act, life))

    # Living

    def _happenings(self) -> Iterator[Happening]:
        while self._steps:
            at, _, _, act, life = heapq.heappop(self._steps)
            try:
                yield from self._walk(at)
                yield from act()
            except (KeyError, TypeError, AttributeError, ValueError) as odd:
                yield self._surprise(life, life.owner, "an answer of the sandbox", "the shape of the API", repr(odd))
        yield from self._walk(self._end)

    def _walk(self, at: datetime) -> Iterator[Happening]:
        """Move the clock, and see what the platform did on the way, in order of time; then who finds a door closed."""
        if at <= self._now:
            return
        self._now = at
        self._sandbox.set_clock(at)
        acts = sorted(chain.from_iterable(map(self._platform_acts, self._lives)), key=lambda act: act.at)
        for act, following in zip_longest(acts, acts[1:]):
            yield act
            if following is None or _day(following.at) > _day(act.at):
                yield from self._lists(each for each in acts if _day(each.at) == _day(act.at))
        for act in acts:
            if ended := self._grants[act.life.id].learn(act.event):
                yield from self._look_again(act.life, ended, "ended")

    def _platform_acts(self, life: Life) -> list[PlatformActed]:
        items = self._sandbox.news(f"{life.root}/events", life.owner.key) if self._stored[life.id] else []
        news = [item for item in items if item["id"] not in self._known]
        if not news:
            return []
        self._sandbox.collect(life.people)
        self._known |= {event["id"] for event in news}
        self._tally["platform_acts"] += len(news)
        told = self._sandbox.told
        return [
            PlatformActed(
                datetime.fromisoformat(event["time"]),
                life,
                event,
                tuple(person for key, person in life.people.items() if key in told[event["id"]]),
            )
            for event in news
        ]

    def _lists(self, acts: Iterable[PlatformActed]) -> Iterator[Happening]:
        """Of a day: the list of whoever was called for something that did not call them before in this story."""
        for act in acts:
            data = act.event.get("data", {})
            person = act.life.people.get(data.get("for_actor", ""))
            if person is None or _keeps_quiet(person) or data["code"] in self._called[person.key]:
                continue
            self._called[person.key].add(data["code"])
            day = _day(act.at)
            if (person.key, day) not in self._opened:
                self._opened.add((person.key, day))
                answer = self._sandbox.send("GET", f"/v1/caseload?asOf={day}", person.key)
                rows = tuple(map(self._row, answer.body["items"])) if answer.status == 200 else ()
                if any(row.call for row in rows):
                    yield ListOpened(act.at, act.life, person, day, rows)

    def _row(self, item: Mapping[str, Any]) -> ListRow:
        life = next(life for life in self._lives if life.dossier == item["dossier"])
        spoken = item.get("last_contact_on")
        calls = item["signals"]
        return ListRow(
            life,
            item.get("stage"),
            date.fromisoformat(spoken) if spoken else None,
            calls[0] if calls else None,
            max(len(calls) - 1, 0),
        )

    def _post(self, life: Life, row: Row) -> Iterator[Happening]:
        event, actor = row.event, life.people[row.actor]
        first = self._sandbox.send("POST", f"{life.root}/events", row.actor, dict(event), _EVENT)
        if first.status != 201:
            yield self._surprise(life, actor, f"seq {row.seq} {event['type']}", "201", _came(first))
            return
        self._known.add(row.id)
        self._stored[life.id][row.seq] = first
        self._tally["events"] += 1
        for _ in range(row.times - 1):
            again = self._sandbox.send("POST", f"{life.root}/events", row.actor, dict(event), _EVENT)
            if (again.status, again.body) != (200, first.body):
                yield self._surprise(life, actor, f"seq {row.seq} sent again", "200, the same", _came(again))
        self._sandbox.set_clock(self._now)
        ended = self._grants[life.id].learn(event)
        caught_up = self._sandbox.collect(life.people)
        readers = tuple(self._look(life, person, row) for person in life.people.values() if not _keeps_quiet(person))
        yield EventLanded(
            self._now,
            life,
            actor,
            row.seq,
            event,
            tuple(reader for reader in readers if reader.person.key != row.actor),
            tuple((life.people[key], earlier) for key, earlier in caught_up.items()),
            row.times,
        )
        if self._look(life, life.owner, row).sight != "whole":
            yield self._surprise(life, life.owner, f"seq {row.seq} in the own dossier", "200, all", "less")
        if ended:
            yield from self._look_again(life, ended, "withdrawn")
        self._foresee(life, event)

    def _foresee(self, life: Life, event: Mapping[str, Any]) -> None:
        """Stop the clock where an access may end, so that the very next look is there to see."""
        data = event["data"]
        if event["type"].endswith("consent.granted"):
            self._at(datetime.fromisoformat(data["valid_until"]), 0, lambda: iter(()), life)
        if over := data.get("ended_on") or data.get("exited_on"):
            ends = datetime.combine(date.fromisoformat(over) + _PURPOSE_ENDS, time(), CIVIL)
            if ends > self._now:
                self._at(ends, 0, lambda: iter(()), life)

    # Looking

    def _look(self, life: Life, person: Person, row: Row) -> Reader:
        answer = self._sandbox.send("GET", f"{life.root}/events/{row.id}", person.key)
        told = person.key in self._sandbox.told[row.id]
        if answer.status != 200:
            self._tally["reads_refused"] += 1
            self._seen[life.id, person.key].pop(row.seq, None)
            reason = self._grants[life.id].why(row.event, person, self._now)
            return Reader(person, "nothing", told, reason=reason)
        self._tally["reads_allowed"] += 1
        self._seen[life.id, person.key][row.seq] = row
        without = tuple(key for key in row.event["data"] if key not in answer.body.get("data", {}))
        return Reader(person, "partial" if without else "whole", told, without)

    def _look_again(self, life: Life, ended: Grant, occasion: Occasion) -> Iterator[Happening]:
        """The next look of those whose access just ended, at the last thing that they could read under it."""
        for person in life.people.values():
            if _keeps_quiet(person) or not ended.is_for(person):
                continue
            access_left = bool(self._grants[life.id].live(person, self._now))
            row = self._last_seen(life, person, ended, access_left)
            if row is None:
                continue
            reader = self._look(life, person, row)
            if reader.sight == "nothing":
                yield Looked(self._now, life, reader, row.event, occasion)
            elif not access_left:
                yield self._surprise(life, person, f"seq {row.seq} after {ended.id} ended", "404", "200: still there")

    def _last_seen(self, life: Life, person: Person, ended: Grant, access_left: bool) -> Row | None:
        """What shows best that the access is gone; what was written oneself only when no access is left (R-11c)."""
        seen = [row for row in self._seen[life.id, person.key].values() if "consent." not in row.event["type"]]
        others = [row for row in seen if life.people[row.actor].organisation != person.organisation]
        under_it = [row for row in others if ended.covers(row.event)]
        if access_left:
            return under_it[-1] if under_it else None
        return next((rows[-1] for rows in (under_it, others, seen) if rows), None)

    def _check(self, life: Life, check: Check) -> Iterator[Happening]:
        row, person = life.row(check.seq), life.people[check.actor]
        reader = self._look(life, person, row)
        yield Looked(self._now, life, reader, row.event, "check")
        expected = {"full": "whole", "redacted": "partial", "denied": "nothing"}[check.expect]
        if reader.sight != expected or not (check.redacted == set(reader.without) or reader.sight == "nothing"):
            what = f"look at seq {check.seq} {row.event['type']}"
            wanted = f"{expected}, without {', '.join(sorted(check.redacted))}" if check.redacted else expected
            came = f"{reader.sight}, without {', '.join(reader.without)}" if reader.without else reader.sight
            yield self._surprise(life, person, what, wanted, came)

    def _attempt(self, life: Life, attempt: Attempt) -> Iterator[Happening]:
        person, path = life.people[attempt.actor], attempt.path.replace("{dossier_id}", life.dossier)
        answer = self._sandbox.send(attempt.method, path, attempt.actor, attempt.body, attempt.headers)
        yield self._tried(life, person, attempt, path, answer)
        if fault := self._fault(life, attempt, answer):
            what = f"{attempt.method} {attempt.body['type'] if attempt.body else attempt.path}"
            wanted = f"{attempt.status} {attempt.rule or ''}".strip()
            yield self._surprise(life, person, what, wanted, fault)

    def _tried(self, life: Life, person: Person, attempt: Attempt, path: str, answer: Answer) -> Happening:
        if attempt.body:
            if answer.status < 300:
                return SentAgain(self._now, life, person, attempt.body)
            self._tally["refusals"] += 1
            return Refused(self._now, life, person, attempt.body, answer.status, answer.rule or attempt.rule)
        row = next((row for row in life.rows if path.endswith(row.id)), None)
        self._tally["reads_allowed" if answer.status == 200 else "reads_refused"] += 1
        if row is None:
            items = answer.body.get("items", []) if isinstance(answer.body, dict) else []
            return Listed(self._now, life, person, answer.status, len(items))
        if answer.status == 200:
            without = tuple(key for key in row.event["data"] if key not in answer.body.get("data", {}))
            reader = Reader(person, "partial" if without else "whole", False, without)
        else:
            reason = self._grants[life.id].why(row.event, person, self._now)
            reader = Reader(person, "nothing", False, reason=reason)
        return Looked(self._now, life, reader, row.event, "check")

    def _fault(self, life: Life, attempt: Attempt, answer: Answer) -> str | None:
        check = attempt.check
        if answer.status != attempt.status:
            return _came(answer)
        if attempt.rule and answer.status >= 400 and answer.rule != attempt.rule:
            return f"{answer.status} under rule {answer.rule}"
        first = self._stored[life.id].get(check.get("same_as_seq", -1))
        if first and answer.body != first.body:
            return "another body than the first time"
        if "items_before" in check:
            items = answer.body.get("items", [])
            early = sum(item["data"]["occurred_at"] < check["items_before"] for item in items)
            return f"{early} entries from before {check['items_before']}" if early != check["count"] else None
        return None

    def _surprise(self, life: Life, person: Person, what: str, expected: str, came: str) -> Surprise:
        return Surprise(self._now, life, person, what, expected, came)

    def _summary(self) -> Summary:
        keys = ("days", "events", "platform_acts", "reads_allowed", "reads_refused", "refusals", "surprises")
        sums = {key: self._tally[key] for key in keys}
        return Summary(lives=len(self._lives), deliveries=self._sandbox.deliveries, **sums)


def _day(at: datetime) -> date:
    return at.astimezone(CIVIL).date()


def _keeps_quiet(person: Person) -> bool:
    """The owner sees everything and the platform nothing: neither is asked after every event."""
    return person.is_owner or person.is_platform


def _came(answer: Answer) -> str:
    detail = answer.body.get("detail", "") if isinstance(answer.body, dict) else ""
    return f"{answer.status} {answer.rule or ''} {detail}".strip()
