"""`draad` as a process: started, asked, told to stop, and looked at for what it leaves behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
DRAAD = (sys.executable, "-m", "services.cli")


@dataclass(frozen=True)
class Ended:
    status: int
    said: str
    complained: str

    def is_a_sentence(self) -> bool:
        """Something that says what to do, and nothing of how the program looks inside."""
        return "Traceback" not in self.complained + self.said and bool((self.complained + self.said).strip())


def environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DRAAD_")}
    return {**kept, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "100", **(given or {})}


def draad(*arguments: str | Path, given: Mapping[str, str] | None = None, within: float = PATIENCE) -> Ended:
    """Run to its end."""
    done = subprocess.run(
        [*DRAAD, *map(str, arguments)],
        env=environment(given),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Running:
    """A process that stays up."""

    def __init__(self, process: "subprocess.Popen[str]", url: str) -> None:
        self.process, self.url = process, url

    @property
    def pid(self) -> int:
        return self.process.pid

    def ready(self) -> "Running":
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.process.communicate()
            try:
                if httpx2.get(f"{self.url}/health/ready", timeout=2, trust_env=False).status_code == 200:
                    return self
            except httpx2.HTTPError:
                time.sleep(0.1)
        raise AssertionError("not ready in time")

    def told(self, number: signal.Signals) -> Ended:
        self.process.send_signal(number)
        said, complained = self.process.communicate(timeout=PATIENCE)
        return Ended(self.process.returncode, said, complained)

    def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:
        return httpx2.request(method, self.url + path, timeout=20, trust_env=False, **more)


def started(*arguments: str | Path, given: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*DRAAD, *map(str, arguments)],
        env=environment(given),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def running(command: str, *arguments: str | Path, given: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Killed at the end if it still runs."""
    port = free_port()
    process = started(command, *arguments, "--port", str(port), given=given)
    try:
        yield Running(process, f"http://127.0.0.1:{port}")
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.communicate(timeout=PATIENCE)
        except (subprocess.TimeoutExpired, ValueError):  # ValueError: it was read to its end already
            process.kill()
            process.wait()


def servers_on(data: Path) -> list[int]:
    """PostgreSQL processes that work on this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == data / "postgres":
                found.append(int(process.name))
        except OSError:
            continue
    return found
