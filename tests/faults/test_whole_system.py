"""Whatever dies, and when: what was acknowledged is stored, travels, and reaches its reader once and in order (V1)."""

import asyncio
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg
import httpx2
import orjson
import pytest

from services.events.relay import TOPIC
from services.foundation import failpoints
from services.foundation.database import embedded
from services.foundation.database.embedded import KEYS, MAIN, Server
from services.foundation.database.migrations import migrate
from services.foundation.vault.root_key import LocalRootKey
from tests.lives import Life
from tests.sandboxes import ROOT, Api

PLACES: Final = ("after_select", "first_publish", "last_publish", "before_mark", "after_mark")
PATIENCE: Final = 60.0

pytestmark = pytest.mark.timeout(240)


@dataclass
class House:
    """A server of its own, and the address of the process that serves."""

    server: Server
    api: Api

    @contextmanager
    def relaying(self, failpoint: str | None = None) -> Iterator["subprocess.Popen[bytes]"]:
        set_ = {} if failpoint is None else {failpoints.NAME: failpoint, failpoints.ALLOWED: "1"}
        process = _process("relay", self.server.url(MAIN), environment=set_)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        async def fetched() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.server.url(MAIN))
            try:
                return list(await connection.fetch(query, *arguments))
            finally:
                await connection.close()

        return asyncio.run(fetched())


def _process(*arguments: str, environment: dict[str, str] | None = None) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.house", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if arguments[0] == "serve" else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | (environment or {}),
    )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    root_key = tmp_path_factory.mktemp("keys") / "root.key"
    LocalRootKey.generate(root_key)
    with embedded.running(None) as server:
        asyncio.run(migrate(server.url(MAIN), server.url(KEYS)))
        serving = _process("serve", server.url(MAIN), server.url(KEYS), str(root_key))
        assert serving.stdout is not None
        try:
            api = Api(serving.stdout.readline().decode().removeprefix("ready: ").strip())
            yield House(server, api)
            api.close()
        finally:
            serving.terminate()
            serving.wait(30)
            serving.stdout.close()


@dataclass
class Told:
    """Dossiers of which one reader is told everything, by a subscription and by the feed."""

    house: House
    dossiers: Sequence[Life]
    subscription: str

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

    @property
    def deliveries(self) -> list[dict[str, Any]]:
        return self.pages(f"/v1/subscriptions/{self.subscription}/deliveries")


def told(house: House, count: int) -> Told:
    first = Life(house.api).enter()
    subscription = first.call("POST", "/v1/subscriptions", "mieke", {"channel": "pull"}).json()["id"]
    first.get("/v1/feed", "mieke")
    dossiers = [first, *(Life(house.api, number=first.number).enter() for _ in range(count - 1))]
    for life in dossiers:
        life.open()
        life.grant("rwc", grantee_actor=first.key("mieke"))
    return Told(house, dossiers, subscription)


def persist(life: Life, text: str) -> str:
    """As a client must: the same event until it is answered that it is stored."""
    data = {"goal_id": text, "text": text, "set_by": "participant"}
    event = life.event("noor", "goal.set", data)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            answer = life.post("noor", event)
        except httpx2.TransportError:
            continue
        if answer.status_code in (200, 201):
            return str(event["id"])
        assert answer.status_code == 503, answer.text
        assert answer.headers["retry-after"]
        time.sleep(0.1)
    raise AssertionError("was never stored")


def assert_whole(told: Told, acknowledged: dict[str, list[str]]) -> None:
    """Event table, outbox, bus, deliveries and feed hold the same, each once in effect, each in order."""
    stored = _stored(told)
    for life in told.dossiers:
        assert set(acknowledged[life.dossier]) <= set(stored[life.dossier])
        assert len(stored[life.dossier]) == len(acknowledged[life.dossier]) + 2  # opened, granted
        ids = {item["id"]: item for item in life.get(life.events, "noor", limit="100").json()["items"]}
        assert list(ids) == stored[life.dossier][:100]
    everything = sum(map(len, stored.values()))
    _wait_until(lambda: len(told.deliveries) >= everything and len(told.pages("/v1/feed")) >= everything)
    _assert_bus(told, stored)
    _assert_told(told, stored, told.deliveries)
    feed = told.pages("/v1/feed")
    assert [item["feed_seq"] for item in feed] == list(range(1, everything + 1))
    _assert_told(told, stored, feed)


