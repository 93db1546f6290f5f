"""A real PostgreSQL without settings: starts, stops and takes over the server that comes as a wheel."""

import asyncio
import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg

from services.foundation.database.binaries import EmbeddedTrouble, User, programs, server_user
from services.foundation.database.configuration import SUPERUSER, write_settings
from services.foundation.database.ownership import (
    DATA,
    UNFINISHED,
    FolderNotUsable,
    FolderTrouble,
    owned,
    parent_of_temporary,
    remove_unfinished,
    stop_orphan,
    temporary,
)

Progress = Callable[[str], None]

MAIN = "draad"
KEYS = "draad_keys"
READY_WITHIN = 120.0  # after a crash the server first replays its log
FAST, IMMEDIATE = 30.0, 10.0
LOG_IS_LARGE = 5_000_000
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


class StartFailed(EmbeddedTrouble):
    def __init__(self, what: str, last: Sequence[str]) -> None:
        said = "\n".join(f"  {line}" for line in last) or "  (nothing)"
        super().__init__(f"The embedded PostgreSQL {what}. It said last:\n{said}")


class OtherVersion(FolderTrouble):
    def __init__(self, folder: Path, found: str, wanted: str) -> None:
        super().__init__(
            f"{folder} was made by PostgreSQL {found} and the installed one is {wanted}: "
            f"install the version that it was made with, or move the data by pg_dump."
        )


