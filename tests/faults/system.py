"""A whole system that can be hurt: a PostgreSQL, a bus, and a process for each part; what is killed can start again."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import asyncpg

from deploy.kafka.nodes import Nodes
from services.events.relay import TOPIC
from services.foundation import failpoints
from services.foundation.bus.kafka.bus import KafkaBus
from services.foundation.bus.kafka.cluster import Cluster
from services.foundation.database import embedded
from services.foundation.database.connection import AWAY
from services.foundation.database.embedded import KEYS, MAIN, Server
from services.foundation.database.migrations import migrate
from tests.faults import house
from tests.faults.partner import Partner, partner
from tests.sandboxes import ROOT, Api

PATIENCE: Final = 90.0
PARTS: Final = ("serve", "relay", "notifier", "lanes", "webhooks")
PART_OF: Final[Mapping[str, str]] = {"append": "serve"}  # which process reaches a named place, where not its namesake
CLAIMING: Final = ("lanes", "webhooks")
A_MOMENT: Final = 5.0  # for which these claim a lane, so that a death costs seconds; in service half a minute, or one
TICK: Final = 0.5


def places() -> list[str]:
    """Every named place where a process may be made to die, as the code names them."""
    named = (re.findall(r'reach\("([\w.]+)"\)', file.read_text()) for file in (ROOT / "services").rglob("*.py"))
    return sorted(place for found in named for place in found)


def part_of(place: str) -> str:
    name = place.partition(".")[0]
    return PART_OF.get(name, name)


@dataclass
class System:
    server: Server
    folder: Path
    nodes: Nodes | None
    port: int
    partner: Partner
    lease: float | None = A_MOMENT
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    bench: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, part: str, failpoint: str | None = None) -> None:
        self.running[part] = self._process(part, failpoint)

    def start_second(self, part: str) -> "subprocess.Popen[bytes]":
        """Beside the first."""
        self.bench.append(self._process(part, None))
        return self.bench[-1]

    def kill(self, part: str) -> None:
        self.running[part].kill()
        self.died(part)

    def died(self, part: str) -> int:
        """Waits until it is dead, and gives how it ended."""
        process = self.running.pop(part)
        status = process.wait(PATIENCE)
        if process.stdout is not None:
            process.stdout.close()
        return status

    def freeze(self, part: str) -> None:
        self.running[part].send_signal(signal.SIGSTOP)

    def thaw(self, part: str) -> None:
        self.running[part].send_signal(signal.SIGCONT)

    @contextmanager
    def relay_held(self) -> Iterator[None]:
        """In mid publication: from here on, until the end of the block."""
        (self.folder / house.HELD).unlink(missing_ok=True)
        (self.folder / house.HOLD).touch()
        try:
            until((self.folder / house.HELD).exists)
            yield
        finally:
            (self.folder / house.HOLD).unlink()

    @contextmanager
    def claiming_as_in_service(self) -> Iterator[None]:
        self._claim_for(None)
        yield
        self._claim_for(A_MOMENT)

    def move_clock(self, by: timedelta) -> None:
        """Business time, of which nothing but a hand moves the clock of a sandbox."""
        self.fetch("update foundation.sandbox_clock set now = now + $1", by)

    @contextmanager
    def time_passing(self) -> Iterator[None]:
        """Business time goes on as real time does; while the database is away it stands still."""
        over = threading.Event()

        def tick() -> None:
            while not over.wait(TICK):
                with suppress(*AWAY):
                    self.move_clock(timedelta(seconds=TICK))

        ticking = threading.Thread(target=tick)
        ticking.start()
        try:
            yield
        finally:
            over.set()
            ticking.join()

    def close(self) -> None:
        for part in list(self.running):
            self.kill(part)
        for process in self.bench:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        async def fetched() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.server.url(MAIN))
            try:
                return list(await connection.fetch(query, *arguments))
            finally:
                await connection.close()

        return asyncio.run(fetched())

    def published(self) -> list[tuple[str, bytes]]:
        """Everything on the bus, in the order of each partition."""
        if self.nodes is None:
            query = 'select key, value from bus.entries where topic = $1 order by partition, "offset"'
            return [(row["key"], row["value"]) for row in self.fetch(query, TOPIC)]
        return asyncio.run(_everything(self.nodes.bootstrap))

    def _claim_for(self, lease: float | None) -> None:
        self.lease = lease
        for part in CLAIMING:
            self.kill(part)
            self.start(part)

    def _process(self, part: str, failpoint: str | None) -> "subprocess.Popen[bytes]":
        set_ = {} if failpoint is None else {failpoints.NAME: failpoint, failpoints.ALLOWED: "1"}
        lease = house.IN_SERVICE if self.lease is None else str(self.lease)
        where = [self.server.url(MAIN), self.server.url(KEYS), str(self.folder), str(self.port), lease]
        kafka = [self.nodes.bootstrap] if self.nodes is not None else []
        with (self.folder / f"{part}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.house", part, *where, *kafka],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=os.environ | set_,
            )
        assert process.stdout is not None
        told = process.stdout.readline()
        if told != b"ready\n" and failpoint is None:
            raise AssertionError((self.folder / f"{part}.log").read_text()[-3000:], told, process.poll())
        return process


@contextmanager
def system(nodes: Nodes | None) -> Iterator[System]:
    """Everything runs, with every part in a process of its own, on these nodes or on the bus in PostgreSQL."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="draad-faults-")))
        house.make_keys(folder)
        server = stack.enter_context(embedded.running(None))
        asyncio.run(migrate(server.url(MAIN), server.url(KEYS)))
        if nodes is not None:
            asyncio.run(KafkaBus(Cluster(tuple(nodes.bootstrap.split(",")))).make(TOPIC))
        whole = System(server, folder, nodes, _free_port(), stack.enter_context(partner()))
        stack.callback(whole.close)
        for part in PARTS:
            whole.start(part)
        stack.enter_context(whole.time_passing())
        yield whole


@contextmanager
def asking(whole: System) -> Iterator[Api]:
    api = Api(whole.url)
    try:
        yield api
    finally:
        api.close()


async def _everything(bootstrap: str) -> list[tuple[str, bytes]]:
    bus = KafkaBus(Cluster(tuple(bootstrap.split(","))))
    try:
        consumer = await bus.consumer(TOPIC)
        seen: list[tuple[str, bytes]] = []
        after: dict[int, int] = {}
        async with asyncio.timeout(PATIENCE):
            while True:
                batch = await consumer.poll(500, 1.0)
                seen += [(one.key, one.value) for one in batch]
                after |= {one.partition: one.offset + 1 for one in batch}
                # That nothing came for a while means nothing yet: brokers may be on their way back.
                if not batch and all(after.get(at, 0) >= end for at, end in (await consumer.end()).items()):
                    return seen
    finally:
        await bus.close()


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "this never came true"
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
