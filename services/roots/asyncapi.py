"""Makes the AsyncAPI 3 document: a channel for each way out, and over all of them one message, the thin event."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Final

from pydantic import TypeAdapter

from services.dossier.domain.entries import HEALTH
from services.events.endpoints import FeedItem
from services.foundation.answers import CLOUD_EVENT, JSON, PROBLEM, ThinEvent
from services.foundation.contract import Contract
from services.foundation.http_headers import API_VERSION
from services.foundation.openapi import INSTANCE
from services.foundation.problems import MEDIA_TYPE, UNAVAILABLE, Problem, render
from services.notifications.shapes import DeliveryShown
from services.roots.ways_out import HTTP, KAFKA, SSE_HEADERS, TEXT, WAYS, WEBHOOK_HEADERS, Json, Way

DESCRIPTION: Final = """\
Something happened, and you may know: that is all a message says. It is a *thin event*, a CloudEvent without `data`:
its `dataref` is where the content is, for as long as you may read it. What is on its way when access ends tells
nothing.

* The same event may come more than once: drop what you have by (`source`, `id`).
* `sequence` counts what was sent to you of one dossier, from 1, without gaps. A gap in what reached you is a loss: read
  the feed. A gap in a list is what you may no longer know.
* Keep your place only after what you did with the event is stored.
* 404 on a `dataref` means that you may not know (any more). Forget it, and do not ask again.
* A type that you do not know is one that came later: pass it over. What has a type that would tell something about
  health travels as `nl.dossier.entry.recorded`.
