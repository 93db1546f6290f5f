"""The processes that are measured: the API of a house on embedded PostgreSQL, and a bare endpoint beside it."""

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import orjson
import uvicorn
import uvloop
from fastapi import FastAPI, Request
from starlette.responses import Response

from services.dossier.writing.incoming import Incoming
from services.foundation import clock, telemetry
from services.foundation.callers import Authenticator, Caller
from services.foundation.database.connection import Database
from services.foundation.parties import Organisation, Parties, Person, register
from services.foundation.tokens import Verifier
from services.foundation.vault.root_key import LocalRootKey
from services.roots.api import application
from services.roots.house import House, built
from services.roots.outside import of_sandbox
from services.roots.running import listening
from services.roots.serve import workers
from services.sandbox.issuer import DevelopmentIssuer

SOURCE = "urn:nld:oin:00000099990000000002:systeem:bench"
AUDIENCE = "bench"
DOSSIERS = 200
AT_ONCE = 100
HISTORY = 20  # entries in each dossier before anything is measured


@dataclass(frozen=True)
class Told:
    """What a server tells on its first line: where it listens, and whom to be."""

    port: int
    token: str
    dossiers: list[str]
    events: list[str]


async def bare(main_url: str) -> None:
    """One row in; or one row by its key out and one row in. asyncpg's own pool, nothing else."""
    database = await Database.open(main_url, size=16)
    async with database.connection() as conn:
        await conn.execute("create schema if not exists bench")
        await conn.execute("create table if not exists bench.rows (id uuid primary key, body bytea not null)")
        await conn.execute("create table if not exists bench.reads (id uuid not null, at timestamptz not null)")
        keys = [uuid4() for _ in range(DOSSIERS)]
        await conn.executemany("insert into bench.rows values ($1, $2)", [(key, b"x" * 800) for key in keys])
    app = FastAPI()

    @app.post("/rows", status_code=201)
    async def write(request: Request) -> Response:
        body = await request.body()
        async with database.connection() as conn:
            await conn.execute("insert into bench.rows values ($1, $2)", uuid4(), body)
        return Response(body, 201, media_type="application/json")

    @app.get("/rows/{key}")
    async def read(key: UUID) -> Response:
        async with database.transaction() as conn:
            body = await conn.fetchval("select body from bench.rows where id = $1", key)
            await conn.execute("insert into bench.reads values ($1, clock_timestamp())", key)
        return Response(body, media_type="application/json")

    await serve(app, Told(0, "", [], [str(key) for key in keys]))


async def house(
    main_url: str, keys_url: str, history: str = str(HISTORY), *, fed: bool = False, ruled: bool = True
) -> None:
    """`fed`: mieke has a feed from before all of it, and everything has been delivered into it.

    `ruled`: rules over time look at what is appended.
    """
    async with built(main_url, keys_url, LocalRootKey(os.urandom(32)), SOURCE) as whole:
        if not ruled:
            whole.handler._rules = ()  # no setting does this, and none should
        issuer = DevelopmentIssuer(AUDIENCE)
        told = await populated(whole, issuer, int(history), fed)
        if fed:
            for worker in (whole.relay, whole.notifier, whole.lanes):
                await worker.run_once()
        authenticator = Authenticator(Verifier({issuer.name: issuer.keys()}, AUDIENCE), whole.registry, platform=True)
        await serve(application(whole, authenticator), told)


async def unruled(main_url: str, keys_url: str) -> None:
    await house(main_url, keys_url, ruled=False)


async def fed(main_url: str, keys_url: str, history: str) -> None:
    await house(main_url, keys_url, history, fed=True)


async def working(main_url: str, keys_url: str) -> None:
    """With all its workers beside it, and webhooks to receivers on this machine."""
    root_key, outside = LocalRootKey(os.urandom(32)), of_sandbox()
    async with built(main_url, keys_url, root_key, SOURCE, outside=outside) as whole:
        issuer = DevelopmentIssuer(AUDIENCE)
        told = await populated(whole, issuer, HISTORY, fed=False)
        await whole.relay.run_once()
        await whole.notifier.run_once()
        authenticator = Authenticator(Verifier({issuer.name: issuer.keys()}, AUDIENCE), whole.registry, platform=True)
        async with asyncio.TaskGroup() as tasks:
            for worker in workers(whole, "all"):
                tasks.create_task(worker())
            await serve(application(whole, authenticator), told)


async def paged(main_url: str, count: str) -> None:
    """As many bodies as a feed would have, in pages by their number: one statement each, nothing decided."""
    database = await Database.open(main_url, size=16)
    async with database.connection() as conn:
        await conn.execute("create schema bench")
        await conn.execute("create table bench.items (number bigint primary key, body jsonb not null)")
        await conn.execute(
            "insert into bench.items select n, $2::jsonb from generate_series(1, $1::int) n", int(count), _thin()
        )
    app = FastAPI()

    @app.get("/items")
    async def read(after: int, limit: int) -> Response:
        async with database.connection() as conn:
            rows = await conn.fetch(
                "select number, body from bench.items where number > $1 order by number limit $2", after, limit
            )
        items = [{"feed_seq": row["number"], "event": orjson.loads(row["body"])} for row in rows]
        last = items[-1]["feed_seq"] if items else after
        return Response(orjson.dumps({"items": items, "next": str(last)}), media_type="application/json")

    await serve(app, Told(0, "none", [], []))


