"""A webhook against a withdrawal: in every schedule the last byte is written before the withdrawal is acknowledged.

What is real: the courier, the gate, the handler, PostgreSQL and its locks. The line to the receiver is a stand-in of
which connecting and writing are points as well, at which the other may go on.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

import pytest

from services.dossier.gate.delivery import Candidates as GateCandidates
from services.dossier.gate.delivery import Delivery
from services.foundation.database.connection import Connection, Database, within
from services.foundation.vault.root_key import LocalRootKey
from services.notifications.pending import Claim
from services.notifications.ports import Candidates, Release, Thin
from services.notifications.webhooks.courier import Courier
from services.notifications.webhooks.dispatch import Dispatch, Nothing, Ready, Sent
from services.notifications.webhooks.keys import EndpointKeys
from services.notifications.webhooks.lines import Answer
from services.notifications.webhooks.signatures import SigningKey
from services.notifications.webhooks.walls import Target, Walls
from tests.races.conftest import Ground
from tests.races.schedules import Choices, Choose, at_random, every_schedule, play
from tests.races.stepped import PLAYING, RealStage
from tests.races.test_withdrawal import AGAIN
from tests.races.withdrawal import withdraw
from tests.races.world import DOSSIER, PIETER, World, keys_in_memory, reader, world_on

pytestmark = pytest.mark.anyio

SUBSCRIPTION = UUID("00000000-0000-4000-8000-00000000000a")
ANOTHER = UUID("00000000-0000-4000-8000-00000000000b")
CLAIMS = (Claim(SUBSCRIPTION, DOSSIER, 1, 0), Claim(ANOTHER, DOSSIER, 1, 0))
TARGET = Target(True, "hook.example.org", 443, "/")
KEYS = (SigningKey("v1a", bytes(32)),)
IDS = f"unnest(array['{SUBSCRIPTION}', '{ANOTHER}']::uuid[]) as id"
WAITING = f"""
delete from notifications.subscriptions; delete from notifications.lanes; delete from notifications.deliveries;
delete from notifications.webhooks;
insert into notifications.subscriptions (id, owner, organisation, person, roles, channel, types)
    select id, 'uwv', 'uwv', 'pieter', '{{UWV}}', 'webhook', '{{}}' from {IDS};
insert into notifications.webhooks (subscription_id, owner, endpoint, state)
    select id, 'uwv', 'https://hook.example.org/', 'active' from {IDS};
insert into notifications.lanes (subscription_id, dossier_id, owner, is_waiting, way, attempt)
    select id, '{DOSSIER}', 'uwv', true, 'webhook', 1 from {IDS};
insert into notifications.deliveries (subscription_id, dossier_id, sequence, place)
    select id, '{DOSSIER}', 4, 4 from {IDS};
