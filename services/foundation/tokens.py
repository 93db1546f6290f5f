"""Whether an access token (RFC 9068) is right, and what it says about who calls. What it refuses, it refuses alike."""

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, RSAKey
from joserfc.jws import extract_compact

ALGORITHMS: Final = ("PS256", "ES256", "RS256")
TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})  # RFC 9068 section 4 allows both
HEADER: Final = frozenset({"typ", "alg", "kid"})  # no jwk, jku, x5u, x5c, crit, zip: a token does not bring its own key
LEEWAY: Final = 5
LONGEST: Final = 8 * 1024
REMEMBERED: Final = 10_000
REMEMBERED_FOR: Final = 30


class TokenRefused(Exception):
    """This token opens nothing. The reason is for the security log, never for the caller."""

    def __init__(self, reason: str, *, token: str = "", client: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.token = token
        """Hash of the `jti`."""
        self.client = client


class KeysAway(Exception):
    """The keys of an issuer could not be had, and those at hand are too old to rest on."""


class KeySource(Protocol):
    async def key(self, kid: str) -> Key | None:
        """The issuer's key of that name; raises KeysAway when it cannot be known."""


class StaticKeys:
    """Keys that are known beforehand: the development issuer's, and those of tests."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = usable(keys)

    async def key(self, kid: str) -> Key | None:
        return self._keys.get(kid)


def usable(keys: Iterable[Key]) -> dict[str, Key]:
    """Keys that may verify a token: asymmetric, strong enough, meant for signatures, and named by the issuer."""
    found: dict[str, Key] = {}
    for key in keys:
        told = key.as_dict(private=False)
        strong = isinstance(key, ECKey) or (isinstance(key, RSAKey) and key.public_key.key_size >= 2048)
        kid = told.get("kid")
        if strong and isinstance(kid, str) and told.get("use", "sig") == "sig":
            found.setdefault(kid, key)
    return found


@dataclass(frozen=True)
class Claims:
    issuer: str
    subject: str
    client: str
    organisation: str | None
    roles: frozenset[str]
    token: str
    """Hash of the `jti`: names the token in logs."""
    expires: float


class Verifier:
    """Tokens of the issuers on the list, for our audience; a verified one is remembered for a moment."""

    def __init__(
        self, issuers: Mapping[str, KeySource], audience: str, *, now: Callable[[], float] = time.time
    ) -> None:
        self._issuers = dict(issuers)
        self._audience = audience
        self._now = now
        self._verified: OrderedDict[bytes, tuple[float, Claims]] = OrderedDict()

    async def verify(self, token: str) -> Claims:
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        until, claims = self._verified.get(digest, (0.0, None))
        if claims is not None and self._now() < until:
            return claims
        claims = await self._verify(token)
        self._remember(digest, claims)
        return claims

    def _remember(self, digest: bytes, claims: Claims) -> None:
        self._verified[digest] = (min(claims.expires, self._now() + REMEMBERED_FOR), claims)
        self._verified.move_to_end(digest)
        while len(self._verified) > REMEMBERED:
            self._verified.popitem(last=False)

    async def _verify(self, token: str) -> Claims:
        header, unproven = _opened(token)
        kid = _checked_header(header)
        issuer = unproven.get("iss")
        if not isinstance(issuer, str) or issuer not in self._issuers:
            raise TokenRefused("issuer")
        key = await self._issuers[issuer].key(kid)
        if key is None:
            raise TokenRefused("unknown_key")
        try:
            claims = jwt.decode(token, key, algorithms=list(ALGORITHMS)).claims
        except (JoseError, ValueError, TypeError) as error:
            raise TokenRefused("signature") from error
        return self._checked_claims(claims, issuer)

    def _checked_claims(self, claims: Mapping[str, Any], issuer: str) -> Claims:
        """Only what a valid signature covers comes here."""
        token = _hash_of(claims.get("jti"))
        client = _client(claims)
        fault = self._fault(claims, issuer, client)
        if fault is not None:
            raise TokenRefused(fault, token=token, client=client or "")
        assert client is not None
        organisation = claims.get("org")
        return Claims(
            issuer=issuer,
            subject=claims["sub"],
            client=client,
            organisation=organisation,
            roles=frozenset(claims.get("roles", ())),
            token=token,
            expires=float(claims["exp"]),
        )

    def _fault(self, claims: Mapping[str, Any], issuer: str, client: str | None) -> str | None:
        now = self._now()
        audience = claims.get("aud")
        moments = [claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)]
        roles = claims.get("roles", [])
        checks = {
            "issuer": claims.get("iss") == issuer,
            "audience": audience == self._audience
            or (isinstance(audience, list) and all(map(_is_name, audience)) and self._audience in audience),
            "subject": _is_name(claims.get("sub")),
            "token_id": _is_name(claims.get("jti")),
            "client": client is not None,
            "moments": all(_is_moment(moment) for moment in moments),
            "organisation": "org" not in claims or _is_name(claims["org"]),
            "roles": isinstance(roles, list) and all(map(_is_name, roles)),
        }
        for reason, right in checks.items():
            if not right:
                return reason
        if claims["exp"] <= now - LEEWAY:
            return "expired"
        if claims["iat"] > now + LEEWAY or claims.get("nbf", 0) > now + LEEWAY:
            return "not_yet"
        return None


def _opened(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Header and payload as they are written, proven by nothing yet."""
    if len(token) > LONGEST:
        raise TokenRefused("too_long")
    try:
        found = extract_compact(token.encode("ascii"))
        header, payload = found.headers(), json.loads(found.payload)
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise TokenRefused("malformed") from error
    if not isinstance(header, dict) or not isinstance(payload, dict):
        raise TokenRefused("malformed")
    return header, payload


def _checked_header(header: Mapping[str, Any]) -> str:
    typ, kid = header.get("typ"), header.get("kid")
    if not isinstance(typ, str) or typ.lower() not in TYPES:
        raise TokenRefused("type")
    if header.get("alg") not in ALGORITHMS:
        raise TokenRefused("algorithm")
    if not _is_name(kid):
        raise TokenRefused("no_key_named")
    if not HEADER.issuperset(header):
        raise TokenRefused("header")
    return str(kid)


def _client(claims: Mapping[str, Any]) -> str | None:
    """RFC 9068 says `client_id`, NL GOV says `azp`; Keycloak gives one or both. Two that differ are none."""
    named = [claims[name] for name in ("client_id", "azp") if name in claims]
    return named[0] if named and all(map(_is_name, named)) and len(set(named)) == 1 else None


def _hash_of(jti: object) -> str:
    return hashlib.sha256(jti.encode("utf-8", "surrogatepass")).hexdigest()[:16] if isinstance(jti, str) else ""


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 1024 and "\x00" not in value


def _is_moment(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12
