"""What is raced: somebody who is let in by a grant, against its withdrawal; and what may never come of it."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from services.dossier.handlers import Recorded
from services.foundation.problems import NOT_FOUND, Problem
from tests.races.world import DOSSIER, NOOR, PIETER, World, delivered, held, reader, still, withdrawn

Tasks = dict[str, Coroutine[Any, Any, Any]]
SHOWN = held()


async def read(world: World) -> Any:
    return await world.gate.read_event(reader(PIETER), DOSSIER, SHOWN.event_id)


async def deliver(world: World) -> Any:
    """As a lane does: decision, ledger row and what is sent in one transaction under the fence."""
    async with world.delivery.transaction(DOSSIER) as conn:
        return await delivered(world, conn, PIETER, 4)


async def show_again(world: World) -> Any:
    async with world.delivery.transaction_over([DOSSIER]) as conn:
        return await still(world, conn, PIETER, 4)


async def withdraw(world: World) -> Recorded:
    return await world.handler.record(NOOR, DOSSIER, [withdrawn("c2")])


EXITS: dict[str, Callable[[World], Coroutine[Any, Any, Any]]] = {
    "read": read,
    "deliver": deliver,
    "show again": show_again,
}
# The statement after which all is decided: what it saw is what holds.
DECIDES = {"read": "facts", "deliver": "places", "show again": "places"}


@dataclass(frozen=True)
class Outcome:
    """Of one schedule: what was played, what each task gave, and the ledger's rows about the exit."""

    trace: list[tuple[str, str]]
    results: dict[str, Any]
    rows: list[tuple[str, str]]  # way, decision

    def of(self, exit_: str) -> bool:
        """Whether it let something out."""
        result = self.results[exit_]
        if isinstance(result, Problem):
            assert result.kind == NOT_FOUND, result
            return False
        assert not isinstance(result, BaseException), result
        return result is not None

    def last(self, task: str, point: str) -> int:
        return max(at for at, step in enumerate(self.trace) if step == (task, point))


def check(outcome: Outcome, exit_: str) -> bool:
    """The oracle. The withdrawal is acknowledged when its commit has returned. True: something left, rightly."""
    assert isinstance(outcome.results["withdraw"], Recorded), outcome.results["withdraw"]
    let_out = outcome.of(exit_)
    acknowledged = outcome.last("withdraw", "commit")
    decided, answered = outcome.last(exit_, DECIDES[exit_]), outcome.last(exit_, "commit")
    if let_out:
        assert decided < acknowledged, "decided after the acknowledgement"
        assert answered < acknowledged, "its ledger row was committed after the withdrawal"
    else:
        assert decided > acknowledged, "refused although nothing was withdrawn"
    if exit_ == "read":
        assert outcome.rows == [("read", "permit" if let_out else "deny")]
    if exit_ == "deliver":
        assert outcome.rows == ([("delivery", "permit")] if let_out else [])
    return let_out
