"""Who owns a data folder: a lock that dies with its process, and what is done with the folders of dead owners."""

import fcntl
import os
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from services.foundation.database.binaries import EmbeddedTrouble

OWNER = "draad.owner"
DATA = "postgres"
UNFINISHED = "initialising"  # what `initdb` works on, before it becomes DATA in one step
SERVING = frozenset({"postgres"})
PREPARING = frozenset({"postgres", "initdb", "sh"})
LONGEST_PARENT = 44  # a socket's whole path has room for 104 to 108 bytes
PATIENCE = 20.0


class FolderTrouble(EmbeddedTrouble):
    """This folder cannot hold the data; what is said here must be put right first."""


class FolderOwned(FolderTrouble):
    def __init__(self, folder: Path, owner: str) -> None:
        who = f"process {owner}" if owner else "another process"
        super().__init__(f"{folder} is in use by {who}: stop that one first, or choose another folder.")


class FolderNotEmpty(FolderTrouble):
    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder} holds files that are not Draad's: choose an empty or a new folder.")


class FolderNotUsable(FolderTrouble):
    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"{folder} cannot be used ({reason}): choose a folder that you may write in.")


class OrphanLives(FolderTrouble):
    def __init__(self, folder: Path, pids: list[int]) -> None:
        found = ", ".join(map(str, pids))
        super().__init__(f"A PostgreSQL that was left behind on {folder} does not stop: end process {found} by hand.")


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Own this folder, which is ours or empty or new, until the end or the death of this process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / OWNER).exists() and {entry.name for entry in folder.iterdir()} - {"lost+found"}:
            raise FolderNotEmpty(folder)
        lock = _open(folder / OWNER)
    except OSError as error:
        raise FolderNotUsable(folder, error.strerror or str(error)) from error
    try:
        if not _take(lock):
            raise FolderOwned(folder, os.pread(lock, 20, 0).decode("ascii", "replace").strip())
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(lock)


@contextmanager
def temporary() -> Iterator[Path]:
    """Own a new folder that goes when its owner goes; those of dead owners go now."""
    parent = parent_of_temporary()
    turn = _open(parent / "turn")
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)  # between making a folder and owning it nobody may take it for a dead one's
        remove_dead(parent)
        folder = parent / f"sandbox-{secrets.token_hex(4)}"
        folder.mkdir()
        folder.chmod(stat.S_IMODE(parent.stat().st_mode))  # not by mkdir: a strict umask would shut the server out
        with owned(folder):
            fcntl.flock(turn, fcntl.LOCK_UN)
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(turn)


def parent_of_temporary() -> Path:
    """The one folder of this user under which all temporary data, sockets and copies lie."""
    place = Path(tempfile.gettempdir()).resolve()
    as_root = os.geteuid() == 0
    if len(os.fsencode(place)) > LONGEST_PARENT or "," in str(place) or (as_root and not _all_may_enter(place)):
        place = Path("/tmp").resolve()
    parent = place / f"draad-{os.geteuid()}"
    mode = 0o711 if as_root else 0o700  # the server of root runs as someone who must be able to pass here
    try:
        parent.mkdir(mode=mode, exist_ok=True)
    except OSError as error:
        raise FolderNotUsable(parent, error.strerror or str(error)) from error
    found = parent.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise FolderNotUsable(parent, "it belongs to someone else")
    if stat.S_IMODE(found.st_mode) != mode:
        parent.chmod(mode)
    return parent


def remove_dead(parent: Path) -> None:
    """Stop and remove every temporary folder whose owner is dead."""
    for folder in parent.glob("sandbox-*"):
        try:
            lock = _open(folder / OWNER)
        except OSError:
            continue
        try:
            if _take(lock):
                stop_orphan(folder / DATA, at_once=True)
                remove_unfinished(folder)
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)


def stop_orphan(data: Path, *, at_once: bool = False) -> bool:
    """Stop the server that a killed owner left on this data; false when there is none.

    Only who holds the owner's lock may call this. Afterwards no process works on the data, so the pid file that is
    left is stale: it is removed, or a process that got the same number by chance would keep the server from starting.
    """
    pid_file = data / "postmaster.pid"
    pids = _servers_on(data)
    for number in (signal.SIGQUIT, signal.SIGKILL) if at_once else (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if not pids:
            break
        main = _number_in(pid_file)
        for pid in [main] if main in pids and number != signal.SIGKILL else pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        _wait_until_gone(data, PATIENCE)
        if not _servers_on(data):
            break
    if left := _servers_on(data):
        raise OrphanLives(data, left)
    if Path("/proc/self").exists():
        pid_file.unlink(missing_ok=True)
    return bool(pids)


def remove_unfinished(folder: Path) -> None:
    """Remove data that a killed owner had not finished preparing; whoever still prepares it is ended first."""
    unfinished = folder / UNFINISHED
    for pid in _servers_on(unfinished, PREPARING):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _wait_until_gone(unfinished, PATIENCE, PREPARING)
    shutil.rmtree(unfinished, ignore_errors=True)


def _wait_until_gone(data: Path, patience: float, names: frozenset[str] = SERVING) -> None:
    deadline = time.monotonic() + patience
    while _servers_on(data, names) and time.monotonic() < deadline:
        time.sleep(0.02)


def _servers_on(data: Path, names: frozenset[str] = SERVING) -> list[int]:
    """The processes of PostgreSQL that work on this data: all of them have it as working directory."""
    try:
        wanted = data.stat()
    except FileNotFoundError:
        return []
    if not Path("/proc/self").exists():
        main = _number_in(data / "postmaster.pid")
        return [main] if main and _is_postgres(main) else []
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            here = os.path.samestat(os.stat(process / "cwd"), wanted)
            if here and (process / "comm").read_text().strip() in names:
                found.append(int(process.name))
    return found


def _is_postgres(pid: int) -> bool:
    """Where there is no /proc: a number alone may by now belong to anyone."""
    found = subprocess.run(["ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return Path(found.stdout.strip()).name == "postgres"


def _number_in(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _take(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _all_may_enter(folder: Path) -> bool:
    return all(part.stat().st_mode & stat.S_IXOTH for part in (folder, *folder.parents))