def _thin() -> str:
    dossier, event_id = uuid4(), uuid4()
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": str(event_id),
            "source": SOURCE,
            "type": "nl.dossier.goal.set",
            "subject": f"dossier/{dossier}",
            "time": "2026-01-05T10:00:00.000000Z",
            "sequence": "7",
            "sequencetype": "Integer",
            "dataref": f"/v1/dossiers/{dossier}/events/{event_id}",
        }
    ).decode()


async def populated(whole: House, issuer: DevelopmentIssuer, history: int, fed: bool) -> Told:
    """Dossiers of invented people, each with a grant to one professional and a history."""
    people = [f"person-{n}" for n in range(DOSSIERS)]
    async with whole.database.transaction() as conn:
        await register(
            conn,
            Parties(
                organisations=(Organisation("werk", "work_centre", "Werk (fictief)", sources=frozenset((SOURCE,))),),
                people=(
                    Person("mieke", frozenset(((issuer.name, "mieke"),)), "werk", frozenset(("FC",))),
                    *(
                        Person(
                            key, frozenset(((issuer.name, key),)), roles=frozenset("P"), sources=frozenset((SOURCE,))
                        )
                        for key in people
                    ),
                ),
            ),
        )
    await whole.registry.refresh()
    if fed:
        mieke = Caller("professional", "mieke", "werk", frozenset(("FC",)), frozenset(), (issuer.name, "mieke"))
        await whole.shelf.read(mieke, 0, 1)
    async with whole.database.connection() as conn:
        now = (await clock.now(conn)).isoformat()
    dossiers = [uuid4() for _ in people]
    events = []
    for dossier_id, person in zip(dossiers, people, strict=True):
        caller = Caller("participant", person, None, frozenset("P"), frozenset((SOURCE,)), (issuer.name, person))
        bodies = [_opening(dossier_id, now), _grant(now), *(_goal(n, now) for n in range(history))]
        for start in range(0, len(bodies), AT_ONCE):
            batch = bodies[start : start + AT_ONCE]
            recorded = await whole.handler.record(
                caller, dossier_id, [Incoming(uuid4(), SOURCE, type_, data, None, ()) for type_, data in batch]
            )
        events.append(f"{dossier_id}/events/{recorded.events[-1]['id']}")
    token = issuer.token("mieke", organisation="werk", roles=("FC",))
    return Told(0, token, [str(id_) for id_ in dossiers], events)


def _opening(dossier_id: UUID, now: str) -> tuple[str, dict[str, Any]]:
    return "nl.dossier.dossier.opened", {
        "occurred_at": now,
        "dossier_id": str(dossier_id),
        "opened_on": now[:10],
        "channel": "self",
        "preferred_language": "nl",
        "region_code": "nergens",
    }


def _grant(now: str) -> tuple[str, dict[str, Any]]:
    return "nl.dossier.consent.granted", {
        "occurred_at": now,
        "consent_id": "c1",
        "grantee_org": "werk",
        "classes": ["work", "contact", "health-sensitive"],
        "operations": ["read", "emit", "subscribe"],
        "purpose": "guidance",
        "basis": "consent",
        "history": "all",
        "valid_from": now,
        "valid_until": f"{int(now[:4]) + 2}{now[4:]}",
    }


def _goal(number: int, now: str) -> tuple[str, dict[str, Any]]:
    return "nl.dossier.goal.set", {
        "occurred_at": now,
        "goal_id": f"g{number}",
        "text": "Ik wil werk dat bij mij past, dicht bij huis. " * 6,
        "set_by": "participant",
    }


async def serve(app: FastAPI, told: Told) -> None:
    listener = listening("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, server_header=False))
    sys.stdout.write(json.dumps(told.__dict__ | {"port": listener.getsockname()[1]}) + "\n")
    sys.stdout.flush()
    await server.serve(sockets=[listener])


@asynccontextmanager
async def running(*arguments: str, program: str = "bench.served") -> AsyncIterator[Told]:
    """A server in a process of its own, until the end of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", program, *arguments, stdout=asyncio.subprocess.PIPE, limit=2**24
    )
    assert process.stdout is not None
    try:
        line = await process.stdout.readline()
        if not line:
            raise RuntimeError("the measured server did not start; its errors stand above")
        told = Told(**json.loads(line))
        await _answers(told.port)
        yield told
    finally:
        process.terminate()
        await process.wait()


async def _answers(port: int) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    telemetry.configure(level=logging.WARNING)
    modes: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
        "house": house,
        "fed": fed,
        "unruled": unruled,
        "bare": bare,
        "paged": paged,
        "working": working,
    }
    uvloop.run(modes[what](*rest))  # as `draad serve` runs
