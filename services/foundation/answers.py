"""How answers are made, how a list says where it goes on, and what OpenAPI tells of both."""

from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import Query
from fastapi.routing import APIRoute
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from typing_extensions import TypedDict

from services.foundation.callers import Caller
from services.foundation.http_headers import API_VERSION
from services.foundation.paging import Cursors
from services.foundation.problems import MEDIA_TYPE, NOT_ACCEPTABLE, Kind, Problem

_TEXT: Final = {"type": "string"}
PROBLEM: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "RFC 9457. Never holds a value of an event.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": _TEXT | {"format": "uri", "description": "The kind of problem"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT | {"description": "What to do"},
        "instance": _TEXT | {"description": "The id of the request"},
        "rule": _TEXT | {"description": "The domain rule that refused, as `R-02`"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "message"],
                "properties": {
                    "pointer": _TEXT | {"description": "JSON pointer into the body; `?name` for a query parameter"},
                    "message": _TEXT,
                },
            },
        },
    },
}
VERSION: Final[dict[str, Any]] = {
    "API-Version": {
        "description": "The whole version of this API, on every answer",
        "schema": {"type": "string"},
        "example": API_VERSION,
    }
}

HEADERS: Final[dict[str, Any]] = VERSION | {
    "Location": {"description": "Where what was made is read", "schema": {"type": "string", "format": "uri-reference"}},
    "Retry-After": {"description": "Seconds to wait before asking again", "schema": {"type": "integer"}},
    "WWW-Authenticate": {"description": "What is asked for (RFC 6750)", "schema": {"type": "string"}},
}

JSON: Final = "application/json"
CLOUD_EVENT: Final = "application/cloudevents+json"
CLOUD_EVENTS: Final = "application/cloudevents-batch+json"

After = Annotated[str | None, Query(description="`next` of an earlier page of this list", max_length=200)]
"""For an endpoint's signature: `after: After = None`, beside `limit: Limit = PAGE`."""
Next = Annotated[str, Field(description="What `after` takes; always present, given back unchanged by an empty page")]

REPLAYED: Final = "Opened later by a grant with the whole history (R-13); absent otherwise"


class ThinEvent(TypedDict):
    """A CloudEvent without content; a health-sensitive one has type `nl.dossier.entry.recorded`."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: Annotated[str, Field(description="`dossier/` and the id of the dossier")]
    time: Annotated[str, Field(description="When it was recorded, in UTC", json_schema_extra={"format": "date-time"})]
    sequence: Annotated[str, Field(description="Counts what this reader got of this dossier, from 1, without gaps")]
    sequencetype: Literal["Integer"]
    dataref: Annotated[str, Field(description="Where the content is, for as long as you may read it")]


class JsonAnswer(Response):
    """JSON as orjson writes it; what it holds was checked where it was made."""

    media_type = JSON

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, option=orjson.OPT_UTC_Z)


def problems(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """For `responses=` of an operation or a router: what may go wrong, by kind."""
    return {kind.status: _problem(kind.title) for kind in kinds}


def answers(
    success: int, *kinds: Kind, shape: Any = None, says: str = "As asked", headers: Sequence[str] = ()
) -> dict[int | str, dict[str, Any]]:
    """For `responses=` of an operation: what it answers when all is well, its problems by kind, and any other."""
    told: dict[str, Any] = {"description": says, "headers": VERSION | {name: HEADERS[name] for name in headers}}
    if shape is not None:
        told["model"] = shape
    # Without a default FastAPI would document a 422 of its own.
    made: dict[int | str, dict[str, Any]] = {success: told, "default": _problem("Another problem")}
    return made | problems(*kinds)


def _problem(says: str) -> dict[str, Any]:
    return {"description": says, "headers": VERSION, "content": {MEDIA_TYPE: {"schema": PROBLEM}}}


class JsonRoute(APIRoute):
    """For `route_class=` of a router whose answers are JSON: who accepts none gets 406, before anything is done."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **told: Any) -> None:
        super().__init__(
            path, endpoint, **told | {"responses": problems(NOT_ACCEPTABLE) | (told.get("responses") or {})}
        )

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def accepted(request: Request) -> Response:
            if not accepts_json(request.headers.getlist("accept")):
                raise Problem(NOT_ACCEPTABLE, "The answer is JSON: accept application/json.")
            return await answer(request)

        return accepted


def accepts_json(said: Sequence[str]) -> bool:
    """Accept (RFC 9110 section 12.5.1), for all kinds of JSON alike. What cannot be read excludes nothing."""
    if not said or (len(said) == 1 and said[0] in ("*/*", JSON)):
        return True
    return accepts(said, _KINDS_OF_JSON, "application/*")


def accepts(said: Sequence[str], kinds: Collection[str], family: str) -> bool:
    weights: dict[str, float] = {}
    for range_ in ",".join(said).split(","):
        name, *parameters = (part.strip().lower() for part in range_.split(";"))
        weights[name] = max(weights.get(name, 0), _weight(parameters))
    exact = [weight for name, weight in weights.items() if name in kinds]
    ranges = [weights[name] for name in (family, "*/*") if name in weights]
    return not any(weights) or (max(exact) if exact else ranges[0] if ranges else 0) > 0


_KINDS_OF_JSON: Final = frozenset((JSON, CLOUD_EVENT, CLOUD_EVENTS))


def _weight(parameters: Sequence[str]) -> float:
    said = next((each.partition("=")[2] for each in parameters if each.startswith("q=")), "1")
    try:
        return float(said)
    except ValueError:
        return 1.0


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
        return {"items": items, "next": self.seal(last or 0)}

    def seal(self, position: int) -> str:
        """What `after` takes to go on behind this position."""
        return self.cursors.seal(position, caller=self._key, filter=self.filter)

    @property
    def _key(self) -> str:
        return f"{self.caller.organisation or ''}\n{self.caller.person or ''}"