class Server:
    """A PostgreSQL on one folder. Starting, stopping and killing block: asynchronous code does them in a thread."""

    def __init__(self, folder: Path, socket: Path, user: User | None, binaries: Path, progress: Progress) -> None:
        self.folder = folder
        self.socket = socket
        self._short_lived = socket.parent == folder
        self.data = folder / DATA
        self.log = folder / "postgres.log"
        self._user = user
        self._binaries = binaries
        self._progress = progress
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str) -> str:
        """The address of a database on this server, for asyncpg and for SQLAlchemy."""
        return f"postgresql://{SUPERUSER}@/{quote(database)}?host={quote(str(self.socket), safe='')}&port=5432"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start on the data that is there, or on new data; ready when this returns."""
        if not self.data.exists():
            self._initialise()
        self._check_version()
        self._own_the_data()
        if stop_orphan(self.data):
            self._progress("stopped the database server that a killed process had left behind")
        self._prepare_socket()
        write_settings(self.data, self.socket)
        self._progress("starting the database server")
        if self.log.exists() and self.log.stat().st_size > LOG_IS_LARGE:
            self.log.replace(self.log.with_suffix(".log.1"))
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            with _reachable(self.data, self._user) as (path, kept):
                self._process = subprocess.Popen(
                    [self._binaries / "postgres", "-D", path],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    **self._run_as(self.data, kept),
                )
        finally:
            os.close(log)
        try:
            asyncio.run(self._ready())
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop: what is committed is on disk, whoever is connected is cut off."""
        if self._process is None:
            return
        for number, patience in ((signal.SIGINT, FAST), (signal.SIGQUIT, IMMEDIATE), (signal.SIGKILL, IMMEDIATE)):
            if self._process.poll() is None:
                self._process.send_signal(number)
            try:
                self._process.wait(patience)
            except subprocess.TimeoutExpired:
                continue
            break
        self._process = None
        shutil.rmtree(self.socket, ignore_errors=True)

    def kill(self) -> None:
        """Kill the server as a power cut would; `start` brings it back with everything that was committed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        stop_orphan(self.data, at_once=True)

    def _initialise(self) -> None:
        self._progress("preparing a new database")
        remove_unfinished(self.folder)
        unfinished = self.folder / UNFINISHED
        unfinished.mkdir(mode=0o700)
        if self._user:
            os.chown(unfinished, self._user.uid, self._user.gid)
        with _reachable(unfinished, self._user) as (path, kept):
            done = subprocess.run(
                [
                    *(self._binaries / "initdb", "-D", path, "-U", SUPERUSER, "--auth=peer", "--encoding=UTF8"),
                    *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                    *("--no-instructions", *(["--no-sync"] if self._short_lived else [])),
                ],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                **self._run_as(unfinished, kept),
            )
        if done.returncode:
            raise StartFailed("could not prepare its data", done.stderr.decode(errors="replace").splitlines()[-5:])
        unfinished.rename(self.data)
        _flush(self.folder)

    def _check_version(self) -> None:
        wanted = self._binaries.parent.name.removeprefix("pginstall")
        try:
            found = (self.data / "PG_VERSION").read_text().strip()
        except OSError as error:
            raise FolderNotUsable(self.folder, error.strerror or str(error)) from error
        if found != wanted:
            raise OtherVersion(self.folder, found, wanted)

    def _own_the_data(self) -> None:
        """Data that root has copied or restored is given to the user under whom the server runs."""
        if self._user is None or self.data.stat().st_uid == self._user.uid:
            return
        for place, folders, files in os.walk(self.data):
            for path in (place, *(os.path.join(place, name) for name in (*folders, *files))):
                os.chown(path, self._user.uid, self._user.gid, follow_symlinks=False)

    def _prepare_socket(self) -> None:
        shutil.rmtree(self.socket, ignore_errors=True)
        self.socket.mkdir(mode=0o700)
        if self._user:
            os.chown(self.socket, self._user.uid, self._user.gid)

    def _run_as(self, folder: Path, kept: Sequence[int]) -> dict[str, Any]:
        # Its own session: Ctrl-C in a terminal is for us, and we stop the server when we have finished with it.
        return {
            "cwd": folder,  # where the server goes anyway: so whoever takes over finds it from its first moment
            "env": ENVIRONMENT,
            "pass_fds": kept,
            "start_new_session": True,
            "umask": 0o077,
            **({"user": self._user.uid, "group": self._user.gid, "extra_groups": []} if self._user else {}),
        }

    async def _ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while True:
            try:
                connection = await asyncpg.connect(self.url("postgres"), timeout=5)
                break
            except (asyncpg.CannotConnectNowError, OSError, TimeoutError, asyncpg.PostgresConnectionError):
                if self.pid is None:
                    raise StartFailed("ended while it started", self._last_lines()) from None
                if time.monotonic() > deadline:
                    raise StartFailed(f"was not ready in {READY_WITHIN:.0f} s", self._last_lines()) from None
            await asyncio.sleep(0.02)
        try:
            there = {row["datname"] for row in await connection.fetch("select datname from pg_database")}
            for database in (MAIN, KEYS):
                if database not in there:
                    await connection.execute(f'create database "{database}"')
        finally:
            await connection.close()

    def _last_lines(self) -> list[str]:
        return self.log.read_text(errors="replace").splitlines()[-5:]


@contextmanager
def running(folder: Path | None, *, progress: Progress | None = None) -> Iterator[Server]:
    """A server on this folder, or on a temporary one, for code that is not asynchronous."""
    parent = parent_of_temporary()
    with temporary() if folder is None else _kept(folder) as place:
        user = server_user(place / DATA)
        name = hashlib.sha256(os.fsencode(place)).hexdigest()[:8]
        socket = place / "socket" if folder is None else parent / f"socket-{name}"
        server = Server(place, socket, user, programs(user, parent), progress or _quiet)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@asynccontextmanager
async def embedded(folder: Path | None, *, progress: Progress | None = None) -> AsyncIterator[Server]:
    """A server on this folder, or on a temporary one; stopped at the end, a cancellation notwithstanding."""
    context = running(folder, progress=progress)
    server = await _to_its_end(context.__enter__, lambda: context.__exit__(None, None, None))
    try:
        yield server
    finally:
        await _to_its_end(lambda: context.__exit__(None, None, None))


async def _to_its_end(work: Callable[[], Any], undo: Callable[[], Any] = lambda: None) -> Any:
    """Run this in a thread, and wait for it even when cancelled: half a start would leave a server behind."""
    running_work = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running_work)
    except asyncio.CancelledError:
        while not running_work.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait({running_work})
        if not running_work.cancelled() and running_work.exception() is None:
            undo()
        raise


@contextmanager
def _kept(folder: Path) -> Iterator[Path]:
    with owned(folder):
        yield folder.resolve()


@contextmanager
def _reachable(data: Path, user: User | None) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A path by which that user reaches the data, and the open files that the path needs.

    Below a folder that only root may enter the unprivileged user has no path, and the rights of that folder are not
    ours to widen; an open descriptor of the data itself is a path too, and its children inherit it.
    """
    if user is None or user.may_enter(data.parent):
        yield str(data), ()
        return
    if not Path("/proc/self/fd").is_dir():
        raise FolderNotUsable(data.parent, "the unprivileged user of the server cannot enter one of its parents")
    descriptor = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield f"/proc/self/fd/{descriptor}", (descriptor,)
    finally:
        os.close(descriptor)


def _flush(folder: Path) -> None:
    """See to it that the names in this folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _quiet(_step: str) -> None:
    return None
