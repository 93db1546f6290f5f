"""The sandbox: the whole system with invented people, an issuer of its own and a clock that can be set."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from services.dossier.parameters import set_parameters
from services.foundation import clock
from services.foundation.bus.postgres import PostgresBus
from services.foundation.callers import Authenticator
from services.foundation.database.connection import Connection, Database
from services.foundation.database.embedded import KEYS, MAIN, embedded
from services.foundation.database.migrations import migrate
from services.foundation.tokens import Verifier
from services.foundation.vault.root_key import LocalRootKey
from services.notifications.webhooks.lines import Line, Lines, NoAnswer
from services.notifications.webhooks.walls import Target
from services.roots.api import application
from services.roots.bus import of_sandbox
from services.roots.databases import Place, demand_no_real_people
from services.roots.house import House, built
from services.roots.outside import of_sandbox as of_sandbox_outside
from services.roots.running import address, listening, run
from services.sandbox import endpoints
from services.sandbox.faults import BreakableBus, Switchboard
from services.sandbox.issuer import DevelopmentIssuer
from services.sandbox.scenes import Scenes
from services.sandbox.walk import Walk

HOST: Final = "127.0.0.1"
AUDIENCE: Final = "draad-sandbox"
SOURCE: Final = "urn:nld:oin:00000099990000000001:systeem:draad-sandbox"
ROOT_KEY: Final = "root.key"


@dataclass(frozen=True)
class Sandbox:
    """Where a running sandbox is found, and the folder that is its own while it runs."""

    url: str
    folder: Path


Ready = Callable[[Sandbox], None]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class BreakableLines:
    """The way to receivers, as long as nobody has taken it away; what could not be sent waits for its retry."""

    lines: Lines
    is_down: Callable[[], bool]

    async def to(self, target: Target) -> Line:
        if self.is_down():
            raise NoAnswer("unreachable")
        return await self.lines.to(target)

    def close(self) -> None:
        self.lines.close()


def _quiet(_step: str) -> None:
    return None


async def sandbox(
    port: int, data: Path | None, ready: Ready, progress: Progress = _quiet, kafka: tuple[str, ...] = ()
) -> None:
    """Runs until it is told to stop. `data` absent means a temporary folder that goes when the sandbox goes.

    `kafka` absent means that the bus is a PostgreSQL table.
    """
    listener = listening(HOST, port)
    async with embedded(data, progress=progress) as server:
        place = Place(server.url(MAIN), server.url(KEYS), server.folder)
        await migrate(place.main, place.keys)
        await demand_no_real_people(place, server.folder)
        root_key = LocalRootKey.generate(server.folder / ROOT_KEY)
        switchboard = Switchboard()
        bus_database = await Database.open(place.main, size=6)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(bus_database.close)
            over_kafka = await stack.enter_async_context(of_sandbox(kafka, bus_database, keep=data is not None))
            bus = BreakableBus(over_kafka or PostgresBus(bus_database), switchboard)
            outside = of_sandbox_outside()
            outside = replace(outside, lines=BreakableLines(outside.lines, partial(switchboard.is_down, "webhook")))
            house = await stack.enter_async_context(
                built(place.main, place.keys, root_key, SOURCE, bus, outside=outside)
            )
            async with house.database.connection() as conn:
                await clock.begin_sandbox(conn)
            app = _application(house, switchboard)
            workers = (house.relay.run, house.notifier.run, house.lanes.run, house.webhooks.run)
            found = Sandbox(address(listener), server.folder)
            await run(app, listener, workers, lambda: ready(found), house.streams.close)


@asynccontextmanager
async def beside(port: int, progress: Progress = _quiet) -> AsyncIterator[tuple[Sandbox, "asyncio.Task[None]"]]:
    """A sandbox of its own that runs while this block does; its task ends early only when something broke."""
    found: asyncio.Future[Sandbox] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(sandbox(port, None, found.set_result, progress))
    try:
        await asyncio.wait((running, found), return_when=asyncio.FIRST_COMPLETED)
        if not found.done():
            await running
        yield found.result(), running
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


def _application(house: House, switchboard: Switchboard) -> Any:
    issuer = DevelopmentIssuer(AUDIENCE)
    authenticator = Authenticator(Verifier({issuer.name: issuer.keys()}, AUDIENCE), house.registry, platform=True)

    async def look_again() -> None:
        await house.parameters.refresh()
        await house.timers.run_once()

    scenes = Scenes(house.database, house.registry, issuer, _own, set_parameters, look_again)
    walk = Walk(
        house.database,
        house.timers.next_due,
        house.timers.run_once,
        (house.relay.run_once, house.notifier.run_once, house.lanes.run_once, house.webhooks.run_once),
    )
    routes = endpoints.router(scenes, walk, switchboard)
    return application(house, authenticator, [routes], switchboard.demand_database)


async def _own(conn: Connection, dossier_id: UUID, person: str) -> None:
    """A scene says whose dossier it is before it is opened; a known dossier keeps its owner."""
    await conn.execute(
        "insert into dossier.owners (dossier_id, person) values ($1, $2) on conflict do nothing", dossier_id, person
    )
