"""Connections and transactions on PostgreSQL: asyncpg itself for the hot path, an SQLAlchemy engine for the rest."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg
from sqlalchemy import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

Connection: TypeAlias = Any  # a pooled asyncpg connection; asyncpg ships no types

ACQUIRE_TIMEOUT = 10.0
LOCK_TIMEOUT = 5.0
BEGIN = "begin isolation level read committed read write;"
ROLLBACK_TIMEOUT = 5.0
# A process that hangs in a transaction holds locks and the horizon of vacuum; the database ends it.
SESSION = {
    "application_name": "draad",
    "timezone": "UTC",
    "lock_timeout": f"{LOCK_TIMEOUT:.0f}s",
    "idle_in_transaction_session_timeout": "60s",
}
BROKEN = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.CannotConnectNowError, OSError)
SHUTDOWN = (asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError)
# asyncpg's own word when the server dies between two messages of one statement: the connection is of no use any more.
CONFUSED = asyncpg.InternalClientError


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


# Giving a connection back may fail as well when the database dies: by then no transaction translates it.
AWAY: tuple[type[Exception], ...] = (DatabaseTrouble, *BROKEN, *SHUTDOWN, CONFUSED)


@dataclass(frozen=True)
class Lock:
    """An advisory lock that a transaction takes before its first statement, and keeps to its end."""

    key: int
    shared: bool = False

    def statement(self) -> str:
        return f"select pg_advisory_xact_lock{'_shared' if self.shared else ''}({self.key:d});"

    def for_session(self) -> str:
        """The same lock, held by a connection instead of by a transaction, until it is released."""
        return f"select pg_advisory_lock{'_shared' if self.shared else ''}({self.key:d});"


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
                min_size=0,  # asyncpg would fill a pool up again in the background, loudly while the server is away
                max_size=size,
                max_inactive_connection_lifetime=0,  # a closed idle connection is a cold start for who comes next
                max_cached_statement_lifetime=0,
                statement_cache_size=512,
                command_timeout=60,
                server_settings=SESSION,
            )
            async with pool.acquire():
                pass
        except (*BROKEN, asyncpg.PostgresError, TimeoutError) as error:
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
        connection = await self._acquire()
        try:
            yield connection
        except (asyncpg.PostgresError, asyncpg.InterfaceError, CONFUSED) as error:
            if trouble := _trouble(error, connection):
                raise trouble from error
            raise
        finally:
            await self._pool.release(connection)

    @asynccontextmanager
    async def keeping(self, *locks: Lock, lock_timeout: float = LOCK_TIMEOUT) -> AsyncIterator[Connection]:
        """A connection that holds these locks to the end of the block, over several transactions (`within`) of it.

        They are taken in the order given; who waits longer than `lock_timeout` seconds for one gets none of them. What
        releases them is that the pool gets the connection back: it then unlocks all, or where it can not, ends it.
        """
        async with self.connection() as connection:
            await connection.execute(_waiting(lock_timeout) + "".join(lock.for_session() for lock in locks))
            yield connection

    def transaction(self, *locks: Lock, lock_timeout: float = LOCK_TIMEOUT, is_durable: bool = True) -> "Transaction":
        """One READ COMMITTED transaction that holds these locks; committed at the end, rolled back on any exception.

        The locks are taken in the order given, in the one message that begins the transaction, each as a statement
        of its own: what is read after them sees everything that was committed while they were waited for. The commit of
        one that is not durable waits for no disk: a crash of the server may forget it, whole.
        """
        beginning = _beginning(locks, lock_timeout) + ("" if is_durable else "set local synchronous_commit = off;")
        return Transaction(self._acquire, self._pool.release, beginning)

    async def _acquire(self) -> Connection:
        try:
            async with asyncio.timeout(ACQUIRE_TIMEOUT):
                return await self._pool.acquire()
        except (TimeoutError, asyncpg.TooManyConnectionsError) as error:
            raise Busy from error
        except (*BROKEN, asyncpg.PostgresError, CONFUSED) as error:
            raise Unreachable from error


class Transaction:
    """What `Database.transaction` answers; a class, because two nested generators cost the hot path a tenth."""

    __slots__ = ("_acquire", "_beginning", "_connection", "_release")

    def __init__(
        self, acquire: Callable[[], Awaitable[Connection]], release: Callable[[Connection], Awaitable[None]], begin: str
    ) -> None:
        self._acquire = acquire
        self._release = release
        self._beginning = begin
        self._connection: Connection = None

    async def __aenter__(self) -> Connection:
        self._connection = await self._acquire()
        try:
            await self._connection.execute(self._beginning)
        except BaseException as error:
            await self._end_badly(error)
            raise
        return self._connection

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if error is not None:
            await self._end_badly(error)
            return
        try:
            if await self._connection.execute("commit") != "COMMIT":
                raise NotCommitted
        except BaseException as failure:
            await self._end_badly(failure)
            raise
        await self._release(self._connection)

    async def _end_badly(self, error: BaseException) -> None:
        try:
            await _roll_back(self._connection)
            if trouble := _trouble(error, self._connection):
                raise trouble from error
        finally:
            await self._release(self._connection)


def within(connection: Connection) -> Transaction:
    """One transaction on a connection that its holder keeps."""

    async def kept() -> Connection:
        return connection

    async def given_back(_connection: Connection) -> None:
        return None

    return Transaction(kept, given_back, BEGIN)


def _trouble(error: BaseException, connection: Connection) -> DatabaseTrouble | None:
    """What a failure of the database means to a caller; none when it is a fault of the statement."""
    if isinstance(error, (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)):
        return Busy()
    if isinstance(error, (*SHUTDOWN, CONFUSED)):
        return Unreachable()
    if isinstance(error, (asyncpg.PostgresError, asyncpg.InterfaceError)) and _is_gone(connection):
        return Unreachable()
    return None


def _beginning(locks: tuple[Lock, ...], lock_timeout: float) -> str:
    return BEGIN + _waiting(lock_timeout) + "".join(lock.statement() for lock in locks)


def _waiting(lock_timeout: float) -> str:
    """How long the statements of this message wait for a lock, where that is another time than every session has."""
    return "" if lock_timeout == LOCK_TIMEOUT else f"set local lock_timeout = {max(1, round(lock_timeout * 1000)):d};"


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
    if _is_gone(connection):
        return
    try:
        await connection.execute("rollback", timeout=ROLLBACK_TIMEOUT)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, CONFUSED, OSError, TimeoutError):
        if not _is_gone(connection):
            connection.terminate()  # what cannot roll back is thrown away; the database rolls back by itself


def _is_gone(connection: Connection) -> bool:
    """Whether the server or asyncpg has ended it; asyncpg takes such a connection from its holder at once."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True


def sqlalchemy_url(url: str) -> URL:
    """The same database as SQLAlchemy names it."""
    return make_url(url).set(drivername="postgresql+asyncpg")
