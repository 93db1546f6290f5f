"""A doorbell within one process: whoever waits hears the next ring, and nobody misses one that came after asking."""

import asyncio


class Ring:
    """The next ring, once it comes."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def sound(self) -> None:
        self._event.set()

    async def within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        return True


class Doorbell:
    def __init__(self) -> None:
        self._next = Ring()

    def next(self) -> Ring:
        return self._next

    def ring(self) -> None:
        rung, self._next = self._next, Ring()
        rung.sound()
