"""Living trajectories through a sandbox on one clock, and observing who may know what."""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any
from urllib.parse import quote

from services.sandbox.client import Answer, Api
from services.sandbox.lives import CIVIL, Attempt, Check, Life, Person, Row
from services.sandbox.observed import (
    DayBegan,
    EventLanded,
    Happening,
    Listed,
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


class CannotReplay(Exception):
    """The sandbox is there but cannot live these files; the message says what to do."""


class Replay:
    """Lives the files through the sandbox; `observe` yields what happens, in order of time."""

    def __init__(self, api: Api, lives: Sequence[Life], language: str) -> None:
        self._api, self._lives, self._language = api, tuple(lives), language
        self._tokens: dict[str, str] = {}
        self._subscriptions: dict[str, str] = {}  # actor → subscription
        self._after: dict[str, str] = {}  # subscription or dossier → where the next page goes on
        self._grants = {life.id: Grants() for life in lives}
        self._stored: dict[str, dict[int, Answer]] = {life.id: {} for life in lives}
        self._known: set[str] = set()  # ids of events that the files posted, or that were shown
        self._seen: dict[tuple[str, str], dict[int, Row]] = defaultdict(dict)  # (life, actor) → what they could read
        self._told: dict[str, set[str]] = defaultdict(set)  # event → actors
        self._tally: dict[str, int] = defaultdict(int)
        self._steps: list[tuple[datetime, int, int, Act]] = []
        self._order = count()
        self._now = min(life.rows[0].at for life in lives)
        self._end = max(life.ends for life in lives)

    @property
    def progress(self) -> float:
        """How much of the time of these lives has passed, from 0 to 1."""
        began = min(life.rows[0].at for life in self._lives)
        return (self._now - began) / max(self._end - began, timedelta(seconds=1))

    def observe(self) -> Iterator[Observation]:
        """Everything, from who takes part to the sums."""
        self._enter()
        yield Opened(self._lives, self._titles())
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
        clock = self._api.send("GET", "/sandbox/clock")
        if clock.status != 200 or not isinstance(clock.body, dict) or "now" not in clock.body:
            raise CannotReplay("What answers there is not a sandbox: it has no /sandbox/clock.")
        if datetime.fromisoformat(clock.body["now"]) > self._now:
            raise CannotReplay(
                f"This sandbox already stands at {clock.body['now'][:10]}, and its clock only goes forward; "
                f"these lives begin on {self._now.date()}. Start a fresh one with `draad sandbox`."
            )
        for life in self._lives:
            scene = self._api.send("POST", "/sandbox/scenes", body=dict(life.scene))
            if scene.status != 201:
                raise CannotReplay(f"The sandbox does not take the people of {life.id} (status {scene.status}).")
            self._tokens |= scene.body["tokens"]
        for actor in {p.key: p for life in self._lives for p in life.people.values() if not _keeps_quiet(p)}:
            answer = self._send("POST", "/v1/subscriptions", actor, {"channel": "pull"})
            if answer.status == 201:
                self._subscriptions[actor] = answer.body["id"]
        for life in self._lives:
            self._plan(life)

    def _plan(self, life: Life) -> None:
        for row in life.rows:
            self._at(row.at, 1, lambda row=row: self._post(life, row))  # type: ignore[misc]
        for check in life.checks:
            self._at(check.at, 2, lambda check=check: self._check(life, check))  # type: ignore[misc]
        for attempt in life.attempts:
            self._at(attempt.at, 3, lambda attempt=attempt: self._attempt(life, attempt))  # type: ignore[misc]

    def _at(self, at: datetime, rank: int, act: Act) -> None:
        if at <= self._end:
            heapq.heappush(self._steps, (at, rank, next(self._order), act))

    def _titles(self) -> dict[str, str]:
        """What each type is called, from the catalogue of the sandbox; without it the type itself must do."""
        actor = self._lives[0].owner.key
        items = self._pages("/v1/event-types", actor, "")[0]
        called = {str(item.get("type") or item.get("name")): item.get("title") or item.get("titles") for item in items}
        return {
            type_: str(
                title.get(self._language) or next(iter(title.values()), "") if isinstance(title, dict) else title
            )
            for type_, title in called.items()
            if title
        }

    # Living

    def _happenings(self) -> Iterator[Happening]:
        while self._steps:
            at, _, _, act = heapq.heappop(self._steps)
            yield from self._walk(at)
            yield from act()
        yield from self._walk(self._end)

    def _walk(self, at: datetime) -> Iterator[Happening]:
        """Move the clock, and see what the platform did on the way; the same moment again waits until all is quiet."""
        moved = at > self._now
        self._now = max(at, self._now)
        self._settle()
        for life in self._lives if moved else ():
            yield from self._platform_acts(life)

    def _settle(self) -> None:
        answer = self._api.send("PUT", "/sandbox/clock", body={"now": self._now.astimezone(UTC).isoformat()})
        if answer.status != 200:
            raise CannotReplay(f"The clock of the sandbox did not move to {self._now} (status {answer.status}).")

    def _platform_acts(self, life: Life) -> Iterator[Happening]:
        if not self._stored[life.id]:
            return
        items, self._after[life.id] = self._pages(f"{life.root}/events", life.owner.key, self._after.get(life.id, ""))
        news = [item for item in items if item["id"] not in self._known]
        if news:
            self._collect(life)
        for event in news:
            self._known.add(event["id"])
            self._tally["platform_acts"] += 1
            told = tuple(life.people[key] for key in sorted(self._told[event["id"]]) if key in life.people)
            yield PlatformActed(datetime.fromisoformat(event["time"]), life, event, told)
            if ended := self._grants[life.id].learn(event):
                yield from self._look_again(life, ended, "ended")

    def _post(self, life: Life, row: Row) -> Iterator[Happening]:
        event, actor = row.event, life.people[row.actor]
        first = self._send("POST", f"{life.root}/events", row.actor, dict(event), _EVENT)
        if first.status != 201:
            yield self._surprise(life, actor, f"seq {row.seq} {event['type']}", "201", _came(first))
            return
        self._known.add(row.id)
        self._stored[life.id][row.seq] = first
        self._tally["events"] += 1
        for _ in range(row.times - 1):
            again = self._send("POST", f"{life.root}/events", row.actor, dict(event), _EVENT)
            if (again.status, again.body) != (200, first.body):
                yield self._surprise(life, actor, f"seq {row.seq} sent again", "200, the same", _came(again))
        self._settle()
        ended = self._grants[life.id].learn(event)
        caught_up = self._collect(life)
        readers = tuple(self._look(life, person, row) for person in life.people.values() if not _keeps_quiet(person))
        yield EventLanded(
            self._now,
            life,
            actor,
            row.seq,
            event,
            tuple(reader for reader in readers if reader.person.key != row.actor),
            tuple((life.people[key], earlier) for key, earlier in caught_up.items() if key in life.people),
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
            self._at(datetime.fromisoformat(data["valid_until"]), 0, lambda: iter(()))
        if over := data.get("ended_on") or data.get("exited_on"):
            ends = datetime.combine(date.fromisoformat(over) + _PURPOSE_ENDS, time(), CIVIL)
            if ends > self._now:
                self._at(ends, 0, lambda: iter(()))

    def _collect(self, life: Life) -> dict[str, int]:
        """Fetch what was delivered to the people of this life; gives how many earlier events each now got."""
        earlier: dict[str, int] = defaultdict(int)
        for actor, subscription in self._subscriptions.items():
            if actor not in life.people:
                continue
            path = f"/v1/subscriptions/{subscription}/deliveries"
            items, self._after[subscription] = self._pages(path, actor, self._after.get(subscription, ""))
            for item in items:
                self._tally["deliveries"] += 1
                self._told[item["event"]["id"]].add(actor)
                earlier[actor] += bool(item.get("replay"))
        return {actor: number for actor, number in earlier.items() if number}

    # Looking

    def _look(self, life: Life, person: Person, row: Row) -> Reader:
        answer = self._send("GET", f"{life.root}/events/{row.id}", person.key)
        told = person.key in self._told[row.id]
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
            seen = self._seen[life.id, person.key].values()
            others = [row for row in seen if life.people[row.actor].organisation != person.organisation]
            under_it = [row for row in others if ended.covers(row.event)] or others
            if not under_it:
                continue
            reader = self._look(life, person, under_it[-1])
            if reader.sight == "nothing":
                yield Looked(self._now, life, reader, under_it[-1].event, occasion)
            elif not self._grants[life.id].live(person, self._now):
                what = f"seq {under_it[-1].seq} after {ended.id} ended"
                yield self._surprise(life, person, what, "404", "200: still readable")

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
        answer = self._send(attempt.method, path, attempt.actor, attempt.body, attempt.headers)
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

    # Asking

    def _send(
        self, method: str, path: str, actor: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        return self._api.send(method, path, token=self._tokens.get(actor), body=body, headers=headers)

    def _pages(self, path: str, actor: str, after: str) -> tuple[list[dict[str, Any]], str]:
        """All that a list has from there on, and where it goes on later."""
        items: list[dict[str, Any]] = []
        while True:
            answer = self._send("GET", f"{path}?after={quote(after, safe='')}" if after else path, actor)
            if answer.status != 200 or not isinstance(answer.body, dict):
                return items, after
            items += answer.body.get("items", [])
            following = answer.body.get("next")
            if not following or following == after:
                return items, after
            after = following

    def _surprise(self, life: Life, person: Person, what: str, expected: str, came: str) -> Surprise:
        return Surprise(self._now, life, person, what, expected, came)

    def _summary(self) -> Summary:
        keys = ("days", "events", "platform_acts", "deliveries", "reads_allowed", "reads_refused", "refusals")
        return Summary(len(self._lives), surprises=self._tally["surprises"], **{key: self._tally[key] for key in keys})


def _keeps_quiet(person: Person) -> bool:
    """The owner sees everything and the platform nothing: neither is asked after every event."""
    return person.is_owner or person.is_platform


def _came(answer: Answer) -> str:
    detail = answer.body.get("detail", "") if isinstance(answer.body, dict) else ""
    return f"{answer.status} {answer.rule or ''} {detail}".strip()
