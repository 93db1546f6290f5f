"""Any history of events, failures, withdrawals, moved clocks and killed senders: what a receiver sees of it is sound.

Per lane in order, nothing lost, nothing sent under a withdrawn permission, and what comes twice comes under one id.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid4

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from services.events.relay import Relay
from services.foundation.bus.postgres import PostgresBus
from services.foundation.clock import advance, begin_sandbox
from services.foundation.database.connection import Database
from services.foundation.vault.root_key import LocalRootKey
from services.notifications.notifier import Notifier
from services.notifications.subscriptions import deliver_again
from services.notifications.webhooks import keys, standing
from services.notifications.webhooks.courier import Courier
from services.notifications.webhooks.deliverer import Deliverer
from services.notifications.webhooks.handshake import Agreement
from services.notifications.webhooks.keys import EndpointKeys
from services.notifications.webhooks.lines import Answer, NoAnswer
from services.notifications.webhooks.outcomes import Outcome
from services.notifications.webhooks.walls import Target, Walls
from tests.dossiers import Dossiers, event_id
from tests.pairs import Urls

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OWNER = "gemeente"
Way = Literal["ok", "refuses", "loses", "away", "busy", "gone", "dies unwritten", "dies written", "dies answered"]
WAYS: tuple[Way, ...] = (
    "ok", "refuses", "loses", "away", "busy", "gone", "dies unwritten", "dies written", "dies answered",
)  # fmt: skip


class Killed(BaseException):
    """The process is gone, here and now."""


@dataclass
class World:
    """The receiver, and what the test knows: who may know what now, and what was appended when."""

    allowed: dict[UUID, bool] = field(default_factory=dict)
    expected: dict[UUID, set[int]] = field(default_factory=lambda: defaultdict(set))
    way: Way = "ok"
    left: int = 0
    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    accepted: set[str] = field(default_factory=set)
    """Ids of events to which it answered yes, whether that was heard or not."""

    def withdraw(self, dossier: UUID) -> None:
        self.allowed[dossier] = False
        self.expected[dossier].clear()  # of what was not sent yet nothing is owed any more


@dataclass
class Line:
    world: World
    event: str = ""

    async def write(self, request: bytes) -> None:
        await asyncio.sleep(0)
        if self._now("dies unwritten"):
            raise Killed
        head, _, body = request.partition(b"\r\n\r\n")
        event = orjson.loads(body)
        assert self.world.allowed[UUID(event["subject"].removeprefix("dossier/"))], "sent under no permission"
        id = next(line for line in head.decode().split("\r\n") if line.lower().startswith("webhook-id"))
        self.world.got.append((id, event))
        self.event = event["id"]
        if self._now("dies written"):
            raise Killed

    async def answer(self) -> Answer:
        await asyncio.sleep(0)
        if self.world.way == "loses":
            raise NoAnswer("lost")
        code = {"refuses": 500, "gone": 410, "busy": 429}.get(self.world.way, 204)
        if code == 204:
            self.world.accepted.add(self.event)
        if self._now("dies answered"):
            raise Killed
        return Answer(code, {"retry-after": "90"} if code == 429 else {})

    def _now(self, death: Way) -> bool:
        """The third time of such a place: so that others are on their way beside it."""
        if self.world.way != death:
            return False
        self.world.left -= 1
        return self.world.left < 0

    def leave(self) -> None: ...

    def abort(self) -> None: ...


@dataclass
class Lines:
    world: World

    async def to(self, _target: Target) -> Line:
        await asyncio.sleep(0)
        if self.world.way == "away":
            raise NoAnswer("unreachable")
        return Line(self.world)

    def close(self) -> None: ...


DOSSIER = st.integers(0, 2)
STEP = st.one_of(
    st.tuples(st.just("append"), DOSSIER, st.integers(1, 3)),
    st.tuples(st.sampled_from(("withdraw", "allow")), DOSSIER, st.just(0)),
    st.tuples(st.sampled_from(WAYS), st.integers(0, 3), st.sampled_from((0, 6, 400, 90_000, 500_000))),
    st.tuples(st.sampled_from(WAYS), st.integers(0, 3), st.sampled_from((0, 6, 400, 90_000, 500_000))),
    st.tuples(st.sampled_from(("replay", "open")), st.just(0), st.just(0)),
)


def test_what_a_receiver_sees_of_any_history_is_sound(urls: Urls) -> None:
    with asyncio.Runner() as runner:
        database = runner.run(begun(urls))

        @settings(max_examples=40, deadline=None)
        @given(st.lists(STEP, min_size=3, max_size=20))
        def whatever_happens(steps: list[tuple[str, int, int]]) -> None:
            runner.run(live(database, steps))

        whatever_happens()
        runner.run(database.close())


async def begun(urls: Urls) -> Database:
    database = await Database.open(urls.main, size=8)
    async with database.connection() as conn:
        await begin_sandbox(conn)
        await advance(conn, NOW)
    await Dossiers.begin(database)
    return database


async def live(database: Database, steps: list[tuple[str, int, int]]) -> None:
    history = await History.begin(database)
    try:
        for step, number, more in steps:
            await history.step(step, number, more)
        await history.end()
    finally:
        await history.close()


@dataclass
class History:
    database: Database
    dossiers: Dossiers
    relay: Relay
    notifier: Notifier
    keys: EndpointKeys
    subscription: UUID
    ids: list[UUID]
    world: World

    @classmethod
    async def begin(cls, database: Database) -> "History":
        dossiers, bus = Dossiers(database), PostgresBus(database)
        made, endpoint_keys = uuid4(), EndpointKeys(LocalRootKey(bytes(32)))
        fresh = await endpoint_keys.made(made, ["v1a"])
        async with database.transaction() as conn:
            for table in ("subscriptions", "lanes", "deliveries", "webhooks", "webhook_keys"):
                await conn.execute(f"delete from notifications.{table}")
            await conn.execute(
                "insert into notifications.subscriptions (id, owner, organisation, roles, channel, types)"
                " values ($1, $2, $2, '{}', 'webhook', '{}')",
                made,
                OWNER,
            )
            await standing.create(conn, made, OWNER, "https://hook.example.org/")
            await keys.add(conn, fresh)
            await standing.agreed(conn, made, Agreement(Outcome(None, 200)))
        ids = [uuid4() for _ in range(3)]
        history = cls(
            database,
            dossiers,
            Relay(database, bus),
            Notifier(database, bus, dossiers),
            endpoint_keys,
            made,
            ids,
            World(),
        )
        for number in range(3):
            await history.step("allow", number, 0)
        return history

    async def close(self) -> None:
        await self.notifier.close()
        await self.relay.close()

    async def step(self, step: str, number: int, more: int) -> None:
        world = self.world
        match step:
            case "append":
                for _ in range(more):
                    sequence = await self.dossiers.append(self.ids[number])
                    if world.allowed[self.ids[number]]:
                        world.expected[self.ids[number]].add(sequence)
            case "withdraw":
                await self.dossiers.withdraw(self.ids[number], OWNER)
                world.withdraw(self.ids[number])
            case "allow":
                await self.dossiers.allow(self.ids[number], OWNER)
                world.allowed[self.ids[number]] = True
            case "replay":
                async with self.database.transaction() as conn:
                    await deliver_again(conn, self.subscription, None)
                    await standing.resumed(conn, self.subscription)
            case "open":
                async with self.database.transaction() as conn:
                    await standing.agreed(conn, self.subscription, Agreement(Outcome(None, 200)))
            case _:
                world.way, world.left = step, number  # type: ignore[assignment]
                async with self.database.connection() as conn:
                    await advance(conn, await conn.fetchval("select foundation.now()") + timedelta(seconds=more))
                await self.serve()

    async def serve(self) -> None:
        await self.relay.run_once()
        await self.notifier.run_once()
        courier = Courier(self.database, self.dossiers, Lines(self.world), Walls(), self.keys)
        try:
            await Deliverer(self.database, courier).run_once()
        except Killed:
            self.world.way = "ok"
            async with self.database.connection() as conn:  # some other process, after the leases of the dead one
                await conn.execute("update notifications.lanes set due_at = '-infinity'")

    async def end(self) -> None:
        """Everything is well again, and stays so."""
        for _ in range(2):
            await self.step("open", 0, 0)
            await self.step("ok", 0, 500_000)
        self._check()
        async with self.database.connection() as conn:
            assert await conn.fetchval("select count(*) from notifications.lanes where is_waiting") == 0

    def _check(self) -> None:
        for dossier in self.ids:
            mine = [(id, event) for id, event in self.world.got if event["subject"] == f"dossier/{dossier}"]
            first: dict[str, dict[str, Any]] = {}
            for id, event in mine:
                assert first.setdefault(id, event) == event, "what comes again is what it was"
            numbers = [int(event["sequence"]) for event in first.values()]
            assert numbers == sorted(set(numbers)), "in order, and no number twice"
            assert len({event["id"] for event in first.values()}) == len(first), "one id for one event"
            known = {str(event_id(dossier, n)): n for n in range(1, 200)}
            order = [known[event["id"]] for event in first.values()]
            assert order == sorted(order), "in the order of the dossier"
            owed = {str(event_id(dossier, sequence)) for sequence in self.world.expected[dossier]}
            assert owed <= self.world.accepted, "lost"
