"""Signs what is sent as Standard Webhooks 1.0.0 says: `v1a` (Ed25519, the default) and `v1` (HMAC-SHA256)."""

import base64
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Scheme: TypeAlias = Literal["v1a", "v1"]
SECRET_BYTES: Final = 32


@dataclass(frozen=True)
class SigningKey:
    """One key of one endpoint. It does not print what it holds."""

    scheme: Scheme
    secret: bytes = field(repr=False)

    @classmethod
    def fresh(cls, scheme: Scheme) -> "SigningKey":
        return cls(scheme, secrets.token_bytes(SECRET_BYTES))

    @property
    def public(self) -> str | None:
        """What anyone may have who checks `v1a`; of `v1` nothing is public."""
        if self.scheme == "v1":
            return None
        return "whpk_" + _text(self._private.public_key().public_bytes_raw())

    @property
    def shared(self) -> str | None:
        """What a receiver needs to check `v1`, to be shown once; the private half of `v1a` is never shown."""
        return "whsec_" + _text(self.secret) if self.scheme == "v1" else None

    def sign(self, content: bytes) -> str:
        if self.scheme == "v1":
            return "v1," + _text(hmac.digest(self.secret, content, "sha256"))
        return "v1a," + _text(self._private.sign(content))

    @cached_property
    def _private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.secret)


def headers(keys: Iterable[SigningKey], id: str, at: int, body: bytes) -> dict[str, str]:
    """`id` is the same at every attempt, `at` the real second of this one; each live key signs, the old beside the new.

    A dot would make the signed text ambiguous, so that no id has one.
    """
    assert "." not in id
    content = f"{id}.{at}.".encode() + body
    return {
        "webhook-id": id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(key.sign(content) for key in keys),
    }


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
