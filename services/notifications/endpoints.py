"""Subscriptions and their deliveries over HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Path, Query, Request, Response

from services.foundation.answers import After, JsonAnswer, JsonRoute, Place, answers, problems
from services.foundation.bodies import MERGE_PATCH, body_as, takes
from services.foundation.callers import Caller, CallerDep
from services.foundation.database.connection import Connection, Database
from services.foundation.paging import PAGE, Cursors, Limit
from services.foundation.problems import (
    BAD_REQUEST,
    CONFLICT,
    FORBIDDEN,
    NOT_FOUND,
    TOO_LARGE,
    UNAUTHORISED,
    UNAVAILABLE,
    UNSUPPORTED_MEDIA_TYPE,
    FieldError,
    Problem,
    not_found,
)
from services.notifications import deliveries, inbox, subscriptions
from services.notifications.lanes import Lanes
from services.notifications.ports import Release
from services.notifications.shapes import (
    DeliveryPage,
    NewSubscription,
    Replay,
    SubscriptionChange,
    SubscriptionPage,
    SubscriptionShown,
)
from services.notifications.subscriptions import Subscription, reader_of
from services.notifications.webhooks import standing
from services.notifications.webhooks.deliverer import Deliverer
from services.notifications.webhooks.endpoints import add_webhooks
from services.notifications.webhooks.keys import Made, add
from services.notifications.webhooks.subscribing import Webhooks

Id = Annotated[UUID, Path(alias="subscriptionId", description="The id of one of your subscriptions")]
State = Annotated[
    Literal["pending", "delivered", "dropped", "unread", "read"] | None,
    Query(description="Only deliveries in this state; an inbox has `unread` and `read`, other channels the others"),
]
NOT_YET = {"email": "Draad sends no e-mail yet: take inbox, or pull, and fetch the deliveries yourself, or webhook."}


@dataclass(frozen=True)
class Parts:
    """What the endpoints need; a root fills it."""

    database: Database
    release: Release
    lanes: Lanes
    cursors: Cursors
    webhooks: Webhooks
    deliverer: Deliverer


def router(parts: Parts) -> APIRouter:
    routes = APIRouter(
        prefix="/v1/subscriptions",
        tags=["subscriptions"],
        route_class=JsonRoute,
        default_response_class=JsonAnswer,
        responses=problems(UNAUTHORISED, UNAVAILABLE),
    )
    _add_subscriptions(routes, parts)
    _add_one(routes, parts)
    _add_deliveries(routes, parts)
    inbox.add_marking(routes, parts.database, parts.release, partial(_found, parts))
    add_webhooks(routes, parts.webhooks, partial(_found, parts))
    return routes


def _add_subscriptions(routes: APIRouter, parts: Parts) -> None:
    @routes.post(
        "",
        operation_id="createSubscription",
        summary="Subscribe",
        description="To everything that you may know, or to some types or dossiers. What you may know is decided for "
        "each event at the moment of its delivery; a dossier that you name is not checked. An `inbox` is a person's "
        "own, and knows what was read. A participant reads the dossier itself: to one nothing is delivered, anywhere. "
        "A webhook is first asked by `OPTIONS` with `WebHook-Request-Origin` (CloudEvents webhook); until it answers "
        "`WebHook-Allowed-Origin` it is `pending`, and what comes waits.",
        status_code=201,
        response_model=None,
        responses=answers(
            201,
            BAD_REQUEST,
            FORBIDDEN,
            CONFLICT,
            TOO_LARGE,
            UNSUPPORTED_MEDIA_TYPE,
            shape=SubscriptionShown,
            says="Created",
            headers=["Location"],
        ),
        openapi_extra=takes(NewSubscription, example={"channel": "pull", "types": ["placement.*"]}),
    )
    async def create(request: Request, caller: CallerDep) -> Response:
        asked = await body_as(NewSubscription, request)
        _demand_channel(asked)
        if caller.kind == "platform":
            raise Problem(FORBIDDEN, "The platform reads no dossier, so it has nothing to subscribe to.")
        if asked.channel == inbox.INBOX and caller.person is None:
            raise Problem(FORBIDDEN, "An inbox is a person's own; a client of an organisation takes pull, or the feed.")
        id, reader, keys = uuid4(), reader_of(caller), list[Made]()
        if asked.channel == "webhook":
            keys = await parts.webhooks.prepared(id, asked.endpoint, asked.signatures)
        async with parts.database.transaction() as conn:
            made = await subscriptions.create(conn, id, reader, asked.channel, asked.types, asked.dossiers)
            if made is None:
                says = f"You have {subscriptions.MOST} subscriptions; delete one that you no longer use."
                raise Problem(CONFLICT, says)
            if asked.endpoint is not None:
                await standing.create(conn, id, reader.owner, asked.endpoint)
                await add(conn, keys)
        if keys:
            await parts.webhooks.shake_hands(id)
        return JsonAnswer(await _whole(parts, made, keys), 201, {"Location": f"/v1/subscriptions/{made.id}"})

    @routes.get(
        "",
        operation_id="listSubscriptions",
        summary="Your subscriptions",
        description="Those of this person; a machine client has those that it made.",
        response_model=None,
        responses=answers(200, BAD_REQUEST, shape=SubscriptionPage, says="A page"),
    )
    async def list_them(caller: CallerDep, after: After = None, limit: Limit = PAGE) -> Response:
        place = Place(parts.cursors, caller, "subscriptions", after)
        async with parts.database.connection() as conn:
            found = await subscriptions.of_reader(conn, reader_of(caller), place.position, limit)
            shown = [await _with_webhook(parts, conn, one) for one in found]
        return JsonAnswer(place.page(shown, found[-1].position if found else None))


def _add_one(routes: APIRouter, parts: Parts) -> None:
    @routes.get(
        "/{subscriptionId}",
        operation_id="getSubscription",
        summary="One of your subscriptions",
        description="Another's does not exist for you.",
        response_model=None,
        responses=answers(200, BAD_REQUEST, NOT_FOUND, shape=SubscriptionShown, says="The subscription"),
    )
    async def get(id: Id, caller: CallerDep) -> Response:
        return JsonAnswer(await _whole(parts, await _found(parts, caller, id)))

    @routes.patch(
        "/{subscriptionId}",
        operation_id="changeSubscription",
        summary="Change types or dossiers, or go on",
        description="A JSON merge patch (RFC 7396) of `types` and `dossiers`. What was delivered stays delivered. "
        "`state: active` asks the receiver of a webhook again, whatever it stands at, and goes on when it agrees.",
        response_model=None,
        responses=answers(
            200, BAD_REQUEST, NOT_FOUND, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, shape=SubscriptionShown, says="Changed"
        ),
        openapi_extra=takes(SubscriptionChange, MERGE_PATCH, example={"types": ["placement.*"]}),
    )
    async def change(request: Request, id: Id, caller: CallerDep) -> Response:
        now = await _found(parts, caller, id)
        asked = await body_as(SubscriptionChange, request, MERGE_PATCH)
        if asked.state is not None and now.channel != "webhook":
            raise Problem(BAD_REQUEST, errors=[FieldError("/state", "Only a webhook has a state.")])
        types = asked.types or () if "types" in asked.model_fields_set else now.types
        dossiers = asked.dossiers if "dossiers" in asked.model_fields_set else now.dossiers
        async with parts.database.transaction() as conn:
            changed = _or_404(await subscriptions.change(conn, reader_of(caller), id, types, dossiers))
        if asked.state is not None:
            await parts.webhooks.shake_hands(id)
            parts.deliverer.wake()
        return JsonAnswer(await _whole(parts, changed))

    @routes.delete(
        "/{subscriptionId}",
        operation_id="deleteSubscription",
        summary="End a subscription",
        description="With its deliveries: nothing more comes, and what came can no longer be read here.",
        status_code=204,
        response_model=None,
        response_class=Response,
        responses=answers(204, BAD_REQUEST, NOT_FOUND, says="Ended"),
    )
    async def delete(id: Id, caller: CallerDep) -> Response:
        await _found(parts, caller, id)
        async with parts.database.transaction() as conn:
            await subscriptions.delete(conn, id)
        return Response(status_code=204)


def _add_deliveries(routes: APIRouter, parts: Parts) -> None:
    @routes.get(
        "/{subscriptionId}/deliveries",
        operation_id="listDeliveries",
        summary="What was delivered",
        description="In the order of delivery, each event once. What you may no longer know is left out. An inbox says "
        "`unread` or `read` of each, and with `state` gives one of the two.",
        response_model=None,
        responses=answers(200, BAD_REQUEST, NOT_FOUND, shape=DeliveryPage, says="A page"),
    )
    async def list_deliveries(
        id: Id, caller: CallerDep, after: After = None, state: State = None, limit: Limit = PAGE
    ) -> Response:
        channel = (await _found(parts, caller, id)).channel
        kept, is_read = inbox.asked_for(channel, state)
        reader = reader_of(caller)
        place = Place(parts.cursors, caller, f"deliveries/{id}/{state or ''}", after)
        async with parts.database.connection() as conn:
            await subscriptions.remember_roles(conn, id, reader)
        page = await deliveries.page(
            parts.database, parts.release, id, reader, after=place.position, limit=limit, state=kept, is_read=is_read
        )
        items = [inbox.shown(channel, one) for one in page]
        return JsonAnswer(place.page(items, page[-1].ordinal if page else None))

    @routes.post(
        "/{subscriptionId}/replays",
        operation_id="replayDeliveries",
        summary="Deliver again what was delivered",
        description="Sets existing deliveries to pending again, those of `dossiers` or all, and makes no new ones. "
        "Each keeps its number and is decided anew; in an inbox, read stays read; a paused webhook goes on.",
        status_code=202,
        response_model=None,
        responses=answers(
            202, BAD_REQUEST, NOT_FOUND, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, shape=SubscriptionShown, says="Under way"
        ),
        openapi_extra=takes(Replay, required=False, example={}),
    )
    async def replay(request: Request, id: Id, caller: CallerDep) -> Response:
        found = await _found(parts, caller, id)
        asked = await body_as(Replay, request, required=False)
        async with parts.database.transaction() as conn:
            await subscriptions.deliver_again(conn, id, asked.dossiers)
            await standing.resumed(conn, id)
        parts.lanes.wake()
        parts.deliverer.wake()
        return JsonAnswer(await _whole(parts, found), 202)


async def _found(parts: Parts, caller: Caller, id: UUID) -> Subscription:
    async with parts.database.connection() as conn:
        return _or_404(await subscriptions.find(conn, reader_of(caller), id))


def _demand_channel(asked: NewSubscription) -> None:
    if asked.channel in NOT_YET:
        raise Problem(BAD_REQUEST, errors=[FieldError("/channel", NOT_YET[asked.channel])])
    if asked.channel != "webhook":
        given = asked.model_fields_set & {"endpoint", "signatures"}
        if given:
            raise Problem(BAD_REQUEST, errors=[FieldError(f"/{name}", "Of a webhook only.") for name in sorted(given)])


async def _whole(parts: Parts, subscription: Subscription, made: Sequence[Made] = ()) -> dict[str, Any]:
    async with parts.database.connection() as conn:
        return await _with_webhook(parts, conn, subscription, made)


async def _with_webhook(
    parts: Parts, conn: Connection, subscription: Subscription, made: Sequence[Made] = ()
) -> dict[str, Any]:
    shown = _shown(subscription)
    if subscription.channel == "webhook":
        shown["webhook"] = await parts.webhooks.shown(conn, subscription.id, made)
    return shown


def _or_404(found: Subscription | None) -> Subscription:
    if found is None:
        raise not_found()
    return found


def _shown(subscription: Subscription) -> dict[str, Any]:
    return {
        "id": str(subscription.id),
        "channel": subscription.channel,
        "types": subscription.types,
        "dossiers": None if subscription.dossiers is None else [str(id) for id in subscription.dossiers],
        "created_at": subscription.created_at,
    }
