"""A value planted in every field of every type of event is found in no place but the sealed body (V2, design §5)."""

import asyncio
import os
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partialmethod
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes
from uuid import UUID

import asyncpg
import httpx2
import orjson
import pytest

from services.dossier.domain.commands import Command, Record
from services.dossier.domain.entries import NewEntry
from services.dossier.domain.index import NOBODY
from services.dossier.domain.state import Dossier
from services.dossier.writing import refusing
from services.dossier.writing.incoming import structured
from services.dossier.writing.recording import Recording
from services.events.relay import TOPIC, Relay
from services.foundation import contract
from services.foundation.bus.kafka.bus import KafkaBus
from services.foundation.bus.kafka.cluster import Cluster
from services.foundation.callers import Caller
from services.foundation.database.connection import Database
from services.foundation.database.embedded import KEYS, MAIN
from services.foundation.vault.root_key import LocalRootKey
from services.roots import house
from services.roots.sandbox import ROOT_KEY
from tests import sandboxes
from tests.asyncapi import at, payload
from tests.end_to_end import in_clear
from tests.end_to_end.canaries import Canaries, finder, readings, shapes
from tests.kafka import own_nodes
from tests.lives import ACTORS, ORGANISATIONS, Life, pointers
from tests.long import given_time
from tests.receivers import Receiver, receiving_beside
from tests.sandboxes import Api, Sandbox, new_id

CONTRACT = contract.load()
OPENED, CLOSED, ERASED = (f"nl.dossier.dossier.{verb}" for verb in ("opened", "closed", "erased"))
GOAL, SIGNAL, TESTED = (f"nl.dossier.{name}" for name in ("goal.set", "signal.raised", "subscription.tested"))
READERS = tuple(actor for actor in ACTORS if actor not in ("system", "tijn"))
HOOKED = ("mieke", "hetty")  # one who may know everything, and one who may know little: an employer
STRANGER = "cnry99999qz"  # in requests that are wrong altogether

pytestmark = given_time


@dataclass
class Told:
    """What became known of one life in a sandbox: all of it that may hold no content."""

    sandbox: Sandbox
    life: Life
    canaries: Canaries
    receiver: Receiver
    refused: list[httpx2.Response] = field(default_factory=list)
    stored: list[httpx2.Response] = field(default_factory=list)
    thin: list[httpx2.Response] = field(default_factory=list)
    forced: dict[str, str] = field(default_factory=dict)
    """Id → type."""
    processes: list[bytes] = field(default_factory=list)
    before_erasure: list[tuple[str, str, Any]] = field(default_factory=list)

    def types(self) -> dict[str, str]:
        """Of what was recorded, by its id."""
        return {answer.json()["id"]: answer.json()["type"] for answer in self.stored} | self.forced

    def rows(self) -> Iterator[tuple[str, str, Any]]:
        """Every value of every table of both databases: table, column, value."""
        for database in (MAIN, KEYS):
            yield from asyncio.run(_rows(self.sandbox.database_url(database)))


async def _rows(url: str) -> list[tuple[str, str, Any]]:
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch(
            """select table_schema || '.' || table_name as name from information_schema.tables
               where table_schema not in ('pg_catalog', 'information_schema') order by 1"""
        )
        found = []
        for table in tables:
            for row in await connection.fetch(f"select * from {table['name']}"):
                found += [(table["name"], column, value) for column, value in row.items()]
        return found
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    with sandboxes.running(loud=True) as sandbox, receiving_beside() as receiver:
        api = Api(sandbox.url)
        life = Life(api).enter()
        told = Told(sandbox, life, Canaries(life), receiver)
        try:
            _live(told)
        finally:
            api.close()
        yield told