def _stored(told: Told) -> dict[str, list[str]]:
    rows = told.house.fetch(
        "select dossier_id, event_id, sequence from dossier.events where dossier_id = any($1) order by 1, 3",
        [UUID(life.dossier) for life in told.dossiers],
    )
    stored: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        stored[str(row["dossier_id"])].append(str(row["event_id"]))
        assert row["sequence"] == len(stored[str(row["dossier_id"])])
    return stored


def _assert_bus(told: Told, stored: dict[str, list[str]]) -> None:
    outbox = told.house.fetch("select position, published_at from dossier.outbox order by position")
    assert [row["position"] for row in outbox] == list(range(1, len(outbox) + 1))
    assert all(row["published_at"] for row in outbox)
    rows = told.house.fetch('select key, value from bus.entries where topic = $1 order by partition, "offset"', TOPIC)
    for dossier, ids in stored.items():
        published = [orjson.loads(row["value"])["id"] for row in rows if row["key"] == dossier]
        assert list(dict.fromkeys(published)) == ids  # a batch may come twice, and then as it was


def _assert_told(told: Told, stored: dict[str, list[str]], items: Sequence[dict[str, Any]]) -> None:
    by_dossier: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in items:
        by_dossier[item["event"]["subject"].removeprefix("dossier/")].append(item)
    for life in told.dossiers:
        got, ids = by_dossier[life.dossier], stored[life.dossier]
        assert sorted(item["event"]["id"] for item in got) == sorted(ids)
        assert [int(item["event"]["sequence"]) for item in got] == list(range(1, len(ids) + 1))
        live = [item["event"]["id"] for item in got if not item.get("replay")]
        assert live == [id_ for id_ in ids if id_ in live]


def _wait_until(holds: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "this never came true"
        time.sleep(0.2)


def test_a_relay_that_dies_at_each_named_place(house: House) -> None:
    these = told(house, 3)
    acknowledged: dict[str, list[str]] = {life.dossier: [] for life in these.dossiers}

    def write(life: Life, place: str) -> None:
        for number in range(4):
            acknowledged[life.dossier].append(persist(life, f"{place}-{number}"))

    with ThreadPoolExecutor(len(these.dossiers)) as writers:
        for place in PLACES:
            with house.relaying(f"relay.{place}") as relay:
                for done in [writers.submit(write, life, place) for life in these.dossiers]:
                    done.result()
                assert relay.wait(PATIENCE) == -9
    with house.relaying():
        assert_whole(these, acknowledged)


def test_a_database_that_is_killed_while_events_are_posted(house: House) -> None:
    these = told(house, 4)
    acknowledged: dict[str, list[str]] = {life.dossier: [] for life in these.dossiers}

    def write(life: Life) -> None:
        number, stop = 0, time.monotonic() + 6
        while time.monotonic() < stop and number < 90:
            acknowledged[life.dossier].append(persist(life, f"goal-{number}"))
            number += 1

    with house.relaying(), ThreadPoolExecutor(len(these.dossiers)) as writers:
        _wait_until(lambda: not house.fetch("select 1 from dossier.outbox where published_at is null"))
        writing = [writers.submit(write, life) for life in these.dossiers]
        for _ in range(2):
            time.sleep(1.2)
            house.server.kill()
            house.server.start()
        for each in writing:
            each.result()
        assert min(map(len, acknowledged.values())) > 3
        assert_whole(these, acknowledged)
