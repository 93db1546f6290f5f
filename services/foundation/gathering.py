"""Does together what was asked for together: one round trip for many, and none waits for another that is slow."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Generic, TypeAlias, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Lot: TypeAlias = "list[tuple[Item, asyncio.Future[Result]]]"

PATIENCE: Final = 0.05  # seconds that what came later waits for a lot that is under way
MOST_LOTS: Final = 4


class Gathering(Generic[Item, Result]):
    """`work` gets at most `most` items and gives for each, in their order, a result, or what went wrong with it.

    What is asked for while a lot is under way makes up the next one: so a lot is as large as there is much to do, and
    what comes alone is done at once. A lot that fails as a whole is done again one by one: its cause bears it alone.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]], most: int) -> None:
        self._work = work
        self._most = most
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._lots: set[asyncio.Task[None]] = set()
        self._worker: asyncio.Task[None] | None = None
        self._alone = asyncio.Semaphore(MOST_LOTS)

    async def of(self, item: Item) -> Result:
        """The result of this one; raises what `work` raised for it alone."""
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work_off())
        return await answer

    async def cut_off(self) -> None:
        """Cancels what is under way, and everyone who waits for it."""
        tasks = [task for task in (self._worker, *self._lots) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while self._waiting:
            self._waiting.popleft()[1].cancel()

    async def _work_off(self) -> None:
        while self._waiting:
            if len(self._lots) >= MOST_LOTS:
                await asyncio.wait(self._lots, return_when=asyncio.FIRST_COMPLETED)
            lot = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            task = asyncio.create_task(self._do(lot))
            self._lots.add(task)
            task.add_done_callback(partial(self._end, lot))
            await asyncio.wait({task}, timeout=PATIENCE)

    def _end(self, lot: "Lot[Item, Result]", task: "asyncio.Task[None]") -> None:
        self._lots.discard(task)
        for _, answer in lot:
            answer.cancel()  # who still waits; to the others it is nothing

    async def _do(self, lot: "Lot[Item, Result]") -> None:
        lot = [(item, answer) for item, answer in lot if not answer.done()]
        if not lot:
            return
        results: Sequence[Result | BaseException]
        try:
            results = await self._work([item for item, _ in lot])
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # it goes to whoever waits for this
            if len(lot) > 1 and isinstance(error, Exception):
                await asyncio.gather(*map(self._do_alone, lot))
                return
            results = [error] * len(lot)
        for (_, answer), result in zip(lot, results, strict=True):
            _tell(answer, result)

    async def _do_alone(self, one: "tuple[Item, asyncio.Future[Result]]") -> None:
        async with self._alone:
            await self._do([one])


def _tell(answer: "asyncio.Future[Result]", result: Result | BaseException) -> None:
    if answer.done():
        return
    if isinstance(result, BaseException):
        answer.set_exception(result)
    else:
        answer.set_result(result)
