"""How an installation reaches the receivers of webhooks: which it takes, whom it trusts, who it says it is."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from services.foundation.settings import Settings
from services.notifications.webhooks.lines import Lines, RealLines
from services.notifications.webhooks.walls import Walls

NOBODY: Final = "localhost"


@dataclass(frozen=True)
class Outside:
    """`origin` is a host name, for the handshake. As it stands by default nothing on this machine is reached."""

    walls: Walls = field(default_factory=Walls)
    lines: Lines = field(default_factory=lambda: RealLines(Walls()))
    origin: str = NOBODY


class NoAuthority(Exception):
    """DRAAD_WEBHOOK_CA_FILE cannot be read as certificates: give a PEM file."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


def of_installation(settings: Settings) -> Outside:
    walls = Walls(to_this_machine=settings.webhook_loopback)
    origin = urlsplit(settings.public_url or "").hostname or NOBODY
    return Outside(walls, RealLines(walls, tls=trusting(settings.webhook_ca_file)), origin)


def of_sandbox() -> Outside:
    """For what an integrator builds on this machine."""
    walls = Walls(to_this_machine=True)
    return Outside(walls, RealLines(walls))


def trusting(authority: Path | None) -> ssl.SSLContext:
    """Those that the system trusts, and this one: receivers of governments often have a certificate of their own."""
    context = ssl.create_default_context()
    if authority is not None:
        try:
            context.load_verify_locations(authority)
        except (OSError, ssl.SSLError):
            raise NoAuthority from None
    return context
