"""Why a Kafka cannot be entered, found out beforehand: its client says only that it could not."""

import logging
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from services.foundation.bus.kafka.trouble import (
    KafkaTrouble,
    NotInClear,
    NotLoggedIn,
    NoTls,
    NotTrusted,
    Unreachable,
)

WITHIN: Final = 5.0


def demand_entrance(servers: Sequence[str], ca_file: Path | None) -> None:
    """Raises unless one of them lets a connection in; with a CA file, after a TLS handshake that it vouches for."""
    found: KafkaTrouble | None = None
    for server in servers:
        trouble = _at_the_door(server, ca_file)
        if trouble is None:
            return
        if found is None or isinstance(found, Unreachable):
            found = trouble
    raise found or Unreachable


def _at_the_door(server: str, ca_file: Path | None) -> KafkaTrouble | None:
    host, _, port = server.rpartition(":")
    host = host.strip("[]")
    try:
        with socket.create_connection((host, int(port)), WITHIN) as connection:
            if ca_file is None:
                return None
            context = ssl.create_default_context(cafile=str(ca_file))
            with context.wrap_socket(connection, server_hostname=host):
                return None
    except ssl.SSLCertVerificationError:
        return NotTrusted(f"At {server}.")
    except ssl.SSLError:
        return NoTls(f"At {server}.")
    except FileNotFoundError:
        return NotTrusted("That file is not there.")
    except (ConnectionResetError, TimeoutError):
        return NoTls(f"At {server}.") if ca_file is not None else Unreachable(f"At {server}.")
    except OSError:
        return Unreachable(f"At {server}.")


class Watched(logging.Handler):
    """Hears what the client logs while it comes in, because that is the only place where it names the reason."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said: list[str] = []

    def __enter__(self) -> "Watched":
        self._logger = logging.getLogger("kafka")
        self._level = self._logger.level
        self._logger.addHandler(self)
        if self._logger.getEffectiveLevel() > logging.WARNING:
            self._logger.setLevel(logging.WARNING)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._logger.removeHandler(self)
        self._logger.setLevel(self._level)

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(record.getMessage())

    def trouble(self, encrypted: bool) -> KafkaTrouble:
        if any("SaslAuthenticationFailed" in said for said in self._said):
            return NotLoggedIn()
        return Unreachable() if encrypted else NotInClear()