def _live(told: Told) -> None:
    life = told.life
    subscriptions = [_subscribe(life, actor, {"channel": "pull"}) for actor in READERS]
    webhook = {"channel": "webhook", "endpoint": told.receiver.url, "signatures": ["v1a", "v1"]}
    subscriptions += [_subscribe(life, actor, webhook) for actor in HOOKED]
    bodies = {name: told.canaries.body(type_) for name, type_ in CONTRACT.types.items()}
    assert [fault for name, body in bodies.items() for fault in CONTRACT.faults(name, body)] == []
    _post(told, OPENED, bodies)
    for organisation in ("rwc", "uwv", "probeer", "naastwerk", "stad"):
        life.grant(organisation)
    for organisation in ("shop", "market"):
        life.grant(organisation, classes=["work", "contact", "evaluation"])
    left = [name for name in bodies if name not in (OPENED, CLOSED, ERASED)]
    while len(now := [name for name in left if not _post(told, name, bodies)]) < len(left):
        left = now  # what rested on another is tried again when that stands
    _wrong_bodies(told, bodies)
    _wrong_requests(told)
    for name in bodies:
        told.refused.append(life.post("ayse", life.event("ayse", name.removeprefix("nl.dossier."), bodies[name])))
    asyncio.run(_force(told, [*left, SIGNAL, CLOSED], bodies))
    life.api.clock()
    _read(told, subscriptions)
    told.before_erasure = list(told.rows())
    asyncio.run(_force(told, [ERASED], bodies))
    life.api.clock()
    _read(told, subscriptions)
    told.processes = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if _readable(path)]


def _readable(path: Path) -> bool:
    try:
        return bool(path.read_bytes())
    except OSError:
        return False


def _subscribe(life: Life, actor: str, asked: dict[str, Any]) -> tuple[str, str]:
    return actor, life.call("POST", "/v1/subscriptions", actor, asked).json()["id"]


def _post(told: Told, name: str, bodies: dict[str, dict[str, Any]]) -> bool:
    actor = told.canaries.actor(CONTRACT.types[name])
    answer = told.life.post(actor, told.life.event(actor, name.removeprefix("nl.dossier."), bodies[name]))
    (told.stored if answer.status_code == 201 else told.refused).append(answer)
    return answer.status_code == 201


def _wrong_bodies(told: Told, bodies: dict[str, dict[str, Any]]) -> None:
    """The same values again: under other names, of other types, nested, and in the envelope."""
    for name, body in bodies.items():
        actor = told.canaries.actor(CONTRACT.types[name])
        short = name.removeprefix("nl.dossier.")
        wrong: list[dict[str, Any]] = [
            {key: [value] for key, value in body.items()},
            {key: str(value) * 500 for key, value in body.items() if isinstance(value, str)} | {STRANGER: STRANGER},
            {f"other_{key}": {"x": value} for key, value in body.items()},
        ]
        if name != ERASED and (refs := CONTRACT.types[name].refs):
            wrong.append(body | {key: told.canaries.nobody(name, key) for key in refs})
        for data in wrong:
            event = told.life.event(actor, short, data)
            answer = told.life.post(actor, event | {"data": data})
            (told.stored if answer.status_code == 201 else told.refused).append(answer)
    for attribute in ("id", "source", "type", "subject", "specversion", "dataschema", "privacyclass", "data", "extra"):
        event = told.life.event("noor", "goal.set", bodies[GOAL])
        told.refused.append(told.life.post("noor", event | {attribute: STRANGER}))


def _wrong_requests(told: Told) -> None:
    life = told.life
    for path in (
        f"/v1/dossiers/{STRANGER}",
        f"/v1/dossiers/{STRANGER}/events",
        f"{life.events}/{STRANGER}",
        f"/v1/event-types/{STRANGER}",
        f"/v1/subscriptions/{STRANGER}",
        f"/{STRANGER}",
        *(f"{life.events}?{name}={STRANGER}" for name in ("after", "asOf", "knownAt", "limit")),
        *(f"/v1/feed?{name}={STRANGER}" for name in ("after", "limit", "wait")),
        f"/v1/dossiers?after={STRANGER}",
        f"{life.path}/access-log?after={STRANGER}",
    ):
        told.refused.append(life.get(path, "noor"))
    for name in ("Draad-Purpose", "Idempotency-Key", "Content-Type", "Content-Encoding", "X-Request-Id", "Expect"):
        headers = {"Content-Type": "application/json"} | {name: STRANGER}
        body = {"type": "nl.dossier.goal.set", "data": {STRANGER: STRANGER}}
        told.refused.append(life.call("POST", life.events, "noor", body, headers=headers))
    told.refused.append(life.call("GET", life.events, "noor", headers={"Draad-Purpose": STRANGER}))
    told.refused.append(life.call("GET", life.path, None, headers={"Authorization": f"Bearer {STRANGER}"}))
    told.refused.append(life.call("GET", life.path, None, headers={"Authorization": f"{STRANGER} x"}))
    told.refused.append(life.call("POST", "/v1/claims", "ayse", {"code": STRANGER}))
    told.refused.append(life.call("POST", "/v1/claims", "ayse", {"code": STRANGER, "more": STRANGER}))
    told.refused.append(life.call("POST", "/v1/dossiers", "noor", {"channel": STRANGER}))
    told.refused.append(life.call("POST", "/v1/subscriptions", "mieke", {"channel": STRANGER, "types": [STRANGER]}))
    told.refused.append(life.call("POST", life.events, "noor", content=f'{{"{STRANGER}'.encode()))


