"""The HTTP application of an installation: its routers, its errors, its health."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI
from starlette.responses import Response

from services.dossier.endpoints import access, catalogue, dossiers, events
from services.events import endpoints as feed
from services.foundation import problems, telemetry
from services.foundation.callers import Authenticator
from services.foundation.database.connection import BROKEN, DatabaseTrouble
from services.foundation.problems import UNAVAILABLE, Problem
from services.notifications import endpoints as subscriptions
from services.roots.house import House

VERSION = "1.0.0"


def application(house: House, authenticator: Authenticator, more: Sequence[APIRouter] = ()) -> FastAPI:
    """`more` are the sandbox's own routes, which exist in its root alone."""
    app = FastAPI(title="Draad", version=VERSION, openapi_url="/v1/openapi.json", docs_url="/docs", redoc_url=None)
    app.state.authenticator = authenticator
    problems.install(app, away=(DatabaseTrouble, *BROKEN))
    for router in (
        events.router(house.dossiers),
        dossiers.router(house.dossiers, house.claims),
        access.router(house.dossiers),
        catalogue.router(house.dossiers.contract),
        subscriptions.router(house.notifications),
        feed.router(house.shelf, house.notifications.cursors),
        health(house),
        *more,
    ):
        app.include_router(router)
    return app


def health(house: House) -> APIRouter:
    routes = APIRouter(tags=["health"])

    @routes.get("/health/live", operation_id="isLive", summary="Does this process answer?")
    async def live() -> Response:
        return Response(b'{"status":"live"}', media_type="application/json")

    @routes.get("/health/ready", operation_id="isReady", summary="Can this process serve, its database included?")
    async def ready() -> Response:
        try:
            async with house.database.connection() as conn:
                await conn.fetchval("select 1")
        except (DatabaseTrouble, *BROKEN):
            raise Problem(UNAVAILABLE) from None
        return Response(b'{"status":"ready"}', media_type="application/json")

    @routes.get("/metrics", operation_id="readMetrics", summary="For Prometheus; no personal data")
    async def metrics() -> Response:
        return Response(telemetry.metrics_text(), media_type="text/plain; version=0.0.4")

    return routes
