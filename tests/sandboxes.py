"""Sandboxes in processes of their own, and callers who speak to them over HTTP."""

import atexit
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx2

from services.foundation.database.configuration import SUPERUSER
from services.foundation.database.ownership import DATA, parent_of_temporary

ROOT: Final = Path(__file__).resolve().parents[1]
ADDRESS: Final = re.compile(r"http://127\.0\.0\.1:\d+(?=\s|$)")  # the first one that it names is its own
READY_WITHIN: Final = 60.0
EVENT: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
Json = Any

# As `draad sandbox`, with logs at the most talkative level that there is, those of libraries included.
LOUD: Final = """
import logging, pathlib, sys
from services.foundation import telemetry
from services.roots import running, sandbox
telemetry.configure(level=logging.DEBUG)
logging.getLogger().setLevel(logging.DEBUG)
say = lambda found: print("ready: " + found.url, file=sys.stderr, flush=True)
kafka = tuple(filter(None, sys.argv[3].split(",")))
running.until_told(lambda: sandbox.sandbox(int(sys.argv[1]), pathlib.Path(sys.argv[2]), say, kafka=kafka))
"""


class NotReady(Exception):
    """The sandbox ended, or said nothing for a minute."""


@dataclass
class Sandbox:
    """A sandbox in a process of its own; `log` is what it wrote to standard output and error."""

    process: subprocess.Popen[str]
    folder: Path | None
    log: list[str] = field(default_factory=list)
    url: str = ""
    _ready: threading.Event = field(default_factory=threading.Event)
    _listener: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.append(line)
            address = ADDRESS.search(line)
            if address is not None and not self.url:
                self.url = address[0]
                self._ready.set()
        self._ready.set()

    def wait_until_ready(self) -> None:
        if not self._ready.wait(READY_WITHIN) or not self.url:
            self.kill()
            raise NotReady("".join(self.log[-5:]))

    def kill(self) -> None:
        """As a power cut would, of this process alone."""
        self.process.kill()
        self._ended()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self._ended()

    def _ended(self) -> None:
        self.process.wait()
        self._listener.join()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def database_url(self, database: str) -> str:
        """Of its embedded server: the socket's name follows from the folder."""
        assert self.folder is not None
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:8]
        socket = parent_of_temporary() / f"socket-{name}"
        return f"postgresql://{SUPERUSER}@/{database}?host={socket}&port=5432"


def start(folder: Path | None = None, *, loud: bool = False, kafka: str = "") -> Sandbox:
    """On a free port, ready when this returns; the caller stops it. `kafka` absent: its bus is a table."""
    if loud:
        command = ["-c", LOUD, "0", str(folder), kafka]
    else:
        command = ["-m", "services.cli", "sandbox", "--port", "0", *(["--data", str(folder)] if folder else [])]
        command += ["--kafka", kafka] if kafka else []
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"},
    )
    sandbox = Sandbox(process, folder)
    sandbox.wait_until_ready()
    return sandbox


@contextmanager
def running(*, loud: bool = False, kafka: str = "", fresh: bool = False) -> Iterator[Sandbox]:
    """A copy of one that was prepared, which is there in half the time; `fresh`, and over Kafka: from nothing."""
    with tempfile.TemporaryDirectory(prefix="draad-test-") as place:
        folder = None
        if not (fresh or kafka):
            folder = Path(place).resolve() / "data"
            shutil.copytree(_prepared(), folder)
        sandbox = start(folder, loud=loud, kafka=kafka)
        try:
            yield sandbox
        finally:
            sandbox.stop()


@cache
def _prepared() -> Path:
    """What an unused sandbox left. It waits for no disk: only a power cut would lose anything, and no test has one."""
    place = Path(tempfile.mkdtemp(prefix="draad-test-")).resolve()
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    folder = place / "data"
    start(folder).stop()
    (folder / DATA / "local.conf").write_text("fsync = off\n")
    return folder


class Api:
    """Speaks to a sandbox as any of its actors."""

    def __init__(self, url: str) -> None:
        self.http = httpx2.Client(base_url=url, timeout=30, trust_env=False)
        self.tokens: dict[str, str] = {}

    def close(self) -> None:
        self.http.close()

    def call(
        self,
        method: str,
        path: str,
        actor: str | None = None,
        body: Json = None,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """`body` goes as JSON, `content` as it is."""
        who = {} if actor is None else {"Authorization": f"Bearer {self.tokens[actor]}"}
        kind = {} if body is None and content is None else {"Content-Type": "application/json"}
        said = {"json": body} if content is None and body is not None else {"content": content}
        return self.http.request(method, path, headers=kind | who | dict(headers or {}), params=params, **said)

    def get(self, path: str, actor: str | None = None, **params: str) -> httpx2.Response:
        return self.call("GET", path, actor, params=params or None)

    def clock(self, now: str | None = None) -> str:
        """Moves it, or (without a moment) waits until relay, notifier and lanes are idle; tells where it stands."""
        at = now or self.call("GET", "/sandbox/clock").json()["now"]
        answer = self.call("PUT", "/sandbox/clock", body={"now": at})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["now"])

    def enter(self, scene: Json) -> None:
        answer = self.call("POST", "/sandbox/scenes", body=scene)
        assert answer.status_code == 201, answer.text
        self.tokens |= answer.json()["tokens"]


def new_id() -> str:
    return str(uuid4())
