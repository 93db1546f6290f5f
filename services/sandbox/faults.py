"""Lets an integrator see what a client must survive: parts of the sandbox that can be taken away and given back."""

from collections.abc import Sequence
from typing import Final, Literal

from fastapi import Request
from pydantic import BaseModel, ConfigDict

from services.foundation.bus.port import Bus, Consumer, Record
from services.foundation.problems import UNAVAILABLE, Problem

UpOrDown = Literal["up", "down"]
RETRY_AFTER: Final = 5
WITHOUT_DATABASE: Final = ("/sandbox/", "/health/live", "/metrics")


class Faults(BaseModel):
    """Parts that are not named stay as they are."""

    model_config = ConfigDict(extra="forbid")

    bus: UpOrDown | None = None
    database: UpOrDown | None = None
    webhook: UpOrDown | None = None


class Switchboard:
    def __init__(self) -> None:
        self._down: set[str] = set()

    def set(self, faults: Faults) -> dict[str, str]:
        for part, state in faults.model_dump(exclude_none=True).items():
            (self._down.add if state == "down" else self._down.discard)(part)
        return {part: "down" if part in self._down else "up" for part in Faults.model_fields}

    def is_down(self, part: str) -> bool:
        return part in self._down

    async def demand_database(self, request: Request) -> None:
        """Before a request is served: without a database nothing is stored and nothing is read."""
        if self.is_down("database") and not request.url.path.startswith(WITHOUT_DATABASE):
            raise Problem(UNAVAILABLE, retry_after=RETRY_AFTER)


class BreakableBus:
    """The bus, as long as nobody has taken it away; what could not be published waits in the outbox."""

    def __init__(self, bus: Bus, switchboard: Switchboard) -> None:
        self._bus, self._switchboard = bus, switchboard

    async def publish(self, topic: str, records: Sequence[Record]) -> None:
        if self._switchboard.is_down("bus"):
            raise ConnectionError("the sandbox's bus is switched off")
        await self._bus.publish(topic, records)

    async def consumer(self, topic: str) -> Consumer:
        return await self._bus.consumer(topic)

    async def close(self) -> None:
        await self._bus.close()
