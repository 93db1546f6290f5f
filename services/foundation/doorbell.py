"""How a worker waits: a bell that whoever has work for it may ring, and a poll that finds what no bell told of."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from services.foundation.telemetry import fault, log

SHORTEST = 0.05
LONGEST = 1.0


class Bell(Protocol):
    def __call__(self) -> None: ...


class Doorbell:
    """Lossy by design: a ring saves a wait, and work that nobody rang for is found by the poll."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, seconds: float) -> bool:
        """True when rung within this time."""
        try:
            await asyncio.wait_for(self._rung.wait(), seconds)
        except TimeoutError:
            return False
        self._rung.clear()
        return True


async def keep_working(service: str, turn: Callable[[], Awaitable[int]], doorbell: Doorbell) -> None:
    """Turn after turn until cancelled. A turn answers how much it did; after one that did nothing it waits."""
    pause = SHORTEST
    while True:
        try:
            done = await turn()
        except Exception as error:  # the outermost loop of a worker: it tells, waits and goes on
            log.error("turn_failed", service=service, **fault(error))
            done, pause = 0, LONGEST
        rung = not done and await doorbell.wait(pause)
        pause = SHORTEST if done or rung else min(pause * 2, LONGEST)
