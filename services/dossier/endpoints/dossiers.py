"""Over HTTP: opening a dossier, claiming it, the dossiers one may know, and what a dossier is now."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Header, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from services.dossier import claims
from services.dossier.endpoints.events import Dossiers, cursor_owner
from services.dossier.incoming import short
from services.dossier.moments import until
from services.foundation.answers import Json as JsonAnswer
from services.foundation.callers import CallerDep
from services.foundation.paging import PAGE, Limit


class Opening(BaseModel):
    """The three fields with which help starts before paperwork (story P1)."""

    model_config = ConfigDict(extra="forbid")

    channel: str = Field(description="How the person came: self, municipality, uwv, school, …", max_length=64)
    preferred_language: str = Field(description="BCP 47 language tag", max_length=64)
    region_code: str = Field(description="Labour-market region", max_length=64)


class Claim(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str = Field(description="The one-time code, as it was handed over", max_length=64)


def router(dossiers: Dossiers, claiming: claims.Claims) -> APIRouter:
    routes = APIRouter(tags=["dossiers"])

    @routes.post(
        "/v1/dossiers",
        operation_id="openDossier",
        summary="Open a dossier with three fields",
        description="For a participant it is theirs at once. A professional gets a one-time code for the participant.",
        status_code=201,
    )
    async def opened(
        opening: Opening,
        caller: CallerDep,
        idempotency_key: Annotated[UUID | None, Header(description="The id of the event.")] = None,
    ) -> Response:
        dossier_id = uuid4()
        now = await claiming.now()
        data = opening.model_dump() | {
            "dossier_id": str(dossier_id),
            "opened_on": claims.day_of(now),
            "occurred_at": now.isoformat(),
        }
        body = {"type": "nl.dossier.dossier.opened", "data": data}
        event = short(body, caller, dossiers.contract, str(idempotency_key or uuid4()), dossiers.portal_source)
        code = None if caller.kind == "participant" else claims.new_code()
        await dossiers.handler.record(
            caller, dossier_id, [event], None if code is None else claiming.keeping(dossier_id, code)
        )
        answer: dict[str, Any] = {"id": str(dossier_id)}
        if code is not None:
            answer |= {"claim_code": code, "claim_within_days": claims.DAYS}
        return JsonAnswer(answer, 201, {"Location": f"/v1/dossiers/{dossier_id}"})

    @routes.post(
        "/v1/claims",
        operation_id="claimDossier",
        summary="Make a dossier one's own with the code that a professional handed over",
        status_code=201,
    )
    async def claimed(claim: Claim, caller: CallerDep) -> Response:
        dossier_id = await claiming.redeem(caller, claim.code)
        return JsonAnswer({"id": str(dossier_id)}, 201, {"Location": f"/v1/dossiers/{dossier_id}"})

    @routes.get("/v1/dossiers", operation_id="listDossiers", summary="The dossiers that the caller may know")
    async def listed(
        caller: CallerDep,
        after: Annotated[str | None, Query(description="`next` of an earlier page")] = None,
        limit: Limit = PAGE,
    ) -> Response:
        reader = await dossiers.surveyor.reader(caller)
        owner = cursor_owner(caller)
        start = None if after is None else dossiers.cursors.open(after, caller=owner, filter="dossiers")
        shown, last = await dossiers.overviews.dossiers(reader, start or 0, limit)
        items = [_item(each.dossier_id, each.last_event_at, each.contact_person) for each in shown]
        next_ = after if not items and after is not None else None
        return JsonAnswer(
            {"items": items, "next": next_ or dossiers.cursors.seal(last, caller=owner, filter="dossiers")}
        )

    @routes.get(
        "/v1/dossiers/{dossierId}",
        operation_id="readDossier",
        summary="What the dossier is now",
        description="A derived value is shown only if all events that decided it are readable; otherwise it is absent.",
    )
    async def state(
        dossierId: UUID,
        caller: CallerDep,
        asOf: Annotated[str | None, Query(description="As it happened by then")] = None,
        knownAt: Annotated[str | None, Query(description="As it was known by then")] = None,
    ) -> Response:
        reader = await dossiers.surveyor.reader(caller)
        at, known = until("asOf", asOf), until("knownAt", knownAt)
        return JsonAnswer(await dossiers.overviews.state(reader, dossierId, at, known))

    return routes


def _item(dossier_id: UUID, last_event_at: datetime | None, contact_person: str | None) -> dict[str, Any]:
    item = {
        "id": str(dossier_id),
        "last_event_at": None if last_event_at is None else last_event_at.isoformat().replace("+00:00", "Z"),
        "contact_person": contact_person,
    }
    return {name: value for name, value in item.items() if value is not None}
