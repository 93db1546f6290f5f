"""The inbox of a person: a subscription that knows what was read in it."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Path, Request, Response

from services.foundation.answers import JsonAnswer, answers
from services.foundation.bodies import MERGE_PATCH, body_as, takes
from services.foundation.callers import Caller, CallerDep
from services.foundation.database.connection import Database
from services.foundation.problems import (
    BAD_REQUEST,
    NOT_FOUND,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    FieldError,
    Problem,
    not_found,
)
from services.notifications import deliveries
from services.notifications.deliveries import Delivery
from services.notifications.ports import Release
from services.notifications.shapes import DeliveryShown, Mark
from services.notifications.subscriptions import Subscription, reader_of

INBOX: Final = "inbox"
READ, UNREAD = "read", "unread"

Id = Annotated[UUID, Path(alias="subscriptionId", description="The id of one of your inboxes")]
Number = Annotated[int, Path(ge=1, le=2**63 - 1, description="`number` of an item of this inbox")]


def asked_for(channel: str, state: str | None) -> tuple[str | None, bool | None]:
    """What `state` narrows a list to: the state of deliveries, and whether they were read."""
    if state is None:
        return None, None
    if (channel == INBOX) != (state in (READ, UNREAD)):
        says = "An inbox has unread and read; other channels have pending, delivered and dropped."
        raise Problem(BAD_REQUEST, errors=[FieldError("?state", says)])
    return (None, state == READ) if channel == INBOX else (state, None)


def shown(channel: str, delivery: Delivery) -> dict[str, Any]:
    replay = {"replay": True} if delivery.replay else {}
    if channel != INBOX:
        sending = {"sending": delivery.sending} if delivery.sending else {}
        return {"event": delivery.event, "state": delivery.state} | replay | sending
    state = READ if delivery.is_read else UNREAD
    return {"event": delivery.event, "state": state, "number": delivery.ordinal} | replay


def add_marking(
    routes: APIRouter,
    database: Database,
    release: Release,
    found: Callable[[Caller, UUID], Awaitable[Subscription]],
) -> None:
    @routes.patch(
        "/{subscriptionId}/deliveries/{number}",
        operation_id="markDelivery",
        summary="Mark an item of an inbox as read, or as unread",
        description="A JSON merge patch (RFC 7396) of `state`. It is yours alone: nobody else sees what you read here, "
        "and a replay leaves it as it is. What you may no longer know is not there (404).",
        response_model=None,
        responses=answers(
            200, BAD_REQUEST, NOT_FOUND, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, shape=DeliveryShown, says="The item"
        ),
        openapi_extra=takes(Mark, MERGE_PATCH, example={"state": READ}),
    )
    async def mark(request: Request, id: Id, number: Number, caller: CallerDep) -> Response:
        subscription = await found(caller, id)
        asked = await body_as(Mark, request, MERGE_PATCH)
        if subscription.channel != INBOX:
            raise Problem(BAD_REQUEST, errors=[FieldError("/state", "Only what is in an inbox is read or unread.")])
        reader = reader_of(caller)
        marked = await deliveries.mark(database, release, id, reader, number, asked.state == READ)
        if marked is None:
            raise not_found()
        return JsonAnswer(shown(INBOX, marked))
