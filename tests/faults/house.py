"""One house on the PostgreSQL of a test, each of its parts in a process of its own, so that each can be killed.

python -m tests.faults.house PART MAIN_URL KEYS_URL FOLDER PORT [KAFKA]

FOLDER holds the root key and the key of the issuer, which outlive the process: a token is good after a restart.
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from joserfc.jwk import ECKey

from services.events.relay import Relay
from services.foundation import clock, telemetry
from services.foundation.bus.kafka.bus import KafkaBus
from services.foundation.bus.kafka.cluster import Cluster
from services.foundation.bus.port import Bus, Consumer, Record
from services.foundation.bus.postgres import PostgresBus
from services.foundation.database.connection import Database
from services.foundation.vault.root_key import LocalRootKey
from services.roots import house, sandbox
from services.roots.running import Worker, listening, run, work
from services.sandbox.faults import Switchboard
from services.sandbox.issuer import DevelopmentIssuer

ROOT_KEY: Final = "root.key"
ISSUER: Final = "issuer.json"
HOLD: Final = "hold"
HELD: Final = "held"


class LastingIssuer(DevelopmentIssuer):
    folder: Path

    def __init__(self, audience: str) -> None:
        super().__init__(audience)
        self.name, self.key_id = "https://faults.sandbox.invalid", "faults"
        self._key = ECKey.import_key(json.loads((self.folder / ISSUER).read_text()))


def make_keys(folder: Path) -> None:
    LocalRootKey.generate(folder / ROOT_KEY)
    issuer = ECKey.generate_key("P-256", {"kid": "faults", "use": "sig", "alg": "ES256"}, private=True)
    (folder / ISSUER).write_text(json.dumps(issuer.as_dict(private=True)))


class HeldKafkaBus(KafkaBus):
    """While there is a file `hold` it waits before it commits, and says so by a file `held`: a transaction is open."""

    folder: Path

    async def _commit(self, producer: object) -> None:
        while (self.folder / HOLD).exists():
            (self.folder / HELD).touch()
            await asyncio.sleep(0.02)
        await super()._commit(producer)  # type: ignore[arg-type]  # as it came


class HeldBus:
    """The same before a publication on the bus in PostgreSQL."""

    def __init__(self, bus: Bus, folder: Path) -> None:
        self._bus, self._folder = bus, folder

    async def publish(self, topic: str, records: Sequence[Record]) -> None:
        while (self._folder / HOLD).exists():
            (self._folder / HELD).touch()
            await asyncio.sleep(0.02)
        await self._bus.publish(topic, records)

    async def consumer(self, topic: str) -> Consumer:
        return await self._bus.consumer(topic)

    async def close(self) -> None:
        await self._bus.close()


async def serve(part: str, main_url: str, keys_url: str, folder: Path, port: int, kafka: str) -> None:
    watching = asyncio.create_task(_end_with(os.getppid()))
    LastingIssuer.folder = HeldKafkaBus.folder = folder
    vars(sandbox)["DevelopmentIssuer"] = LastingIssuer  # or the sandbox would make a new one
    database = await Database.open(main_url, size=4)
    over_kafka = HeldKafkaBus(Cluster(tuple(kafka.split(",")))) if kafka else None
    bus = over_kafka or HeldBus(PostgresBus(database), folder)
    root_key = LocalRootKey.read(folder / ROOT_KEY)
    async with house.built(main_url, keys_url, root_key, sandbox.SOURCE, bus, size=8) as built:
        # Small batches in small chunks, so that every named place lies in the middle of something.
        relay = Relay(built.database, bus, batch=6, chunk=2)
        workers: dict[str, Worker] = {"relay": relay.run, "notifier": built.notifier.run, "lanes": built.lanes.run}
        if part in workers:
            await work([workers[part]], _ready)
            return
        async with built.database.connection() as conn:
            await clock.begin_sandbox(conn)
        app = sandbox._application(built, Switchboard())
        await run(app, listening(sandbox.HOST, port), (), _ready, built.streams.close)
    watching.cancel()


async def _end_with(parent: int) -> None:
    """A test that is killed leaves nothing behind."""
    while os.getppid() == parent:  # noqa: ASYNC110 - nobody tells of the death of a parent
        await asyncio.sleep(1.0)
    os._exit(1)


def _ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


if __name__ == "__main__":
    telemetry.configure(level=logging.ERROR)
    _, part, main_url, keys_url, folder, port, *kafka = sys.argv
    asyncio.run(serve(part, main_url, keys_url, Path(folder), int(port), "".join(kafka)))
