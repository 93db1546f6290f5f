"""Carries the next delivery of a lane to its receiver: connected first, decided and written under the fence, answered.

What many lanes need at the same moment is done for all of them at once, each time in one go: the look-up of where they
go, the decision, and the completion. Only the lines and the answers are each one's own.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from random import random
from typing import Final

from services.foundation import failpoints
from services.foundation.database.connection import Database
from services.foundation.gathering import Gathering
from services.notifications.pending import Claim, ClaimLost, looked
from services.notifications.ports import Release
from services.notifications.trouble import passes
from services.notifications.webhooks import completion
from services.notifications.webhooks.completion import Accepted
from services.notifications.webhooks.dispatch import Clock, Dispatch, Nothing, Ready, Sent
from services.notifications.webhooks.keys import EndpointKeys
from services.notifications.webhooks.lines import Line, Lines, NoAnswer
from services.notifications.webhooks.outcomes import Outcome, answered
from services.notifications.webhooks.routes import routes
from services.notifications.webhooks.walls import NoEndpoint, Walls

TOGETHER: Final = 25  # as many fences as one transaction may hold
LOOK_FAR: Final = 50  # of what waits in a lane, so many are looked at once the first of it may not be sent
WRITE_DOWN_WITHIN: Final = 20.0  # seconds that an answer waits for a database that is away; then it is asked for again
WRITE_DOWN_AGAIN: Final = 0.5


class Courier:
    """One for a process. `clock` is real time, `chance` in [0, 1) spreads what is tried again."""

    def __init__(
        self,
        database: Database,
        release: Release,
        lines: Lines,
        walls: Walls,
        keys: EndpointKeys,
        *,
        clock: Clock = time.time,
        chance: Callable[[], float] = random,
    ) -> None:
        self._database, self._lines, self._walls, self._keys, self._chance = database, lines, walls, keys, chance
        self._routes = Gathering(partial(routes, database), TOGETHER)
        self._sending: Gathering[Ready, Sent | Nothing] = Gathering(Dispatch(release, clock).send, TOGETHER)
        self._accepted = Gathering(partial(completion.accepted, database), TOGETHER)

    async def carry(self, claim: Claim, *, is_last: bool = False) -> bool:
        """One delivery, or those that may not be sent any more; True when this lane may go on at once.

        `is_last`: of this claim; then it may not, and whoever claims it next goes on.
        """
        route = await self._routes.of(claim.subscription_id)
        if route is None:
            return await self._look_after(claim)
        signing = await self._keys.signing(claim.subscription_id, route.keys)
        try:
            target = self._walls.target(route.url)
            line = await self._lines.to(target)
        except (NoAnswer, NoEndpoint) as none:
            return await self._put_off(claim, None, Outcome(none.reason if isinstance(none, NoAnswer) else "unsafe"))
        try:
            sent = await self._sent(Ready(claim, line, target, signing, is_last))
        except BaseException:
            line.abort()
            raise
        if isinstance(sent, Nothing):
            line.leave()
            return sent.more
        outcome = sent.failed or await _outcome(line)
        failpoints.reach("webhooks.before_complete")
        if not outcome.is_accepted:
            return await _written_down(partial(self._put_off, claim, sent.sequence, outcome))
        accepted = Accepted(claim, sent.sequence, outcome.status, is_last)
        return await _written_down(partial(self._accepted.of, accepted))

    async def cut_off(self) -> None:
        """Nothing is on its way any more; what was sent meanwhile comes again under the same id."""
        for gathering in (self._routes, self._sending, self._accepted):
            await gathering.cut_off()

    async def _sent(self, ready: Ready) -> Sent | Nothing:
        sent = await self._sending.of(ready)
        if isinstance(sent, Nothing) and sent.more:
            return await self._sending.of(replace(ready, look=LOOK_FAR))
        return sent

    async def _put_off(self, claim: Claim, sequence: int | None, outcome: Outcome) -> bool:
        await completion.put_off(self._database, claim, sequence, outcome, self._chance())
        return False

    async def _look_after(self, claim: Claim) -> bool:
        """The subscription is gone: what it left behind goes too."""
        async with self._database.transaction() as conn:
            await looked(conn, [(claim, 1)])
        return False


async def _written_down(write: Callable[[], Awaitable[bool]]) -> bool:
    """In spite of trouble that passes, until another has the lane.

    Where nobody knows whether it was written it is written again: a success stays one, a failure counts twice.
    """
    until = time.monotonic() + WRITE_DOWN_WITHIN
    while True:
        try:
            return await write()
        except Exception as trouble:
            if isinstance(trouble, ClaimLost) or not passes(trouble) or time.monotonic() > until:
                raise
        await asyncio.sleep(WRITE_DOWN_AGAIN)


async def _outcome(line: Line) -> Outcome:
    try:
        answer = await line.answer()
    except NoAnswer as none:
        return Outcome(none.reason)
    return answered(answer.status, answer.retry_after)
