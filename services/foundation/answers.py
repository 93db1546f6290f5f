"""How answers are made, how a list says where it goes on, and what OpenAPI tells of both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from pydantic import BaseModel
from starlette.responses import Response

from services.foundation.callers import Caller
from services.foundation.paging import Cursors
from services.foundation.problems import KINDS, MEDIA_TYPE

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
_SAYS: Final = {status: [k.title for k in KINDS.values() if k.status == status] for status in range(400, 600)}


class Json(Response):
    """JSON as orjson writes it; what it holds was checked where it was made."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return orjson.dumps(content, option=orjson.OPT_UTC_Z)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses=` of an operation."""
    return {
        status: {"description": "; ".join(_SAYS[status]), "content": {MEDIA_TYPE: {"schema": PROBLEM}}}
        for status in statuses
    }


def answers(status: int, says: str, shape: type[BaseModel], *problem_statuses: int) -> dict[int | str, dict[str, Any]]:
    """For `responses=` of an operation: what it answers when all is well, and the problems that it may have."""
    return {status: {"model": shape, "description": says}} | problems(*problem_statuses)


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
