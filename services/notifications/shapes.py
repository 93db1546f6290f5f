"""The shapes of requests and answers; answers are documented by these, not made from them."""

from datetime import datetime
from typing import Annotated, Literal, NotRequired
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from services.foundation.answers import REPLAYED, Next, ThinEvent
from services.notifications.webhooks.shapes import Schemes, Sending, Url, WebhookShown

PREFIX = "nl.dossier."
TYPE = r"^(nl\.dossier\.)?([a-z]+(-[a-z]+)*\.([a-z]+(-[a-z]+)*|\*)|\*)$"


def _whole(name: str) -> str:
    return name if name.startswith(PREFIX) else PREFIX + name


TypeName = Annotated[
    str,
    Field(pattern=TYPE, max_length=120, description="`placement.*` is short for `nl.dossier.placement.*`"),
    AfterValidator(_whole),
]
Types = Annotated[
    list[TypeName], Field(max_length=100, description="True event types, or all of a noun; empty: every type")
]
Dossiers = Annotated[
    list[UUID] | None,
    Field(max_length=1000, description="Only these; absent or null: all you may know, later ones too"),
]


class NewSubscription(BaseModel):
    model_config = ConfigDict(extra="forbid")

    channel: Annotated[
        Literal["pull", "webhook", "email", "inbox"],
        Field(description="`pull`: fetch the deliveries; `inbox`: fetch them, and mark what you read"),
    ]
    types: Types = []
    dossiers: Dossiers = None
    endpoint: Url | None = None
    signatures: Schemes = ["v1a"]


class SubscriptionChange(BaseModel):
    """What is absent stays as it is; null means every one."""

    model_config = ConfigDict(extra="forbid")

    types: Types | None = None
    dossiers: Dossiers = None
    state: Annotated[
        Literal["active"] | None, Field(description="Of a webhook: ask its receiver again, and go on if it agrees")
    ] = None


class Replay(BaseModel):
    model_config = ConfigDict(extra="forbid")

    dossiers: Dossiers = None


class SubscriptionShown(TypedDict):
    id: UUID
    channel: Literal["pull", "inbox", "webhook"]
    types: list[str]
    dossiers: list[UUID] | None
    created_at: datetime
    webhook: NotRequired[WebhookShown]


class SubscriptionPage(TypedDict):
    items: list[SubscriptionShown]
    next: Next


class Mark(BaseModel):
    model_config = ConfigDict(extra="forbid")

    state: Literal["read", "unread"]


class DeliveryShown(TypedDict):
    event: ThinEvent
    state: Annotated[
        Literal["pending", "delivered", "dropped", "unread", "read"],
        Field(
            description="`pending` again after a replay was asked; in an inbox `unread` until you mark it `read`; of a "
            "webhook `pending` until it is accepted, and `dropped` when a later attempt was not permitted any more"
        ),
    ]
    number: NotRequired[Annotated[int, Field(description="In an inbox: names this item, and counts it, from 1")]]
    replay: NotRequired[Annotated[Literal[True], Field(description=REPLAYED)]]
    sending: NotRequired[Sending]


class DeliveryPage(TypedDict):
    items: list[DeliveryShown]
    next: Next
