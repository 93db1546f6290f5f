"""What OpenAPI tells of the one way to write: the three forms of a body, and what may be answered."""

from typing import Any, Final

from services.dossier.endpoints.shapes import Event
from services.dossier.writing.incoming import CLASSES
from services.foundation.answers import CLOUD_EVENT, CLOUD_EVENTS, JSON, answers
from services.foundation.contract import Contract, EventType
from services.foundation.problems import (
    BAD_REQUEST,
    CONFLICT,
    FORBIDDEN,
    NOT_FOUND,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
)

SHOWN: Final = ("dossier.opened", "consent.granted", "placement.started", "contact-moment.held")
DOSSIER: Final = "5d0a7f0e-5a7e-4c6e-9a53-1d2f6c0b7e11"
SOURCE: Final = "urn:nld:oin:00000099990000000011:systeem:voorbeeld"
IDS: Final = tuple(f"0b9f6c1e-2d3a-4f5b-8c7d-00000000000{at}" for at in range(1, 10))

_TEXT: Final = {"type": "string"}
_BATCH_ANSWER: Final = {
    "type": "object",
    "required": ["items"],
    "properties": {"items": {"type": "array", "items": {"$ref": "#/components/schemas/Event"}}},
}
_TOLD: Final = answers(
    201,
    BAD_REQUEST,
    FORBIDDEN,
    NOT_FOUND,
    CONFLICT,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    shape=Event,
    says="Stored: the event, or the batch, as this caller may read it",
    headers=["Location"],
) | answers(200, shape=Event, says="Sent again: nothing is stored, this is what stands there", headers=["Location"])
WRITTEN: Final = {
    status: told | {"content": {JSON: {"schema": _BATCH_ANSWER}}} if status in (200, 201) else told
    for status, told in _TOLD.items()
}

DATA: Final = {"type": "object", "description": "As `GET /v1/event-types/{type}` has it"}
TYPE: Final = _TEXT | {"description": "One of `GET /v1/event-types`", "examples": ["nl.dossier.placement.started"]}
SHORT: Final = {
    "title": "ShortForm",
    "description": "For a person's client: the platform fills the envelope.",
    "type": "object",
    "required": ["type", "data"],
    "properties": {"type": TYPE, "data": DATA},
    "additionalProperties": False,
}
STRUCTURED: Final = {
    "title": "NewEvent",
    "description": "A CloudEvent (NL GOV profile 1.1). `sequence`, `sequencetype`, `time` and `actor` may be sent and "
    "are replaced by the platform's own.",
    "type": "object",
    "required": ["specversion", "id", "source", "type", "subject", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": _TEXT | {"format": "uuid", "description": "Chosen by the sender; the same (`source`, `id`) is the same"},
        "source": _TEXT | {"description": "A URN registered for the caller or its organisation"},
        "type": TYPE,
        "subject": _TEXT | {"description": "`dossier/` and the id in the path"},
        "datacontenttype": {"const": "application/json"},
        "dataschema": _TEXT | {"description": "The `dataschema` of `GET /v1/event-types/{type}`"},
        "privacyclass": {"enum": sorted(CLASSES), "description": "Only to raise the class of this one event (R-34)"},
        "time": _TEXT,
        "sequence": _TEXT,
        "sequencetype": _TEXT,
        "actor": _TEXT,
        "dataref": _TEXT,
        "traceparent": _TEXT,
        "tracestate": _TEXT,
        "data": DATA,
    },
    "additionalProperties": False,
}


def taken(contract: Contract) -> dict[str, Any]:
    """For `openapi_extra=`; the examples are those of the schemas."""
    types = [contract.types[f"nl.dossier.{name}"] for name in SHOWN]
    events = {_key(type_): _event(type_, id_) for type_, id_ in zip(types, IDS, strict=False)}
    shorts = {_key(type_): {"type": type_.name, "data": type_.examples[0]} for type_ in types}
    batch = {"type": "array", "minItems": 1, "maxItems": 100, "items": STRUCTURED}
    content = {
        CLOUD_EVENT: {"schema": STRUCTURED, "examples": _named(types, events)},
        CLOUD_EVENTS: {"schema": batch, "example": list(events.values())[1:]},
        JSON: {"schema": SHORT, "examples": _named(types, shorts)},
    }
    return {"requestBody": {"required": True, "content": content}}


def _key(type_: EventType) -> str:
    return type_.name.removeprefix("nl.dossier.")


def _named(types: list[EventType], values: dict[str, Any]) -> dict[str, Any]:
    return {_key(type_): {"summary": type_.titles["en"], "value": values[_key(type_)]} for type_ in types}


def _event(type_: EventType, id_: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id_,
        "source": SOURCE,
        "type": type_.name,
        "subject": f"dossier/{DOSSIER}",
        "datacontenttype": "application/json",
        "dataschema": type_.schema["$id"],
        "data": type_.examples[0],
    }
