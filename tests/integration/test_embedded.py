"""The embedded PostgreSQL: start, stop and takeover, whatever became of who started it before."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from services.foundation.database import binaries
from services.foundation.database.embedded import MAIN, OtherVersion, Server, embedded, running
from services.foundation.database.ownership import FolderNotEmpty, FolderNotUsable, FolderOwned

ROOT = Path(__file__).resolve().parents[2]
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs the server as itself")
# What an owner is: a process that has the folder until its standard input ends, or until it is killed.
OWNER = """
import os, signal, sys
from pathlib import Path
from services.foundation.database.embedded import running
signal.signal(signal.SIGINT, signal.default_int_handler)  # what a shell starts in the background ignores it
folder, uid = sys.argv[1:]
if int(uid) != os.geteuid():
    os.setgroups([]); os.setgid(int(uid)); os.setuid(int(uid))
with running(Path(folder) if folder else None) as server:
    print(server.pid, server.folder, flush=True)
    sys.stdin.read()
"""

Own = Callable[..., tuple[subprocess.Popen[str], int, Path]]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for temporary files that these tests share with nobody; everyone may enter it, as with /tmp."""
    assert tmp_path.exists()  # pytest's own, which nobody else may enter, is made where it always is
    place = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))
    place.chmod(0o1777)
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield place
    shutil.rmtree(place)


@pytest.fixture
def own(temporary: Path) -> Iterator[Own]:
    """Start another process that owns a folder; answers it, the process id of its server, and the folder."""
    started: list[subprocess.Popen[str]] = []

    def start(folder: Path | str = "", uid: int = os.geteuid()) -> tuple[subprocess.Popen[str], int, Path]:
        process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(folder), str(uid)],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(temporary)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        pid, _, place = process.stdout.readline().strip().partition(" ")
        return process, int(pid), Path(place)

    yield start
    for process in started:
        process.communicate("")


