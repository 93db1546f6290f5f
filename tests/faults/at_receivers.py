"""What goes wrong at a receiver of webhooks, each as one function that hurts it, mends it, and tells from when.

Business time goes on while they last, as fast as real time; once the receiver is well the house's clock is moved past
the pauses that the schedule has a failing lane make: who waits for them waits so much longer.
"""

import time
from datetime import timedelta
from typing import Final

from tests.faults.system import until
from tests.faults.told import Told
from tests.receivers import answer, dripping, reset

AWAY: Final = 60.0
GONE: Final = 2.0  # a process that is started again
SOME: Final = 20  # webhooks that it has already
PAUSES: Final = timedelta(minutes=6)  # 5 s and 5 min, and a tenth more
ANSWER: Final = answer(200)
_FAILED: Final = "select from notifications.lanes where subscription_id = $1 and failures > 0"


def hangs(these: Told) -> float:
    these.system.partner.hangs()
    _until_it_failed(these, "slow")
    return _well_again(these)


def resets(these: Told) -> float:
    these.system.partner.behaves(reset)
    _until_it_failed(these, "lost")
    return _well_again(these)


def drips(these: Told) -> float:
    these.system.partner.behaves(dripping(1.0))
    _until_it_failed(these, "slow")
    return _well_again(these)


def answers_and_dies(these: Told) -> float:
    """Twice: the first answer is whole, of the second only a part is out."""
    _dies(these, ANSWER)
    _well_again(these)
    until(lambda: not these.system.fetch(_FAILED, these.webhook))
    _dies(these, ANSWER[:10])
    return _well_again(these)


def answers_and_forgets(these: Told) -> float:
    """What it said it had it has no more: its owner asks for everything again."""
    until(lambda: len(these.system.partner.of(these.hook)) > SOME)
    _dies(these, ANSWER, forgets=True)
    again = these.reader.call("POST", f"/v1/subscriptions/{these.webhook}/replays", "mieke")
    assert again.status_code == 202, again.text
    return _well_again(these)


def is_away(these: Told) -> float:
    these.system.partner.goes()
    time.sleep(AWAY)
    return _well_again(these)


def _dies(these: Told, told: bytes, *, forgets: bool = False) -> None:
    partner = these.system.partner
    deaths = partner.deaths
    partner.dies_at_the_next(these.hook, told, forgets=forgets)
    until(lambda: partner.deaths > deaths)
    time.sleep(GONE)


def _until_it_failed(these: Told, reason: str) -> None:
    until(lambda: these.system.fetch(f"{_FAILED} and reason = $2", these.webhook, reason))


def _well_again(these: Told) -> float:
    """Not before the access of one reader ended: what it was not sent by then waits for a retry that may not be."""
    these.until_withdrawn()
    these.system.partner.is_well()
    these.system.partner.comes()
    these.system.move_clock(PAUSES)
    return time.monotonic()
