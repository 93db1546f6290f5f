"""Over HTTP: opening a dossier, claiming it, the dossiers one may know, and what a dossier is now."""

from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID, uuid4, uuid5

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from services.dossier import claims
from services.dossier.endpoints.events import MOMENT
from services.dossier.endpoints.reading import Dossiers, purpose_header
from services.dossier.endpoints.shapes import DossierId, DossierPage, DossierState, Made
from services.dossier.moments import until
from services.dossier.writing.incoming import Incoming, short
from services.foundation.answers import JSON, After, JsonAnswer, JsonRoute, Place, answers, problems
from services.foundation.bodies import body_as, takes
from services.foundation.callers import CallerDep
from services.foundation.contract import Contract
from services.foundation.paging import PAGE, Limit
from services.foundation.problems import (
    BAD_REQUEST,
    CONFLICT,
    FORBIDDEN,
    NOT_FOUND,
    TOO_LARGE,
    TOO_MANY_REQUESTS,
    UNAUTHORISED,
    UNAVAILABLE,
    UNSUPPORTED_MEDIA_TYPE,
)

OPENED = "nl.dossier.dossier.opened"


class Opening(BaseModel):
    """The three fields with which help starts before paperwork (story P1), as `dossier.opened` has them."""

    model_config = ConfigDict(extra="forbid")

    channel: str
    preferred_language: str
    region_code: str


