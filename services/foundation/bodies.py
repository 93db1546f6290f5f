"""Reads the JSON body of a request into its shape, as strictly as everything else is read, and documents it."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from services.foundation.answers import JSON
from services.foundation.problems import UNSUPPORTED_MEDIA_TYPE, Problem, of_validation, read_body
from services.foundation.strict_json import parse

LARGEST: Final = 64 * 1024
MERGE_PATCH: Final = "application/merge-patch+json"
COMPONENT: Final = "#/components/schemas/{model}"

Shape = TypeVar("Shape", bound=BaseModel)


def media_type_of(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def body_as(shape: type[Shape], request: Request, *media_types: str, required: bool = True) -> Shape:
    """`media_types` are taken besides JSON. Problem 400 with every fault at once, 413 or 415."""
    raw = await read_body(request, LARGEST)
    if not raw and not required:
        return shape()
    if media_type_of(request) not in (JSON, *media_types):
        raise Problem(UNSUPPORTED_MEDIA_TYPE, f"Send {' or '.join((JSON, *media_types))}.")
    try:
        return shape.model_validate(parse(raw))
    except ValidationError as invalid:
        raise of_validation([dict(error) | {"loc": ("body", *error["loc"])} for error in invalid.errors()]) from None


def takes(
    shape: type[BaseModel], *media_types: str, required: bool = True, example: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """For `openapi_extra=` of an operation that reads its body by `body_as`."""
    content: dict[str, Any] = {"schema": shape.model_json_schema(ref_template=COMPONENT)}
    if example is not None:
        content["example"] = dict(example)
    return {"requestBody": {"required": required, "content": {name: content for name in (JSON, *media_types)}}}
