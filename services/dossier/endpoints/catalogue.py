"""Over HTTP, for anyone: which types of event exist, with their schemas, and the words of the field."""

import json
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from services.foundation.answers import Json as JsonAnswer
from services.foundation.contract import SCHEMAS, Contract, EventType
from services.foundation.problems import not_found


def router(contract: Contract) -> APIRouter:
    routes = APIRouter(tags=["catalogue"])
    glossary = json.loads((SCHEMAS / "glossary.json").read_text("utf-8"))
    types = {**contract.types, **contract.regional}
    listed = [_summary(type_) for _, type_ in sorted(types.items())]

    @routes.get("/v1/event-types", operation_id="listEventTypes", summary="All types of event, in two languages")
    async def event_types() -> Response:
        return JsonAnswer({"items": listed})

    @routes.get("/v1/event-types/{type}", operation_id="readEventType", summary="One type of event, with its schema")
    async def event_type(type: str) -> Response:
        known = types.get(type) or types.get(f"nl.dossier.{type}")
        if known is None:
            raise not_found()
        return JsonAnswer(_summary(known) | {"schema": dict(known.schema)})

    @routes.get("/v1/glossary", operation_id="readGlossary", summary="The words of the field, Dutch and English")
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
