"""Over HTTP: the contact person's list, and what a person or a team must act on."""

from typing import Annotated

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from services.dossier.endpoints.dossiers import AsOf
from services.dossier.endpoints.reading import Dossiers, purpose_header
from services.dossier.endpoints.shapes import CaseloadPage, TaskPage
from services.dossier.endpoints.watching import SEQUENCES
from services.dossier.moments import until
from services.foundation.answers import After, JsonAnswer, JsonRoute, Place, answers, problems
from services.foundation.callers import CallerDep
from services.foundation.paging import PAGE, Limit
from services.foundation.problems import BAD_REQUEST, UNAUTHORISED, UNAVAILABLE


def router(dossiers: Dossiers) -> APIRouter:
    Purpose = Annotated[str | None, purpose_header(dossiers)]
    routes = APIRouter(
        tags=["signals"],
        route_class=JsonRoute,
        default_response_class=JsonAnswer,
        responses=problems(UNAUTHORISED, UNAVAILABLE),
    )

    @routes.get(
        "/v1/caseload",
        operation_id="readCaseload",
        summary="The dossiers whose contact person the caller is, and who calls first",
        description="Open signals first: what must be done today, what is overdue, what is due within a week, the rest "
        "by date; then everyone else by what comes next. No scores and no totals. Being the contact person gives no "
        "access: only dossiers that the caller may know.",
        response_model=None,
        responses=answers(200, BAD_REQUEST, shape=CaseloadPage, says="A page"),
    )
    async def caseload(
        caller: CallerDep, as_of: AsOf = None, after: After = None, limit: Limit = PAGE, purpose: Purpose = None
    ) -> Response:
        reader, parameters = await dossiers.reader(caller, purpose), await dossiers.surveyor.parameters()
        place = Place(dossiers.cursors, caller, orjson.dumps(["caseload", as_of, purpose]).decode(), after)
        before = until("asOf", as_of)
        items, last = await dossiers.caseload.page(reader, before, place.position, limit, parameters)
        return JsonAnswer(place.page(items, last))

    @routes.get(
        "/v1/worklist",
        operation_id="readWorklist",
        summary="What the caller or its organisation must act on",
        description="Open signals that are for the caller, went on to its organisation or warn it besides, and "
        "questions asked of the caller. Who may not read what a task is about is told that it waits, and whom to turn "
        "to. Dossier after dossier; of dossiers that the caller may know.",
        response_model=None,
        responses=answers(200, BAD_REQUEST, shape=TaskPage, says="A page"),
    )
    async def worklist(
        caller: CallerDep, after: After = None, limit: Limit = PAGE, purpose: Purpose = None
    ) -> Response:
        reader, parameters = await dossiers.reader(caller, purpose), await dossiers.surveyor.parameters()
        place = Place(dossiers.cursors, caller, f"worklist/{purpose}", after)
        begin = divmod(place.position, SEQUENCES)
        items, (number, sequence) = await dossiers.worklist.page(reader, begin, limit, parameters)
        return JsonAnswer(place.page(items, number * SEQUENCES + sequence if items else None))

    return routes
