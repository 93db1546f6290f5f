"""The shapes of requests and answers; answers are documented by these, not made from them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

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

    channel: Literal["pull", "webhook", "email", "inbox"]
    types: Types = []
    dossiers: Dossiers = None


class SubscriptionChange(BaseModel):
    """What is absent stays as it is; null means every one."""

    model_config = ConfigDict(extra="forbid")

    types: Types | None = None
    dossiers: Dossiers = None


class Replay(BaseModel):
    model_config = ConfigDict(extra="forbid")

    dossiers: Dossiers = None


class SubscriptionShown(BaseModel):
    id: UUID
    channel: Literal["pull"]
    types: list[str]
    dossiers: list[UUID] | None
    created_at: datetime


class SubscriptionPage(BaseModel):
    items: list[SubscriptionShown]
    next: str = Field(description="What `after` takes; always present")


class ThinEvent(BaseModel):
    """A CloudEvent without content; health-sensitive ones have type `nl.dossier.entry.recorded`."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str = Field(description="`dossier/` and the id of the dossier")
    time: datetime
    sequence: str = Field(description="Counts what this subscription got of this dossier, from 1, without gaps")
    sequencetype: Literal["Integer"]
    dataref: str = Field(description="Where the content is, for as long as you may read it")


class DeliveryShown(BaseModel):
    event: ThinEvent
    state: Literal["pending", "delivered"] = Field(description="`pending` again after a replay was asked")
    replay: bool = Field(default=False, description="Opened later by a grant with the whole history (R-13)")


class DeliveryPage(BaseModel):
    items: list[DeliveryShown]
    next: str = Field(description="What `after` takes; always present, unchanged by an empty page")