def killed(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def left_in(temporary: Path) -> list[Path]:
    return list(temporary.glob("draad-*/sandbox-*"))


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def asked(server: Server, *statements: str) -> object:
    async def ask() -> object:
        connection = await asyncpg.connect(server.url(MAIN))
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(ask())


def modes(folder: Path) -> dict[Path, tuple[int, int, int]]:
    return {part: (found.st_mode, found.st_uid, found.st_gid) for part in folder.parents if (found := part.stat())}


def test_a_folder_with_a_space_keeps_what_was_stored(tmp_path: Path) -> None:
    folder = tmp_path / "a folder" / "with 'spaces', $HOME, \"quotes\" and 100%"
    with running(folder) as server:
        asked(server, "create table kept (word text)", "insert into kept values ('thread')", "select 1")
    with running(folder) as server:
        assert asked(server, "select word from kept") == "thread"


def test_the_settings_are_those_of_the_design() -> None:
    wanted = {"max_locks_per_transaction": "256", "listen_addresses": "", "fsync": "on", "server_encoding": "UTF8"}
    with running(None) as server:
        assert {name: asked(server, f"show {name}") for name in wanted} == wanted
        assert str(asked(server, "show server_version")).startswith("18.")
        assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700


def test_a_temporary_folder_is_gone_at_the_end(temporary: Path) -> None:
    with running(None) as server:
        pid, folder = server.pid, server.folder
        assert folder.parent.parent == temporary
    assert not folder.exists()
    assert pid is not None
    assert not lives(pid)


def test_after_sigkill_of_the_owner_the_next_start_takes_over(tmp_path: Path, own: Own) -> None:
    owner, orphan, folder = own(tmp_path / "data")
    killed(owner)
    assert lives(orphan)
    with running(folder) as server:
        assert not lives(orphan)
        assert asked(server, "select 1") == 1


def test_a_second_live_owner_is_refused(tmp_path: Path, own: Own) -> None:
    owner, pid, folder = own(tmp_path / "data")
    with pytest.raises(FolderOwned, match=f"in use by process {owner.pid}: stop that one first"), running(folder):
        pass
    assert lives(pid)


def test_the_temporary_sandbox_of_a_dead_owner_is_stopped_and_removed(own: Own) -> None:
    owner, orphan, dead = own()
    _, other, alive = own()
    killed(owner)
    assert lives(orphan)
    with running(None):
        assert not lives(orphan)
        assert not dead.exists()
        assert lives(other)
        assert alive.exists()


def test_folders_of_others_are_refused(tmp_path: Path) -> None:
    (tmp_path / "novel.txt").write_text("once upon a time")
    with pytest.raises(FolderNotEmpty, match="choose an empty or a new folder"), running(tmp_path):
        pass
    with pytest.raises(FolderNotUsable, match="choose a folder"), running(tmp_path / "novel.txt"):
        pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["novel.txt"]


def test_rights_above_the_data_are_never_touched(tmp_path: Path) -> None:
    folder = tmp_path / "closed" / "folder"
    folder.mkdir(parents=True)
    folder.chmod(0o700)
    folder.parent.chmod(0o700)
    before = modes(folder / "itself")
    with running(folder) as server:
        assert asked(server, "select 1") == 1
        assert modes(folder / "itself") == before
    assert modes(folder / "itself") == before


@only_root
def test_root_runs_the_server_as_someone_without_privileges() -> None:
    with running(None) as server:
        assert Path(f"/proc/{server.pid}").stat().st_uid != 0
        assert server.data.stat().st_uid != 0


@only_root
def test_root_may_have_the_wheel_where_only_root_can_enter(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = binaries._package()
    closed = tmp_path / "closed to all"
    closed.mkdir(mode=0o700)
    (closed / package.name).symlink_to(package)
    (closed / f"{package.name}.libs").symlink_to(package.with_name(f"{package.name}.libs"))
    monkeypatch.setattr(binaries, "_package", lambda: closed / package.name)
    for _ in range(2):
        with running(None) as server:
            assert Path(f"/proc/{server.pid}/exe").resolve().is_relative_to(temporary)
            assert asked(server, "select 1") == 1


@pytest.mark.parametrize(("name", "copied"), [("a clone of 'draad'", False), ("a $clone", True)])
def test_the_wheel_may_lie_in_a_folder_of_any_name(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, name: str, copied: bool
) -> None:
    package = binaries._package()
    clone = temporary / name
    binaries._copy(package, clone / package.name)
    binaries._copy(package.with_name(f"{package.name}.libs"), clone / f"{package.name}.libs")
    monkeypatch.setattr(binaries, "_package", lambda: clone / package.name)
    with running(None) as server:
        assert Path(f"/proc/{server.pid}/exe").resolve().is_relative_to(clone) is not copied
        assert asked(server, "select 1") == 1


def test_an_ordinary_user_runs_the_server_as_itself(temporary: Path, own: Own) -> None:
    uid = os.geteuid() or 65534
    folder = temporary / "of its own"
    folder.mkdir()
    os.chown(folder, uid, -1)
    _, pid, place = own(folder, uid)
    assert Path(f"/proc/{pid}").stat().st_uid == uid
    assert (place / "postgres").stat().st_uid == uid
    _, pid, place = own("", uid)
    assert place.parent == temporary / f"draad-{uid}"
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700


def test_a_strict_umask_shuts_nobody_out(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = binaries._package()
    (temporary / "$").mkdir()
    (temporary / "$" / package.name).symlink_to(package)
    (temporary / "$" / f"{package.name}.libs").symlink_to(package.with_name(f"{package.name}.libs"))
    monkeypatch.setattr(binaries, "_package", lambda: temporary / "$" / package.name)
    before = os.umask(0o077)
    try:
        with running(None) as server:
            assert asked(server, "select 1") == 1
    finally:
        os.umask(before)


@only_root
def test_root_and_an_ordinary_user_may_take_turns(temporary: Path, own: Own) -> None:
    folder = temporary / "of an ordinary user"
    folder.mkdir()
    os.chown(folder, 65534, -1)
    first, _, _ = own(folder, 65534)
    first.communicate("")
    with running(folder) as server:
        assert asked(server, "select 1") == 1
    _, pid, _ = own(folder, 65534)
    assert lives(pid)


def test_what_is_committed_survives_a_power_cut() -> None:
    with running(None) as server:
        asked(server, "create table kept (word text)", "insert into kept values ('thread')", "select 1")
        server.kill()
        assert server.pid is None
        server.start()
        assert asked(server, "select word from kept") == "thread"


def test_a_stale_pid_file_does_not_keep_it_from_starting(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        data = server.data
    (data / "postmaster.pid").write_text(f"{os.getppid()}\n{data}\n")
    with running(tmp_path / "data") as server:
        assert asked(server, "select 1") == 1


def test_half_prepared_data_is_prepared_again(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        data = server.data
    data.rename(data.with_name("initialising"))
    (data.with_name("initialising") / "PG_VERSION").unlink()
    with running(tmp_path / "data") as server:
        assert asked(server, "select 1") == 1
        assert not data.with_name("initialising").exists()


def test_data_of_another_version_is_refused(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        data = server.data
    (data / "PG_VERSION").write_text("15\n")
    with pytest.raises(OtherVersion, match="made by PostgreSQL 15 and the installed one is 18"), running(data.parent):
        pass


def test_no_value_reaches_the_log_of_the_server() -> None:
    with running(None) as server:
        asked(server, "create table t (word text primary key)", "insert into t values ('canary')", "select 1")
        for statement in ("insert into t values ('canary')", "select 'canary'::int", "select * from canary"):
            with pytest.raises(asyncpg.PostgresError):
                asked(server, statement)
        assert "canary" not in server.log.read_text()


@pytest.mark.anyio
@pytest.mark.parametrize("after", [0.0, 0.1, 0.5])
async def test_a_cancelled_start_leaves_nothing_behind(temporary: Path, after: float) -> None:
    async def use() -> None:
        async with embedded(None):
            await asyncio.sleep(30)

    task = asyncio.create_task(use())
    await asyncio.sleep(after)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left_in(temporary) == []


def test_an_interrupted_owner_stops_its_server(tmp_path: Path, own: Own) -> None:
    owner, pid, _ = own(tmp_path / "data")
    owner.send_signal(signal.SIGINT)
    owner.wait(20)
    assert not lives(pid)


def test_a_second_start_is_quick(tmp_path: Path) -> None:
    with running(tmp_path / "data"):
        pass
    began = time.monotonic()
    with running(tmp_path / "data"):
        assert time.monotonic() - began < 5
