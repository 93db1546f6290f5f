"""The invented lives of the domain, lived together on one clock as far as a test wants to see them."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx2

from tests import sandboxes
from tests.sandboxes import EVENT, Api, Json

FILES: Final = Path(__file__).parent / "acceptance" / "trajectories"
NOOR, SAMIR, THEA = (
    "t1-noor-revoked-consent",
    "t2-samir-handover-failed-trial",
    "t3-thea-three-employers",
)


class Chronicle:
    """Goes forward only: whoever shares one asks its moments in their order, as the tests of a module stand."""

    def __init__(self, api: Api, names: Sequence[str]) -> None:
        self.api = api
        self.lives: dict[str, dict[str, Any]] = {n: json.loads((FILES / f"{n}.json").read_text("utf-8")) for n in names}
        rows = [
            (row["event"]["time"], name, row["seq"], row) for name, life in self.lives.items() for row in life["events"]
        ]
        self._left = sorted(rows, key=lambda row: (datetime.fromisoformat(row[0]), *row[1:3]))
        self.answers: dict[tuple[str, int], httpx2.Response] = {}
        for life in self.lives.values():
            api.enter({key: life[key] for key in ("dossier_id", "organisations", "actors", "parameters")})

    def until(self, moment: str) -> None:
        """Posts all that was recorded up to then, each at its time as its actor, and sets the clock."""
        until = datetime.fromisoformat(moment)
        while self._left and datetime.fromisoformat(self._left[0][0]) <= until:
            at, name, seq, row = self._left.pop(0)
            self.api.clock(at)
            self.answers[name, seq] = self.post(name, row["actor"], row["event"])
            assert self.answers[name, seq].status_code == 201, (name, seq, self.answers[name, seq].text)
        self.api.clock(moment)

    def path(self, name: str) -> str:
        return f"/v1/dossiers/{self.lives[name]['dossier_id']}"

    def row(self, name: str, seq: int) -> dict[str, Any]:
        found: dict[str, Any] = self.lives[name]["events"][seq - 1]
        assert found["seq"] == seq
        return found

    def place(self, name: str, seq: int) -> str:
        return f"{self.path(name)}/events/{self.row(name, seq)['event']['id']}"

    def read(self, name: str, seq: int, actor: str) -> httpx2.Response:
        return self.api.get(self.place(name, seq), actor)

    def list(self, name: str, actor: str, **query: str) -> list[int]:
        """The places in the file of what this actor finds in the list; what the platform wrote is left out."""
        answer = self.api.get(f"{self.path(name)}/events", actor, limit="100", **query)
        assert answer.status_code == 200, answer.text
        places = {row["event"]["id"]: row["seq"] for row in self.lives[name]["events"]}
        return [places[item["id"]] for item in answer.json()["items"] if item["id"] in places]

    def post(self, name: str, actor: str, event: Json) -> httpx2.Response:
        return self.api.call("POST", f"{self.path(name)}/events", actor, event, headers={"Content-Type": EVENT})

    def attempt(self, name: str, number: int) -> httpx2.Response:
        """One of the file's attempts, as it stands there."""
        tried = self.lives[name]["attempts"][number]
        return self.post(name, tried["actor"], tried["request"]["body"])


@contextmanager
def chronicle(*names: str) -> Iterator[Chronicle]:
    with sandboxes.running() as sandbox:
        api = Api(sandbox.url)
        try:
            yield Chronicle(api, names)
        finally:
            api.close()
