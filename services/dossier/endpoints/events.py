"""Over HTTP: the one way to write, and reading one event or the timeline."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Header, Query, Request
from starlette.responses import Response

from services.dossier.gate.overviews import Overviews
from services.dossier.gate.release import Filter, Gate
from services.dossier.handlers import Handler, Recorded
from services.dossier.incoming import Incoming, short, structured
from services.dossier.moments import until
from services.dossier.surroundings import Surveyor
from services.foundation.answers import Json as JsonAnswer
from services.foundation.callers import Caller, CallerDep
from services.foundation.contract import Contract
from services.foundation.paging import PAGE, Cursors, Limit
from services.foundation.problems import (
    BAD_REQUEST,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    FieldError,
    Problem,
    read_body,
)
from services.foundation.strict_json import parse

EVENT = "application/cloudevents+json"
ONE_EVENT = 64 * 1024
ONE_BATCH = 1024 * 1024
MOST_IN_BATCH = 100
BATCH = "application/cloudevents-batch+json"
PURPOSES = frozenset(("guidance", "matching", "placement", "scheme_decision", "handover", "evaluation"))

Purpose = Annotated[
    str | None,
    Header(alias="Draad-Purpose", description="Narrows the read to grants of this purpose; without it any serves."),
]


@dataclass(frozen=True)
class Dossiers:
    """What the endpoints of this service need, put together by the root."""

    handler: Handler
    gate: Gate
    overviews: Overviews
    surveyor: Surveyor
    contract: Contract
    cursors: Cursors
    portal_source: str


def router(dossiers: Dossiers) -> APIRouter:
    routes = APIRouter(tags=["events"])

    @routes.post(
        "/v1/dossiers/{dossierId}/events",
        operation_id="recordEvents",
        summary="Record what happened",
        description="A CloudEvent, a batch of at most 100 (all or nothing), or the short form with `type` and `data`.",
        status_code=201,
    )
    async def record(
        request: Request,
        dossierId: UUID,
        caller: CallerDep,
        idempotency_key: Annotated[str | None, Header(description="With the short form: the id of the event.")] = None,
    ) -> Response:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        incoming = await _incoming(request, media_type, dossierId, caller, idempotency_key)
        recorded = await dossiers.handler.record(caller, dossierId, incoming)
        return _answer(recorded, dossierId, is_batch=media_type == BATCH)

    async def _incoming(
        request: Request, media_type: str, dossier_id: UUID, caller: Caller, key: str | None
    ) -> Sequence[Incoming]:
        match media_type:
            case "application/cloudevents+json":
                body = parse(await read_body(request, ONE_EVENT))
                return [structured(body, dossier_id, caller, dossiers.contract)]
            case "application/json":
                body = parse(await read_body(request, ONE_EVENT))
                return [short(body, caller, dossiers.contract, key, dossiers.portal_source)]
            case "application/cloudevents-batch+json":
                batch = _batch(parse(await read_body(request, ONE_BATCH)))
                return [structured(event, dossier_id, caller, dossiers.contract) for event in batch]
        raise Problem(
            UNSUPPORTED_MEDIA_TYPE,
            "Send application/cloudevents+json, application/cloudevents-batch+json, or application/json.",
        )

    @routes.get(
        "/v1/dossiers/{dossierId}/events",
        operation_id="listEvents",
        summary="The timeline, as this caller may read it",
    )
    async def listed(
        dossierId: UUID,
        caller: CallerDep,
        type: Annotated[str | None, Query(description="A type, or a prefix: `placement.*`", max_length=200)] = None,
        after: Annotated[str | None, Query(description="`next` of an earlier page")] = None,
        asOf: Annotated[str | None, Query(description="Only what had occurred by then")] = None,
        knownAt: Annotated[str | None, Query(description="Only what was known by then")] = None,
        limit: Limit = PAGE,
        purpose: Purpose = None,
    ) -> Response:
        check_purpose(purpose)
        reader = await dossiers.surveyor.reader(caller)
        bound = cursor_owner(caller), orjson.dumps([str(dossierId), type, asOf, knownAt, purpose]).decode()
        start = 0 if after is None else dossiers.cursors.open(after, caller=bound[0], filter=bound[1])
        filter_ = Filter(type, until("asOf", asOf), until("knownAt", knownAt))
        page = await dossiers.gate.read_events(reader, dossierId, filter_, start, limit, purpose)
        next_ = after if not page.items and after is not None else None
        return JsonAnswer(
            {
                "items": page.items,
                "next": next_ or dossiers.cursors.seal(page.last, caller=bound[0], filter=bound[1]),
            }
        )

    @routes.get(
        "/v1/dossiers/{dossierId}/events/{eventId}",
        operation_id="readEvent",
        summary="One event; fields of classes that are not covered are absent",
    )
    async def one(
        dossierId: UUID,
        eventId: UUID,
        caller: CallerDep,
        purpose: Purpose = None,
    ) -> Response:
        check_purpose(purpose)
        reader = await dossiers.surveyor.reader(caller)
        return JsonAnswer(await dossiers.gate.read_event(reader, dossierId, eventId, purpose), media_type=EVENT)

    return routes


def check_purpose(purpose: str | None) -> None:
    if purpose is not None and purpose not in PURPOSES:
        raise Problem(BAD_REQUEST, f"Draad-Purpose is one of: {', '.join(sorted(PURPOSES))}.")


def cursor_owner(caller: Caller) -> str:
    return f"{caller.organisation or ''}/{caller.person or ''}"


def _batch(body: object) -> list[Any]:
    if not isinstance(body, list) or not body:
        raise Problem(BAD_REQUEST, "A batch is a list of events.", errors=[FieldError("", "This must be a list.")])
    if len(body) > MOST_IN_BATCH:
        raise Problem(TOO_LARGE, f"A batch holds at most {MOST_IN_BATCH} events.")
    if any(len(orjson.dumps(event)) > ONE_EVENT for event in body):
        raise Problem(TOO_LARGE)
    ids = [event.get("id") for event in body if isinstance(event, dict)]
    if len({str(id_) for id_ in ids}) < len(body):
        raise Problem(BAD_REQUEST, "Each event of a batch has an id of its own.")
    return body


def _answer(recorded: Recorded, dossier_id: UUID, is_batch: bool) -> Response:
    status = 201 if recorded.is_new else 200
    if is_batch:
        return JsonAnswer({"items": recorded.events}, status, {"Location": f"/v1/dossiers/{dossier_id}/events"})
    event = recorded.events[0]
    location = {"Location": f"/v1/dossiers/{dossier_id}/events/{event['id']}"}
    return JsonAnswer(event, status, location, media_type=EVENT)