"""


@dataclass
class Released:
    """The gate as notifications see it."""

    delivery: Delivery
    database: Database

    def fenced(self, dossier_ids: Iterable[UUID]) -> Any:
        return self.delivery.fenced(dossier_ids)

    async def deliver(self, conn: Connection, offered: Sequence[Candidates]) -> Sequence[Mapping[int, Thin]]:
        asked = [GateCandidates(o.dossier_id, reader(PIETER), o.sequences, o.types, o.most) for o in offered]
        return await self.delivery.deliver(conn, asked)

    transaction = transaction_over = still = None


async def point(name: str) -> None:
    task = PLAYING.get()
    if task is not None:
        await task.arrive(name)


@dataclass
class SteppedLine:
    lines: "SteppedLines"

    async def write(self, request: bytes) -> None:
        async with self.lines.one_at_a_time:
            await point("write")
            self.lines.written.append(request)

    async def answer(self) -> Answer:
        await point("answer")
        return Answer(204, {})

    def leave(self) -> None: ...

    def abort(self) -> None: ...


@dataclass
class SteppedLines:
    written: list[bytes] = field(default_factory=list)
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def to(self, _target: Target) -> SteppedLine:
        await point("connect")
        return SteppedLine(self)

    def close(self) -> None: ...


async def send(by: Dispatch, lines: SteppedLines, lanes: int) -> Any:
    """From the connection to the release of the fence: all that a withdrawal can meet."""
    return await by.send([Ready(claim, await lines.to(TARGET), TARGET, KEYS) for claim in CLAIMS[:lanes]])


@dataclass
class Race:
    ground: Ground
    world: World
    epoch: int
    kind: type[Dispatch] = Dispatch
    lanes: int = 1
    is_whole: bool = False
    """The whole of an attempt: its answer and its completion, too."""

    @classmethod
    async def begin(cls, ground: Ground, **how: Any) -> "Race":
        world = world_on(ground.stepped, keys_in_memory())
        await world.begin()
        return cls(ground, world, await ground.watch.fetchval("select authz_epoch from dossier.dossiers"), **how)

    async def __call__(self, choose: Choose) -> bool:
        """Plays one schedule and checks it; whether anything was sent."""
        watch = self.ground.watch
        await watch.execute(AGAIN + WAITING + f"update dossier.dossiers set head = 4, authz_epoch = {self.epoch}")
        self.world.keyrings.keep(await keys_in_memory().create(DOSSIER), self.epoch)
        lines = SteppedLines()
        by = self.kind(self.release(), lambda: 0.0)
        sending = self.whole(lines) if self.is_whole else send(by, lines, self.lanes)
        stage = await RealStage.begin(watch, {"webhook": sending, "withdraw": withdraw(self.world)})
        results = await play(stage, choose)
        for result in results.values():
            assert not isinstance(result, BaseException), result
        rows = await watch.fetch("select from dossier.ledger where actor = 'pieter' and way = 'delivery'")
        states = await watch.fetch(
            "select state from notifications.deliveries order by subscription_id limit $1", self.lanes
        )
        assert len(rows) == len(lines.written), "a ledger row for what is sent, and for nothing else"
        if lines.written:
            acknowledged = stage.trace.index(("withdraw", "commit"))
            assert ("webhook", "write") not in stage.trace[acknowledged:], "left after the acknowledgement"
            assert ("webhook", "connect") not in stage.trace[stage.trace.index(("webhook", "write")) :]
            assert {row["state"] for row in states} == {"delivered" if self.is_whole else "pending"}
            assert len(lines.written) == self.lanes, "one withdrawal, one answer for all that one decision is about"
        else:
            assert {row["state"] for row in states} == {"dropped"}
        return bool(lines.written)

    def release(self) -> Release:
        return Released(self.world.delivery, self.ground.stepped)  # type: ignore[return-value]

    async def whole(self, lines: SteppedLines) -> None:
        keys = EndpointKeys(LocalRootKey(bytes(32)))
        await Courier(self.ground.stepped, self.release(), lines, Walls(), keys).carry(CLAIMS[0])


async def every(race: Race) -> tuple[int, set[bool]]:
    sent = set()

    async def run(choices: Choices) -> None:
        sent.add(await race(choices))

    return len(await every_schedule(run)), sent


async def test_no_schedule_lets_a_webhook_leave_after_the_acknowledgement(ground: Ground) -> None:
    schedules, sent = await every(await Race.begin(ground))
    assert schedules >= 40
    assert sent == {True, False}, "both happen"


async def test_nor_one_of_several_that_are_decided_together(ground: Ground) -> None:
    _, sent = await every(await Race.begin(ground, lanes=2))
    assert sent == {True, False}


async def test_nor_do_random_schedules_of_a_whole_attempt(ground: Ground) -> None:
    race, random = await Race.begin(ground, is_whole=True), Random(4)
    assert {await race(at_random(random)) for _ in range(150)} == {True, False}


# Faults planted on purpose, which must be found


class LetsGoBeforeItWrites(Dispatch):
    async def send(self, lot: Sequence[Ready]) -> list[Sent | Nothing | Exception]:
        async with self.release.fenced({one.claim.dossier_id for one in lot}) as conn, within(conn):
            found = await self.decide(conn, lot)
        return [await self.write(one, each) for one, each in zip(lot, found, strict=True)]


class DecidesWithoutAFence(Dispatch):
    async def send(self, lot: Sequence[Ready]) -> Sequence[Sent | Nothing | Exception]:
        @asynccontextmanager
        async def unfenced(_dossier_ids: Iterable[UUID]) -> AsyncIterator[Connection]:
            async with self.release.database.connection() as conn:  # type: ignore[attr-defined]
                yield conn

        self.release.fenced = unfenced  # type: ignore[assignment, method-assign]
        return await super().send(lot)


@pytest.mark.parametrize("kind", [LetsGoBeforeItWrites, DecidesWithoutAFence])
async def test_a_sender_that_holds_no_fence_while_it_writes_is_found(ground: Ground, kind: type[Dispatch]) -> None:
    with pytest.raises(AssertionError, match="left after the acknowledgement"):
        await every(await Race.begin(ground, kind=kind))
