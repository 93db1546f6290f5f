"""`draad serve`: for real people, in one process or in one for each part."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

import httpx2

from services.foundation import failpoints
from services.foundation.callers import Authenticator
from services.foundation.issuer_keys import IssuerKeys
from services.foundation.settings import Settings
from services.foundation.tokens import Verifier
from services.foundation.vault.root_key import LocalRootKey
from services.roots import guard
from services.roots.api import application
from services.roots.bus import demand_bus, of_installation
from services.roots.databases import Progress, databases, demand_installation
from services.roots.house import House, built
from services.roots.outside import of_installation as of_outside
from services.roots.running import Worker, address, listening, run, work

Part = Literal["all", "api", "relay", "notifier", "lanes", "webhooks", "clock"]
PLATFORM_SOURCE: Final = "urn:draad:platform"


@dataclass(frozen=True)
class Serving:
    """`url` is absent where nothing listens, `folder` where the databases are not the embedded ones."""

    url: str | None
    folder: Path | None


async def serve(
    settings: Settings,
    part: Part,
    host: str,
    port: int,
    data: Path | None,
    *,
    ready: Callable[[Serving], None],
    progress: Progress,
) -> None:
    """Runs until it is told to stop. Raises guard.NotStarted, and whatever is in the way of a start."""
    failpoints.guard(os.environ)
    guard.demand_serve(settings)
    if part != "all" and settings.embedded:
        raise guard.NotStarted(
            [
                f"`draad serve {part}` is one process of several, and they need databases that all of them reach: set "
                "DRAAD_DATABASE_URL and DRAAD_KEYS_DATABASE_URL, or run `draad serve all`."
            ]
        )
    listener = listening(host, port) if part in ("all", "api") else None
    async with databases(settings, data, progress) as place:
        await demand_installation(place)
        assert settings.root_key is not None
        source = settings.portal_source or PLATFORM_SOURCE
        bus = of_installation(settings)
        await demand_bus(bus, part)
        root_key, outside = LocalRootKey(settings.root_key), of_outside(settings)
        keep = timedelta(days=settings.outbox_days)
        async with built(place.main, place.keys, root_key, source, bus, keep=keep, outside=outside) as house:
            its = workers(house, part)
            if listener is None:
                await work(its, lambda: ready(Serving(None, place.folder)))
                return
            url = address(listener)
            async with httpx2.AsyncClient() as http:
                app = application(house, _authenticator(settings, house, http))
                await run(app, listener, its, lambda: ready(Serving(url, place.folder)), house.streams.close)


def _authenticator(settings: Settings, house: House, http: httpx2.AsyncClient) -> Authenticator:
    assert settings.issuer is not None
    assert settings.audience is not None
    return Authenticator(
        Verifier({settings.issuer: IssuerKeys(settings.issuer, http)}, settings.audience), house.registry
    )


def workers(house: House, part: Part) -> list[Worker]:
    each: dict[Part, Worker] = {
        "relay": house.relay.run,
        "notifier": house.notifier.run,
        "lanes": house.lanes.run,
        "webhooks": house.webhooks.run,
        "clock": house.timers.run,
    }
    return list(each.values()) if part == "all" else [worker for name, worker in each.items() if name == part]
