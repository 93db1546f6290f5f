"""Puts the parts of one installation together: every port gets its adapter here, and nowhere else."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from services.dossier import audience
from services.dossier.claims import Claims
from services.dossier.endpoints.reading import Dossiers
from services.dossier.gate import law
from services.dossier.gate.caseload import Caseload
from services.dossier.gate.decision import Reader as GateReader
from services.dossier.gate.delivery import Candidates as GateCandidates
from services.dossier.gate.delivery import Delivery
from services.dossier.gate.listing import Listing
from services.dossier.gate.looking import Sights
from services.dossier.gate.overviews import Overviews
from services.dossier.gate.release import Gate
from services.dossier.gate.watching import Watching
from services.dossier.gate.worklist import Worklist
from services.dossier.handlers import Handler
from services.dossier.parameters import ParameterShelf
from services.dossier.regions import Regions
from services.dossier.rehearsing import Rehearsals
from services.dossier.store.keyrings import Keyrings
from services.dossier.trajectory.timers import Timers
from services.dossier.writing.surroundings import Surveyor
from services.events.news import News
from services.events.relay import KEEP, Relay
from services.events.stream import Streams
from services.foundation import contract
from services.foundation.bus.port import Bus
from services.foundation.bus.postgres import PostgresBus
from services.foundation.database.connection import Connection, Database
from services.foundation.paging import Cursors
from services.foundation.registry import Registry
from services.foundation.vault.cache import KeyCache
from services.foundation.vault.keys import Keys
from services.foundation.vault.root_key import RootKey
from services.notifications.endpoints import Parts
from services.notifications.lanes import Lanes
from services.notifications.notifier import Notifier
from services.notifications.ports import Candidates, Reader, ReplayFor
from services.notifications.shelf import Shelf
from services.notifications.webhooks.courier import Courier
from services.notifications.webhooks.deliverer import Deliverer
from services.notifications.webhooks.keys import EndpointKeys
from services.notifications.webhooks.subscribing import Webhooks
from services.roots.outside import Outside


class DossierAudience:
    """Notifications ask the dossier's index who might have to be told."""

    async def of(self, conn: Connection, dossier_id: UUID, sequence: int) -> frozenset[str]:
        return await audience.of(conn, dossier_id, sequence)

    async def replay_for(self, conn: Connection, dossier_id: UUID, sequence: int) -> ReplayFor | None:
        opened = await audience.opens_history(conn, dossier_id, sequence)
        return None if opened is None else ReplayFor(*opened)

    async def known(self, conn: Connection, reader: Reader) -> Sequence[tuple[UUID, int]]:
        return [] if reader.organisation is None else await audience.known(conn, reader.organisation)


class DossierRelease:
    """Notifications ask the gate, in the words of the gate."""

    def __init__(self, delivery: Delivery, registry: Registry) -> None:
        self._delivery, self._registry = delivery, registry

    def transaction(self, dossier_id: UUID) -> AbstractAsyncContextManager[Connection]:
        return self._delivery.transaction(dossier_id)

    def fenced(self, dossier_ids: Iterable[UUID]) -> AbstractAsyncContextManager[Connection]:
        return self._delivery.fenced(dossier_ids)

    def transaction_over(self, dossier_ids: Sequence[UUID]) -> AbstractAsyncContextManager[Connection]:
        return self._delivery.transaction_over(dossier_ids)

    async def deliver(self, conn: Connection, offered: Sequence[Candidates]) -> Sequence[Mapping[int, dict[str, Any]]]:
        return await self._delivery.deliver(conn, await self._offered(offered))

    async def still(self, conn: Connection, offered: Sequence[Candidates]) -> Sequence[Mapping[int, dict[str, Any]]]:
        return await self._delivery.still(conn, await self._offered(offered))

    async def _offered(self, offered: Sequence[Candidates]) -> list[GateCandidates]:
        asked = {reader: await self._asked(reader) for reader in {one.reader for one in offered}}
        return [
            GateCandidates(one.dossier_id, asked[one.reader], one.sequences, one.types, one.most) for one in offered
        ]

    async def _asked(self, reader: Reader) -> GateReader:
        organisation = await self._registry.organisation(reader.organisation or "")
        kind = None if organisation is None else organisation.kind
        return GateReader(reader.person, reader.organisation, kind, min(reader.roles, default="-"))


