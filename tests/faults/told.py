"""Dossiers that are written while something fails: one reader is told all of it, another until access is withdrawn."""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx2

from tests.faults.system import PATIENCE, System, until
from tests.lives import Life
from tests.sandboxes import Api

AT_LEAST = 12  # events in each dossier
UNTIL_WITHDRAWN = 6  # events after it was hurt: some of them are under way to pieter then


@dataclass
class Told:
    """`mieke` is told everything of every dossier, by two subscriptions and by the feed; `pieter` for a while.

    The second subscription of each is a webhook, to a hook of their own at the partner.
    """

    system: System
    dossiers: Sequence[Life]
    subscription: str
    withdrawn_from: str
    webhook: str
    other_webhook: str
    hurt: threading.Event = field(default_factory=threading.Event)
    turns: dict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))
    acknowledged: dict[str, list[str]] = field(default_factory=dict)
    withdrawn_at: dict[str, int] = field(default_factory=dict)
    """For each dossier how many deliveries pieter had had when the withdrawal was acknowledged."""
    sent_until: dict[str, int] = field(default_factory=dict)
    """For each dossier how many webhooks had arrived, whoever's, when the withdrawal was acknowledged."""

    @property
    def hook(self) -> str:
        return self.reader.key("mieke")

    @property
    def other_hook(self) -> str:
        return self.reader.key("pieter")

    @property
    def reader(self) -> Life:
        return self.dossiers[0]

    def pages(self, path: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        query = {"limit": "100"}
        while True:
            answer = self.reader.get(path, "mieke", **query)
            assert answer.status_code == 200, answer.text
            if not answer.json()["items"]:
                return items
            items += answer.json()["items"]
            query["after"] = answer.json()["next"]

    def delivered(self, life: Life, subscription: str) -> list[tuple[int, int]]:
        """In that dossier: number and sequence, as numbered."""
        rows = self.system.fetch(
            """select number, sequence from notifications.deliveries
               where subscription_id = $1 and dossier_id = $2 and number is not null order by number""",
            subscription,
            life.dossier,
        )
        return [(row["number"], row["sequence"]) for row in rows]

    @contextmanager
    def being_written(self) -> Iterator[None]:
        """All dossiers at once while the block runs; soon after it is `hurt` pieter's access is withdrawn."""
        over = threading.Event()
        with ThreadPoolExecutor(len(self.dossiers)) as writers:
            writing: list[Future[None]] = []
            try:
                writing += [writers.submit(self._write, life, over) for life in self.dossiers]
                yield
            finally:
                over.set()
                for each in writing:
                    each.result()

    def until_all_hear(self) -> None:
        """Something of every dossier has come to the hook of either reader."""
        partner, every = self.system.partner, {life.dossier for life in self.dossiers}
        for hook in (self.hook, self.other_hook):
            until(lambda hook=hook: {one.dossier for one in partner.of(hook)} >= every)  # type: ignore[misc]

    def until_withdrawn(self) -> None:
        until(lambda: len(self.sent_until) == len(self.dossiers))

    def persist(self, life: Life, name: str, data: dict[str, Any]) -> str:
        """As a client must: the same event until it is answered that it is stored, and then the next."""
        with self.turns[life.dossier]:
            return self._persist(life, name, data)

    def _persist(self, life: Life, name: str, data: dict[str, Any]) -> str:
        event = life.event("noor", name, data)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                answer = life.post("noor", event)
            except httpx2.TransportError:
                time.sleep(0.05)
                continue
            if answer.status_code in (200, 201):
                self.acknowledged[life.dossier].append(str(event["id"]))
                return str(event["id"])
            assert answer.status_code == 503, answer.text
            assert answer.headers["retry-after"]
            time.sleep(0.1)
        raise AssertionError("was never stored")

    def goal(self, life: Life) -> str:
        number = len(self.acknowledged[life.dossier])
        return self.persist(life, "goal.set", {"goal_id": f"g{number}", "text": "werk", "set_by": "participant"})

    def seconds_until_told(self) -> float:
        """An event that is posted now is delivered so much later."""
        query = """
            select from notifications.deliveries d join dossier.events e using (dossier_id, sequence)
            where d.subscription_id = $1 and e.event_id = $2 and d.state = 'delivered'
        """
        return self._seconds_until(lambda posted: self.system.fetch(query, self.subscription, posted))

    def seconds_until_received(self) -> float:
        """The same at the partner, who keeps it."""
        partner = self.system.partner
        return self._seconds_until(lambda posted: posted in {one.event for one in partner.of(self.hook)})

    def _seconds_until(self, holds: Callable[[str], object]) -> float:
        began = time.monotonic()
        posted = self.goal(self.reader)
        until(lambda: holds(posted))
        return time.monotonic() - began

    def _write(self, life: Life, over: threading.Event) -> None:
        remaining = UNTIL_WITHDRAWN
        for number in count():
            if over.is_set() and number >= AT_LEAST and remaining < 0:
                return
            self.goal(life)
            remaining -= self.hurt.is_set()
            if remaining == 0:
                self._withdraw(life)
            time.sleep(0.02 if number < AT_LEAST else 0.15)

    def _withdraw(self, life: Life) -> None:
        withdrawal = {"consent_id": "for-pieter", "effective_at": "1999-12-31T10:00:00Z"}
        self.persist(life, "consent.revoked", withdrawal | {"erase_copies_requested": False})
        self.sent_until[life.dossier] = self.system.partner.arrived_by_now()
        self.withdrawn_at[life.dossier] = len(self._patiently(life))

    def _patiently(self, life: Life) -> list[tuple[int, int]]:
        """The database may be away at this moment."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.delivered(life, self.withdrawn_from)
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def told(system: System, api: Api, dossiers: int = 3) -> Told:
    first = Life(api).enter()
    pull, other_pull = (_subscribed(first, actor, {"channel": "pull"}) for actor in ("mieke", "pieter"))
    webhook, other_webhook = (
        _subscribed(first, actor, {"channel": "webhook", "endpoint": system.partner.url(first.key(actor))})
        for actor in ("mieke", "pieter")
    )
    first.get("/v1/feed", "mieke")
    lives = [first, *(Life(api, number=first.number).enter() for _ in range(dossiers - 1))]
    found = Told(system, lives, pull, other_pull, webhook, other_webhook)
    for life in lives:
        opened = life.open()
        life.grant("rwc", grantee_actor=first.key("mieke"))
        life.grant("uwv", grantee_actor=first.key("pieter"), consent_id="for-pieter")
        found.acknowledged[life.dossier] = [str(opened["id"])]
    return found


def _subscribed(life: Life, actor: str, asked: dict[str, str]) -> str:
    made = life.call("POST", "/v1/subscriptions", actor, asked).json()
    assert made.get("webhook", {"state": "active"})["state"] == "active", made
    return str(made["id"])
