"""Business time: what the database answers, and the row with which a sandbox sets it."""

from datetime import UTC, datetime

from services.foundation.database.connection import Connection

SANDBOX_BEGINS = datetime(2000, 1, 1, tzinfo=UTC)


class ClockGoesForward(Exception):
    """The clock of a sandbox goes forward only: give a moment that is not before the one it stands at."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class NoSandboxClock(Exception):
    """This database runs on real time: only a sandbox has a clock that can be set."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


async def now(connection: Connection) -> datetime:
    """Business time: the clock of the sandbox where there is one, else the moment of asking."""
    moment: datetime = await connection.fetchval("select foundation.now()")
    return moment


async def begin_sandbox(connection: Connection) -> datetime:
    """Give this database a clock that can be set; a clock that stands already is left where it stands."""
    await connection.execute(
        "insert into foundation.sandbox_clock (now) values ($1) on conflict (single) do nothing", SANDBOX_BEGINS
    )
    return await now(connection)


async def is_sandbox(connection: Connection) -> bool:
    """Whether this database has a clock that can be set: `draad serve` may not run on it."""
    has_clock: bool = await connection.fetchval("select exists (select from foundation.sandbox_clock)")
    return has_clock


async def advance(connection: Connection, to: datetime) -> datetime:
    """Set the clock of the sandbox; the same moment again is allowed, an earlier one is refused."""
    set_to: datetime | None = await connection.fetchval(
        "update foundation.sandbox_clock set now = $1 where now <= $1 returning now", to
    )
    if set_to is not None:
        return set_to
    if await is_sandbox(connection):
        raise ClockGoesForward
    raise NoSandboxClock
