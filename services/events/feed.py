"""The feed that an organisation reads: the next items, or the wait for them."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from services.events.news import News
from services.foundation.callers import Caller

LONGEST_WAIT = 30
LOOK_UP = 1.0
"""Seconds after which who waits is looked at: gone, or still there."""


class Shelf(Protocol):
    """Where a reader's numbered entries stand; notifications keeps it, because its lanes decide and number them."""

    async def read(self, caller: Caller, after: int, limit: int) -> Sequence[Mapping[str, Any]]:
        """Items `{feed_seq, event, replay?}` after this `feed_seq`, as far as they are permitted now."""

    async def heads(self, callers: Sequence[Caller]) -> Sequence[int]:
        """The last `feed_seq` that was given in each one's feed: it only grows. 0 where there is no feed yet."""


async def read(
    shelf: Shelf,
    news: News,
    caller: Caller,
    after: int,
    limit: int,
    wait: float,
    is_gone: Callable[[], Awaitable[bool]],
) -> Sequence[Mapping[str, Any]]:
    """At once when there is something; else as soon as there is, within `wait` seconds of real time."""
    deadline = time.monotonic() + min(wait, LONGEST_WAIT)
    items, seen = await shelf.read(caller, after, limit), 0
    while not items and (left := deadline - time.monotonic()) > 0 and not await is_gone():
        head = await news.beyond(caller, seen, min(left, LOOK_UP))
        if head is not None:
            items, seen = await shelf.read(caller, after, limit), head
    return items
