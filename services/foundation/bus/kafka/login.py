"""Logs in once by hand: in the client's own way the refusal is often lost, because the broker hangs up right after it.

The messages are those of the Kafka protocol: SaslHandshake version 1, SaslAuthenticate version 0.
"""

import socket
import struct
from typing import Final

from kafka.net.sasl.scram import ScramClient

from services.foundation.bus.kafka.trouble import NotLoggedIn

MECHANISM: Final = "SCRAM-SHA-512"
HANDSHAKE: Final = (17, 1)
AUTHENTICATE: Final = (36, 0)
LONGEST: Final = 65_536


def demand_login(connection: socket.socket, user: str, password: str) -> None:
    """Raises NotLoggedIn where this user and password are refused, and OSError where nothing is said."""
    scram = ScramClient(user, password, MECHANISM)
    _ask(connection, HANDSHAKE, _text(MECHANISM.encode()))
    try:
        scram.process_server_first_message(_authenticate(connection, scram.first_message()))
        scram.process_server_final_message(_authenticate(connection, scram.final_message()))
    except (KeyError, ValueError) as wrong:  # whoever answers there does not know the password either
        raise NotLoggedIn from wrong


def _authenticate(connection: socket.socket, said: bytes) -> bytes:
    told = _ask(connection, AUTHENTICATE, struct.pack(">i", len(said)) + said)
    (length,) = struct.unpack_from(">h", told)  # of a message for people, which may be absent
    return told[2 + max(0, length) + 4 :]


def _ask(connection: socket.socket, request: tuple[int, int], body: bytes) -> bytes:
    """What stands in the answer behind its error code, which has to be 0."""
    message = struct.pack(">hhi", *request, 0) + _text(b"draad") + body
    connection.sendall(struct.pack(">i", len(message)) + message)
    (length,) = struct.unpack(">i", _read(connection, 4))
    if not 6 <= length <= LONGEST:
        raise ConnectionResetError
    answer = _read(connection, length)
    if struct.unpack_from(">h", answer, 4)[0] != 0:
        raise NotLoggedIn
    return answer[6:]


def _text(raw: bytes) -> bytes:
    return struct.pack(">h", len(raw)) + raw


def _read(connection: socket.socket, count: int) -> bytes:
    read = b""
    while len(read) < count:
        if not (more := connection.recv(count - len(read))):
            raise ConnectionResetError
        read += more
    return read
