"""The shapes of webhooks over HTTP."""

from datetime import datetime
from typing import Annotated, Literal, NotRequired
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from services.notifications.webhooks.outcomes import State
from services.notifications.webhooks.signatures import Scheme

Url = Annotated[
    str,
    Field(
        max_length=1000,
        description="Of your receiver: `https://`, port 443 or 8443, without user, password, query or fragment",
    ),
]
Schemes = Annotated[
    list[Scheme],
    Field(
        min_length=1,
        max_length=2,
        description="How deliveries are signed (Standard Webhooks): `v1a` by Ed25519, `v1` by HMAC-SHA256",
    ),
]
Reason = Annotated[
    str,
    Field(
        description="Why it failed: refused, throttled, redirect, gone, slow, lost, malformed, tls, unreachable, "
        "unsafe, not_allowed"
    ),
]
Status = Annotated[int, Field(description="What your receiver answered; absent when no answer came")]


class Rotation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    overlap_hours: Annotated[
        int, Field(ge=0, le=24, description="So long old and new keys sign side by side; 0: the old ones end now")
    ] = 24


class KeyShown(TypedDict):
    id: UUID
    scheme: Scheme
    public_key: NotRequired[Annotated[str, Field(description="`whpk_…`, of `v1a`: check deliveries with it")]]
    secret: NotRequired[Annotated[str, Field(description="`whsec_…`, of `v1`: shown once, when it was made")]]
    created_at: datetime
    ends_at: NotRequired[Annotated[datetime, Field(description="Of a key that was replaced: it signs until then")]]


class KeysShown(TypedDict):
    keys: list[KeyShown]


class WebhookShown(TypedDict):
    endpoint: str
    state: Annotated[
        State,
        Field(
            description="`pending` until its handshake; `degraded` while it fails (one delivery at a time is tried); "
            "`paused` after 5 days of failing; `retired` when it answered 410. Nothing is dropped meanwhile"
        ),
    ]
    reason: NotRequired[Reason]
    failing_since: NotRequired[datetime]
    rate: NotRequired[Annotated[int, Field(description="Deliveries a minute, as the handshake allowed")]]
    keys: list[KeyShown]


class Sending(TypedDict):
    attempts: int
    attempted_at: datetime
    status: NotRequired[Status]
    reason: NotRequired[Reason]
    next_at: NotRequired[Annotated[datetime, Field(description="Not tried again before")]]


class Tried(TypedDict):
    state: Literal["accepted", "failed"]
    webhook_id: str
    status: NotRequired[Status]
    reason: NotRequired[Reason]
