"""The feed that an organisation reads: the next items, or the wait for them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from services.foundation.callers import Caller

LONGEST_WAIT = 30
BETWEEN = 0.25


class Shelf(Protocol):
    """Where a reader's numbered entries stand; notifications keeps it, because its lanes decide and number them."""

    async def read(self, caller: Caller, after: int, limit: int) -> Sequence[Mapping[str, Any]]:
        """Items `{feed_seq, event, replay?}` after this `feed_seq`, as far as they are permitted now."""


async def read(
    shelf: Shelf,
    caller: Caller,
    after: int,
    limit: int,
    wait: float,
    is_gone: Callable[[], Awaitable[bool]],
) -> Sequence[Mapping[str, Any]]:
    """At once when there is something; else as soon as there is, within `wait` seconds of real time."""
    deadline = time.monotonic() + min(wait, LONGEST_WAIT)
    while True:
        items = await shelf.read(caller, after, limit)
        left = deadline - time.monotonic()
        if items or left <= 0 or await is_gone():
            return items
        await asyncio.sleep(min(BETWEEN, left))