async def _force(told: Told, names: list[str], bodies: dict[str, dict[str, Any]]) -> None:
    """What rules refuse here is recorded all the same: through the same handler, without its rules."""
    main, keys = told.sandbox.database_url(MAIN), told.sandbox.database_url(KEYS)
    assert told.sandbox.folder is not None
    root_key = LocalRootKey.read(told.sandbox.folder / ROOT_KEY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refusing, "decide", _accept)
        # A signal is told only to who may know what it is about: here that the dossier was opened.
        patch.setattr(Recording, "add", partialmethod(Recording.add, cause=1))
        async with house.built(main, keys, root_key, "urn:test", size=4) as built:
            for name in names:
                actor = told.canaries.actor(CONTRACT.types[name])
                caller = _caller(told.life, actor)
                event = told.life.event(actor, name.removeprefix("nl.dossier."), bodies[name])
                dossier_id = UUID(told.life.dossier)
                await built.handler.record(caller, dossier_id, [structured(event, dossier_id, caller, CONTRACT)])
                told.forced[event["id"]] = name


def _accept(command: Command, _: Dossier) -> tuple[NewEntry, ...]:
    assert isinstance(command, Record)
    return (NewEntry(command.type, command.data, command.privacy_class, command.usual_class, command.by),)


def _caller(life: Life, actor: str) -> Caller:
    role, organisation = ACTORS[actor]
    kinds: dict[str, Any] = {"P": "participant", "SYS": "platform"}
    return Caller(
        kind=kinds.get(role, "professional"),
        person=life.key(actor),
        organisation=None if role == "P" else life.key(organisation),
        roles=frozenset((role,)),
        sources=frozenset((life.source(organisation),)),
        subject=("test", actor),
    )


def _read(told: Told, subscriptions: list[tuple[str, str]]) -> None:
    """Everything that travels without content, and everything that is refused; the lists of content run along."""
    life = told.life
    for actor, subscription in subscriptions:
        for path in (f"/v1/subscriptions/{subscription}/deliveries", "/v1/feed", "/v1/dossiers", "/v1/subscriptions"):
            told.thin += _pages(life, path, actor)
        for path in (life.events, life.path, f"{life.path}/grants", f"{life.path}/access-log"):
            answer = life.get(path, actor)
            if answer.status_code >= 400:
                told.refused.append(answer)
        told.refused.append(life.get(f"{life.events}/{new_id()}", actor))
    for actor, subscription in subscriptions[-len(HOOKED) :]:
        told.thin.append(life.call("POST", f"/v1/subscriptions/{subscription}/tests", actor))
    log = life.get(f"{life.path}/access-log", "noor", limit="100")
    (told.thin if log.status_code == 200 else told.refused).append(log)
    told.thin.append(life.call("GET", "/metrics", None))


def _pages(life: Life, path: str, actor: str) -> Iterator[httpx2.Response]:
    asked = {"limit": "100"}
    while True:
        yield (answer := life.get(path, actor, **asked))
        page = answer.json()
        if len(page["items"]) < 100:
            return
        asked["after"] = page["next"]


def test_every_type_and_every_field_was_told(told: Told) -> None:
    assert set(told.types().values()) == set(CONTRACT.types)
    assert len(told.canaries.planted) > 180
    assert len(told.forced) < 20  # most go the whole way


def test_a_writer_reads_back_what_was_planted(told: Told) -> None:
    """Or the search below would search for what was never there."""
    everything = b"".join(answer.content for answer in told.stored)
    found = {value.decode() for value in finder(told.canaries.planted).findall(everything)}
    assert len(found) > 150


