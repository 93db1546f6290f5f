"""Over HTTP, for anyone: which types of event exist, with their schemas, and the words of the field."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import Response

from services.dossier.endpoints.shapes import EventTypeList, EventTypeWithSchema, Glossary
from services.foundation.answers import JsonAnswer, JsonRoute, answers
from services.foundation.contract import SCHEMAS, Contract, EventType
from services.foundation.problems import BAD_REQUEST, NOT_FOUND, not_found

TypeName = Annotated[
    str,
    Path(
        alias="type",
        description="The whole name, or without `nl.dossier.`",
        openapi_examples={"short": {"value": "placement.started"}},
    ),
]


def router(contract: Contract) -> APIRouter:
    routes = APIRouter(tags=["catalogue"], route_class=JsonRoute, default_response_class=JsonAnswer)
    glossary = json.loads((SCHEMAS / "glossary.json").read_text("utf-8"))
    types = {**contract.types, **contract.regional}
    listed = [_summary(type_) for _, type_ in sorted(types.items())]

    @routes.get(
        "/v1/event-types",
        operation_id="listEventTypes",
        summary="All types of event, in two languages",
        description="Those of a dossier (`nl.dossier.`) and of a region (`nl.regio.`). For anyone, without token.",
        response_model=None,
        responses=answers(200, BAD_REQUEST, shape=EventTypeList, says="All of them, by name"),
    )
    async def event_types() -> Response:
        return JsonAnswer({"items": listed})

    @routes.get(
        "/v1/event-types/{type}",
        operation_id="readEventType",
        summary="One type of event, with its schema",
        description="What `data` of such an event holds, with two examples. For anyone, without token.",
        response_model=None,
        responses=answers(200, BAD_REQUEST, NOT_FOUND, shape=EventTypeWithSchema, says="The type"),
    )
    async def event_type(name: TypeName) -> Response:
        known = types.get(name) or types.get(f"nl.dossier.{name}")
        if known is None:
            raise not_found()
        return JsonAnswer(_summary(known) | {"schema": dict(known.schema)})

    @routes.get(
        "/v1/glossary",
        operation_id="readGlossary",
        summary="The words of the field, Dutch and English",
        description="The one English word that code and data use for each Dutch one. For anyone, without token.",
        response_model=None,
        responses=answers(200, BAD_REQUEST, shape=Glossary, says="All words"),
    )
    async def words() -> Response:
        return JsonAnswer(glossary)

    return routes


def _summary(type_: EventType) -> dict[str, Any]:
    return {
        "type": type_.name,
        "version": type_.version,
        "phase": type_.phase,
        "title": type_.titles["en"],
        "title_nl": type_.titles["nl"],
        "description": type_.descriptions["en"],
        "description_nl": type_.descriptions["nl"],
        "privacyclass": type_.privacy_class or None,
        "may_emit": sorted(type_.may_emit),
        "typical_subscribers": list(type_.subscribers),
        "dataschema": type_.schema["$id"],
    }
