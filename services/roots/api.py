"""The HTTP application of an installation: its routers, its errors, its health."""

import json
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Final, Literal

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.responses import PlainTextResponse, Response
from typing_extensions import TypedDict

from services.dossier.endpoints import access, caseload, catalogue, dossiers, events, regions, rules, watching
from services.events import endpoints as feed
from services.foundation import openapi_page, problems, telemetry
from services.foundation.answers import JSON, JsonAnswer, answers
from services.foundation.callers import Authenticator
from services.foundation.contract import SCHEMAS
from services.foundation.database.connection import AWAY
from services.foundation.http_headers import API_VERSION
from services.foundation.problems import UNAVAILABLE, Problem
from services.notifications import endpoints as subscriptions
from services.roots.backlogs import Backlogs
from services.roots.house import House

DOCUMENT: Final = SCHEMAS / "openapi.json"
ASYNC_DOCUMENT: Final = SCHEMAS / "asyncapi.json"
LICENCE: Final[dict[str, str]] = {"name": "European Union Public Licence 1.2", "identifier": "EUPL-1.2"}
SUMMARY: Final = "One dossier, owned by the person it is about, running as one thread through every party that helps"
DESCRIPTION: Final = """\
Everything that happens to a person is an event, posted to the dossier that it is about; there is no other way to write.
Every read is a decision, and stands in the access log that the participant sees. What you may not know does not exist:
404, the same for all, absent from lists.

* Lists are `items` and `next`; `next` is what `after` takes, on the last page too, so that reading goes on from there.
* Moments are RFC 3339 with any offset; answers are in UTC. Members of JSON are snake_case, as in the events.
* A query parameter that is not known is passed over.
* Errors are `application/problem+json` (RFC 9457), every error at once. A method that a path does not have is 405,
  `HEAD` and `OPTIONS` too; a path with a slash at its end is 404.
* The words are those of `GET /v1/glossary`: one English word for each Dutch one.
"""
TAGS: Final = (
    {"name": "events", "description": "Writing what happened, and reading it back"},
    {"name": "dossiers", "description": "Opening, claiming, finding, and what a dossier is now"},
    {"name": "access", "description": "Who may, who did, and stopping it"},
    {"name": "signals", "description": "What the rules over time noticed, and the figures"},
    {"name": "regions", "description": "What a region decides about the numbers of the rules"},
    {"name": "feed", "description": "Being told, by asking"},
    {"name": "subscriptions", "description": "Being told, by what was subscribed to"},
    {"name": "catalogue", "description": "The types of event, the words, these documents; for anyone"},
    {"name": "health", "description": "For whoever runs it; no personal data"},
)


class Health(TypedDict):
    status: Literal["live", "ready"]


def application(
    house: House,
    authenticator: Authenticator,
    more: Sequence[APIRouter] = (),
    before: Callable[[Request], Awaitable[None]] | None = None,
) -> FastAPI:
    """`more` are the sandbox's own routes, `before` its faults: both exist in its root alone."""
    app = FastAPI(
        title="Draad",
        version=API_VERSION,
        summary=SUMMARY,
        description=DESCRIPTION,
        license_info=LICENCE,
        openapi_tags=list(TAGS),
        dependencies=[] if before is None else [Depends(before)],
        openapi_url=None,  # what is served is the committed document, not one made on the spot
    )
    app.state.authenticator = authenticator
    problems.install(app, away=AWAY)
    for router in (
        events.router(house.dossiers),
        dossiers.router(house.dossiers, house.claims),
        access.router(house.dossiers),
        watching.router(house.dossiers),
        caseload.router(house.dossiers),
        regions.router(house.regions, house.dossiers),
        rules.router(house.regions),
        catalogue.router(house.dossiers.contract),
        subscriptions.router(house.notifications),
        feed.router(house.shelf, house.news, house.streams, house.notifications.cursors),
        health(house),
        documentation(),
        *more,
    ):
        app.include_router(router)
    return app


def health(house: House) -> APIRouter:
    routes = APIRouter(tags=["health"], default_response_class=JsonAnswer)
    backlogs = Backlogs(house.database)

    @routes.get(
        "/health/live",
        operation_id="isLive",
        summary="Does this process answer?",
        description="Asks nothing of anything else.",
        response_model=None,
        responses=answers(200, shape=Health, says="It does"),
    )
    async def live() -> Response:
        return JsonAnswer({"status": "live"})

    @routes.get(
        "/health/ready",
        operation_id="isReady",
        summary="Can this process serve?",
        description="Its database included.",
        response_model=None,
        responses=answers(200, UNAVAILABLE, shape=Health, says="It can"),
    )
    async def ready() -> Response:
        try:
            async with house.database.connection() as conn:
                await conn.fetchval("select 1")
        except AWAY:
            raise Problem(UNAVAILABLE) from None
        return JsonAnswer({"status": "ready"})

    @routes.get(
        "/metrics",
        operation_id="readMetrics",
        summary="For Prometheus",
        description="Counts and durations; no personal data.",
        response_class=PlainTextResponse,
        response_description="The text format of Prometheus, version 0.0.4",
    )
    async def metrics() -> Response:
        await backlogs.look()
        return Response(telemetry.metrics_text(), media_type="text/plain; version=0.0.4")

    return routes


def documentation() -> APIRouter:
    """For anyone: the documents as they were committed, and a page made of one that needs nothing from elsewhere."""
    routes = APIRouter(tags=["catalogue"], default_response_class=JsonAnswer)

    @routes.get(
        "/v1/openapi.json",
        operation_id="readOpenapi",
        summary="This document",
        description="For anyone, without token, from any page. `/docs` shows it to be read.",
        response_model=None,
        responses={200: {"description": "OpenAPI 3.1", "content": {JSON: {"schema": {"type": "object"}}}}},
    )
    async def document() -> Response:
        return _from_any_page(DOCUMENT)

    @routes.get(
        "/v1/asyncapi.json",
        operation_id="readAsyncapi",
        summary="What is sent to you, as an AsyncAPI document",
        description="Feed, stream, deliveries and webhook, and the thin event that they carry. For anyone, without "
        "token, from any page.",
        response_model=None,
        responses={200: {"description": "AsyncAPI 3.0", "content": {JSON: {"schema": {"type": "object"}}}}},
    )
    async def async_document() -> Response:
        return _from_any_page(ASYNC_DOCUMENT)

    @routes.get("/docs", include_in_schema=False)
    async def page() -> Response:
        return Response(shown(), media_type="text/html", headers={"Content-Security-Policy": openapi_page.POLICY})

    return routes


def _from_any_page(file: Path) -> Response:
    return Response(committed(file), media_type=JSON, headers={"Access-Control-Allow-Origin": "*"})


@cache
def committed(file: Path) -> bytes:
    return file.read_bytes()


@cache
def shown() -> bytes:
    return openapi_page.page(json.loads(committed(DOCUMENT))).encode()
