"""What an attempt came to, what that means for its lane and for the endpoint, and when to try again: pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

State: TypeAlias = Literal["pending", "active", "degraded", "paused", "retired"]

# Standard Webhooks 1.0.0: the pause after each attempt; after the last of them, once a day.
PAUSES: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400, 86400)
)
JITTER: Final = 0.1
LONGEST_WAIT: Final = timedelta(days=1)  # of what a receiver may ask for by Retry-After
THROTTLED: Final = frozenset((429, 502, 504))
TROUBLED_AFTER: Final = 5  # failures in a row, whatever the lane
LONGEST_PROBE_PAUSE: Final = timedelta(minutes=30)
PAUSED_AFTER: Final = timedelta(days=5)


@dataclass(frozen=True)
class Outcome:
    """`reason` is a code, absent when it was accepted; `status` is absent when no answer came."""

    reason: str | None
    status: int | None = None
    retry_after: timedelta | None = None

    @property
    def is_accepted(self) -> bool:
        return self.reason is None

    @property
    def is_gone(self) -> bool:
        return self.status == 410

    @property
    def is_throttled(self) -> bool:
        return self.retry_after is not None or self.status in THROTTLED


def answered(status: int, retry_after: timedelta | None = None) -> Outcome:
    """Only 2xx is success; a redirect is not followed and a failure."""
    if 200 <= status < 300:
        return Outcome(None, status)
    wait = None if retry_after is None else min(max(retry_after, timedelta()), LONGEST_WAIT)
    if status == 410:
        return Outcome("gone", status)
    if 300 <= status < 400:
        return Outcome("redirect", status, wait)
    return Outcome("throttled" if status in THROTTLED else "refused", status, wait)


def pause_after(attempts: int, chance: float, retry_after: timedelta | None = None) -> timedelta:
    """After so many failed attempts; `chance` in [0, 1) spreads them. Never shorter than the receiver asked."""
    usual = PAUSES[min(attempts, len(PAUSES)) - 1]
    return max(usual * (1 + JITTER * chance), retry_after or timedelta())


@dataclass(frozen=True)
class Health:
    """Of one endpoint: how it stands, since when it has only failed, and before when nothing is sent to it."""

    state: State
    failures: int = 0
    failing_since: datetime | None = None
    not_before: datetime | None = None
    reason: str | None = None

    def after(self, outcome: Outcome, now: datetime, chance: float) -> "Health":
        if outcome.is_accepted:
            return Health("active")
        since = self.failing_since or now
        failed = replace(self, failures=self.failures + 1, failing_since=since, reason=outcome.reason)
        if outcome.is_gone:
            return replace(failed, state="retired")
        if now - since >= PAUSED_AFTER:
            return replace(failed, state="paused")
        if self.state == "degraded" and self.not_before is not None and now < self.not_before:
            return self  # was on its way already when the endpoint was found troubled: no news
        if failed.failures >= TROUBLED_AFTER:
            probe = pause_after(failed.failures - TROUBLED_AFTER + 1, chance)
            not_before = now + max(min(probe, LONGEST_PROBE_PAUSE), outcome.retry_after or timedelta())
            return replace(failed, state="degraded", not_before=not_before)
        wait = outcome.retry_after or (PAUSES[0] if outcome.is_throttled else None)
        return replace(failed, not_before=None if wait is None else now + wait)
