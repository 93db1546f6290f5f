"""Everything that can go wrong over HTTP, by kind, and the one place that turns it into an answer (RFC 9457)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from services.foundation import telemetry
from services.foundation.http_headers import EveryAnswer, request_id

CATALOGUE: Final = "https://draad.example.org/problems/"
MEDIA_TYPE: Final = "application/problem+json"
METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


@dataclass(frozen=True)
class Kind:
    slug: str
    title: str
    status: int
    detail: str
    """What to do, when nothing more can be said."""

    @property
    def uri(self) -> str:
        return CATALOGUE + self.slug


BAD_REQUEST: Final = Kind("bad-request", "The request is not right", 400, "Correct the request and send it again.")
RULE_REFUSED: Final = Kind("rule-refused", "A rule refuses this", 400, "Read the rule that is named.")
UNAUTHORISED: Final = Kind("unauthorised", "Who are you?", 401, "Send a valid access token as a Bearer token.")
FORBIDDEN: Final = Kind("forbidden", "This is not for you to do", 403, "Ask the participant or the contact person.")
NOT_FOUND: Final = Kind("not-found", "Nothing here for you", 404, "It does not exist, or you may not know it.")
METHOD_NOT_ALLOWED: Final = Kind(
    "method-not-allowed", "Not a method of this path", 405, "Use a method that the Allow header names."
)
NOT_ACCEPTABLE: Final = Kind("not-acceptable", "No such representation", 406, "Accept a media type that is offered.")
CONFLICT: Final = Kind("conflict", "Not as things stand now", 409, "Read the present state, then decide again.")
TOO_SLOW: Final = Kind(
    "too-slow", "What was sent was not read in time", 408, "Connect again, and go on after the last id that you got."
)
TOO_LARGE: Final = Kind("too-large", "Too much at once", 413, "Send less: 64 KiB an event, 1 MiB a batch.")
UNSUPPORTED_MEDIA_TYPE: Final = Kind(
    "unsupported-media-type", "Not a media type of this path", 415, "Send a media type that is documented here."
)
TOO_MANY_REQUESTS: Final = Kind("too-many-requests", "Too many requests", 429, "Wait as long as Retry-After says.")
INTERNAL: Final = Kind("internal", "A fault of ours", 500, "Report the instance of this answer.")
UNAVAILABLE: Final = Kind(
    "unavailable", "A part that is needed is away", 503, "Nothing was stored. Wait as long as Retry-After says."
)

KINDS: Final[Mapping[str, Kind]] = {
    kind.slug: kind
    for kind in (
        BAD_REQUEST,
        RULE_REFUSED,
        UNAUTHORISED,
        FORBIDDEN,
        NOT_FOUND,
        METHOD_NOT_ALLOWED,
        NOT_ACCEPTABLE,
        CONFLICT,
        TOO_SLOW,
        TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE,
        TOO_MANY_REQUESTS,
        INTERNAL,
        UNAVAILABLE,
    )
}
MUTE: Final = frozenset({UNAUTHORISED, NOT_FOUND, INTERNAL})
"""Kinds whose body is always the same: a word more would tell who exists, or what broke."""
CHALLENGE: Final = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
RETRY_AFTER: Final = 5
"""Seconds, where a kind asks for Retry-After and the raiser named none."""


@dataclass(frozen=True)
class FieldError:
    pointer: str
    """JSON pointer into the body; `?name` for a query parameter."""
    message: str


class Problem(Exception):
    """A refusal that the caller may read. Neither detail nor errors ever hold a value of an event."""

    def __init__(
        self,
        kind: Kind,
        detail: str = "",
        *,
        rule: str | None = None,
        errors: Iterable[FieldError] = (),
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind.slug)
        self.kind = kind
        self.detail = detail or kind.detail
        self.rule = rule
        self.errors = tuple(errors)
        self.retry_after = retry_after
        self.headers: Mapping[str, str] = headers or {}


def not_found() -> Problem:
    return Problem(NOT_FOUND)


def unauthorised() -> Problem:
    return Problem(UNAUTHORISED)


def body(problem: Problem, instance: str) -> dict[str, Any]:
    kind = problem.kind
    said: dict[str, Any] = {"type": kind.uri, "title": kind.title, "status": kind.status, "instance": instance}
    if kind in MUTE:
        return said | {"detail": kind.detail}
    said["detail"] = problem.detail
    if problem.rule is not None:
        said["rule"] = problem.rule
    if problem.errors:
        said["errors"] = [{"pointer": error.pointer, "message": error.message} for error in problem.errors]
    return said


def render(problem: Problem, instance: str) -> Response:
    headers = dict(problem.headers)
    if problem.kind is UNAUTHORISED:
        headers |= CHALLENGE
    if problem.kind in (TOO_MANY_REQUESTS, UNAVAILABLE):
        headers["Retry-After"] = str(problem.retry_after or RETRY_AFTER)
    return Response(orjson.dumps(body(problem, instance)), problem.kind.status, headers, MEDIA_TYPE)


_SAID_BY_STATUS: Final = {kind.status: kind for kind in KINDS.values() if kind is not RULE_REFUSED}

_WORDS: Final = {
    "missing": "This is required.",
    "extra_forbidden": "This is not known here.",
    "json_invalid": "This is not JSON.",
    "greater_than_equal": "This is too small.",
    "greater_than": "This is too small.",
    "less_than_equal": "This is too large.",
    "less_than": "This is too large.",
    "string_too_long": "This is too long.",
    "string_too_short": "This is too short.",
    "too_long": "These are too many.",
    "too_short": "These are too few.",
    "string_pattern_mismatch": "This does not have the right form.",
    "enum": "This is not one of the values that are allowed.",
    "literal_error": "This is not one of the values that are allowed.",
}


def _field_error(error: Mapping[str, Any]) -> FieldError:
    """The library's own message may quote what was sent, so only its code is used."""
    place, *rest = error["loc"] or ("body",)
    if place == "body":
        path = [] if error["type"] == "json_invalid" else [str(step) for step in rest]
        pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in path)
    else:
        pointer = "?" + str(rest[0]) if rest else "?"
    return FieldError(pointer, _WORDS.get(error["type"], "This value is not valid here."))


