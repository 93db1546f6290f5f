"""Serves the lanes of webhooks: many at once, in order inside each, and no receiver in the way of another."""

import asyncio
import time
from typing import Final
from uuid import UUID

from services.foundation.database.connection import Database
from services.foundation.doorbell import Doorbell, keep_working
from services.foundation.telemetry import fault, log
from services.notifications.pending import Claim, ClaimLost
from services.notifications.trouble import passes
from services.notifications.webhooks.claims import Servable, Turns, claimed, servable
from services.notifications.webhooks.courier import Courier

AT_A_TIME: Final = 64
OF_AN_OWNER: Final = 32  # so that what another has waiting is never behind more than these
OF_AN_ENDPOINT: Final = 16
IN_A_TURN: Final = 20  # deliveries of one lane, before another has its turn
TURN: Final = 15.0
LEASE: Final = 60.0  # longer than a turn and one whole delivery more
PAUSE: Final = 0.01  # between two claims, so that each is worth its while
GLANCE: Final = 0.1
LATER: Final = 1.0

_TROUBLED = """
    update notifications.lanes
    set reason = $4, due_at = clock_timestamp() + $5 * interval '1 second',
        parked_at = case when $6 then clock_timestamp() end
    where subscription_id = $1 and dossier_id = $2 and attempt = $3
"""


class Deliverer:
    """Any number of these may work at once, in any number of processes."""

    def __init__(self, database: Database, courier: Courier, *, lease: float = LEASE) -> None:
        self._database = database
        self._courier = courier
        self._lease = lease
        self._turns = Turns()
        self._busy: dict[asyncio.Task[int], Servable] = {}
        self._paced: dict[UUID, float] = {}
        self._turn = asyncio.Lock()
        self._bell = Doorbell()

    def wake(self) -> None:
        self._bell.ring()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            await keep_working("webhooks", self.run_once, self._bell)
        finally:
            await self._cut_off()

    async def run_once(self) -> int:
        """Until no lane is due and nothing is on its way; the number of times a lane was served.

        In trouble what is on its way goes on and belongs to the next turn: its answer may come when all is well again.
        """
        async with self._turn:
            served = 0
            try:
                while True:
                    begun = await self._begin()
                    if not self._busy:
                        return served
                    # Who is slow holds up nobody: what became due meanwhile is begun beside it.
                    await (asyncio.wait(self._busy, timeout=PAUSE) if begun else self._something_happens())
                    for task in [task for task in self._busy if task.done()]:
                        del self._busy[task]
                        served += task.result()
            except Exception:
                raise
            except BaseException:
                await self._cut_off()
                raise

    async def _something_happens(self) -> None:
        """One lane is done, or there is more to do."""
        rung = asyncio.create_task(self._bell.wait(GLANCE))
        await asyncio.wait({rung, *self._busy}, return_when=asyncio.FIRST_COMPLETED)
        rung.cancel()

    async def _begin(self) -> int:
        """Claims for each owner in turn, as far as there is room; how many were begun."""
        begun = 0
        async with self._database.connection() as conn:
            for one in self._turns.of([each for each in await servable(conn) if self._has_room(each)]):
                room = self._room(one)
                if room <= 0:
                    continue
                most = 1 if one.is_troubled or one.rate is not None else room
                for claim in await claimed(conn, one.subscription_id, self._lease, most):
                    self._pace(one)
                    task = asyncio.create_task(self._serve(claim, 1 if one.rate is not None else IN_A_TURN))
                    self._busy[task] = one
                    begun += 1
        return begun

    def _has_room(self, one: Servable) -> bool:
        return self._room(one) > 0 and self._paced.get(one.subscription_id, 0.0) <= time.monotonic()

    def _room(self, one: Servable) -> int:
        of_owner = sum(busy.owner == one.owner for busy in self._busy.values())
        of_endpoint = sum(busy.subscription_id == one.subscription_id for busy in self._busy.values())
        return min(AT_A_TIME - len(self._busy), OF_AN_OWNER - of_owner, OF_AN_ENDPOINT - of_endpoint)

    def _pace(self, one: Servable) -> None:
        if one.rate is not None:
            self._paced[one.subscription_id] = time.monotonic() + 60 / one.rate

    async def _serve(self, claim: Claim, most: int) -> int:
        until = time.monotonic() + TURN
        try:
            while await self._courier.carry(claim, is_last=most == 1 or time.monotonic() > until):
                most -= 1
        except ClaimLost:
            return 0
        except Exception as error:  # the outermost place of a lane: its fault is its own, the others go on
            await self._trouble(claim, error)
        return 1

    async def _trouble(self, claim: Claim, error: Exception) -> None:
        """Trouble that passes: soon again. A fault: this lane alone stands still."""
        parked = not passes(error)
        log.error(
            "lane_parked" if parked else "lane_failed",
            subscription_id=claim.subscription_id,
            dossier_id=claim.dossier_id,
            attempt=claim.attempt,
            **fault(error),
        )
        async with self._database.connection() as conn:
            lane = claim.subscription_id, claim.dossier_id, claim.attempt
            await conn.execute(_TROUBLED, *lane, type(error).__name__, LATER, parked)

    async def _cut_off(self) -> None:
        """Told to stop: what is on its way is left to its lease."""
        for task in self._busy:
            task.cancel()
        await asyncio.gather(*self._busy, return_exceptions=True)
        self._busy.clear()
        await self._courier.cut_off()
