"""Plays tasks one database call at a time, in an order that is chosen; and finds every order there is.

A task stops at a named point before each call to the database. Whoever plays lets one task go on at a time, until its
next point, its end, or a lock that another holds. A task that waits for a lock goes on by itself once it gets it, as
with the real locks; it is not chosen before it stands at its next point.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

Choose = Callable[[int], int]


class Stage(Protocol):
    """Where tasks are played: on the model, or on PostgreSQL."""

    trace: list[tuple[str, str]]

    def ready(self) -> list[str]:
        """The tasks that stand at a point, in order of their names."""

    async def go_on(self, task: str) -> None: ...

    def results(self) -> dict[str, Any]:
        """What each task gave, or the exception that it ended with; fails if one never ended."""


@dataclass
class Choices:
    """The choices made, each with the number of tasks there were; `given` first, then always the first task."""

    given: tuple[int, ...] = ()
    made: list[tuple[int, int]] = field(default_factory=list)

    def __call__(self, width: int) -> int:
        choice = self.given[len(self.made)] if len(self.made) < len(self.given) else 0
        self.made.append((choice, width))
        return choice

    def following(self) -> tuple[int, ...] | None:
        """The next choices in depth-first order; none when this was the last."""
        for at in range(len(self.made) - 1, -1, -1):
            choice, width = self.made[at]
            if choice + 1 < width:
                return (*(c for c, _ in self.made[:at]), choice + 1)
        return None


def at_random(random: Random) -> Choose:
    """Turns of several calls, as tasks have when they run, and single ones; so that all orders have a chance."""
    last = [0]
    stays = random.choice((0.0, 0.5, 0.8))

    def choose(width: int) -> int:
        if last[0] >= width or random.random() >= stays:
            last[0] = random.randrange(width)
        return last[0]

    return choose


async def play(stage: Stage, choose: Choose) -> dict[str, Any]:
    while ready := stage.ready():
        await stage.go_on(ready[choose(len(ready))])
    return stage.results()


async def every_schedule(run: Callable[[Choices], Awaitable[None]]) -> list[tuple[int, ...]]:
    """Runs each schedule once; gives the choices that make each of them again."""
    found: list[tuple[int, ...]] = []
    given: tuple[int, ...] | None = ()
    while given is not None:
        choices = Choices(given)
        await run(choices)
        found.append(tuple(choice for choice, _ in choices.made))
        given = choices.following()
    return found


def spread(schedules: list[tuple[int, ...]], most: int) -> Iterator[tuple[int, ...]]:
    """At most so many of them, evenly from first to last."""
    step = max(1.0, len(schedules) / most)
    return (schedules[int(n * step)] for n in range(min(most, len(schedules))))
