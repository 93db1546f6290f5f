"""The ways out: where messages go without being asked for one by one, and the bus inside.

A new way out is one more entry in `WAYS`; `asyncapi.py` makes the document of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from services.events.relay import TOPIC
from services.foundation.bus.kafka.cluster import RETENTION_MS
from services.foundation.bus.port import PARTITIONS

Json = dict[str, Any]

TEXT: Final = {"type": "string"}
WEBHOOK_HEADERS: Final[Json] = {
    "type": "object",
    "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
    "properties": {
        "webhook-id": TEXT | {"description": "The same at every attempt: drop what you have"},
        "webhook-timestamp": TEXT
        | {"pattern": "^[0-9]+$", "description": "Of this attempt, in seconds since 1970; refuse what is old"},
        "webhook-signature": TEXT
        | {
            "description": "Standard Webhooks: one or more of `v1a,…` (Ed25519) and `v1,…` (HMAC-SHA256), parted by "
            "spaces, over `webhook-id.webhook-timestamp.body`; two of a kind while a secret is being replaced"
        },
    },
}
SSE_HEADERS: Final[Json] = {"type": "object", "properties": {"Content-Type": {"const": "text/event-stream"}}}
KAFKA: Final[Json] = {"bindingVersion": "0.5.0"}
HTTP: Final[Json] = {"bindingVersion": "0.3.0"}


@dataclass(frozen=True, kw_only=True)
class Way:
    """A channel, what goes over it, and who does what with it (`operations`: name → action and words)."""

    address: str | None
    server: str
    title: str
    description: str
    messages: tuple[str, ...]
    operations: Mapping[str, tuple[str, str]]
    security: str
    tag: str = "partners"
    parameters: Json = field(default_factory=dict)
    bindings: Json = field(default_factory=dict)
    operation_bindings: Json = field(default_factory=dict)


def _asked(address: str, messages: tuple[str, ...], operation: str, title: str, says: str, query: Json) -> Way:
    """A way out that the reader asks for."""
    asks = HTTP | {"method": "GET"} | ({"query": {"type": "object", "properties": query}} if query else {})
    return Way(
        address=address,
        server="api",
        title=title,
        description=says,
        messages=messages,
        operations={operation: ("send", title)},
        security="token",
        parameters={name: _PARAMETERS[name] for name in _PARAMETERS if f"{{{name}}}" in address},
        operation_bindings={"http": asks},
    )


_PARAMETERS: Final[Json] = {"subscriptionId": {"description": "The id of one of your subscriptions"}}
_AFTER: Final = {"after": TEXT | {"description": "`next` of the page before; keep it when its items are dealt with"}}
_LIMIT: Final = {"limit": {"type": "integer", "description": "At most so many items"}}
WAYS: Final[Mapping[str, Way]] = {
    "entries": Way(
        address=TOPIC,
        server="bus",
        tag="internal",
        title="Every entry of every dossier",
        description="Internal: it tells in which dossier something happens, so the ACLs of the broker let nobody but "
        "the relay write it and nobody but the notifier read it. In order per dossier. `sequence` is here the "
        "dossier's own.",
        messages=("Entry",),
        operations={
            "publishEntries": ("send", "The relay publishes what is in the outbox"),
            "applyEntries": ("receive", "The notifier puts it in the lanes of those who may have to be told"),
        },
        security="scram",
        bindings={
            "kafka": KAFKA
            | {
                "topic": TOPIC,
                "partitions": PARTITIONS,
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": RETENTION_MS},
            }
        },
    ),
    "feed": _asked(
        "/feed",
        ("FeedItem",),
        "sendFeed",
        "Your thin events over all your dossiers, by asking",
        "In order, with `wait` as a long poll. The way back after any absence. The answer is a page, "
        "`{items, next}`; this message is an item.",
        _AFTER | _LIMIT | {"wait": {"type": "number", "description": "Seconds to wait for something to come"}},
    ),
    "stream": _asked(
        "/stream",
        ("StreamItem", "StreamProblem"),
        "sendStream",
        "The same, as server-sent events",
        "The answer stays open (`text/event-stream`). An `event` is `entry`, with the place in the feed as `id` (its "
        "`next`) and the item as `data`; or `problem`, the last word. After it, and after any break, connect again "
        "with `Last-Event-ID`.",
        {},
    ),
    "deliveries": _asked(
        "/subscriptions/{subscriptionId}/deliveries",
        ("Delivery",),
        "sendDeliveries",
        "What was delivered to one subscription, by asking",
        "Each event once per subscription. The answer is a page, `{items, next}`; this message is an item.",
        _AFTER | _LIMIT | {"state": TEXT | {"description": "Only deliveries in this state"}},
    ),
    "webhook": Way(
        address=None,
        server="receiver",
        title="What is sent to the address of your subscription",
        description="`POST` over TLS to the `https` address that the subscription names: one event, structured mode. "
        "Answer 2xx when it is stored; 410 ends the subscription; after anything else it comes again, later and later, "
        "with `Retry-After` heeded, and nothing is dropped. In order per dossier. `OPTIONS` with "
        "`WebHook-Request-Origin` comes first, to ask whether you want it. A test is sent when you ask for one.",
        messages=("WebhookEvent", "WebhookTest"),
        operations={"sendWebhook": ("send", "To each endpoint that may know, signed as Standard Webhooks has it")},
        security="signature",
        operation_bindings={"http": HTTP | {"method": "POST"}},
    ),
}
