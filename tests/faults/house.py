"""One house on the PostgreSQL of a test, each of its parts in a process of its own, so that each can be killed.

python -m tests.faults.house PART MAIN_URL KEYS_URL FOLDER PORT LEASE [KAFKA]

FOLDER holds the root key and the key of the issuer, which outlive the process: a token is good after a restart.
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
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
from services.foundation.settings import Settings
from services.foundation.vault.root_key import LocalRootKey
from services.notifications.lanes import Lanes
from services.notifications.webhooks.courier import Courier
from services.notifications.webhooks.deliverer import Deliverer
from services.roots import house, sandbox
from services.roots.outside import of_installation
from services.roots.running import Worker, listening, run, work
from services.sandbox.faults import Switchboard
from services.sandbox.issuer import DevelopmentIssuer

ROOT_KEY: Final = "root.key"
ISSUER: Final = "issuer.json"
HOLD: Final = "hold"
HELD: Final = "held"
IN_SERVICE: Final = "as-in-service"


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


@dataclass(frozen=True)
class Place:
    """`lease` is for how many seconds a lane is claimed, or as in service; `kafka` is empty for the bus of a table."""

    main_url: str
    keys_url: str
    folder: Path
    port: int
    lease: float | None
    kafka: str

    @classmethod
    def named(cls, main_url: str, keys_url: str, folder: str, port: str, lease: str, kafka: str = "") -> "Place":
        return cls(main_url, keys_url, Path(folder), int(port), None if lease == IN_SERVICE else float(lease), kafka)


async def serve(part: str, place: Place) -> None:
    watching = asyncio.create_task(_end_with(os.getppid()))
    LastingIssuer.folder = HeldKafkaBus.folder = place.folder
    vars(sandbox)["DevelopmentIssuer"] = LastingIssuer  # or the sandbox would make a new one
    database = await Database.open(place.main_url, size=4)
    over_kafka = HeldKafkaBus(Cluster(tuple(place.kafka.split(",")))) if place.kafka else None
    bus = over_kafka or HeldBus(PostgresBus(database), place.folder)
    root_key = LocalRootKey.read(place.folder / ROOT_KEY)
    outside = of_installation(Settings(webhook_loopback=True))
    async with house.built(
        place.main_url, place.keys_url, root_key, sandbox.SOURCE, bus, size=8, outside=outside
    ) as built:
        # Small batches in small chunks, so that every named place lies in the middle of something.
        relay = Relay(built.database, bus, batch=6, chunk=2)
        lanes, webhooks = built.lanes, built.webhooks
        if place.lease is not None:
            release, keys = built.notifications.release, built.notifications.webhooks.keys
            lanes = Lanes(built.database, release, lease=place.lease)
            courier = Courier(built.database, release, outside.lines, outside.walls, keys)
            webhooks = Deliverer(built.database, courier, lease=place.lease)
        workers: dict[str, Worker] = {
            "relay": relay.run,
            "notifier": built.notifier.run,
            "lanes": lanes.run,
            "webhooks": webhooks.run,
        }
        if part in workers:
            await work([workers[part]], _ready)
            return
        async with built.database.connection() as conn:
            await clock.begin_sandbox(conn)
        app = sandbox._application(built, Switchboard())
        await run(app, listening(sandbox.HOST, place.port), (), _ready, built.streams.close)
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
    _, part, *place = sys.argv
    asyncio.run(serve(part, Place.named(*place)))
