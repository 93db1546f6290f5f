"""The sandbox as its clients see it: one call over HTTP, one answer."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx2

# A jump of the clock answers only when all that fell due in between has been delivered.
_PATIENCE = httpx2.Timeout(10.0, read=300.0)
_TRIES = 5


class SandboxAway(Exception):
    """The sandbox cannot be reached, or does not answer as one."""


@dataclass(frozen=True)
class Answer:
    """Status and body; the body is JSON, or absent when there is none."""

    status: int
    body: Any = field(default=None, repr=False)

    @property
    def rule(self) -> str | None:
        return self.body.get("rule") if isinstance(self.body, dict) else None


class Api(Protocol):
    """What a replay needs of a sandbox."""

    def send(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer: ...


class HttpApi:
    """A running sandbox at an address; waits and asks again when it says that it is busy."""

    def __init__(self, url: str, *, transport: httpx2.BaseTransport | None = None) -> None:
        self._url = url
        # No proxy and no .netrc: the sandbox is on this machine, and its tokens are its own.
        self._client = httpx2.Client(base_url=url, timeout=_PATIENCE, transport=transport, trust_env=False)

    def close(self) -> None:
        self._client.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        given = dict(headers or {}) | ({"Authorization": f"Bearer {token}"} if token else {})
        for again in range(_TRIES):
            answer = self._once(method, path, given, body)
            if answer.status not in (429, 503) or again == _TRIES - 1:
                return answer
            time.sleep(0.2 * 2**again)
        raise AssertionError("unreachable")

    def _once(self, method: str, path: str, headers: dict[str, str], body: Any) -> Answer:
        try:
            reply = (
                self._client.request(method, path, headers=headers, json=body)
                if body is not None
                else (self._client.request(method, path, headers=headers))
            )
            return Answer(reply.status_code, reply.json() if "json" in reply.headers.get("content-type", "") else None)
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError) as away:
            raise SandboxAway(
                f"No sandbox answers at {self._url} ({type(away).__name__}). "
                "Start one with `draad sandbox`, or give its address with --url."
            ) from None
