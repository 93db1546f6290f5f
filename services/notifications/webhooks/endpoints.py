"""What webhooks have over HTTP beside every subscription: new keys, and a test."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from services.foundation.answers import JsonAnswer, answers
from services.foundation.bodies import body_as, takes
from services.foundation.callers import Caller, CallerDep
from services.foundation.problems import (
    BAD_REQUEST,
    CONFLICT,
    NOT_FOUND,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from services.notifications.subscriptions import Subscription
from services.notifications.webhooks.shapes import KeysShown, Rotation, Tried
from services.notifications.webhooks.subscribing import Webhooks

Id = Annotated[UUID, Path(alias="subscriptionId", description="The id of one of your subscriptions")]
Found = Callable[[Caller, UUID], Awaitable[Subscription]]


def add_webhooks(routes: APIRouter, webhooks: Webhooks, found: Found) -> None:
    """`found` gives the caller's own subscription, or raises 404."""

    @routes.post(
        "/{subscriptionId}/keys",
        operation_id="rotateWebhookKeys",
        summary="Replace the keys that sign",
        description="New keys sign at once, and those before them beside them for the overlap: change over within it.",
        status_code=201,
        response_model=None,
        responses=answers(
            201,
            BAD_REQUEST,
            NOT_FOUND,
            CONFLICT,
            TOO_LARGE,
            UNSUPPORTED_MEDIA_TYPE,
            shape=KeysShown,
            says="All keys that sign now; a new `v1` secret is shown this once",
        ),
        openapi_extra=takes(Rotation, required=False, example={"overlap_hours": 24}),
    )
    async def rotate(request: Request, id: Id, caller: CallerDep) -> Response:
        one = await found(caller, id)
        asked = await body_as(Rotation, request, required=False)
        if one.channel != "webhook":
            raise Problem(CONFLICT, "Nothing is sent on this channel, so nothing is signed.")
        return JsonAnswer({"keys": await webhooks.rotate(id, timedelta(hours=asked.overlap_hours))}, 201)

    @routes.post(
        "/{subscriptionId}/tests",
        operation_id="testWebhook",
        summary="Send a test delivery",
        description="A signed event of type `nl.dossier.subscription.tested`, about nobody, sent once and now; how it "
        "went changes nothing.",
        response_model=None,
        responses=answers(200, BAD_REQUEST, NOT_FOUND, CONFLICT, shape=Tried, says="How it went"),
    )
    async def test(id: Id, caller: CallerDep) -> Response:
        await found(caller, id)
        return JsonAnswer(await webhooks.try_out(id))
