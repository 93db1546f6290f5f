"""Over HTTP, for anyone: the rules, with their numbers as they hold today."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from services.dossier.endpoints.shapes import RuleList
from services.dossier.regions import Regions
from services.foundation.answers import JsonAnswer, JsonRoute, answers, problems
from services.foundation.problems import BAD_REQUEST, UNAVAILABLE

InRegion = Annotated[
    str | None,
    Query(
        alias="region",
        description="The labour-market region whose numbers are shown; absent: those without any decision",
        max_length=200,
    ),
]


def router(regions: Regions) -> APIRouter:
    routes = APIRouter(
        tags=["catalogue"],
        route_class=JsonRoute,
        default_response_class=JsonAnswer,
        responses=problems(UNAVAILABLE),
    )

    @routes.get(
        "/v1/rules",
        operation_id="listRules",
        summary="The rules, in two languages, with the numbers that hold today",
        description="What each rule watches, what it raises, which numbers it counts with, since when and why. "
        "A region sets its own by `POST /v1/regions/{code}/events`. For anyone, without token.",
        response_model=None,
        responses=answers(200, BAD_REQUEST, shape=RuleList, says="All of them, in order of their id"),
    )
    async def listed(region: InRegion = None) -> Response:
        return JsonAnswer({"items": await regions.rules(region)})

    return routes
