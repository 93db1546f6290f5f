"""Business time: real where there is no sandbox, and what a sandbox sets it to where there is one."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from services.foundation import clock
from services.foundation.clock import SANDBOX_BEGINS, ClockGoesForward, NoSandboxClock
from services.foundation.database.connection import Database, Lock

pytestmark = pytest.mark.anyio


async def test_business_time_is_real_time_and_runs_within_a_transaction(database: Database) -> None:
    async with database.transaction() as connection:
        assert not await clock.is_sandbox(connection)
        first = await clock.now(connection)
        second = await clock.now(connection)
    assert first < second
    assert abs(datetime.now(UTC) - first) < timedelta(minutes=1)


async def test_a_fresh_sandbox_stands_still_at_2000(database: Database) -> None:
    async with database.transaction() as connection:
        assert await clock.begin_sandbox(connection) == SANDBOX_BEGINS == datetime(2000, 1, 1, tzinfo=UTC)
        await asyncio.sleep(0.01)
        assert await clock.now(connection) == SANDBOX_BEGINS
        assert await clock.is_sandbox(connection)


async def test_a_sandbox_goes_forward_only(database: Database) -> None:
    march = datetime(2026, 3, 1, 9, 30, 0, 123456, tzinfo=UTC)
    async with database.connection() as connection:
        await clock.begin_sandbox(connection)
        assert await clock.advance(connection, march) == march
        assert await clock.advance(connection, march) == march
        with pytest.raises(ClockGoesForward, match="goes forward only"):
            await clock.advance(connection, march - timedelta(microseconds=1))
        assert await clock.begin_sandbox(connection) == march
        assert await clock.now(connection) == march


async def test_real_time_cannot_be_set(database: Database) -> None:
    async with database.connection() as connection:
        with pytest.raises(NoSandboxClock, match="real time"):
            await clock.advance(connection, datetime(2030, 1, 1, tzinfo=UTC))
        assert not await clock.is_sandbox(connection)


async def test_who_waited_for_a_lock_reads_the_clock_of_after_it(database: Database) -> None:
    later = SANDBOX_BEGINS + timedelta(days=1)

    async def read() -> datetime:
        async with database.transaction(Lock(1)) as connection:
            return await clock.now(connection)

    async with database.connection() as connection:
        await clock.begin_sandbox(connection)
    for _ in range(7):  # warm: the statement is prepared on every connection
        await asyncio.gather(read(), read())
    async with database.transaction(Lock(1)) as connection:
        reader = asyncio.create_task(read())
        await asyncio.sleep(0.05)
        await clock.advance(connection, later)
    assert await reader == later
