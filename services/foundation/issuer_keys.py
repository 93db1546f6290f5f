"""The signing keys of one issuer, fetched as OpenID Discovery says, and how long one may rest on them."""

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key

from services.foundation import telemetry
from services.foundation.tokens import KeysAway, usable

REFETCH_AFTER: Final = 5.0
"""Seconds between two fetches, however many unknown keys are named: an issuer is not ours to flood."""
MAX_AGE: Final = 600.0
STALE_AT_MOST: Final = 3600.0
LARGEST: Final = 256 * 1024


class IssuerKeys:
    """A key that the issuer withdrew is refused after MAX_AGE; without the issuer, known keys serve STALE_AT_MOST."""

    def __init__(self, issuer: str, http: httpx2.AsyncClient, *, now: Callable[[], float] = time.monotonic) -> None:
        if not _is_safe(issuer):
            raise ValueError("An issuer is an https URL, or http on this machine itself.")
        self._issuer = issuer
        self._http = http
        self._now = now
        self._keys: Mapping[str, Key] = {}
        self._fetched: float | None = None
        self._tried: float | None = None
        self._one_at_a_time = asyncio.Lock()

    async def key(self, kid: str) -> Key | None:
        if self._wants_fetch(kid):
            async with self._one_at_a_time:
                if self._wants_fetch(kid):  # who waited finds it done
                    await self._refresh()
        if self._age() > STALE_AT_MOST:
            raise KeysAway
        return self._keys.get(kid)

    def _age(self) -> float:
        return float("inf") if self._fetched is None else self._now() - self._fetched

    def _wants_fetch(self, kid: str) -> bool:
        due = self._tried is None or self._now() - self._tried >= REFETCH_AFTER
        return due and (kid not in self._keys or self._age() > MAX_AGE)

    async def _refresh(self) -> None:
        try:
            self._keys = await self._fetch()
            self._fetched = self._now()
        except (httpx2.HTTPError, httpx2.InvalidURL, JoseError, ValueError, TypeError, KeyError) as error:
            telemetry.log.warning("issuer_keys_not_fetched", issuer=self._issuer, **telemetry.fault(error))
        finally:
            self._tried = self._now()

    async def _fetch(self) -> Mapping[str, Key]:
        told = await self._json(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
        if told["issuer"] != self._issuer:
            raise ValueError("the discovery document is another issuer's")
        where = told["jwks_uri"]
        if not isinstance(where, str) or not _is_safe(where):
            raise ValueError("the keys are not at a safe address")
        return usable(_readable((await self._json(where))["keys"]))

    async def _json(self, url: str) -> Any:
        async with self._http.stream("GET", url, follow_redirects=False, timeout=5) as answer:
            if answer.status_code != 200:
                raise ValueError("the issuer did not answer 200")
            got = bytearray()
            async for part in answer.aiter_bytes():
                got += part
                if len(got) > LARGEST:
                    raise ValueError("the issuer said too much")
        told = json.loads(got)
        if not isinstance(told, dict):
            raise TypeError("the issuer did not say an object")
        return told


def _readable(told: Iterable[Any]) -> Iterator[Key]:
    """RFC 7517 section 5: a key of a kind that we do not know hides none of the others."""
    for one in told:
        with suppress(JoseError, ValueError, TypeError, KeyError, AttributeError):
            yield JWKRegistry.import_key(one)


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and local))
