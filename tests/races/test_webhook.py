"""A webhook against a withdrawal: in every schedule the last byte is written before the withdrawal is acknowledged.

What is real: the courier, the gate, the handler, PostgreSQL and its locks. The line to the receiver is a stand-in of
which connecting and writing are points as well, at which the other may go on.
"""

from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

import pytest

from services.dossier.gate.release import Gate
from services.foundation.database.connection import Connection, Database, within
from services.foundation.vault.root_key import LocalRootKey
from services.notifications.pending import Claim
from services.notifications.ports import Reader, Thin
from services.notifications.webhooks.courier import Courier, Nothing, Sent
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
CLAIM = Claim(SUBSCRIPTION, DOSSIER, 1, 0)
TARGET = Target(True, "hook.example.org", 443, "/")
KEYS = (SigningKey("v1a", bytes(32)),)
WAITING = f"""
delete from notifications.subscriptions; delete from notifications.lanes; delete from notifications.deliveries;
delete from notifications.webhooks;
insert into notifications.subscriptions (id, owner, organisation, person, roles, channel, types)
    values ('{SUBSCRIPTION}', 'uwv', 'uwv', 'pieter', '{{UWV}}', 'webhook', '{{}}');
insert into notifications.webhooks (subscription_id, owner, endpoint, state)
    values ('{SUBSCRIPTION}', 'uwv', 'https://hook.example.org/', 'active');
insert into notifications.lanes (subscription_id, dossier_id, owner, is_waiting, way, attempt)
    values ('{SUBSCRIPTION}', '{DOSSIER}', 'uwv', true, 'webhook', 1);
insert into notifications.deliveries (subscription_id, dossier_id, sequence, place)
    values ('{SUBSCRIPTION}', '{DOSSIER}', 4, 4);
"""


@dataclass
class Released:
    """The gate as notifications see it."""

    gate: Gate

    def fenced(self, dossier_id: UUID) -> Any:
        return self.gate.fenced(dossier_id)

    async def deliver(
        self, conn: Connection, dossier_id: UUID, _reader: Reader, sequence: int, *, types: Sequence[str]
    ) -> Thin | None:
        return await self.gate.deliver(conn, dossier_id, reader(PIETER), sequence, types)

    transaction = transaction_over = still = None


async def point(name: str) -> None:
    task = PLAYING.get()
    if task is not None:
        await task.arrive(name)


@dataclass
class SteppedLine:
    written: list[bytes]

    async def write(self, request: bytes) -> None:
        await point("write")
        self.written.append(request)

    async def answer(self) -> Answer:
        await point("answer")
        return Answer(204, {})

    def leave(self) -> None: ...

    def abort(self) -> None: ...


@dataclass
class SteppedLines:
    written: list[bytes] = field(default_factory=list)

    async def to(self, _target: Target) -> SteppedLine:
        await point("connect")
        return SteppedLine(self.written)

    def close(self) -> None: ...


def courier(world: World, database: Database, lines: SteppedLines, kind: type[Courier] = Courier) -> Courier:
    return kind(database, Released(world.gate), lines, Walls(), EndpointKeys(LocalRootKey(bytes(32))))  # type: ignore[arg-type]


async def send(by: Courier, lines: SteppedLines) -> Sent | Nothing:
    """From the connection to the release of the fence: all that a withdrawal can meet."""
    return await by._decide_and_write(CLAIM, await lines.to(TARGET), TARGET, KEYS)


@dataclass
class Race:
    ground: Ground
    world: World
    epoch: int
    kind: type[Courier] = Courier
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
        by = courier(self.world, self.ground.stepped, lines, self.kind)
        sending: Coroutine[Any, Any, Any] = by.carry(CLAIM) if self.is_whole else send(by, lines)
        stage = await RealStage.begin(watch, {"webhook": sending, "withdraw": withdraw(self.world)})
        results = await play(stage, choose)
        for result in results.values():
            assert not isinstance(result, BaseException), result
        rows = await watch.fetch("select from dossier.ledger where actor = 'pieter' and way = 'delivery'")
        state = await watch.fetchval("select state from notifications.deliveries")
        assert len(rows) == len(lines.written), "a ledger row for what is sent, and for nothing else"
        if lines.written:
            wrote, acknowledged = stage.trace.index(("webhook", "write")), stage.trace.index(("withdraw", "commit"))
            assert wrote < acknowledged, "left after the acknowledgement"
            assert stage.trace.index(("webhook", "connect")) < wrote
            assert state == ("delivered" if self.is_whole else "pending")
        else:
            assert state == "dropped"
        return bool(lines.written)


async def every(race: Race) -> tuple[int, set[bool]]:
    sent = set()

    async def run(choices: Choices) -> None:
        sent.add(await race(choices))

    return len(await every_schedule(run)), sent


async def test_no_schedule_lets_a_webhook_leave_after_the_acknowledgement(ground: Ground) -> None:
    schedules, sent = await every(await Race.begin(ground))
    assert schedules >= 40
    assert sent == {True, False}, "both happen"


async def test_nor_do_random_schedules_of_a_whole_attempt(ground: Ground) -> None:
    race, random = await Race.begin(ground, is_whole=True), Random(4)
    assert {await race(at_random(random)) for _ in range(150)} == {True, False}


# Faults planted on purpose, which must be found


class LetsGoBeforeItWrites(Courier):
    async def _decide_and_write(
        self, claim: Claim, line: Any, target: Target, signing: tuple[SigningKey, ...]
    ) -> Sent | Nothing:
        async with self.release.fenced(claim.dossier_id) as conn, within(conn):
            found = await self._decide(conn, claim)
        if isinstance(found, Nothing):
            return found
        await line.write(self._posted(claim, target, signing, found[1]))
        return Sent(found[0])


class DecidesWithoutAFence(Courier):
    async def _decide_and_write(
        self, claim: Claim, line: Any, target: Target, signing: tuple[SigningKey, ...]
    ) -> Sent | Nothing:
        @asynccontextmanager
        async def unfenced(_dossier_id: UUID) -> AsyncIterator[Connection]:
            async with self.database.connection() as conn:
                yield conn

        self.release.fenced = unfenced  # type: ignore[assignment, method-assign]
        return await super()._decide_and_write(claim, line, target, signing)


@pytest.mark.parametrize("kind", [LetsGoBeforeItWrites, DecidesWithoutAFence])
async def test_a_sender_that_holds_no_fence_while_it_writes_is_found(ground: Ground, kind: type[Courier]) -> None:
    with pytest.raises(AssertionError, match="left after the acknowledgement"):
        await every(await Race.begin(ground, kind=kind))
