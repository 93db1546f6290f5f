"""Over HTTP: what a region decides about the numbers of the rules."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from services.dossier.endpoints.events import EventAnswer
from services.dossier.endpoints.reading import Dossiers
from services.dossier.endpoints.shapes import RegionalEvent, RegionalEventPage
from services.dossier.regions import TAKEN, Regions
from services.dossier.writing.incoming import of_region
from services.foundation.answers import CLOUD_EVENT, After, JsonAnswer, JsonRoute, Place, answers, problems
from services.foundation.bodies import LARGEST, media_type_of
from services.foundation.callers import CallerDep
from services.foundation.contract import Contract
from services.foundation.paging import PAGE, Limit
from services.foundation.problems import (
    BAD_REQUEST,
    CONFLICT,
    FORBIDDEN,
    TOO_LARGE,
    UNAUTHORISED,
    UNAVAILABLE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
    read_body,
)
from services.foundation.strict_json import parse

RegionCode = Annotated[
    str,
    Path(
        alias="code",
        description="The labour-market region, as in `dossier.opened`",
        min_length=1,
        max_length=200,
        openapi_examples={"a region": {"value": "waterkant"}},
    ),
]
EXAMPLE_ID = "0b9f6c1e-2d3a-4f5b-8c7d-000000000021"
EXAMPLE_SOURCE = "urn:nld:oin:00000099990000000011:systeem:voorbeeld"


def router(regions: Regions, dossiers: Dossiers) -> APIRouter:
    routes = APIRouter(
        tags=["regions"],
        route_class=JsonRoute,
        default_response_class=JsonAnswer,
        responses=problems(UNAUTHORISED, UNAVAILABLE),
    )

    @routes.post(
        "/v1/regions/{code}/events",
        operation_id="recordRegionalEvent",
        summary="Set numbers of the rules for a region",
        description="A CloudEvent of type `nl.regio.rule-parameters.set`, by the coordinator of the region. The new "
        "numbers hold from a later day on: what was raised before it stays as it is. Other regional types are not "
        "taken yet.",
        status_code=201,
        response_model=None,
        response_class=EventAnswer,
        responses=answers(
            201,
            BAD_REQUEST,
            FORBIDDEN,
            CONFLICT,
            TOO_LARGE,
            UNSUPPORTED_MEDIA_TYPE,
            shape=RegionalEvent,
            says="Stored",
            headers=["Location"],
        )
        | answers(200, shape=RegionalEvent, says="Sent again: nothing is stored, this is what stands there"),
        openapi_extra=_taken(dossiers.contract),
    )
    async def record(request: Request, code: RegionCode, caller: CallerDep) -> Response:
        if media_type_of(request) != CLOUD_EVENT:
            raise Problem(UNSUPPORTED_MEDIA_TYPE, f"Send {CLOUD_EVENT}.")
        body = parse(await read_body(request, LARGEST))
        event, is_new = await regions.record(caller, code, of_region(body, code, caller, dossiers.contract, TAKEN))
        return EventAnswer(event, 201 if is_new else 200, {"Location": f"/v1/regions/{code}/events"})

    @routes.get(
        "/v1/regions/{code}/events",
        operation_id="listRegionalEvents",
        summary="What the region decided, in order",
        description="For whoever has a token: it is about no person.",
        response_model=None,
        responses=answers(200, BAD_REQUEST, shape=RegionalEventPage, says="A page"),
    )
    async def listed(code: RegionCode, caller: CallerDep, after: After = None, limit: Limit = PAGE) -> Response:
        place = Place(dossiers.cursors, caller, f"region/{code}", after)
        page = await regions.events(code, place.position, limit)
        return JsonAnswer(place.page(page.items, page.last))

    return routes


def _taken(contract: Contract) -> dict[str, object]:
    """For `openapi_extra=`; the example is that of the schema."""
    type_ = contract.regional[TAKEN[0]]
    text = {"type": "string"}
    schema = {
        "title": "NewRegionalEvent",
        "description": "A CloudEvent about a region. `time` and actor are the platform's to give.",
        "type": "object",
        "required": ["specversion", "id", "source", "type", "subject", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": text | {"format": "uuid"},
            "source": text | {"description": "A URN registered for the caller or its organisation"},
            "type": {"enum": list(TAKEN)},
            "subject": text | {"description": "`region/` and the code in the path"},
            "datacontenttype": {"const": "application/json"},
            "dataschema": text,
            "data": {"type": "object", "description": "As `GET /v1/event-types/{type}` has it"},
        },
    }
    example = {
        "specversion": "1.0",
        "id": EXAMPLE_ID,
        "source": EXAMPLE_SOURCE,
        "type": type_.name,
        "subject": "region/waterkant",
        "datacontenttype": "application/json",
        "data": type_.examples[0],
    }
    return {"requestBody": {"required": True, "content": {CLOUD_EVENT: {"schema": schema, "example": example}}}}
