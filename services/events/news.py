"""Tells whoever waits for a feed that it grew: one question for all of them, and none of them holds a connection."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from services.foundation.callers import Caller

BETWEEN = 0.25

Heads = Callable[[Sequence[Caller]], Awaitable[Sequence[int]]]
"""The last number that was given in each one's feed."""


@dataclass(eq=False)
class _Waiter:
    caller: Caller
    seen: int
    head: "asyncio.Future[int]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class News:
    """One per process."""

    def __init__(self, heads: Heads) -> None:
        self._heads = heads
        self._waiting: set[_Waiter] = set()
        self._asking: asyncio.Task[None] | None = None

    async def beyond(self, caller: Caller, seen: int, within: float) -> int | None:
        """The last number of the feed as soon as it is beyond `seen`; nothing when it is not, for so many seconds."""
        waiter = _Waiter(caller, seen)
        self._waiting.add(waiter)
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask())
        try:
            async with asyncio.timeout(within):
                return await waiter.head
        except TimeoutError:
            return None
        finally:
            self._waiting.discard(waiter)

    async def _ask(self) -> None:
        """Until nobody waits any more."""
        while waiting := tuple(self._waiting):
            try:
                heads = await self._heads([waiter.caller for waiter in waiting])
            except Exception as error:  # everyone who waits meets it, and answers it as their own
                for waiter in waiting:
                    if not waiter.head.done():
                        waiter.head.set_exception(error)
            else:
                for waiter, head in zip(waiting, heads, strict=True):
                    if head > waiter.seen and not waiter.head.done():
                        waiter.head.set_result(head)
            await asyncio.sleep(BETWEEN)
        self._asking = None