def test_no_refusal_repeats_what_was_sent(told: Told) -> None:
    wanted = finder([*told.canaries.planted, STRANGER])
    for answer in told.refused:
        assert 400 <= answer.status_code < 500, (answer.request.url, answer.text)
        body = orjson.loads(answer.content) if answer.content else {}
        # Which field is wrong is told by its name, also where the sender invented the name.
        told_to_sender = {**body, "errors": [error["message"] for error in body.get("errors", ())]}
        assert not wanted.search(orjson.dumps(told_to_sender)), answer.text
        assert not wanted.search(str(answer.headers.raw).encode())
    assert any(pointers(answer) for answer in told.refused)


def test_no_address_says_anything(told: Told) -> None:
    wanted = finder(told.canaries.planted)
    for answer in (*told.stored, *told.thin):
        assert not wanted.search(str(answer.headers.raw).encode())
    for answer in told.stored:
        assert not wanted.search(answer.headers["location"].encode())


def test_what_travels_is_thin(told: Told) -> None:
    wanted = finder(told.canaries.planted)
    assert sum(len(answer.json()["items"]) for answer in told.thin if "items" in answer.text) > 200
    for answer in told.thin:
        assert answer.status_code == 200
        assert not wanted.search(answer.content), (answer.request.url, answer.text)


def test_what_a_receiver_gets_is_thin(told: Told) -> None:
    """Every byte of every request, of every type there is: its line, its headers, its body, and what they may hide."""
    wanted = finder([*told.canaries.planted, STRANGER])
    events = [got for got in told.receiver.got if got.event["type"] != TESTED]
    types = told.types()
    sent = {types[got.event["id"]] for got in events if got.event["id"] in types}
    assert sent == set(CONTRACT.types) - {ERASED}  # after which nobody may know
    assert len(told.receiver.asked) == len(HOOKED)
    assert len(told.receiver.got) - len(events) == 2 * len(HOOKED)
    for got in (*told.receiver.asked, *told.receiver.got):
        for reading in readings(got.head + got.body):
            assert not wanted.search(reading), got
    for got in told.receiver.got:
        payload("WebhookTest" if got.event["type"] == TESTED else "WebhookEvent").validate(got.event)


@pytest.mark.parametrize("code", [bytes, quote_from_bytes, b64encode, urlsafe_b64encode])
def test_what_is_hidden_in_a_request_is_found(told: Told, code: Callable[[bytes], bytes | str]) -> None:
    """In whatever it stands, at whatever place."""
    for value in told.canaries.planted:
        for before in (b"", b"~", b"~~"):
            coded = code(before + value.encode() + b'"\xff')
            coded = coded.encode() if isinstance(coded, str) else coded
            request = b"POST /hook HTTP/1.1\r\nX-About: v1," + coded + b"\r\n\r\n{}"
            assert any(value.encode() in reading for reading in readings(request)), (value, coded)


def test_what_travels_is_what_the_asyncapi_document_says(told: Told) -> None:
    """On the bus inside, in feeds and in deliveries, of every type there is."""
    on_the_bus = [orjson.loads(v) for t, c, v in told.before_erasure if (t, c) == ("bus.entries", "value")]
    named = at("#/components/schemas/ThinEvent/properties/type")["x-extensible-enum"]
    assert set(named) - {event["type"] for event in on_the_bus} == {ERASED}
    assert {event["type"] for event in on_the_bus} <= set(named)
    for event in on_the_bus:
        payload("Entry").validate(event)
    pages = [(answer.request.url.path, answer.json()["items"]) for answer in told.thin if "dataref" in answer.text]
    for path, items in pages:
        for item in items:
            payload("FeedItem" if path.endswith("/feed") else "Delivery").validate(item)
    assert {path.rpartition("/")[2] for path, _ in pages} == {"feed", "deliveries"}


def test_every_column_has_its_place_in_the_list(told: Told) -> None:
    asked = """select table_schema || '.' || table_name as name, column_name from information_schema.columns
               where table_schema not in ('pg_catalog', 'information_schema')"""

    async def columns(database: str) -> set[tuple[str, str]]:
        connection = await asyncpg.connect(told.sandbox.database_url(database))
        try:
            return {(row["name"], row["column_name"]) for row in await connection.fetch(asked)}
        finally:
            await connection.close()

    for database, listed in ((MAIN, in_clear.MAIN), (KEYS, in_clear.KEYS)):
        there = {pair for pair in asyncio.run(columns(database)) if not pair[0].endswith(".alembic_version")}
        assert there == {(table, column) for table, kinds in listed.items() for column in kinds}


