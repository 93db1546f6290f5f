"""The development issuer: tokens for invented people, signed by a key that lives as long as this process."""

import time
from collections.abc import Callable, Iterable
from secrets import token_hex, token_urlsafe
from typing import Final

from joserfc import jwt
from joserfc.jwk import ECKey

from services.foundation.tokens import KeySource, StaticKeys

LIFETIME: Final = 10 * 365 * 24 * 3600
"""Seconds of real time: a token outlives any replay."""
CLIENT: Final = "draad-sandbox"


class DevelopmentIssuer:
    """A key and a name made at each start: a token of another start is nobody's."""

    def __init__(self, audience: str, *, now: Callable[[], float] = time.time) -> None:
        self.name = f"https://{token_hex(8)}.sandbox.invalid"
        self.audience = audience
        self._now = now
        self.key_id = token_hex(8)
        self._key = ECKey.generate_key("P-256", {"kid": self.key_id, "use": "sig", "alg": "ES256"}, private=True)

    def keys(self) -> KeySource:
        """For the verifier of the same process: there is nothing to fetch."""
        public = ECKey.import_key(self._key.as_dict(private=False))
        return StaticKeys([public])

    def token(self, subject: str, *, organisation: str | None = None, roles: Iterable[str] = ()) -> str:
        now = int(self._now())
        claims: dict[str, object] = {
            "iss": self.name,
            "aud": self.audience,
            "sub": subject,
            "azp": CLIENT,
            "client_id": CLIENT,
            "jti": token_urlsafe(24),
            "iat": now,
            "exp": now + LIFETIME,
            "roles": sorted(roles),
        }
        if organisation is not None:
            claims["org"] = organisation
        header = {"typ": "at+jwt", "alg": "ES256", "kid": self.key_id}
        return jwt.encode(header, claims, self._key, algorithms=["ES256"])
