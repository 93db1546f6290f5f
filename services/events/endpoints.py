"""The feed over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from services.events import feed
from services.events.feed import LONGEST_WAIT, Shelf
from services.foundation.answers import Json, Place, answers
from services.foundation.callers import CallerDep
from services.foundation.paging import PAGE, Cursors, Limit
from services.foundation.problems import BAD_REQUEST, UNAUTHORISED, UNAVAILABLE

ALWAYS = (UNAUTHORISED, UNAVAILABLE)

After = Annotated[str | None, Query(description="`next` of an earlier page", max_length=200)]
Wait = Annotated[float, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for something when there is nothing")]


class Item(BaseModel):
    feed_seq: int = Field(description="Counts your feed, from 1")
    event: dict[str, str] = Field(description="A thin event; its `sequence` counts your feed in that dossier, from 1")
    replay: bool = Field(default=False, description="Opened later by a grant with the whole history (R-13)")


class FeedPage(BaseModel):
    items: list[Item]
    next: str = Field(description="What `after` takes; always present, unchanged by an empty page")


def router(shelf: Shelf, cursors: Cursors) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["feed"], default_response_class=Json)

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
        return Json(place.page(items, items[-1]["feed_seq"] if items else None))

    return routes