def of_validation(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """Every error at once; a path that cannot name anything names nothing (404)."""
    if any(error["loc"][:1] == ("path",) for error in errors):
        return not_found()
    return Problem(BAD_REQUEST, errors=[_field_error(error) for error in errors])


def allowed_methods(request: Request) -> str:
    """Asked of every route: Starlette names only those of the first one that fits."""
    scope = {"type": "http", "path": request.scope["path"], "root_path": "", "path_params": {}, "headers": []}
    routes = request.app.router.routes
    fits = [m for m in METHODS if any(r.matches({**scope, "method": m})[0] is Match.FULL for r in routes)]
    return ", ".join(fits)


def of_http(request: Request, error: HTTPException) -> Problem:
    kind = _SAID_BY_STATUS.get(error.status_code, BAD_REQUEST if error.status_code < 500 else INTERNAL)
    if kind is METHOD_NOT_ALLOWED:
        return Problem(kind, headers={"Allow": allowed_methods(request)})
    return Problem(kind)


def install(app: FastAPI, *, away: Sequence[type[Exception]] = ()) -> None:
    """Makes `app` answer as documented; `away` are exceptions that mean: a part that is needed is not there (503)."""
    app.router.redirect_slashes = False

    async def on_problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return render(error, request_id())

    async def on_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return render(of_validation(error.errors()), request_id())

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return render(of_http(request, error), request_id())

    async def on_away(request: Request, error: Exception) -> Response:
        telemetry.log.warning("part_away", **telemetry.fault(error))
        return render(Problem(UNAVAILABLE, retry_after=getattr(error, "retry_after", None)), request_id())

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    trouble: list[type[Exception]] = [ConnectionError, TimeoutError, *away]
    for exception in trouble:
        app.add_exception_handler(exception, on_away)
    app.add_middleware(EveryAnswer, refuse=lambda slug: render(Problem(KINDS[slug]), request_id()))


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body, or 413 as soon as it is known to be too large."""
    said = request.headers.get("content-length", "0")
    if not (said.isascii() and said.isdigit()):
        raise Problem(BAD_REQUEST, "Content-Length must be a number.")
    if int(said[:20]) > limit:
        raise Problem(TOO_LARGE)
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Problem(UNSUPPORTED_MEDIA_TYPE, "Send the body without Content-Encoding.")
    got = bytearray()
    async for part in request.stream():
        got += part
        if len(got) > limit:
            raise Problem(TOO_LARGE)
    return bytes(got)