@dataclass(frozen=True)
class House:
    """Everything of one installation, wired; a process runs as much of it as it is asked to."""

    database: Database
    registry: Registry
    handler: Handler
    dossiers: Dossiers
    claims: Claims
    notifications: Parts
    shelf: Shelf
    news: News
    streams: Streams
    relay: Relay
    notifier: Notifier
    lanes: Lanes
    webhooks: Deliverer
    timers: Timers
    bus: Bus
    parameters: ParameterShelf
    regions: Regions
    rehearsals: Rehearsals


@asynccontextmanager
async def built(
    main_url: str,
    keys_url: str,
    root_key: RootKey,
    portal_source: str,
    bus: Bus | None = None,
    size: int = 16,
    keep: timedelta = KEEP,
    outside: Outside | None = None,
) -> AsyncIterator[House]:
    """`bus` absent means: the PostgreSQL table. `keep` is how long what was published stays in the outbox."""
    async with AsyncExitStack() as stack:
        database = await Database.open(main_url, size=size)
        stack.push_async_callback(database.close)
        # Who is who is asked also while a fence is held: never of the pool whose connections hold the fences.
        lookups = await Database.open(main_url, size=2)
        stack.push_async_callback(lookups.close)
        keys_database = await Database.open(keys_url, size=4)
        stack.push_async_callback(keys_database.close)
        keys = Keys(keys_database, root_key)
        await keys.demand_root_key()
        outside = outside or Outside()
        stack.callback(outside.lines.close)
        house = wired(database, lookups, keys, root_key, portal_source, bus or PostgresBus(database), outside, keep)
        stack.push_async_callback(house.bus.close)
        stack.push_async_callback(house.notifier.close)
        stack.push_async_callback(house.relay.close)
        yield house


def wired(
    database: Database,
    lookups: Database,
    keys: Keys,
    root_key: RootKey,
    portal_source: str,
    bus: Bus,
    outside: Outside,
    keep: timedelta = KEEP,
) -> House:
    """Nothing is asked of the database here; so the documents can be made without one."""
    keyrings = Keyrings(database, keys, KeyCache())
    statute, types, registry = law.load(), contract.load(), Registry(lookups)
    gate = Gate(database, keyrings, statute)
    overviews = Overviews(database, keyrings, statute)
    sights = Sights(database, keyrings, statute)
    watching = Watching(database, keyrings, sights)
    parameters = ParameterShelf(lookups)
    surveyor = Surveyor(registry, parameters, statute)
    handler = Handler(database, keyrings, types, statute, surveyor, gate, portal_source)
    cursors = Cursors(root_key.derive("cursor"))
    release = DossierRelease(Delivery(database, statute), registry)
    lanes = Lanes(database, release)
    shelf = Shelf(database, release, DossierAudience(), lanes)
    news = News(shelf.heads)
    endpoint_keys = EndpointKeys(root_key)
    courier = Courier(database, release, outside.lines, outside.walls, endpoint_keys)
    deliverer = Deliverer(database, courier)
    webhooks = Webhooks(database, outside.walls, outside.lines, endpoint_keys, outside.origin, portal_source)

    def on_lanes() -> None:
        lanes.wake()
        deliverer.wake()

    notifier = Notifier(database, bus, DossierAudience(), on_lanes=on_lanes)
    relay = Relay(database, bus, keep=keep, on_published=notifier.wake)
    handler.on_stored = relay.wake
    return House(
        database=database,
        registry=registry,
        handler=handler,
        dossiers=Dossiers(
            handler=handler,
            gate=gate,
            overviews=overviews,
            watching=watching,
            caseload=Caseload(database, sights),
            listing=Listing(database, sights, statute),
            worklist=Worklist(sights, statute),
            surveyor=surveyor,
            contract=types,
            cursors=cursors,
            portal_source=portal_source,
        ),
        claims=Claims(database, keyrings),
        notifications=Parts(database, release, lanes, cursors, webhooks, deliverer),
        shelf=shelf,
        news=news,
        streams=Streams(shelf, news),
        relay=relay,
        notifier=notifier,
        lanes=lanes,
        webhooks=deliverer,
        timers=Timers(database, handler.end_due),
        bus=bus,
        parameters=parameters,
        regions=Regions(database, types, parameters),
        rehearsals=Rehearsals(database, keyrings, surveyor),
    )