"""
HEALTH_IS_NEUTRAL: Final = "The type of the event, or the neutral one where its own would tell something about health"
TESTED: Final = "nl.dossier.subscription.tested"
ABSENT: Final = ("sequence", "sequencetype", "dataref")  # of a test: it is about no dossier
EXAMPLE: Final[Json] = {
    "specversion": "1.0",
    "id": "0b8f6a52-6c0f-4f0a-9a53-0d7b6f2c9f11",
    "source": "urn:nld:oin:00000009999000000001:systeem:klantvolg",
    "type": "nl.dossier.placement.started",
    "subject": "dossier/5a0c9a66-3d6e-4a52-8f4f-1b0d2a7f7c10",
    "time": "2025-03-14T08:30:00Z",
    "sequence": "7",
    "sequencetype": "Integer",
    "dataref": "/v1/dossiers/5a0c9a66-3d6e-4a52-8f4f-1b0d2a7f7c10/events/0b8f6a52-6c0f-4f0a-9a53-0d7b6f2c9f11",
}


def document(contract: Contract, address: str, version_path: str, contact: Json, licence: Json) -> Json:
    """`address` is the host of an invented installation, `version_path` (`/v1`) stands before every path."""
    return {
        "asyncapi": "3.0.0",
        "id": f"https://{address}{version_path}/asyncapi.json",
        "info": {
            "title": "Draad: being told",
            "version": API_VERSION,
            "description": DESCRIPTION,
            "contact": contact,
            "license": {"name": licence["name"], "url": f"https://spdx.org/licenses/{licence['identifier']}.html"},
            "tags": [
                {"name": "partners", "description": "What a partner receives"},
                {
                    "name": "internal",
                    "description": "Between the parts of one installation; no partner has a right on it",
                },
            ],
            "externalDocs": {
                "url": f"https://{address}/docs",
                "description": "Asking and writing: the OpenAPI document",
            },
        },
        "defaultContentType": CLOUD_EVENT,
        "servers": _servers(address, version_path),
        "channels": {name: _channel(way) for name, way in WAYS.items()},
        "operations": {
            operation: _operation(name, way, action, says)
            for name, way in WAYS.items()
            for operation, (action, says) in way.operations.items()
        },
        "components": {
            "messages": _messages(),
            "schemas": _schemas(contract),
            "securitySchemes": _security_schemes(),
        },
    }


def _servers(address: str, version_path: str) -> Json:
    return {
        "api": {
            "host": address,
            "pathname": version_path,
            "protocol": "https",
            "description": "An invented address; yours is your region's",
            "security": [_ref("securitySchemes", "token")],
        },
        "bus": {
            "host": f"kafka.{address}:9092",
            "protocol": "kafka-secure",
            "description": "Of one installation, closed to partners. Without it the bus is a table of its database",
            "security": [_ref("securitySchemes", "scram")],
        },
        "receiver": {
            "host": "{receiver}",
            "protocol": "https",
            "description": "Yours",
            "variables": {"receiver": {"description": "Of the address that your subscription names"}},
        },
    }


def _channel(way: Way) -> Json:
    made: Json = {
        "address": way.address,
        "servers": [{"$ref": f"#/servers/{way.server}"}],
        "title": way.title,
        "description": way.description,
        "messages": {message: _ref("messages", message) for message in way.messages},
        "tags": [{"name": way.tag}],
    }
    return made | _given(parameters=way.parameters, bindings=way.bindings)


def _operation(channel: str, way: Way, action: str, says: str) -> Json:
    made: Json = {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": says,
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"} for message in way.messages],
        "security": [_ref("securitySchemes", way.security)],
        "tags": [{"name": way.tag}],
    }
    return made | _given(bindings=way.operation_bindings)


def _given(**parts: Json) -> Json:
    return {name: part for name, part in parts.items() if part}


def _messages() -> Json:
    key = {
        "type": "string",
        "format": "uuid",
        "description": "The id of the dossier: all of one dossier is in one partition, in order",
    }
    position = TEXT | {"pattern": "^[0-9]+$", "description": "The number that the relay gave, without gaps"}
    item = {"feed_seq": 12, "event": EXAMPLE}
    signed = {"headers": WEBHOOK_HEADERS, "bindings": {"http": HTTP | {"headers": WEBHOOK_HEADERS}}}
    about = "subscription/1f0c9a66-3d6e-4a52-8f4f-1b0d2a7f7c10"
    test = {name: value for name, value in EXAMPLE.items() if name not in ABSENT} | {"type": TESTED, "subject": about}
    return {
        "Entry": _message("ThinEvent", "A thin event, inside", EXAMPLE)
        | {
            "headers": {"type": "object", "required": ["position"], "properties": {"position": position}},
            "bindings": {"kafka": KAFKA | {"key": key}},
        },
        "FeedItem": _message("FeedItem", "A thin event, numbered in your feed", item) | {"contentType": JSON},
        "StreamItem": _message("FeedItem", "The same, as `data` of a server-sent event", item)
        | {"contentType": JSON, "bindings": {"http": HTTP | {"headers": SSE_HEADERS}}},
        "StreamProblem": {
            "title": "Why the stream ends, as `data` of a server-sent event",
            "contentType": MEDIA_TYPE,
            "payload": _ref("schemas", "Problem"),
            "examples": [{"name": "away", "payload": json.loads(bytes(render(Problem(UNAVAILABLE), INSTANCE).body))}],
        },
        "Delivery": _message("Delivery", "A thin event, delivered", {"event": EXAMPLE, "state": "delivered"})
        | {"contentType": JSON},
        "WebhookEvent": _message("ThinEvent", "A thin event, signed", EXAMPLE) | signed,
        "WebhookTest": _message("WebhookTest", "A test that you asked for: about nobody, with nothing to fetch", test)
        | signed,
    }


def _message(schema: str, title: str, example: Json) -> Json:
    return {
        "title": title,
        "contentType": CLOUD_EVENT,
        "payload": _ref("schemas", schema),
        "examples": [{"name": "placement", "payload": example}],
    }


def _schemas(contract: Contract) -> Json:
    made: Json = {"Problem": deepcopy(PROBLEM)}
    for name, shape in (("ThinEvent", ThinEvent), ("FeedItem", FeedItem), ("Delivery", DeliveryShown)):
        schema = TypeAdapter(shape).json_schema(ref_template="#/components/schemas/{model}")
        for each, nested in ({name: schema} | schema.pop("$defs", {})).items():
            made[each] = nested | {"additionalProperties": False}
    for each in _objects(made):
        if isinstance(each.get("title"), str):
            del each["title"]  # Pydantic's, made of the name
    named = made["ThinEvent"]["properties"]
    travelling = sorted({each.name for each in contract.types.values() if each.privacy_class != HEALTH})
    named["type"] |= {
        "description": HEALTH_IS_NEUTRAL,
        "pattern": r"^nl\.dossier\.[a-z-]+\.[a-z-]+(\.v[0-9]+)?$",
        "x-extensible-enum": [*travelling, contract.neutral_type],
    }
    named["id"] |= {"format": "uuid", "description": "With `source` it names the event: what has both is the same"}
    named["source"] |= {"format": "uri", "description": "The system that recorded it"}
    named["dataref"] |= {"format": "uri-reference"}
    made["WebhookTest"] = {
        "description": "What a test delivery carries",
        "type": "object",
        "required": [name for name in made["ThinEvent"]["required"] if name not in ABSENT],
        "properties": {name: field for name, field in named.items() if name not in ABSENT}
        | {"type": {"const": TESTED}, "subject": TEXT | {"description": "`subscription/` and its id"}},
        "additionalProperties": False,
    }
    return made


def _objects(node: object) -> Iterator[Json]:
    if isinstance(node, dict):
        yield node
        for value in list(node.values()):
            yield from _objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from _objects(value)


def _security_schemes() -> Json:
    return {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token as RFC 9068 has it, in the header `Authorization` and nowhere else",
        },
        "scram": {"type": "scramSha512", "description": "Inside TLS; with ACLs: see `deploy/kafka/README.md`"},
        "signature": {
            "type": "httpApiKey",
            "in": "header",
            "name": "webhook-signature",
            "description": "Standard Webhooks, `v1a` with the public key or `v1` with the secret of the subscription",
        },
    }


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}
