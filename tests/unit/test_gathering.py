"""What is asked for together is done together; a fault is its cause's own, and who is slow holds up nobody for long."""

import asyncio
from collections.abc import Sequence

import pytest

from services.foundation.gathering import MOST_LOTS, Gathering

pytestmark = pytest.mark.anyio


class Work:
    """Doubles numbers; waits where a number is in `held`, fails where one is in `bad`, and refuses those below 0."""

    def __init__(self) -> None:
        self.lots: list[list[int]] = []
        self.held: dict[int, asyncio.Event] = {}
        self.bad: set[int] = set()

    async def begun(self, lots: int) -> None:
        while len(self.lots) < lots:  # noqa: ASYNC110 - it begins in a task of the gathering
            await asyncio.sleep(0)

    async def __call__(self, items: Sequence[int]) -> Sequence[int | Exception]:
        self.lots.append(list(items))
        for item in items:
            if item in self.held:
                await self.held[item].wait()
        if self.bad & set(items):
            raise LookupError
        return [item * 2 if item >= 0 else ValueError(item) for item in items]


async def all_of(gathering: Gathering[int, int], *items: int) -> list[int | BaseException]:
    return await asyncio.gather(*map(gathering.of, items), return_exceptions=True)


async def test_what_comes_while_one_is_under_way_goes_together_in_order_and_in_lots() -> None:
    work = Work()
    gathering = Gathering(work, 3)
    work.held[0] = asyncio.Event()
    first = asyncio.create_task(gathering.of(0))
    await work.begun(1)
    rest = asyncio.create_task(all_of(gathering, 1, 2, 3, 4))
    await asyncio.sleep(0)
    work.held[0].set()
    assert await first == 0
    assert await rest == [2, 4, 6, 8]
    assert work.lots == [[0], [1, 2, 3], [4]]


async def test_a_lot_that_fails_is_done_one_by_one_and_its_cause_alone_fails() -> None:
    work = Work()
    work.bad = {2}
    one, two, three = await all_of(Gathering(work, 25), 1, 2, 3)
    assert (one, three) == (2, 6)
    assert isinstance(two, LookupError)
    assert work.lots == [[1, 2, 3], [1], [2], [3]]


async def test_what_went_wrong_with_one_is_not_done_again() -> None:
    work = Work()
    one, two = await all_of(Gathering(work, 25), 1, -2)
    assert one == 2
    assert isinstance(two, ValueError)
    assert work.lots == [[1, -2]]


async def test_a_slow_lot_holds_up_nobody() -> None:
    work = Work()
    gathering = Gathering(work, 25)
    slow = []
    for number in range(MOST_LOTS - 1):
        work.held[number] = asyncio.Event()
        slow.append(asyncio.create_task(gathering.of(number)))
        await work.begun(number + 1)
    assert await gathering.of(9) == 18
    assert not any(task.done() for task in slow)
    for event in work.held.values():
        event.set()
    assert await asyncio.gather(*slow) == [2 * number for number in range(MOST_LOTS - 1)]


async def test_who_does_not_wait_any_more_is_left_out() -> None:
    work = Work()
    gathering = Gathering(work, 25)
    given_up = asyncio.create_task(gathering.of(1))
    other = asyncio.create_task(gathering.of(2))
    await asyncio.sleep(0)
    given_up.cancel()
    assert await other == 4
    assert work.lots in ([[2]], [[1, 2]])


async def test_cut_off_ends_what_is_under_way_and_it_can_begin_again() -> None:
    work = Work()
    gathering = Gathering(work, 1)
    work.held[1] = asyncio.Event()
    waiting = [asyncio.create_task(gathering.of(number)) for number in (1, 2)]
    await work.begun(1)
    await gathering.cut_off()
    await asyncio.wait(waiting)
    assert all(task.cancelled() for task in waiting)
    assert await gathering.of(3) == 6


class NeverAlone(Work):
    """Of one alone, but for 0, it never makes an end."""

    async def __call__(self, items: Sequence[int]) -> Sequence[int | Exception]:
        if len(items) == 1 and items[0]:
            self.lots.append(list(items))
            await asyncio.Event().wait()
        return await super().__call__(items)


async def test_cut_off_also_ends_what_is_done_one_by_one() -> None:
    work = NeverAlone()
    work.bad = {0}
    gathering = Gathering(work, 25)
    waiting = [asyncio.create_task(gathering.of(number)) for number in range(MOST_LOTS + 3)]
    await work.begun(1 + 1 + MOST_LOTS)
    await gathering.cut_off()
    await asyncio.wait(waiting)
    assert isinstance(waiting[0].exception(), LookupError)
    assert all(task.cancelled() for task in waiting[1:])
