"""How answers are made, how a list says where it goes on, and what OpenAPI tells of both and of problems."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from pydantic import BaseModel
from starlette.responses import Response

from services.foundation.callers import Caller
from services.foundation.http_headers import API_VERSION
from services.foundation.paging import Cursors
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


def answers(
    success: int, *kinds: Kind, shape: type[BaseModel] | None = None, says: str | None = None
) -> dict[int | str, dict[str, Any]]:
    """For `responses=` of a route: its success with the version header, its problems by kind, and any other problem."""
    told = {"headers": _VERSION, "model": shape, "description": says}
    by_status: dict[int | str, dict[str, Any]] = {success: {key: value for key, value in told.items() if value}}
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


class Json(Response):
    """JSON as orjson writes it; what it holds was checked where it was made."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, option=orjson.OPT_UTC_Z)


@dataclass(frozen=True)
class Place:
    """Where one list stands for one caller: `after` as it was asked, `filter` whatever else names the list."""

    cursors: Cursors
    caller: Caller
    filter: str
    after: str | None

    @property
    def position(self) -> int:
        if self.after is None:
            return 0
        return self.cursors.open(self.after, caller=self._key, filter=self.filter)

    def page(self, items: Sequence[Any], last: int | None) -> dict[str, Any]:
        """`last` is the position of the last item; an empty page gives `after` back unchanged."""
        if last is None and self.after is not None:
            return {"items": items, "next": self.after}
        return {"items": items, "next": self.cursors.seal(last or 0, caller=self._key, filter=self.filter)}

    @property
    def _key(self) -> str:
        return f"{self.caller.organisation or ''}\n{self.caller.person or ''}"
