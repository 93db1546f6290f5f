"""Over HTTP: who has access, who looked, and the one act that stops everything that can be stopped."""

from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter
from starlette.responses import Response

from services.dossier.endpoints.reading import Dossiers, purpose_header
from services.dossier.endpoints.shapes import DossierId, GrantList, LogPage, Stopped
from services.dossier.envelopes import Json
from services.dossier.writing.incoming import Incoming, short
from services.foundation.answers import After, JsonAnswer, JsonRoute, Place, answers, problems
from services.foundation.callers import Caller, CallerDep
from services.foundation.paging import PAGE, Limit
from services.foundation.problems import (
    BAD_REQUEST,
    CONFLICT,
    FORBIDDEN,
    NOT_FOUND,
    UNAUTHORISED,
    UNAVAILABLE,
    not_found,
)


def router(dossiers: Dossiers) -> APIRouter:
    Purpose = Annotated[str | None, purpose_header(dossiers)]
    routes = APIRouter(
        prefix="/v1/dossiers/{dossierId}",
        tags=["access"],
        route_class=JsonRoute,
        default_response_class=JsonAnswer,
        responses=problems(UNAUTHORISED, UNAVAILABLE),
    )

    @routes.get(
        "/grants",
        operation_id="listGrants",
        summary="Who has access, on which basis, and what can be withdrawn",
        description="The participant and a delegate see all grants, ended ones too; an organisation sees its own.",
        response_model=None,
        responses=answers(
            200, BAD_REQUEST, NOT_FOUND, shape=GrantList, says="All of them, in order of their first moment"
        ),
    )
    async def grants(dossier_id: DossierId, caller: CallerDep, purpose: Purpose = None) -> Response:
        reader = await dossiers.reader(caller, purpose)
        return JsonAnswer({"items": await dossiers.overviews.grants(reader, dossier_id)})

    @routes.get(
        "/access-log",
        operation_id="listAccessLog",
        summary="Everyone who read, received or was refused",
        description="For the participant and a delegate. One item for each request that concerned the dossier.",
        response_model=None,
        responses=answers(200, BAD_REQUEST, NOT_FOUND, shape=LogPage, says="A page"),
    )
    async def access_log(
        dossier_id: DossierId, caller: CallerDep, after: After = None, limit: Limit = PAGE
    ) -> Response:
        reader = await dossiers.surveyor.reader(caller)
        place = Place(dossiers.cursors, caller, f"access-log/{dossier_id}", after)
        items, last = await dossiers.overviews.access_log(reader, dossier_id, place.position, limit)
        return JsonAnswer(place.page(items, last if items else None))

    @routes.post(
        "/stop",
        operation_id="stopAccess",
        summary="Withdraw every grant that can be withdrawn, at once",
        description="For the participant, without a body. Answers which access remains because the law gives it.",
        response_model=None,
        responses=answers(200, BAD_REQUEST, FORBIDDEN, NOT_FOUND, CONFLICT, shape=Stopped, says="Stopped"),
    )
    async def stop(dossier_id: DossierId, caller: CallerDep) -> Response:
        reader = await dossiers.surveyor.reader(caller)
        if caller.kind != "participant":
            raise not_found()
        grants = await dossiers.overviews.grants(reader, dossier_id)
        revocable = [grant for grant in grants if grant["can_be_withdrawn"]]  # also what has yet to begin
        if revocable:
            await dossiers.handler.record(caller, dossier_id, [_withdrawal(caller, grant) for grant in revocable])
        return JsonAnswer(
            {
                "withdrawn": [grant["consent_id"] for grant in revocable],
                "remaining": [grant for grant in grants if grant["is_live"] and not grant["can_be_withdrawn"]],
            }
        )

    def _withdrawal(caller: Caller, grant: Json) -> Incoming:
        data = {
            "occurred_at": grant["as_of"],
            "consent_id": grant["consent_id"],
            "effective_at": grant["as_of"],
            "erase_copies_requested": False,
        }
        body = {"type": "nl.dossier.consent.revoked", "data": data}
        return short(body, caller, dossiers.contract, str(uuid4()), dossiers.portal_source)

    return routes
