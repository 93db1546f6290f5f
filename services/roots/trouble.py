"""What may stand in the way of a command: each of these says in its message what to do."""

from typing import Final

from services.foundation.bus.kafka.trouble import KafkaTrouble
from services.foundation.database.binaries import NamelessUser, NoPostgres, NoUnprivilegedUser
from services.foundation.database.connection import DatabaseTrouble
from services.foundation.database.migrations import MigrationTrouble
from services.foundation.database.ownership import FolderTrouble
from services.foundation.failpoints import FailpointSet
from services.foundation.parties import PartyRefused
from services.foundation.settings import SettingsFault
from services.foundation.vault.keys import WrongRootKey
from services.foundation.vault.root_key import RootKeyRefused
from services.roots.databases import NotAsItShouldBe
from services.roots.erasures import ListRefused
from services.roots.guard import NotStarted
from services.roots.outside import NoAuthority
from services.roots.rules import ChangeRefused
from services.roots.running import CannotListen
from services.roots.statutory import GrantsRefused

EXPECTED: Final[tuple[type[Exception], ...]] = (
    ChangeRefused,
    *(CannotListen, DatabaseTrouble, FailpointSet, FolderTrouble, GrantsRefused, MigrationTrouble, NamelessUser),
    *(NoPostgres, NoUnprivilegedUser, NotAsItShouldBe, NotStarted, PartyRefused),
    *(KafkaTrouble, ListRefused, NoAuthority, RootKeyRefused, SettingsFault, WrongRootKey),
)
