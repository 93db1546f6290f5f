"""Subscriptions and feed over HTTP, on the small dossier service of tests; a token is `organisation/person`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx2
from fastapi import FastAPI
from starlette.datastructures import Headers

from services.events import endpoints as feed_endpoints
from services.events.news import News
from services.events.relay import Relay
from services.events.stream import Pace, Streams
from services.foundation import problems
from services.foundation.bus.postgres import PostgresBus
from services.foundation.callers import Caller, bearer
from services.foundation.database.connection import Busy, Database
from services.foundation.paging import Cursors
from services.foundation.tokens import TokenRefused
from services.foundation.vault.root_key import LocalRootKey
from services.notifications import endpoints
from services.notifications.lanes import Lanes
from services.notifications.notifier import Notifier
from services.notifications.shelf import Shelf
from services.notifications.webhooks.courier import Courier
from services.notifications.webhooks.deliverer import Deliverer
from services.notifications.webhooks.keys import EndpointKeys
from services.notifications.webhooks.lines import Lines, RealLines
from services.notifications.webhooks.subscribing import Webhooks
from services.notifications.webhooks.walls import Walls
from tests.dossiers import SOURCE, Dossiers

Json = Any


class Tokens:
    """`gemeente/karin`: professional, `gemeente/`: machine client, `/noor`: participant, `!draad/`: the platform."""

    def __init__(self) -> None:
        self.expired: set[str] = set()

    async def caller(self, headers: Headers) -> Caller:
        try:
            token = bearer(headers)
        except TokenRefused:
            raise problems.unauthorised() from None
        if token in self.expired:
            raise problems.unauthorised()
        organisation, _, person = token.removeprefix("!").partition("/")
        match token.startswith("!"), organisation, person:
            case True, _, _:
                return Caller("platform", None, organisation, frozenset({"SYS"}), frozenset(), ("iss", token))
            case _, "", _:
                return Caller("participant", person, None, frozenset({"P"}), frozenset(), ("iss", token))
            case _, _, "":
                return Caller("machine", None, organisation, frozenset(), frozenset(), ("iss", token))
            case _:
                return Caller("professional", person, organisation, frozenset({"CM"}), frozenset(), ("iss", token))


@dataclass
class Desk:
    database: Database
    dossiers: Dossiers
    app: FastAPI
    client: httpx2.AsyncClient
    relay: Relay
    notifier: Notifier
    lanes: Lanes
    streams: Streams
    tokens: Tokens
    deliverer: Deliverer

    async def settle(self) -> None:
        await self.relay.run_once()
        await self.notifier.run_once()
        await self.lanes.run_once()
        await self.deliverer.run_once()

    async def place(self, *dossier_ids: UUID) -> None:
        """An entry of each, recorded, published and in the lanes, which nobody has served yet."""
        for dossier_id in dossier_ids:
            await self.dossiers.append(dossier_id)
        await self.relay.run_once()
        await self.notifier.run_once()

    async def append(self, dossier_id: UUID, **how: Any) -> int:
        sequence = await self.dossiers.append(dossier_id, **how)
        await self.settle()
        return sequence

    def start(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        return asyncio.create_task(work)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():  # noqa: ASYNC110 - what is waited for happens in another task
                await asyncio.sleep(0.01)

    async def until_async(self, holds: Callable[[], Awaitable[Any]]) -> None:
        async with asyncio.timeout(20):
            while not await holds():  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.02)

    async def fetchval(self, query: str) -> Any:
        async with self.database.connection() as conn:
            return await conn.fetchval(query)

    async def call(self, method: str, path: str, who: str, body: Json = None) -> httpx2.Response:
        headers: Mapping[str, str] = {"Authorization": f"Bearer {who}"} if who else {}
        return await self.client.request(method, path, headers=headers, **({} if body is None else {"json": body}))

    async def pages(self, path: str, who: str, **query: str) -> tuple[list[Json], str]:
        """All items from there on, and where reading goes on; as the acceptance driver reads."""
        items: list[Json] = []
        while True:
            answer = await self.client.get(path, params=query, headers={"Authorization": f"Bearer {who}"})
            assert answer.status_code == 200, answer.text
            page = answer.json()
            items += page["items"]
            if page["next"] == query.get("after"):
                return items, page["next"]
            query["after"] = page["next"]


@asynccontextmanager
async def open_desk(
    database: Database, pace: Pace | None = None, *, lines: Lines | None = None, origin: str = "draad.example.org"
) -> AsyncIterator[Desk]:
    """`lines` absent: to receivers on this machine."""
    dossiers, bus = await Dossiers.begin(database), PostgresBus(database)
    relay, notifier, lanes = Relay(database, bus), Notifier(database, bus, dossiers), Lanes(database, dossiers)
    cursors, walls, keys = Cursors(bytes(32)), Walls(to_this_machine=True), EndpointKeys(LocalRootKey(bytes(32)))
    lines = lines or RealLines(walls)
    deliverer = Deliverer(database, Courier(database, dossiers, lines, walls, keys))
    webhooks = Webhooks(database, walls, lines, keys, origin, SOURCE)
    app = FastAPI()
    problems.install(app, away=(Busy,))
    tokens = app.state.authenticator = Tokens()
    app.include_router(endpoints.router(endpoints.Parts(database, dossiers, lanes, cursors, webhooks, deliverer)))
    shelf = Shelf(database, dossiers, dossiers, lanes)
    news = News(shelf.heads)
    streams = Streams(shelf, news, pace)
    app.include_router(feed_endpoints.router(shelf, news, streams, cursors))
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://draad.example.org") as client:
        try:
            yield Desk(database, dossiers, app, client, relay, notifier, lanes, streams, tokens, deliverer)
        finally:
            lines.close()
            await notifier.close()
            await relay.close()
            await bus.close()
