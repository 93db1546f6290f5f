"""What stood in the way, as a sentence that says what to do; never a traceback."""

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

FAULT_OF_OURS = 70  # EX_SOFTWARE of sysexits.h


def exit_status(error: BaseException) -> int:
    """Says it on standard error, and gives the exit status."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for each in _leaves(error):
        if isinstance(each, _expected()):
            for line in str(each).splitlines():
                console.print(Text.assemble(("draad: ", "bold red"), line))
            return 1
    from services.foundation import telemetry

    first = next(_leaves(error))
    facts = telemetry.fault(first)
    console.print(
        Text.assemble(
            ("draad: ", "bold red"),
            f"Something is wrong with Draad itself: {facts['exception']} at {facts['where']}. "
            "Nothing was half stored; please report it with this line.",
        )
    )
    return FAULT_OF_OURS


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


def _expected() -> tuple[type[Exception], ...]:
    """Imported when something is wrong, so that `--help` needs none of it."""
    from services.foundation.database.binaries import NamelessUser, NoPostgres, NoUnprivilegedUser
    from services.foundation.database.connection import DatabaseTrouble
    from services.foundation.database.migrations import MigrationTrouble
    from services.foundation.database.ownership import FolderTrouble
    from services.foundation.parties import PartyRefused
    from services.foundation.settings import SettingsFault
    from services.foundation.vault.keys import WrongRootKey
    from services.foundation.vault.root_key import RootKeyRefused
    from services.roots.databases import NotAsItShouldBe
    from services.roots.demo import NoLives
    from services.roots.guard import NotStarted
    from services.roots.running import CannotListen
    from services.roots.statutory import GrantsRefused
    from services.sandbox.client import SandboxAway
    from services.sandbox.conversation import CannotReplay
    from services.sandbox.lives import NotATrajectory

    return (
        *(CannotListen, CannotReplay, DatabaseTrouble, FolderTrouble, GrantsRefused, MigrationTrouble, NamelessUser),
        *(NoLives, NoPostgres, NoUnprivilegedUser, NotATrajectory, NotAsItShouldBe, NotStarted, PartyRefused),
        *(RootKeyRefused, SandboxAway, SettingsFault, WrongRootKey),
    )
