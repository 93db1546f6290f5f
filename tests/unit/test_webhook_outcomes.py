"""What an attempt comes to: for the schedule of its lane, and for the standing of its endpoint."""

from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.webhooks.outcomes import PAUSED_AFTER, Health, Outcome, answered, pause_after

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FAILED, ACCEPTED = answered(500), answered(204)


def test_the_schedule_is_that_of_standard_webhooks_and_then_daily() -> None:
    hours = [pause_after(attempts, 0.0) / timedelta(hours=1) for attempts in range(1, 14)]
    assert [round(each * 3600) for each in hours[:3]] == [5, 300, 1800]
    assert hours[3:] == [2, 5, 10, 14, 20, 24, 24, 24, 24, 24]
    assert timedelta(days=3) < sum((pause_after(n, 0.0) for n in range(1, 10)), timedelta()) < timedelta(days=4.2)


@given(st.integers(1, 500), st.floats(0, 1, exclude_max=True), st.none() | st.timedeltas(timedelta(), timedelta(1)))
def test_no_pause_is_shorter_than_the_schedule_or_than_was_asked(
    attempts: int, chance: float, retry_after: timedelta | None
) -> None:
    pause = pause_after(attempts, chance, retry_after)
    assert pause >= max(pause_after(attempts, 0.0), retry_after or timedelta())
    assert pause <= max(pause_after(attempts, 0.0) * 1.1, retry_after or timedelta())


@pytest.mark.parametrize("status", range(200, 300))
def test_2xx_is_success(status: int) -> None:
    assert answered(status).is_accepted


@pytest.mark.parametrize(
    ("status", "reason"),
    [(301, "redirect"), (304, "redirect"), (400, "refused"), (404, "refused"), (410, "gone"), (500, "refused")]
    + [(429, "throttled"), (502, "throttled"), (503, "refused"), (504, "throttled")],
)
def test_all_else_is_not(status: int, reason: str) -> None:
    assert answered(status) == Outcome(reason, status)


def test_what_a_receiver_asks_for_is_bounded() -> None:
    assert answered(429, timedelta(days=400)).retry_after == timedelta(days=1)
    assert answered(503, timedelta(seconds=-5)).retry_after == timedelta()


def test_one_failure_changes_nothing_for_others_and_a_success_heals() -> None:
    once = Health("active").after(FAILED, NOW, 0.0)
    assert (once.state, once.failures, once.failing_since, once.not_before) == ("active", 1, NOW, None)
    assert once.after(ACCEPTED, NOW, 0.0) == Health("active")


def test_who_is_too_busy_is_left_alone_by_all() -> None:
    assert Health("active").after(answered(502), NOW, 0.0).not_before == NOW + timedelta(seconds=5)
    asked = Health("active").after(answered(503, timedelta(minutes=9)), NOW, 0.0)
    assert asked.not_before == NOW + timedelta(minutes=9)


def test_failing_on_and_on_is_degraded_then_paused_and_410_retires_from_anywhere() -> None:
    stands = [Health("active")]
    assert Health("degraded", 5, NOW, NOW + timedelta(seconds=1)).after(FAILED, NOW, 0.0).failures == 5
    for hour in range(24 * 6):
        stands.append(stands[-1].after(FAILED, NOW + timedelta(hours=hour), 0.5))
    states = [one.state for one in stands]
    assert states[:5] == ["active"] * 5
    assert states[5] == "degraded"
    assert states.index("paused") - 1 == PAUSED_AFTER / timedelta(hours=1)
    pauses = [after.not_before - NOW for after in stands[5 : states.index("paused")] if after.not_before is not None]
    assert all(earlier < later for earlier, later in pairwise(pauses))
    assert list(accumulate(states, lambda seen, new: seen if new == seen else new))[-1] == "paused"
    for one in stands:
        assert one.after(answered(410), NOW, 0.0).state == "retired"
