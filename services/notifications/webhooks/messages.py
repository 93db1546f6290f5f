"""What one webhook is on the wire: a thin event, signed, under an id that never changes."""

from typing import Final
from uuid import UUID, uuid5

from services.notifications.webhooks.lines import request
from services.notifications.webhooks.signatures import SigningKey, headers
from services.notifications.webhooks.walls import Target

MEDIA_TYPE: Final = "application/cloudevents+json"


def posted(target: Target, signing: tuple[SigningKey, ...], id: str, at: int, body: bytes) -> bytes:
    return request("POST", target, {"Content-Type": MEDIA_TYPE} | headers(signing, id, at, body), body)


def message_id(subscription_id: UUID, event_id: str) -> str:
    """The same at every attempt and every replay; another for another subscription."""
    return f"msg_{uuid5(subscription_id, event_id).hex}"
