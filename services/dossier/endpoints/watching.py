"""Over HTTP: the signals of a dossier and of all one's dossiers, and the figures of one dossier."""

from typing import Annotated, Final

from fastapi import APIRouter, Query
from starlette.responses import Response

from services.dossier.endpoints.dossiers import AsOf, KnownAt
from services.dossier.endpoints.reading import Dossiers, purpose_header
from services.dossier.endpoints.shapes import DossierId, Figures, SignalListPage, SignalPage
from services.dossier.gate.watching import SignalState
from services.dossier.moments import until
from services.foundation.answers import After, JsonAnswer, JsonRoute, Place, answers, problems
from services.foundation.callers import CallerDep
from services.foundation.paging import PAGE, Limit
from services.foundation.problems import BAD_REQUEST, NOT_FOUND, UNAUTHORISED, UNAVAILABLE

OfState = Annotated[SignalState | None, Query(description="Only those in this state; absent: all")]
SEQUENCES: Final = 1 << 24  # a cursor over several dossiers holds the number of one and a sequence in it


def router(dossiers: Dossiers) -> APIRouter:
    Purpose = Annotated[str | None, purpose_header(dossiers)]
    routes = APIRouter(
        tags=["signals"],
        route_class=JsonRoute,
        default_response_class=JsonAnswer,
        responses=problems(UNAUTHORISED, UNAVAILABLE),
    )

    @routes.get(
        "/v1/dossiers/{dossierId}/signals",
        operation_id="listSignals",
        summary="What the clock and the rules noticed",
        description="Each is also a `signal.raised` event. Only who may read what it is about may read it; an employer "
        "reads none. `state` is absent where it rests on something that the caller may not read.",
        response_model=None,
        responses=answers(200, BAD_REQUEST, NOT_FOUND, shape=SignalPage, says="A page"),
    )
    async def signals(
        dossier_id: DossierId,
        caller: CallerDep,
        state: OfState = None,
        after: After = None,
        limit: Limit = PAGE,
        purpose: Purpose = None,
    ) -> Response:
        reader, parameters = await dossiers.reader(caller, purpose), await dossiers.surveyor.parameters()
        place = Place(dossiers.cursors, caller, f"signals/{dossier_id}/{state}/{purpose}", after)
        page = await dossiers.watching.signals(reader, dossier_id, state, place.position, limit, parameters)
        return JsonAnswer(place.page(page.items, page.last if page.items else None))

    @routes.get(
        "/v1/signals",
        operation_id="listAllSignals",
        summary="The signals of all dossiers that the caller may know",
        description="Dossier after dossier, in each in the order in which they were raised.",
        response_model=None,
        responses=answers(200, BAD_REQUEST, shape=SignalListPage, says="A page"),
    )
    async def all_signals(
        caller: CallerDep,
        state: OfState = None,
        after: After = None,
        limit: Limit = PAGE,
        purpose: Purpose = None,
    ) -> Response:
        reader, parameters = await dossiers.reader(caller, purpose), await dossiers.surveyor.parameters()
        place = Place(dossiers.cursors, caller, f"signals/{state}/{purpose}", after)
        begin = divmod(place.position, SEQUENCES)
        items, (number, sequence) = await dossiers.watching.all_signals(reader, state, begin, limit, parameters)
        return JsonAnswer(place.page(items, number * SEQUENCES + sequence if items else None))

    @routes.get(
        "/v1/dossiers/{dossierId}/metrics",
        operation_id="readFigures",
        summary="The figures of this dossier",
        description="They rest on the whole history: for the participant, and for whoever may read all of it.",
        response_model=None,
        responses=answers(200, BAD_REQUEST, NOT_FOUND, shape=Figures, says="The figures"),
    )
    async def metrics(
        dossier_id: DossierId,
        caller: CallerDep,
        as_of: AsOf = None,
        known_at: KnownAt = None,
        purpose: Purpose = None,
    ) -> Response:
        reader, parameters = await dossiers.reader(caller, purpose), await dossiers.surveyor.parameters()
        at, known = until("asOf", as_of), until("knownAt", known_at)
        return JsonAnswer(await dossiers.overviews.metrics(reader, dossier_id, at, known, parameters))

    return routes
