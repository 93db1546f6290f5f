"""Writer against writer, on PostgreSQL, in every schedule: no gap, nothing lost, nothing twice, the right refusal."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.dossier.handlers import Recorded
from services.dossier.store import streams
from services.dossier.trajectory.rulebook import RULES
from services.foundation.clock import advance
from services.foundation.problems import CONFLICT, NOT_FOUND, Kind, Problem
from tests.races.conftest import Ground
from tests.races.schedules import Choices, at_random, every_schedule, play
from tests.races.stepped import RealStage
from tests.races.world import (
    CARLA,
    NOOR,
    NOW,
    PIETER,
    World,
    an_event,
    granted,
    held,
    keys_in_memory,
    opened,
    withdrawn,
    world_on,
)

pytestmark = pytest.mark.anyio
SCHEDULES = 12

Act = Callable[[World, UUID], Coroutine[Any, Any, Any]]
STORED = """
select array_agg(e.sequence order by e.sequence) as stored, array_agg(i.sequence order by i.sequence) as indexed,
  array_agg(i.type order by i.sequence) as types,
  (select head from dossier.dossiers where id = $1) as head,
  (select array_agg(o.sequence order by o.pos) from dossier.outbox o where o.dossier_id = $1) as published
from dossier.events e left join dossier.index_entries i using (dossier_id, sequence) where e.dossier_id = $1
"""


@dataclass(frozen=True)
class Raced:
    """What came of one schedule; `got` in order of first, second."""

    got: tuple[Any, Any]
    types: list[str]

    def is_new(self) -> list[bool]:
        assert all(isinstance(got, Recorded) for got in self.got), self.got
        return [got.is_new for got in self.got]

    def refused(self) -> tuple[Kind, int]:
        """Why one was refused, and which."""
        at = next(n for n, got in enumerate(self.got) if isinstance(got, Problem))
        assert isinstance(self.got[1 - at], Recorded), self.got
        return self.got[at].kind, at


async def raced(ground: Ground, first: Act, second: Act, begin: bool = True, is_cold: bool = False) -> list[Raced]:
    """Every schedule, each on a dossier of its own; that the stream is whole is checked here."""
    found = []

    async def run(choices: Choices) -> None:
        dossier_id = uuid4()
        world = world_on(ground.stepped, keys_in_memory())
        if begin:
            await world.begin(dossier_id)
        if is_cold:
            world = world_on(ground.stepped, keys_in_memory())
        tasks = {"first": first(world, dossier_id), "second": second(world, dossier_id)}
        got = await play(await RealStage.begin(ground.watch, tasks), choices)
        row = await ground.watch.fetchrow(STORED, dossier_id)
        whole = list(range(1, row["head"] + 1))
        assert [row["stored"], row["indexed"], row["published"]] == [whole, whole, whole]
        found.append(Raced((got["first"], got["second"]), row["types"]))

    await every_schedule(run)
    assert len(found) >= 5
    return found


def holds(by: Any, moment_id: str) -> Act:
    return lambda world, dossier_id: world.handler.record(by, dossier_id, [held(by, moment_id=moment_id)])


def solves(world: World, dossier_id: UUID) -> Coroutine[Any, Any, Any]:
    solved = an_event("concern.resolved", CARLA, concern_id="k1", resolved_on="2026-01-03")
    return world.handler.record(CARLA, dossier_id, [solved])


def opens(world: World, dossier_id: UUID) -> Coroutine[Any, Any, Any]:
    return world.handler.record(NOOR, dossier_id, [opened(dossier_id)])


def withdraws(world: World, dossier_id: UUID) -> Coroutine[Any, Any, Any]:
    return world.handler.record(NOOR, dossier_id, [withdrawn("c2")])


def withdraws_again(world: World, dossier_id: UUID) -> Coroutine[Any, Any, Any]:
    return world.handler.record(NOOR, dossier_id, [withdrawn("c2", NOW - timedelta(1))])


def fires(world: World, dossier_id: UUID) -> Coroutine[Any, Any, Any]:
    return world.handler.end_due(dossier_id)


async def test_two_writers_are_both_stored_one_after_the_other(ground: Ground) -> None:
    for one in await raced(ground, holds(CARLA, "m2"), holds(PIETER, "m3")):
        assert one.is_new() == [True, True]
        assert len(one.types) == 6


async def test_of_two_writers_of_the_same_event_one_stores_it_and_the_other_is_shown_it(ground: Ground) -> None:
    for one in await raced(ground, holds(CARLA, "m2"), holds(CARLA, "m2")):
        assert sorted(one.is_new()) == [False, True]
        assert one.got[0].events == one.got[1].events
        assert len(one.types) == 5


async def test_the_same_body_twice_with_different_content_is_refused_to_who_comes_last(ground: Ground) -> None:
    same = held(CARLA, moment_id="m2")
    other = held(CARLA, moment_id="m3")
    other = type(other)(same.event_id, other.source, other.type, other.data, None, ())

    def writes(event: Any) -> Act:
        return lambda world, dossier_id: world.handler.record(CARLA, dossier_id, [event])

    for one in await raced(ground, writes(same), writes(other)):
        assert one.refused()[0] == CONFLICT
        assert len(one.types) == 5


async def test_of_two_who_open_the_same_dossier_one_wins(ground: Ground) -> None:
    """Each with an event of its own, as two clients would that chose the same id."""

    def opens_as(caller: Any) -> Act:
        event = uuid4()

        def act(world: World, dossier_id: UUID) -> Coroutine[Any, Any, Any]:
            one = opened(dossier_id)
            mine = type(one)(event, min(caller.sources), one.type, one.data, None, one.faults)
            return world.handler.record(caller, dossier_id, [mine])

        return act

    for one in await raced(ground, opens_as(NOOR), opens_as(CARLA), begin=False):
        assert one.refused()[0] == CONFLICT
        assert one.types == ["nl.dossier.dossier.opened"]


async def test_a_grant_is_withdrawn_once(ground: Ground) -> None:
    for one in await raced(ground, withdraws, withdraws_again):
        assert one.refused()[0] == CONFLICT
        assert one.types.count("nl.dossier.consent.revoked") == 1


async def test_who_writes_under_a_grant_is_stored_before_its_withdrawal_or_not_at_all(ground: Ground) -> None:
    for one in await raced(ground, holds(PIETER, "m2"), withdraws):
        if isinstance(one.got[0], Problem):
            assert one.refused() == (NOT_FOUND, 0)
            assert one.types[-1] == "nl.dossier.consent.revoked"
        else:
            assert one.types[-2:] == ["nl.dossier.contact-moment.held", "nl.dossier.consent.revoked"]


async def test_two_clocks_end_a_grant_once(ground: Ground) -> None:
    """A window that is over: both processes find it due."""
    first, second = (world_on(ground.stepped, keys_in_memory()) for _ in range(2))
    short = granted("c9", CARLA, valid_until=(NOW + timedelta(1)).isoformat())
    ids = [uuid4() for _ in range(12)]
    for dossier_id in ids:
        await first.handler.record(NOOR, dossier_id, [opened(dossier_id), short])
    await advance(ground.watch, NOW + timedelta(5))
    for number, dossier_id in enumerate(ids):
        tasks = {"first": fires(first, dossier_id), "second": fires(second, dossier_id)}
        got = await play(await RealStage.begin(ground.watch, tasks), at_random(Random(number)))
        assert sorted(got.values()) == [0, 1]
        assert await first.handler.end_due(dossier_id) == 0
        row = await ground.watch.fetchrow(STORED, dossier_id)
        assert row["types"][-1:] == ["nl.dossier.consent.expired"]
        assert row["stored"] == row["published"] == [1, 2, 3]


@pytest.mark.parametrize("second", [fires, solves], ids=["another clock", "who writes meanwhile"])
async def test_a_clock_raises_each_signal_once_beside(ground: Ground, second: Act) -> None:
    """A concern that was open too long when both came: each finds the same things due."""
    one, other = (world_on(ground.stepped, keys_in_memory(), RULES) for _ in range(2))
    ids = [uuid4() for _ in range(SCHEDULES)]
    for dossier_id in ids:
        await one.begin(dossier_id)
        raised = an_event("concern.raised", CARLA, concern_id="k1", severity=2, occurred_at=NOW.isoformat())
        await one.handler.record(CARLA, dossier_id, [raised])
    await advance(ground.watch, NOW + timedelta(20))
    for number, dossier_id in enumerate(ids):
        tasks = {"first": fires(one, dossier_id), "second": second(other, dossier_id)}
        await play(await RealStage.begin(ground.watch, tasks), at_random(Random(number)))
        assert await one.handler.end_due(dossier_id) == 0
        ring = await one.keyrings.fetch(dossier_id)
        assert ring is not None
        entries = await streams.entries(ground.watch, dossier_id, ring)
        told = [(e.data["code"], e.data["raised_at"]) for e in entries if e.name == "signal.raised"]
        assert [code for code, _ in told].count("concern_open_too_long") == 1
        assert len(told) == len(set(told))
