"""What a client says to a sandbox: bring in the people, set the clock, ask, fetch what was delivered."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from services.sandbox.client import Answer, Api
from services.sandbox.lives import Life


class CannotReplay(Exception):
    """The sandbox is there but cannot live these files; the message says what to do."""


class Conversation:
    """Speaks as each actor in turn, with their tokens, and remembers how far each list was read."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._tokens: dict[str, str] = {}
        self._subscriptions: dict[str, str] = {}  # actor → subscription
        self._after: dict[str, str] = {}  # path → where it goes on
        self.told: dict[str, set[str]] = defaultdict(set)  # event → actors that got it delivered
        self.deliveries = 0

    def clock(self) -> datetime:
        answer = self._api.send("GET", "/sandbox/clock")
        if answer.status != 200 or not isinstance(answer.body, dict) or "now" not in answer.body:
            raise CannotReplay("What answers there is not a sandbox: it has no /sandbox/clock.")
        return datetime.fromisoformat(answer.body["now"])

    def set_clock(self, now: datetime) -> None:
        """Answers when all that fell due on the way is delivered; the same moment again waits for just that."""
        answer = self._api.send("PUT", "/sandbox/clock", body={"now": now.astimezone(UTC).isoformat()})
        if answer.status != 200:
            raise CannotReplay(f"The clock of the sandbox did not move to {now} (status {answer.status}).")

    def enter(self, life: Life) -> None:
        scene = self._api.send("POST", "/sandbox/scenes", body=dict(life.scene))
        if scene.status != 201:
            raise CannotReplay(f"The sandbox does not take the people of {life.id} (status {scene.status}).")
        self._tokens |= scene.body["tokens"]

    def subscribe(self, actors: Iterable[str]) -> None:
        """Everything that they may know, to be fetched."""
        for actor in actors:
            answer = self.send("POST", "/v1/subscriptions", actor, {"channel": "pull"})
            if answer.status == 201:
                self._subscriptions[actor] = answer.body["id"]

    def titles(self, actor: str, language: str) -> dict[str, str]:
        """What each type is called, from the catalogue; a type without a name there is left out."""
        called = {
            str(each.get("type")): each.get(f"title_{language}") or each.get("title")
            for each in self.news("/v1/event-types", actor)
        }
        return {type_: str(title) for type_, title in called.items() if title}

    def send(
        self, method: str, path: str, actor: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        return self._api.send(method, path, token=self._tokens.get(actor), body=body, headers=headers)

    def news(self, path: str, actor: str) -> list[dict[str, Any]]:
        """All that a list has since it was last read; nothing when it may not be read."""
        items: list[dict[str, Any]] = []
        while True:
            after = self._after.get(path, "")
            answer = self.send("GET", f"{path}?after={quote(after, safe='')}" if after else path, actor)
            if answer.status != 200 or not isinstance(answer.body, dict):
                return items
            items += answer.body.get("items", [])
            following = answer.body.get("next")
            if not following or following == after:
                return items
            self._after[path] = following

    def collect(self, actors: Iterable[str]) -> dict[str, int]:
        """Fetch what was delivered since; gives how many earlier events each now got after all."""
        earlier: dict[str, int] = defaultdict(int)
        for actor in actors:
            if actor not in self._subscriptions:
                continue
            for item in self.news(f"/v1/subscriptions/{self._subscriptions[actor]}/deliveries", actor):
                self.deliveries += 1
                self.told[item["event"]["id"]].add(actor)
                earlier[actor] += bool(item.get("replay"))
        return {actor: number for actor, number in earlier.items() if number}
