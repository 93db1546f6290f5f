"""What the OpenAPI document says about answers: problems by kind, and the headers that every answer carries."""

from typing import Any, Final

from services.foundation.http_headers import API_VERSION
from services.foundation.problems import CATALOGUE, CHALLENGE, TOO_MANY_REQUESTS, UNAUTHORISED, UNAVAILABLE, Kind

_TEXT: Final = {"type": "string"}
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457; `detail` says what to do and never holds a value of an event",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "format": "uri", "examples": [CATALOGUE + "not-found"]},
        "title": _TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": _TEXT,
        "instance": {"type": "string", "description": "Id of the request, also in X-Request-Id"},
        "rule": {"type": "string", "pattern": "^R-[0-9]{2}[a-z]?$", "description": "The rule that refused"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "message"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer into the body; ?name for a parameter"},
                    "message": _TEXT,
                },
            },
        },
    },
}
_VERSION: Final = {
    "API-Version": {
        "description": "The full version of this API",
        "schema": {"type": "string", "examples": [API_VERSION]},
    }
}


def answers(success: int, *kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """For `responses=` of a route: its success with the version header, its problems by kind, and any other problem."""
    by_status: dict[int | str, dict[str, Any]] = {success: {"headers": _VERSION}}
    for kind in kinds:
        by_status[kind.status] = _problem(kind.title, _headers(kind))
    by_status["default"] = _problem("Another problem", {})  # without it FastAPI would document a 422 of its own
    return by_status


def _problem(description: str, headers: dict[str, Any]) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": SCHEMA}}
    return {"description": description, "headers": _VERSION | headers, "content": content}


def _headers(kind: Kind) -> dict[str, Any]:
    if kind is UNAUTHORISED:
        return {"WWW-Authenticate": {"schema": {"type": "string", "examples": list(CHALLENGE.values())}}}
    if kind in (TOO_MANY_REQUESTS, UNAVAILABLE):
        return {"Retry-After": {"description": "Seconds", "schema": {"type": "integer", "minimum": 1}}}
    return {}
