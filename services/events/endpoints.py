"""The feed over HTTP."""

from typing import Annotated, Literal, NotRequired

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from typing_extensions import TypedDict

from services.events import feed
from services.events.feed import LONGEST_WAIT, Shelf
from services.foundation.answers import REPLAYED, After, JsonAnswer, JsonRoute, Next, Place, ThinEvent, answers
from services.foundation.callers import CallerDep
from services.foundation.paging import PAGE, Cursors, Limit
from services.foundation.problems import BAD_REQUEST, UNAUTHORISED, UNAVAILABLE

ALWAYS = (UNAUTHORISED, UNAVAILABLE)

Wait = Annotated[float, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for something when there is nothing")]


class FeedItem(TypedDict):
    feed_seq: Annotated[int, Field(description="Counts your feed, from 1")]
    event: ThinEvent
    replay: NotRequired[Annotated[Literal[True], Field(description=REPLAYED)]]


class FeedPage(TypedDict):
    items: list[FeedItem]
    next: Next


def router(shelf: Shelf, cursors: Cursors) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["feed"], route_class=JsonRoute, default_response_class=JsonAnswer)

    @routes.get(
        "/feed",
        operation_id="readFeed",
        summary="Your thin events over all your dossiers",
        description="In order; an entry keeps the numbers it got when it was first permitted to you, and is left out "
        "for as long as you may not know it. With `wait` an empty answer waits for something to come.",
        response_model=None,
        responses=answers(200, *ALWAYS, BAD_REQUEST, shape=FeedPage, says="A page"),
    )
    async def read(
        request: Request, caller: CallerDep, after: After = None, limit: Limit = PAGE, wait: Wait = 0
    ) -> Response:
        place = Place(cursors, caller, "feed", after)
        items = await feed.read(shelf, caller, place.position, limit, wait, request.is_disconnected)
        return JsonAnswer(place.page(items, items[-1]["feed_seq"] if items else None))

    return routes
