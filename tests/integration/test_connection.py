"""Transactions that hold advisory locks: what they promise to who waits, who fails and who is cancelled."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import anyio
import asyncpg
import pytest
from sqlalchemy import text

from services.foundation.database import connection as port
from services.foundation.database.connection import (
    Busy,
    Connection,
    Database,
    Lock,
    NotCommitted,
    Unreachable,
    advisory_key,
)
from services.foundation.database.embedded import MAIN, Server, embedded
from tests.pairs import Urls, shut

pytestmark = pytest.mark.anyio

DOSSIER = UUID("7f9d1c34-5a1e-4a52-9c51-0d2f7d1a6f00")
FENCE = advisory_key("fence", DOSSIER)


@pytest.fixture
async def kept(database: Database) -> Database:
    async with database.connection() as connection:
        await connection.execute("create table kept (word text primary key)")
    return database


async def words(database: Database) -> list[str]:
    async with database.connection() as connection:
        return [row["word"] for row in await connection.fetch("select word from kept order by word")]


async def store(connection: Connection, word: str) -> None:
    await connection.execute("insert into kept values ($1)", word)


def test_a_key_is_the_same_in_every_process() -> None:
    assert advisory_key("fence", DOSSIER) == FENCE == 6233663438524830340
    assert advisory_key("append", DOSSIER) != FENCE
    keys = [advisory_key("fence", UUID(int=number)) for number in range(1000)]
    assert len(set(keys)) == 1000
    assert all(-(2**63) <= key < 2**63 for key in keys)
    assert any(key < 0 for key in keys)


async def test_a_transaction_commits_at_its_end(kept: Database) -> None:
    async with kept.transaction(Lock(FENCE)) as connection:
        await store(connection, "thread")
    assert await words(kept) == ["thread"]


async def test_an_exception_rolls_back_and_is_told(kept: Database) -> None:
    async def work() -> None:
        async with kept.transaction() as connection:
            await store(connection, "thread")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await work()
    assert await words(kept) == []


async def test_a_swallowed_failure_is_never_taken_for_a_commit(kept: Database) -> None:
    async def work() -> None:
        async with kept.transaction() as connection:
            await store(connection, "thread")
            with suppress(asyncpg.UniqueViolationError):
                await store(connection, "thread")

    with pytest.raises(NotCommitted):
        await work()
    assert await words(kept) == []


async def test_begin_and_locks_are_one_message(kept: Database) -> None:
    async with kept.transaction(Lock(1), Lock(2, shared=True), lock_timeout=0.25) as connection:
        asked = "select query from pg_stat_activity where pid = $1"
        async with kept.connection() as other:
            message = await other.fetchval(asked, connection.get_server_pid())
        assert message == (
            "begin isolation level read committed read write;set local lock_timeout = 250;"
            "select pg_advisory_xact_lock(1);select pg_advisory_xact_lock_shared(2);"
        )
        assert await connection.fetchval("show lock_timeout") == "250ms"
        assert await connection.fetchval("show transaction_isolation") == "read committed"
        held = await connection.fetch(
            "select objid::int, mode from pg_locks where locktype = 'advisory' and pid = pg_backend_pid() order by 1"
        )
        assert [tuple(row) for row in held] == [(1, "ExclusiveLock"), (2, "ShareLock")]


async def test_without_saying_so_nobody_waits_longer_than_five_seconds(database: Database) -> None:
    async with database.transaction(Lock(1)) as connection:
        assert await connection.fetchval("show lock_timeout") == "5s"


async def test_who_waits_too_long_is_told_to_ask_again(kept: Database) -> None:
    async with kept.transaction(Lock(FENCE)):
        with pytest.raises(Busy, match="ask again") as refused:
            async with kept.transaction(Lock(FENCE), lock_timeout=0.05) as connection:
                await store(connection, "thread")
        assert refused.value.retry_after > 0
    assert await words(kept) == []


async def test_readers_share_and_the_writer_waits(kept: Database) -> None:
    async with kept.transaction(Lock(FENCE, shared=True)), kept.transaction(Lock(FENCE, shared=True)):
        with pytest.raises(Busy):
            async with kept.transaction(Lock(FENCE), lock_timeout=0.05):
                pass
    async with kept.transaction(Lock(FENCE), lock_timeout=0.05):
        pass


@pytest.mark.parametrize("attempt", range(5))
async def test_who_waited_sees_what_was_committed_meanwhile(kept: Database, attempt: int) -> None:
    async def read() -> list[str]:
        async with kept.transaction(Lock(FENCE, shared=True)) as connection:
            return [row["word"] for row in await connection.fetch("select word from kept")]

    for _ in range(8):  # warm: every connection has its statements prepared
        await asyncio.gather(*(read() for _ in range(4)))
    async with kept.transaction(Lock(FENCE)) as connection:
        reader = asyncio.create_task(read())
        await asyncio.sleep(0.05)
        await store(connection, "withdrawn")
        assert not reader.done()
    assert await reader == ["withdrawn"]


async def test_a_deadlock_is_busy_for_one_of_the_two(kept: Database) -> None:
    async def take(first: int, second: int) -> None:
        async with kept.transaction(Lock(first)) as connection:
            await asyncio.sleep(0.1)
            await connection.execute(f"select pg_advisory_xact_lock({second})")

    outcomes = await asyncio.gather(take(1, 2), take(2, 1), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome] == [Busy]


@pytest.mark.parametrize("moment", ["while it waits for the lock", "while it works", "while it sleeps"])
async def test_a_cancelled_transaction_leaves_nothing(kept: Database, moment: str) -> None:
    started = asyncio.Event()

    async def work() -> None:
        if moment == "while it waits for the lock":
            started.set()
        async with kept.transaction(Lock(FENCE)) as connection:
            await store(connection, "thread")
            started.set()
            await (connection.execute("select pg_sleep(30)") if moment == "while it works" else asyncio.sleep(30))

    async def cancel() -> None:
        task = asyncio.create_task(work())
        await started.wait()
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    if moment == "while it waits for the lock":
        async with kept.transaction(Lock(FENCE)):
            await cancel()
    else:
        await cancel()
    async with kept.transaction(Lock(FENCE), lock_timeout=0.5) as connection:
        assert await connection.fetchval("select count(*) from kept") == 0


async def test_a_scope_that_keeps_cancelling_leaves_nothing(kept: Database) -> None:
    for _ in range(20):
        with anyio.move_on_after(0.02):
            async with kept.transaction(Lock(FENCE)) as connection:
                await store(connection, "thread")
                await connection.execute("select pg_sleep(30)")
    async with kept.transaction(Lock(FENCE), lock_timeout=0.5) as connection:
        assert await connection.fetchval("select count(*) from kept") == 0
        others = "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in %'"
        assert await connection.fetchval(others) == 0


async def test_a_full_pool_is_busy(urls: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port, "ACQUIRE_TIMEOUT", 0.05)
    database = await Database.open(urls.main, size=1)
    try:
        async with database.connection():
            with pytest.raises(Busy):
                async with database.connection():
                    pass
    finally:
        await database.close()


async def test_a_lock_of_a_session_ends_when_the_connection_goes_back(kept: Database) -> None:
    async with kept.connection() as connection:
        await connection.execute(f"select pg_advisory_lock_shared({FENCE})")
    async with kept.transaction(Lock(FENCE), lock_timeout=0.5):
        pass


async def test_the_types_of_the_event_store_need_no_conversion(database: Database) -> None:
    values = (DOSSIER, datetime(2026, 3, 1, 9, 30, tzinfo=UTC), ["a", "b"], [b"\x00", b"\xff"])
    async with database.connection() as connection:
        row = await connection.fetchrow("select $1::uuid, $2::timestamptz, $3::text[], $4::bytea[]", *values)
    assert tuple(row) == values


async def test_sqlalchemy_speaks_to_the_same_database(kept: Database) -> None:
    async with kept.engine.begin() as connection:
        await connection.execute(text("insert into kept values (:word)"), {"word": "thread"})
    assert await words(kept) == ["thread"]


async def test_a_database_that_is_not_there_is_unreachable(urls: Urls) -> None:
    with pytest.raises(Unreachable, match="check that it runs"):
        await Database.open("postgresql://draad@127.0.0.1:1/draad")
    with pytest.raises(Unreachable):
        await Database.open(urls.main.replace("/test_", "/nobodys_"))


async def test_a_database_that_takes_no_connections_is_unreachable(urls: Urls, server: Server) -> None:
    database = await Database.open(urls.main)
    async with shut(server, urls.main):
        with pytest.raises(Unreachable):
            async with database.transaction():
                pytest.fail("it let us in")
    async with database.transaction() as connection:
        assert await connection.fetchval("select 1") == 1
    await database.close()


async def test_after_a_crash_of_the_server_the_same_pool_works_again() -> None:
    async with embedded(None) as server:
        database = await Database.open(server.url(MAIN), size=4)
        async with database.connection() as connection:
            await connection.execute("create table kept (word text primary key)")

        async def work() -> None:
            async with database.transaction() as connection:
                await store(connection, "lost")
                await asyncio.to_thread(server.kill)
                await store(connection, "lost too")

        for _ in range(2):
            with pytest.raises(Unreachable):
                await work()
        await asyncio.to_thread(server.start)
        assert await words(database) == []
        await database.close()


async def test_a_client_confused_by_a_death_in_mid_statement_is_told_to_ask_again(database: Database) -> None:
    """asyncpg says so where a server is killed between two messages of one statement."""
    with pytest.raises(Unreachable):
        async with database.transaction():
            raise asyncpg.InternalClientError("got result for unknown protocol state")
    with pytest.raises(Unreachable):
        async with database.connection():
            raise asyncpg.InternalClientError("got result for unknown protocol state")
    async with database.connection() as connection:
        assert await connection.fetchval("select 1") == 1
