"""Connections and transactions on PostgreSQL: asyncpg itself for the hot path, an SQLAlchemy engine for the rest."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

Connection: TypeAlias = Any  # a pooled asyncpg connection; asyncpg ships no types

ACQUIRE_TIMEOUT = 10.0
ROLLBACK_TIMEOUT = 5.0
# A process that hangs in a transaction holds locks and the horizon of vacuum; the database ends it.
SESSION = {
    "application_name": "draad",
    "timezone": "UTC",
    "idle_in_transaction_session_timeout": "60s",
}
BROKEN = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.CannotConnectNowError, OSError)


SHUTDOWN = (asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError)


class DatabaseTrouble(Exception):
    """The database could not do this now: nothing was stored; ask again a little later."""

    retry_after = 1

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class Busy(DatabaseTrouble):
    """Others hold what this needs for longer than it may wait: nothing was stored; ask again a little later."""


class Unreachable(DatabaseTrouble):
    """The database does not answer: check that it runs and that its URL is right; it is tried again at each request."""

    retry_after = 5


class NotCommitted(DatabaseTrouble):
    """A statement of this transaction failed, so the database rolled it back instead of committing it."""


@dataclass(frozen=True)
class Lock:
    """An advisory lock that a transaction takes before its first statement, and keeps to its end."""

    key: int
    shared: bool = False

    def statement(self) -> str:
        return f"select pg_advisory_xact_lock{'_shared' if self.shared else ''}({self.key:d});"


def advisory_key(space: str, id: UUID) -> int:
    """The number under which PostgreSQL locks this thing: signed 64-bit, the same in every process."""
    digest = hashlib.blake2b(f"{space}:".encode() + id.bytes, digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


class Database:
    """One PostgreSQL database, with a pool of connections that is opened once and closed once."""

    def __init__(self, url: str, pool: Any) -> None:
        self.url = url
        self._pool = pool
        self._engine: AsyncEngine | None = None

    @classmethod
    async def open(cls, url: str, *, size: int = 16) -> "Database":
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=min(2, size),
                max_size=size,
                max_inactive_connection_lifetime=0,  # a closed idle connection is a cold start for who comes next
                max_cached_statement_lifetime=0,
                statement_cache_size=512,
                command_timeout=60,
                server_settings=SESSION,
            )
        except (*BROKEN, TimeoutError) as error:
            raise Unreachable from error
        return cls(url, pool)

    async def close(self) -> None:
        if self._engine is not None:
            await self._engine.dispose()
        await self._pool.close()

    @property
    def engine(self) -> AsyncEngine:
        """SQLAlchemy on the same database, for everything that is not the hot path."""
        if self._engine is None:
            self._engine = create_async_engine(
                sqlalchemy_url(self.url), pool_size=4, max_overflow=4, connect_args={"server_settings": SESSION}
            )
        return self._engine

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection of the pool, without a transaction: each statement commits by itself."""
        try:
            connection = await self._pool.acquire(timeout=ACQUIRE_TIMEOUT)
        except (TimeoutError, asyncpg.TooManyConnectionsError) as error:
            raise Busy from error
        except BROKEN as error:
            raise Unreachable from error
        try:
            yield connection
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if connection.is_closed() or isinstance(error, SHUTDOWN):
                raise Unreachable from error
            raise
        finally:
            await self._pool.release(connection)

    @asynccontextmanager
    async def transaction(self, *locks: Lock, lock_timeout: float = 5.0) -> AsyncIterator[Connection]:
        """One READ COMMITTED transaction that holds these locks; committed at the end, rolled back on any exception.

        The locks are taken in the order given, in the one message that begins the transaction, each as a statement
        of its own: what is read after them sees everything that was committed while they were waited for.
        """
        async with self.connection() as connection:
            try:
                await connection.execute(_beginning(locks, lock_timeout))
                yield connection
                if await connection.execute("commit") != "COMMIT":
                    raise NotCommitted
            except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
                await _roll_back(connection)
                raise Busy from error
            except BaseException:
                await _roll_back(connection)
                raise


def _beginning(locks: tuple[Lock, ...], lock_timeout: float) -> str:
    milliseconds = max(1, round(lock_timeout * 1000))
    begin = f"begin isolation level read committed read write; set local lock_timeout = {milliseconds:d};"
    return begin + "".join(lock.statement() for lock in locks)


async def _roll_back(connection: Connection) -> None:
    """Roll back whatever happens: a cancellation waits for it, so that no half transaction goes back to the pool."""
    rollback = asyncio.ensure_future(_rollback(connection))
    cancelled = False
    while not rollback.done():
        try:
            await asyncio.shield(rollback)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError


async def _rollback(connection: Connection) -> None:
    try:
        if not connection.is_closed():
            await connection.execute("rollback", timeout=ROLLBACK_TIMEOUT)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        connection.terminate()  # what cannot roll back is thrown away; the database rolls back by itself


def sqlalchemy_url(url: str) -> URL:
    """The same database as SQLAlchemy names it."""
    return make_url(url).set(drivername="postgresql+asyncpg")
