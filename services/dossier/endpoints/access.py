"""Over HTTP: who has access, who looked, and the one act that stops everything that can be stopped."""

from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Query
from starlette.responses import Response

from services.dossier.endpoints.events import Dossiers, cursor_owner
from services.dossier.envelopes import Json
from services.dossier.incoming import Incoming, short
from services.foundation.answers import Json as JsonAnswer
from services.foundation.callers import Caller, CallerDep
from services.foundation.paging import PAGE, Limit
from services.foundation.problems import not_found


def router(dossiers: Dossiers) -> APIRouter:
    routes = APIRouter(tags=["access"])

    @routes.get(
        "/v1/dossiers/{dossierId}/grants",
        operation_id="listGrants",
        summary="Who has access, on which basis, and what can be withdrawn",
    )
    async def grants(
        dossierId: UUID,
        caller: CallerDep,
    ) -> Response:
        reader = await dossiers.surveyor.reader(caller)
        return JsonAnswer({"items": await dossiers.overviews.grants(reader, dossierId)})

    @routes.get(
        "/v1/dossiers/{dossierId}/access-log",
        operation_id="listAccessLog",
        summary="Everyone who read, received or was refused; for the participant and their delegate",
    )
    async def access_log(
        dossierId: UUID,
        caller: CallerDep,
        after: Annotated[str | None, Query(description="`next` of an earlier page")] = None,
        limit: Limit = PAGE,
    ) -> Response:
        reader = await dossiers.surveyor.reader(caller)
        owner, bound = cursor_owner(caller), f"access-log:{dossierId}"
        start = 0 if after is None else dossiers.cursors.open(after, caller=owner, filter=bound)
        items, last = await dossiers.overviews.access_log(reader, dossierId, start, limit)
        next_ = after if not items and after is not None else None
        return JsonAnswer({"items": items, "next": next_ or dossiers.cursors.seal(last, caller=owner, filter=bound)})

    @routes.post(
        "/v1/dossiers/{dossierId}/stop",
        operation_id="stopAccess",
        summary="Withdraw every grant that can be withdrawn, at once",
        description="Answers what was withdrawn, and which access remains because the law gives it.",
    )
    async def stop(
        dossierId: UUID,
        caller: CallerDep,
    ) -> Response:
        reader = await dossiers.surveyor.reader(caller)
        if caller.kind != "participant":
            raise not_found()
        held = [grant for grant in await dossiers.overviews.grants(reader, dossierId) if grant["is_live"]]
        revocable = [grant for grant in held if grant["can_be_withdrawn"]]
        if revocable:
            await dossiers.handler.record(caller, dossierId, [_withdrawal(caller, grant) for grant in revocable])
        return JsonAnswer(
            {
                "withdrawn": [grant["consent_id"] for grant in revocable],
                "remaining": [grant for grant in held if not grant["can_be_withdrawn"]],
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
