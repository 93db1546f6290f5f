"""Reader and deliverer against withdrawal: every schedule there is, and many thousands at random; none lets out after.

What is real: the coroutines of Gate, Handler and Keyrings, always. On PostgreSQL: more than 200 enumerated schedules
and 250 random ones. On the model of its two locks and its snapshots (`model.py`): every schedule there is, and 2,000
random ones, which can only be among those. DRAAD_TESTS=long: 1,000 and 20,000. That the model tells the truth is
tested by playing the same schedules on both.
"""

from dataclasses import replace
from itertools import product
from random import Random

import pytest

from services.foundation.database.connection import Database
from tests.long import IS_LONG
from tests.races.conftest import Ground
from tests.races.model import Isolation, Model, ModelStage, run_through
from tests.races.schedules import Choices, Choose, at_random, every_schedule, play, spread
from tests.races.stepped import RealStage
from tests.races.withdrawal import EXITS, Outcome, Tasks, check, withdraw
from tests.races.world import DOSSIER, World, keys_in_memory, world_on

pytestmark = pytest.mark.anyio

AGAIN = f"""
delete from dossier.snapshots where dossier_id = '{DOSSIER}';
delete from dossier.index_entries where dossier_id = '{DOSSIER}' and sequence > 4;
delete from dossier.events where dossier_id = '{DOSSIER}' and sequence > 4;
delete from dossier.ledger where dossier_id = '{DOSSIER}';
update dossier.index_grants set ended_at = null where dossier_id = '{DOSSIER}';
"""


class Processes:
    """Two: in one somebody is let in, in the other it is withdrawn; each with the keys that it has at hand."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._warm = self.fresh(), self.fresh()

    def fresh(self) -> World:
        return world_on(self._database, keys_in_memory())

    async def tasks(self, exit_: str, is_cold: bool, epoch: int) -> Tasks:
        inside, outside = (self.fresh(), self.fresh()) if is_cold else self._warm
        if not is_cold:
            ring = await keys_in_memory().create(DOSSIER)
            inside.keyrings.keep(ring, epoch)
            outside.keyrings.keep(ring, epoch)
        return {exit_: EXITS[exit_](inside), "withdraw": withdraw(outside)}


class OnModel:
    def __init__(self, isolation: Isolation = "read committed") -> None:
        self._model = Model(isolation)
        self._processes = Processes(self._model.database())
        run_through(self._processes.fresh().begin())
        self._begin = self._model.state

    async def __call__(self, exit_: str, is_cold: bool, choose: Choose) -> Outcome:
        self._model.state = replace(self._begin, ledger=())
        assert self._begin.dossier is not None
        stage = ModelStage(await self._processes.tasks(exit_, is_cold, self._begin.dossier["authz_epoch"]))
        results = await play(stage, choose)
        rows = [(row["way"], row["decision"]) for row in self._model.state.ledger if row["actor"] == "pieter"]
        return Outcome(stage.trace, results, rows)


class OnPostgres:
    def __init__(self, ground: Ground, processes: Processes, epoch: int) -> None:
        self._ground, self._processes, self._epoch = ground, processes, epoch

    @classmethod
    async def begin(cls, ground: Ground) -> "OnPostgres":
        processes = Processes(ground.stepped)
        await processes.fresh().begin()
        return cls(ground, processes, await ground.watch.fetchval("select authz_epoch from dossier.dossiers"))

    async def __call__(self, exit_: str, is_cold: bool, choose: Choose) -> Outcome:
        watch = self._ground.watch
        await watch.execute(AGAIN + f"update dossier.dossiers set head = 4, authz_epoch = {self._epoch}")
        stage = await RealStage.begin(watch, await self._processes.tasks(exit_, is_cold, self._epoch))
        results = await play(stage, choose)
        rows = await watch.fetch("select way, decision from dossier.ledger where actor = 'pieter'")
        return Outcome(stage.trace, results, [tuple(row) for row in rows])


async def enumerated(on: OnModel, exit_: str, is_cold: bool) -> list[tuple[int, ...]]:
    """Every schedule, each checked; given as the choices that make it again."""
    let_out = []

    async def run(choices: Choices) -> None:
        let_out.append(check(await on(exit_, is_cold, choices), exit_))

    found = await every_schedule(run)
    assert {True, False} == set(let_out), "both happen"
    return found


@pytest.mark.parametrize("is_cold", [False, True])
@pytest.mark.parametrize("exit_", EXITS)
async def test_no_schedule_lets_anything_out_after_the_acknowledgement(exit_: str, is_cold: bool) -> None:
    assert len(await enumerated(OnModel(), exit_, is_cold)) >= (40 if is_cold else 10)


async def test_the_same_schedules_on_postgresql_give_the_same_and_let_nothing_out(ground: Ground) -> None:
    model, real = OnModel(), await OnPostgres.begin(ground)
    played = 0
    for exit_, is_cold in product(EXITS, (False, True)):
        for given in spread(await enumerated(model, exit_, is_cold), 150):
            expected = await model(exit_, is_cold, Choices(given))
            outcome = await real(exit_, is_cold, Choices(given))
            assert outcome.trace == expected.trace
            assert check(outcome, exit_) == check(expected, exit_)
            played += 1
    assert played >= 200, played


async def test_nothing_leaves_after_in_random_schedules_on_the_model() -> None:
    await _at_random(OnModel(), Random(1), 20_000 if IS_LONG else 2_000)


async def test_nothing_leaves_after_in_random_schedules_on_postgresql(ground: Ground) -> None:
    await _at_random(await OnPostgres.begin(ground), Random(2), 1_000 if IS_LONG else 250)


async def _at_random(on: OnModel | OnPostgres, random: Random, times: int) -> None:
    let_out = 0
    for number in range(times):
        exit_, is_cold = list(EXITS)[number % 3], number % 4 == 0
        let_out += check(await on(exit_, is_cold, at_random(random)), exit_)
    assert times / 10 < let_out < times * 9 / 10, let_out
