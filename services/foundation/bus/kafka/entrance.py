"""Why a Kafka cannot be entered, found out beforehand: its client says only that it could not."""

import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from services.foundation.bus.kafka.login import demand_login
from services.foundation.bus.kafka.trouble import KafkaTrouble, NoAuthority, NotLoggedIn, NoTls, NotTrusted, Unreachable

WITHIN: Final = 5.0


def demand_entrance(servers: Sequence[str], ca_file: Path | None, login: tuple[str, str] | None) -> None:
    """Raises unless one of them lets us in: with a CA file over TLS, with a login as that user, by that password."""
    found: KafkaTrouble | None = None
    trusting = None if ca_file is None else _trusting(ca_file)
    for server in servers:
        trouble = _at_the_door(server, trusting, login)
        if trouble is None:
            return
        if found is None or isinstance(found, Unreachable):
            found = trouble
    raise found or Unreachable


def _trusting(ca_file: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except OSError as unusable:  # ssl.SSLError is one
        raise NoAuthority from unusable


def _at_the_door(server: str, trusting: ssl.SSLContext | None, login: tuple[str, str] | None) -> KafkaTrouble | None:
    host, _, port = server.rpartition(":")
    host = host.strip("[]")
    try:
        with socket.create_connection((host, int(port)), WITHIN) as connection:
            if trusting is None:
                return None
            with trusting.wrap_socket(connection, server_hostname=host) as encrypted:
                if login is not None:
                    demand_login(encrypted, *login)
                return None
    except NotLoggedIn as refused:
        return refused
    except ssl.SSLCertVerificationError:
        return NotTrusted(f"At {server}.")
    except ssl.SSLError:
        return NoTls(f"At {server}.")
    except (ConnectionResetError, TimeoutError):
        return NoTls(f"At {server}.") if trusting is not None else Unreachable(f"At {server}.")
    except OSError:
        return Unreachable(f"At {server}.")
