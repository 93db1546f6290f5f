"""The one way in which an answer becomes JSON bytes."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

EVENT = "application/cloudevents+json"
JSON = "application/json"


def json_answer(
    value: Any, status: int = 200, headers: Mapping[str, str] | None = None, media_type: str = JSON
) -> Response:
    return Response(orjson.dumps(value), status, dict(headers or {}), media_type)