class Claim(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str = Field(description="The one-time code, as it was handed over", max_length=64)


IdempotencyKey = Annotated[
    UUID | None, Header(alias="Idempotency-Key", description="The id of the event with which the dossier opens")
]
AsOf = Annotated[str | None, Query(alias="asOf", description=f"As it had happened by then. {MOMENT}")]
KnownAt = Annotated[str | None, Query(alias="knownAt", description=f"As it was known by then. {MOMENT}")]


def router(dossiers: Dossiers, claiming: claims.Claims) -> APIRouter:
    routes = APIRouter(
        tags=["dossiers"],
        route_class=JsonRoute,
        default_response_class=JsonAnswer,
        responses=problems(UNAUTHORISED, UNAVAILABLE),
    )
    _add_beginnings(routes, dossiers, claiming)
    _add_views(routes, dossiers)
    return routes


def _add_beginnings(routes: APIRouter, dossiers: Dossiers, claiming: claims.Claims) -> None:
    @routes.post(
        "/v1/dossiers",
        operation_id="openDossier",
        summary="Open a dossier with three fields",
        description="For a participant it is theirs at once. A professional gets a one-time code for the participant.",
        status_code=201,
        response_model=None,
        responses=answers(200, shape=Made, says="Sent again under the same key: this is what was opened then")
        | answers(
            201,
            BAD_REQUEST,
            FORBIDDEN,
            CONFLICT,
            TOO_LARGE,
            UNSUPPORTED_MEDIA_TYPE,
            shape=Made,
            says="Opened",
            headers=["Location"],
        ),
        openapi_extra=_opening(dossiers.contract),
    )
    async def opened(request: Request, caller: CallerDep, idempotency_key: IdempotencyKey = None) -> Response:
        opening = await body_as(Opening, request)
        event_id = idempotency_key or uuid4()
        dossier_id = uuid4() if idempotency_key is None else uuid5(event_id, f"{caller.organisation}/{caller.person}")
        code = None if caller.kind == "participant" else claims.new_code()
        if idempotency_key is not None and await claiming.opened_before(dossier_id, event_id, opening.model_dump()):
            is_renewed = code is not None and await claiming.renew(dossier_id, code)
            return _opened(dossier_id, code if is_renewed else None, 200)
        now = await claiming.now()
        data = opening.model_dump() | {
            "dossier_id": str(dossier_id),
            "opened_on": claims.day_of(now),
            "occurred_at": now.isoformat(),
        }
        body = {"type": OPENED, "data": data}
        event = short(body, caller, dossiers.contract, str(event_id), dossiers.portal_source)
        await dossiers.handler.record(
            caller, dossier_id, [_as_sent(event)], None if code is None else claiming.keeping(dossier_id, code)
        )
        return _opened(dossier_id, code, 201)

    @routes.post(
        "/v1/claims",
        operation_id="claimDossier",
        summary="Make a dossier one's own with the code that a professional handed over",
        description="For a participant; a code serves once, within 14 days. After five wrong ones a day: 429.",
        status_code=201,
        response_model=None,
        responses=answers(
            201,
            BAD_REQUEST,
            FORBIDDEN,
            NOT_FOUND,
            TOO_LARGE,
            UNSUPPORTED_MEDIA_TYPE,
            TOO_MANY_REQUESTS,
            shape=Made,
            says="Yours",
            headers=["Location"],
        ),
        openapi_extra=takes(Claim, example={"code": "XXXXX-XXXXX-XXXXX-XXXXX-XXXXX"}),
    )
    async def claimed(request: Request, caller: CallerDep) -> Response:
        claim = await body_as(Claim, request)
        dossier_id = await claiming.redeem(caller, claim.code)
        return JsonAnswer({"id": str(dossier_id)}, 201, {"Location": f"/v1/dossiers/{dossier_id}"})


def _add_views(routes: APIRouter, dossiers: Dossiers) -> None:
    Purpose = Annotated[str | None, purpose_header(dossiers)]

    @routes.get(
        "/v1/dossiers",
        operation_id="listDossiers",
        summary="The dossiers that the caller may know",
        description="In no order that tells anything. A value stands there only if what decided it is readable.",
        response_model=None,
        responses=answers(200, BAD_REQUEST, shape=DossierPage, says="A page"),
    )
    async def listed(caller: CallerDep, after: After = None, limit: Limit = PAGE, purpose: Purpose = None) -> Response:
        reader = await dossiers.reader(caller, purpose)
        place = Place(dossiers.cursors, caller, f"dossiers/{purpose}", after)
        parameters = await dossiers.surveyor.parameters()
        items, last = await dossiers.listing.dossiers(reader, place.position, limit, parameters)
        return JsonAnswer(place.page(items, last if items else None))

    @routes.get(
        "/v1/dossiers/{dossierId}",
        operation_id="readDossier",
        summary="What the dossier is now",
        description="A derived value is shown only if all events that decided it are readable; otherwise it is absent.",
        response_model=None,
        responses=answers(200, BAD_REQUEST, NOT_FOUND, shape=DossierState, says="The state"),
    )
    async def state(
        dossier_id: DossierId,
        caller: CallerDep,
        as_of: AsOf = None,
        known_at: KnownAt = None,
        purpose: Purpose = None,
    ) -> Response:
        reader = await dossiers.reader(caller, purpose)
        at, known = until("asOf", as_of), until("knownAt", known_at)
        parameters = await dossiers.surveyor.parameters()
        return JsonAnswer(await dossiers.overviews.state(reader, dossier_id, at, known, parameters))


def _opening(contract: Contract) -> dict[str, Any]:
    """What the three fields may hold stands in the schema of the event, and nowhere else."""
    type_ = contract.types[OPENED]
    names = list(Opening.model_fields)
    told = takes(Opening, example={name: type_.examples[0][name] for name in names})
    fields = {name: type_.schema["properties"][name] for name in names}
    told["requestBody"]["content"][JSON]["schema"]["properties"] = {
        name: {key: value for key, value in field.items() if not key.startswith("x-")} for name, field in fields.items()
    }
    return told


def _as_sent(event: Incoming) -> Incoming:
    """What is wrong with a field is told where the caller put it: the body is what becomes `data`."""
    return replace(event, faults=tuple(replace(f, pointer=f.pointer.removeprefix("/data")) for f in event.faults))


def _opened(dossier_id: UUID, code: str | None, status: int) -> Response:
    answer: dict[str, Any] = {"id": str(dossier_id)}
    if code is not None:
        answer |= {"claim_code": code, "claim_within_days": claims.DAYS}
    return JsonAnswer(answer, status, {"Location": f"/v1/dossiers/{dossier_id}"})
