"""Over HTTP: the one way to write, and reading one event or the timeline."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from services.dossier.endpoints.reading import Dossiers, purpose_header
from services.dossier.endpoints.shapes import DossierId, Event, EventId, EventPage
from services.dossier.endpoints.writing import WRITTEN, taken
from services.dossier.gate.release import Filter
from services.dossier.handlers import Recorded
from services.dossier.moments import until
from services.dossier.writing.incoming import Incoming, short, structured
from services.foundation import answers
from services.foundation.answers import CLOUD_EVENT, CLOUD_EVENTS, JSON, After, JsonAnswer, JsonRoute, Place, problems
from services.foundation.bodies import LARGEST, media_type_of
from services.foundation.callers import Caller, CallerDep
from services.foundation.paging import PAGE, Limit
from services.foundation.problems import (
    BAD_REQUEST,
    NOT_FOUND,
    TOO_LARGE,
    UNAUTHORISED,
    UNAVAILABLE,
    UNSUPPORTED_MEDIA_TYPE,
    FieldError,
    Problem,
    read_body,
)
from services.foundation.strict_json import parse

ONE_BATCH = 1024 * 1024
MOST_IN_BATCH = 100
MOMENT = "A day (with all of it, in Amsterdam) or a moment with its offset."

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="With the short form: the id of the event, so that sending again stores nothing twice.",
        json_schema_extra={"format": "uuid"},
    ),
]
OfType = Annotated[str | None, Query(description="A type, or all of a noun: `placement.*`", max_length=200)]


class EventAnswer(JsonAnswer):
    media_type = CLOUD_EVENT


def router(dossiers: Dossiers) -> APIRouter:
    Purpose = Annotated[str | None, purpose_header(dossiers)]
    routes = APIRouter(
        tags=["events"],
        route_class=JsonRoute,
        default_response_class=JsonAnswer,
        responses=problems(UNAUTHORISED, UNAVAILABLE),
    )

    @routes.post(
        "/v1/dossiers/{dossierId}/events",
        operation_id="recordEvents",
        summary="Record what happened",
        description="A CloudEvent, a batch of at most 100 (all or nothing), or the short form with `type` and `data`, "
        "of which the platform fills the envelope. `sequence`, `time` and actor are the platform's to give.",
        status_code=201,
        response_model=None,
        response_class=EventAnswer,
        responses=WRITTEN,
        openapi_extra=taken(dossiers.contract),
    )
    async def record(
        request: Request, dossier_id: DossierId, caller: CallerDep, idempotency_key: IdempotencyKey = None
    ) -> Response:
        media_type = media_type_of(request)
        incoming = await _incoming(request, media_type, dossier_id, caller, idempotency_key)
        recorded = await dossiers.handler.record(caller, dossier_id, incoming)
        return _answer(recorded, dossier_id, is_batch=media_type == CLOUD_EVENTS)

    async def _incoming(
        request: Request, media_type: str, dossier_id: UUID, caller: Caller, key: str | None
    ) -> Sequence[Incoming]:
        match media_type:
            case answers.CLOUD_EVENT:
                body = parse(await read_body(request, LARGEST))
                return [structured(body, dossier_id, caller, dossiers.contract)]
            case answers.JSON:
                body = parse(await read_body(request, LARGEST))
                return [short(body, caller, dossiers.contract, key, dossiers.portal_source)]
            case answers.CLOUD_EVENTS:
                batch = _batch(parse(await read_body(request, ONE_BATCH)))
                return [
                    structured(event, dossier_id, caller, dossiers.contract, f"/{at}") for at, event in enumerate(batch)
                ]
        raise Problem(UNSUPPORTED_MEDIA_TYPE, f"Send {CLOUD_EVENT}, {CLOUD_EVENTS}, or {JSON}.")

    @routes.get(
        "/v1/dossiers/{dossierId}/events",
        operation_id="listEvents",
        summary="The timeline, as this caller may read it",
        description="In order. Events that may not be read are not there, and fields of classes that no grant covers "
        "are absent.",
        response_model=None,
        responses=answers.answers(200, BAD_REQUEST, NOT_FOUND, shape=EventPage, says="A page"),
    )
    async def listed(
        dossier_id: DossierId,
        caller: CallerDep,
        type: OfType = None,
        after: After = None,
        as_of: Annotated[
            str | None, Query(alias="asOf", description=f"Only what had occurred by then. {MOMENT}")
        ] = None,
        known_at: Annotated[
            str | None, Query(alias="knownAt", description=f"Only what was known by then. {MOMENT}")
        ] = None,
        limit: Limit = PAGE,
        purpose: Purpose = None,
    ) -> Response:
        reader = await dossiers.reader(caller, purpose)
        bound = orjson.dumps(["events", str(dossier_id), type, as_of, known_at, purpose]).decode()
        place = Place(dossiers.cursors, caller, bound, after)
        filter_ = Filter(type, until("asOf", as_of), until("knownAt", known_at))
        page = await dossiers.gate.read_events(reader, dossier_id, filter_, place.position, limit)
        return JsonAnswer(place.page(page.items, page.last if page.items else None))

    @routes.get(
        "/v1/dossiers/{dossierId}/events/{eventId}",
        operation_id="readEvent",
        summary="One event",
        description="Fields of classes that no grant covers are absent. An event that may not be read does not exist.",
        response_model=None,
        response_class=EventAnswer,
        responses=answers.answers(200, BAD_REQUEST, NOT_FOUND, shape=Event, says="The event"),
    )
    async def one(dossier_id: DossierId, event_id: EventId, caller: CallerDep, purpose: Purpose = None) -> Response:
        reader = await dossiers.reader(caller, purpose)
        return EventAnswer(await dossiers.gate.read_event(reader, dossier_id, event_id))

    return routes


def _batch(body: object) -> list[Any]:
    if not isinstance(body, list) or not body:
        raise Problem(BAD_REQUEST, "A batch is a list of events.", errors=[FieldError("", "This must be a list.")])
    if len(body) > MOST_IN_BATCH:
        raise Problem(TOO_LARGE, f"A batch holds at most {MOST_IN_BATCH} events.")
    if any(len(orjson.dumps(event)) > LARGEST for event in body):
        raise Problem(TOO_LARGE)
    return body


def _answer(recorded: Recorded, dossier_id: UUID, is_batch: bool) -> Response:
    status = 201 if recorded.is_new else 200
    if is_batch:
        return JsonAnswer({"items": recorded.events}, status, {"Location": f"/v1/dossiers/{dossier_id}/events"})
    event = recorded.events[0]
    location = {"Location": f"/v1/dossiers/{dossier_id}/events/{event['id']}"}
    return EventAnswer(event, status, location)
