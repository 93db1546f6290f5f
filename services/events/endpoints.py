"""The feed over HTTP: page by page, and live."""

from typing import Annotated, Literal, NotRequired

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import Field
from typing_extensions import TypedDict

from services.events import feed
from services.events.feed import LONGEST_WAIT, Shelf
from services.events.news import News
from services.events.stream import Streams
from services.foundation.answers import (
    REPLAYED,
    After,
    JsonAnswer,
    JsonRoute,
    Next,
    Place,
    ThinEvent,
    accepts,
    answers,
)
from services.foundation.callers import CallerDep, asking_again
from services.foundation.event_stream import MEDIA_TYPE, EventStream
from services.foundation.paging import PAGE, Cursors, Limit
from services.foundation.problems import (
    BAD_REQUEST,
    NOT_ACCEPTABLE,
    TOO_MANY_REQUESTS,
    UNAUTHORISED,
    UNAVAILABLE,
    Problem,
)

ALWAYS = (UNAUTHORISED, UNAVAILABLE)
FEED = "feed"  # a cursor of the feed is an id of the stream, and the other way round

LIVE = """\
The items of `GET /v1/feed` as server-sent events, as they come: event `entry`, with the item as `data`, and as `id`
what `after` of the feed takes. Send the last `id` that you got as `Last-Event-ID`: nothing is missing and nothing
doubled. Each entry is decided anew at the moment it is sent. A comment comes every 15 seconds when nothing else does.

The last event of a stream that ends from this side is `problem`, with what `application/problem+json` says as `data`:
401 your token is no longer valid; 408 you read too slowly; 503 this server stops, or a part that it needs is away.
Connect again with the last `id`, after as many milliseconds as `retry` says.
"""

Wait = Annotated[float, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for something when there is nothing")]
LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID", description="The last `id` that you got, or `next` of the feed; absent: from the start"
    ),
]


class FeedItem(TypedDict):
    feed_seq: Annotated[int, Field(description="Counts your feed, from 1")]
    event: ThinEvent
    replay: NotRequired[Annotated[Literal[True], Field(description=REPLAYED)]]


class FeedPage(TypedDict):
    items: list[FeedItem]
    next: Next


def router(shelf: Shelf, news: News, streams: Streams, cursors: Cursors) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["feed"])
    routes.include_router(_pages(shelf, news, cursors))
    routes.include_router(_live(streams, cursors))
    return routes


def _pages(shelf: Shelf, news: News, cursors: Cursors) -> APIRouter:
    routes = APIRouter(route_class=JsonRoute, default_response_class=JsonAnswer)

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
        place = Place(cursors, caller, FEED, after)
        items = await feed.read(shelf, news, caller, place.position, limit, wait, request.is_disconnected)
        return JsonAnswer(place.page(items, items[-1]["feed_seq"] if items else None))

    return routes


def _live(streams: Streams, cursors: Cursors) -> APIRouter:
    routes = APIRouter(default_response_class=EventStream)

    @routes.get(
        "/stream",
        operation_id="streamFeed",
        summary="Your feed, live",
        description=LIVE,
        status_code=200,
        response_model=None,
        dependencies=[Depends(_demand_events_accepted)],
        responses=answers(200, *ALWAYS, BAD_REQUEST, NOT_ACCEPTABLE, TOO_MANY_REQUESTS, says="Events, until it ends"),
    )
    async def stream(request: Request, caller: CallerDep, last_event_id: LastEventId = None) -> Response:
        place = Place(cursors, caller, FEED, last_event_id or None)
        try:
            return streams.stream(asking_again(request), place)
        except Problem as refused:
            if refused.kind is not BAD_REQUEST:
                raise
            raise Problem(BAD_REQUEST, "Last-Event-ID is no id of this stream and no `next` of your feed.") from None

    return routes


def _demand_events_accepted(request: Request) -> None:
    said = request.headers.getlist("accept")
    if said and not accepts(said, (MEDIA_TYPE,), "text/*"):
        raise Problem(NOT_ACCEPTABLE, f"The answer is a stream of events: accept {MEDIA_TYPE}.")
