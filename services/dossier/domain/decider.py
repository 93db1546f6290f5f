"""The shape of a pure rule: what a command means in a state, and what an event makes of a state."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Generic, TypeVar

State = TypeVar("State")
Command = TypeVar("Command")
Decided = TypeVar("Decided")
Event = TypeVar("Event")


@dataclass(frozen=True)
class Decider(Generic[State, Command, Decided, Event]):
    """`decide` gives what is to be recorded; `evolve` takes what was recorded, with the id and time it then has."""

    decide: Callable[[Command, State], Sequence[Decided]]
    evolve: Callable[[State, Event], State]
    initial: State

    def fold(self, events: Iterable[Event]) -> State:
        return reduce(self.evolve, events, self.initial)
