"""Pages of a list: how many, and an opaque cursor that serves only who got it, for the list it came from."""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from typing import Annotated, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import Query

from services.foundation.problems import BAD_REQUEST, FieldError, Problem

PAGE: Final = 25
MOST: Final = 100
_NONCE: Final = 12
_POSITION: Final = 8
_TEXT: Final = (_NONCE + _POSITION + 16) * 4 // 3

Limit = Annotated[int, Query(ge=1, le=MOST, description="How many items a page holds at most")]
"""For an endpoint's signature: `limit: Limit = PAGE`."""


class Cursors:
    """Sealed, because a position would tell how much there is that the reader may not know."""

    def __init__(self, key: bytes) -> None:
        """`key`: 32 bytes, `RootKey.derive("cursor")`."""
        self._cipher = AESGCM(key)

    def seal(self, position: int, *, caller: str, filter: str) -> str:
        """Always as long, whatever the position; another text each time, for the same one."""
        nonce = os.urandom(_NONCE)
        plain = position.to_bytes(_POSITION, "big", signed=True)
        return urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, plain, _bound(caller, filter))).decode()

    def open(self, text: str, *, caller: str, filter: str) -> int:
        try:
            if len(text) != _TEXT:
                raise InvalidTag
            sealed = urlsafe_b64decode(text.encode("ascii"))
            plain = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(caller, filter))
        except (InvalidTag, NotBase64, ValueError):
            raise Problem(
                BAD_REQUEST,
                errors=[FieldError("?after", "This is not a cursor of this list; take `next` of an earlier page.")],
            ) from None
        return int.from_bytes(plain, "big", signed=True)


def _bound(caller: str, filter: str) -> bytes:
    who = caller.encode()
    return len(who).to_bytes(4, "big") + who + filter.encode()
