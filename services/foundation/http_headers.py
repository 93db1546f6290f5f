"""What every answer carries, whatever answers: a request id, the security headers, and no trace of a fault inside."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import uuid4

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.foundation import telemetry

API_VERSION: Final = "1.0.0"
HEADERS: Final[Mapping[str, str]] = {
    "API-Version": API_VERSION,
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def request_id() -> str:
    """Of the request being answered."""
    return telemetry.request_id.get()


class AnswerBroken(ConnectionError):
    """The answer had begun when something broke; the connection ends so that nobody takes it for whole."""


def _refused(scope: Scope) -> str | None:
    """The kind of a request that no route needs to see."""
    if sum(name == b"authorization" for name, _ in scope["headers"]) > 1:
        return "bad-request"
    if "\x00" in scope["path"]:
        return "not-found"
    if b"%00" in scope["query_string"]:
        return "bad-request"
    return None


class EveryAnswer:
    """Pure ASGI, and outermost: a request id of our own making, the headers, the measure, and 500 without detail."""

    def __init__(self, app: ASGIApp, refuse: Callable[[str], Response]) -> None:
        self.app = app
        self.refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        token = telemetry.request_id.set(uuid4().hex)
        begun = time.perf_counter()
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _dress(message)
            await send(message)

        try:
            await self._answer(scope, receive, answer, lambda: status)
        finally:
            telemetry.observe_request(_route(scope), status, time.perf_counter() - begun)
            telemetry.request_id.reset(token)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, status: Callable[[], int]) -> None:
        refused = _refused(scope)
        if refused is not None:
            await self.refuse(refused)(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        except ClientDisconnect:
            return
        except Exception as error:  # the outermost place: nothing may reach the server's own log
            telemetry.log.error("request_failed", **telemetry.fault(error))
            if status():
                raise AnswerBroken from None
            await self.refuse("internal")(scope, receive, send)


def _dress(message: Message) -> None:
    headers = MutableHeaders(raw=message.setdefault("headers", []))
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    headers["X-Request-Id"] = request_id()
    message["headers"] = headers.raw


def _route(scope: Mapping[str, Any]) -> str:
    return getattr(scope.get("route"), "path", None) or "unmatched"