def test_no_table_holds_a_content_in_clear(told: Told) -> None:
    wanted, secret = finder(told.canaries.planted), finder(told.canaries.secret())
    parties = {told.life.key(name) for name in (*ACTORS, *ORGANISATIONS)} | {NOBODY}
    listed = in_clear.MAIN | in_clear.KEYS
    seen: set[tuple[str, str]] = set()
    for table, column, value in (*told.before_erasure, *told.rows()):
        kind = listed.get(table, in_clear.VERSIONS)[column]
        seen.add((table, column))
        raw = value if isinstance(value, bytes) else str(value).encode()
        search = secret if kind == in_clear.GRANT else wanted
        assert not search.search(raw), (table, column)
        for each in value if isinstance(value, list) else [value]:
            _check(kind, each, parties, (table, column))
    assert {("dossier.events", "sealed"), ("dossier.index_entries", "relation"), ("dossier.timers", "sealed")} <= seen
    assert ("bus.entries", "value") in seen


WORDS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._,*/-]{0,79}")
READABLE = re.compile(rb"[ -~]{24}")  # chance alone gives none so long
THIN = {"specversion", "id", "source", "type", "subject", "time", "sequence", "sequencetype", "dataref"}


def _check(kind: str, value: Any, parties: set[str], where: tuple[str, str]) -> None:
    if value is None:
        return
    match kind:
        case in_clear.WORD:
            assert WORDS.fullmatch(value), where
        case in_clear.PARTY:
            assert value.removeprefix("person:") in parties, where
        case in_clear.SEALED:
            assert not READABLE.search(value), where
        case in_clear.THIN if where[1] != "headers":
            assert set(orjson.loads(value)) == THIN, where
        case in_clear.THIN:
            assert set(orjson.loads(value)) == {"position"}, where


def test_logs_and_the_list_of_processes_tell_nothing(told: Told) -> None:
    wanted = finder([*told.canaries.planted, STRANGER])
    assert len(told.sandbox.log) > 20  # debug lines are there
    for line in told.sandbox.log:
        assert not wanted.search(line.encode()), line
    assert any(b"postgres" in command for command in told.processes)
    for command in told.processes:
        assert not wanted.search(command)


def test_the_bytes_that_kafka_keeps_hold_no_content(told: Told) -> None:
    """Everything that this sandbox ever published, carried to a real Kafka by the relay, as its node wrote it down."""
    with own_nodes() as nodes:
        nodes.start()
        api = Api(told.sandbox.url)
        switched = api.call(
            "POST", "/sandbox/faults", body={"bus": "down"}
        )  # or the sandbox's own relay would be first
        assert switched.status_code == 200
        api.close()
        published = asyncio.run(_publish_again(told.sandbox.database_url(MAIN), nodes.bootstrap))
        raw = b"".join(path.read_bytes() for path in nodes.topic_files(TOPIC))
    assert published > 90
    assert raw.count(told.life.dossier.encode()) > published  # as the key, and in the event
    assert raw.count(b'"dataref"') == published
    assert not finder(told.canaries.planted).search(raw)
    assert not finder(told.canaries.secret()).search(raw)
    assert len(set(WHOLE.findall(raw))) > 90
    for thin in WHOLE.findall(raw):
        assert set(orjson.loads(thin)) == THIN


WHOLE = re.compile(rb'\{"[^{}]*"dataref"[^{}]*\}')


async def _publish_again(main_url: str, bootstrap: str) -> int:
    database, bus = await Database.open(main_url, size=2), KafkaBus(Cluster((bootstrap,)))
    try:
        await bus.make(TOPIC)
        async with database.connection() as conn:
            await conn.execute("update dossier.outbox set published_at = null")
        relay = Relay(database, bus, shard="kafka")
        published = await relay.run_once()
        await relay.close()
        return published
    finally:
        await bus.close()
        await database.close()


def test_no_file_of_the_database_holds_a_content_in_clear(told: Told) -> None:
    """Tables, write-ahead log, statistics, temporary files and the server's own log, as bytes; so it comes last."""
    assert told.sandbox.folder is not None
    secret = set(told.canaries.secret())
    assert all(shapes(value.encode()) for value in secret)
    told.sandbox.stop()
    searched = 0
    for place, _, files in os.walk(told.sandbox.folder):
        for name in files:
            path = Path(place, name)
            raw = path.read_bytes()
            searched += len(raw)
            assert not shapes(raw) & secret, path.name
    assert searched > 10_000_000
