"""A sandbox in a process of its own, as a client on the network meets it."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from uuid import UUID, uuid4

import httpx2

ROOT = Path(__file__).parents[2]
LONGEST_START = 60.0
READY = re.compile(rb"ready: (http://\S+)\s")


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox. `send` gives what was answered, untouched: redirects are not followed."""

    url: str
    process: "subprocess.Popen[bytes]"
    client: httpx2.Client

    def send(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """`body` goes as JSON, `content` as it is; `token` is one that a scene gave."""
        said = dict(headers or {})
        if token is not None:
            said["Authorization"] = f"Bearer {token}"
        if body is not None:
            content = json.dumps(body).encode()
            said.setdefault("Content-Type", "application/json")
        return self.client.request(method, path, headers=said, content=content)

    def enter(self, scene: Mapping[str, Any]) -> dict[str, str]:
        """Tokens by actor key."""
        answer = self.send("POST", "/sandbox/scenes", body=scene)
        assert answer.status_code == 201, answer.text
        tokens: dict[str, str] = answer.json()["tokens"]
        return tokens


@dataclass(frozen=True)
class Life:
    """One opened dossier: `noor` owns it, `mieke` works at `rwc`, `hetty` at `shop`; nobody but Noor has access."""

    dossier: UUID
    tokens: Mapping[str, str] = field(repr=False)

    @property
    def path(self) -> str:
        return f"/v1/dossiers/{self.dossier}"


def lived(sandbox: Sandbox) -> Life:
    """A dossier of its own, opened by its participant."""
    dossier = uuid4()
    organisations = {"self": "participant", "rwc": "work_centre", "shop": "employer"}
    actors = {"noor": ("P", "self"), "mieke": ("FC", "rwc"), "hetty": ("EMP", "shop")}
    tokens = sandbox.enter(
        {
            "dossier_id": str(dossier),
            "organisations": [
                {
                    "key": key,
                    "name": f"{key} (invented)",
                    "kind": kind,
                    "source": f"urn:nld:oin:0000009999000000100{at}:systeem:{key}",
                }
                for at, (key, kind) in enumerate(organisations.items())
            ],
            "actors": [
                {"key": key, "name": f"{key} (invented)", "role": role, "org": org}
                for key, (role, org) in actors.items()
            ],
        }
    )
    opened = {
        "occurred_at": "1999-12-31T10:00:00Z",
        "dossier_id": str(dossier),
        "opened_on": "1999-12-31",
        "channel": "self",
        "preferred_language": "nl",
        "region_code": "rijn-delta",
    }
    life = Life(dossier, tokens)
    answer = sandbox.send(
        "POST",
        f"{life.path}/events",
        token=tokens["noor"],
        body={"type": "nl.dossier.dossier.opened", "data": opened},
    )
    assert answer.status_code == 201, answer.text
    return life


@contextmanager
def started(*arguments: str) -> Iterator[Sandbox]:
    """`draad sandbox` on a free port until the block ends."""
    command = [sys.executable, "-m", "services.cli", "sandbox", "--port", "0", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DRAAD_")}
    with tempfile.TemporaryFile() as said:  # a file, because a pipe that nobody reads fills up
        process = subprocess.Popen(command, cwd=ROOT, env=environment | {"COLUMNS": "200"}, stdout=said, stderr=said)
        try:
            url = _url(process, said)
            with httpx2.Client(base_url=url, timeout=60.0, trust_env=False, follow_redirects=False) as client:
                yield Sandbox(url, process, client)
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _url(process: "subprocess.Popen[bytes]", said: IO[bytes]) -> str:
    deadline = time.monotonic() + LONGEST_START
    while process.poll() is None and time.monotonic() < deadline:
        if found := READY.search(os.pread(said.fileno(), 65536, 0)):
            return found[1].decode()
        time.sleep(0.05)
    raise AssertionError(f"The sandbox did not start:\n{os.pread(said.fileno(), 65536, 0).decode(errors='replace')}")
