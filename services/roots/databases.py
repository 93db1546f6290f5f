"""Where the two databases of an installation are, and whether they may be worked on as they are found."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from services.foundation import clock
from services.foundation.database.configuration import SUPERUSER
from services.foundation.database.connection import Connection, Database
from services.foundation.database.embedded import KEYS, MAIN, embedded
from services.foundation.database.migrations import OLDEST_POSTGRES, SERVICES, PostgresTooOld, heads
from services.foundation.database.ownership import DATA, FolderOwned
from services.foundation.settings import Settings

Progress = Callable[[str], None]
SOCKET_LINE = 4  # of postmaster.pid, from 0: the folder of its socket


class NotAsItShouldBe(Exception):
    """These databases cannot be worked on as they are; the message says what to do."""


class SchemaBehind(NotAsItShouldBe):
    def __init__(self, services: list[str]) -> None:
        super().__init__(
            f"The schema of these databases is not that of this program ({', '.join(services)}). Run `draad migrate` "
            "first, with the same settings; if a newer Draad has migrated them, start that one."
        )


class InventedPeople(NotAsItShouldBe):
    def __init__(self) -> None:
        super().__init__(
            "This database is a sandbox: its people are invented and its clock can be set. "
            "Use it with `draad sandbox --data`, or give `draad serve` a database of its own."
        )


class RealPeople(NotAsItShouldBe):
    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} holds the data of `draad serve`: a sandbox would set its clock. "
            "Choose another folder for --data."
        )


class TwoPlaces(NotAsItShouldBe):
    def __init__(self) -> None:
        super().__init__(
            "--data names a folder and DRAAD_DATABASE_URL a server: give one of them, they are two different places."
        )


@dataclass(frozen=True)
class Place:
    """Where the databases are; `folder` is absent when they are not the embedded ones."""

    main: str
    keys: str
    folder: Path | None = None


def usual_folder() -> Path:
    """Where the embedded databases of `draad serve` are unless --data says otherwise."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "draad"


@asynccontextmanager
async def databases(
    settings: Settings, data: Path | None, progress: Progress, *, beside_another: bool = False
) -> AsyncIterator[Place]:
    """`beside_another`: where another process runs the embedded server on this folder, use that one."""
    if settings.database_url and settings.keys_database_url:
        if data is not None:
            raise TwoPlaces
        yield Place(settings.database_url, settings.keys_database_url)
        return
    folder = data or usual_folder()
    async with AsyncExitStack() as stack:
        try:
            server = await stack.enter_async_context(embedded(folder, progress=progress))
            place = Place(server.url(MAIN), server.url(KEYS), folder)
        except FolderOwned:
            found = _running_on(folder)
            if not beside_another or found is None:
                raise
            place = found
        yield place


def _running_on(folder: Path) -> Place | None:
    try:
        socket = (folder / DATA / "postmaster.pid").read_text().splitlines()[SOCKET_LINE]
    except (OSError, IndexError):
        return None
    found = f"postgresql://{SUPERUSER}@/{{}}?host={quote(socket, safe='')}&port=5432"
    return Place(found.format(MAIN), found.format(KEYS), folder)


async def demand_installation(place: Place) -> None:
    """Raises unless these databases are at the schema of this program and hold no invented people."""
    if services := await behind(place):
        raise SchemaBehind(services)
    async with _connection(place.main) as conn:
        if await clock.is_sandbox(conn):
            raise InventedPeople


async def demand_no_real_people(place: Place, folder: Path) -> None:
    """Raises if somebody is registered here who came by another way than a sandbox's scenes."""
    async with _connection(place.main) as conn:
        if await clock.is_sandbox(conn):
            return
        known = "select exists (select from foundation.organisations) or exists (select from foundation.people)"
        if await conn.fetchval(known) or await conn.fetchval("select exists (select from dossier.dossiers)"):
            raise RealPeople(folder)


async def behind(place: Place) -> list[str]:
    """The services whose schema is not that of this program."""
    found = []
    for url, database in ((place.main, "main"), (place.keys, "keys")):
        async with _connection(url) as conn:
            await _demand_version(conn)
            for service in SERVICES:
                if service.database != database:
                    continue
                versions = await _versions(conn, service.metadata().schema or service.name)
                if versions != set(heads(service)):
                    found.append(service.name)
    return found


async def _versions(conn: Connection, schema: str) -> set[str]:
    table = f'"{schema}".alembic_version'
    if await conn.fetchval("select to_regclass($1) is null", table):
        return set()
    return {row["version_num"] for row in await conn.fetch(f"select version_num from {table}")}


async def _demand_version(conn: Connection) -> None:
    if await conn.fetchval("select current_setting('server_version_num')::int") < OLDEST_POSTGRES * 10_000:
        raise PostgresTooOld(await conn.fetchval("select current_setting('server_version')"))


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator[Connection]:
    database = await Database.open(url, size=1)
    try:
        async with database.connection() as conn:
            yield conn
    finally:
        await database.close()
