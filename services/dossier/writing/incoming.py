"""Turns what a client sends (a CloudEvent, or the short form of a person's client) into what the handler takes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from services.foundation.callers import Caller
from services.foundation.contract import Contract, EventType, Fault
from services.foundation.problems import BAD_REQUEST, FieldError, Problem
from services.foundation.vault.sealing import PRIVACY_CLASSES

STANDARD = frozenset(
    [
        "specversion",
        "id",
        "source",
        "type",
        "subject",
        "time",
        "datacontenttype",
        "dataschema",
        "sequence",
        "sequencetype",
        "privacyclass",
        "data",
        "dataref",
        "actor",
        "traceparent",
        "tracestate",
    ]
)
Key = tuple[str, UUID]
Types = Mapping[str, EventType]
CLASSES = frozenset(PRIVACY_CLASSES)


@dataclass(frozen=True)
class Incoming:
    """One event as sent. `faults` are told only to who may know the dossier; `privacy_class` is absent unless sent.

    `at` is the JSON pointer to it in what was sent: empty, or its place in a batch.
    """

    event_id: UUID
    source: str
    type: str
    data: Mapping[str, Any] = field(repr=False)
    privacy_class: str | None
    faults: tuple[Fault, ...]
    at: str = ""

    @property
    def key(self) -> Key:
        """What makes it the same event when it is sent again (R-29)."""
        return self.source, self.event_id


def structured(event: object, dossier_id: UUID, caller: Caller, contract: Contract, at: str = "") -> Incoming:
    """A whole CloudEvent about a dossier."""
    return _structured(event, f"dossier/{dossier_id}", caller, contract, contract.types, at)


def of_region(event: object, region: str, caller: Caller, contract: Contract, taken: Iterable[str]) -> Incoming:
    """A whole CloudEvent about a region, of a type that is taken there."""
    return _structured(event, f"region/{region}", caller, contract, {name: contract.regional[name] for name in taken})


def _structured(
    event: object, subject: str, caller: Caller, contract: Contract, types: Types, at: str = ""
) -> Incoming:
    """`sequence`, `time` and `actor` are the platform's to give and are passed over."""
    if not isinstance(event, dict):
        raise Problem(BAD_REQUEST, "An event is a JSON object.", errors=[FieldError(at, "This must be an object.")])
    faults = [Fault(f"/{name}", "This attribute is not known here.", None) for name in event if name not in STANDARD]
    event_id = _uuid(event.get("id"))
    if event_id is None:
        faults.append(Fault("/id", "This must be a UUID, chosen by the sender.", None))
    faults += _fixed(event, "specversion", "1.0", required=True)
    faults += _fixed(event, "datacontenttype", "application/json", required=False)
    if str(event.get("subject", "")).lower() != subject.lower():
        kind = subject.partition("/")[0]
        faults.append(Fault("/subject", f"This must be {kind}/ and what the path says after it.", None))
    source = event.get("source")
    if not isinstance(source, str) or source not in caller.sources:
        faults.append(Fault("/source", "This must be a source registered for you or your organisation.", None))
    type_ = _text(event.get("type"))
    if type_ in types:
        faults += _fixed(event, "dataschema", f"https://dossier.example.org/schema/{type_}/v1", required=False)
    privacy_class = event.get("privacyclass")
    if privacy_class is not None and privacy_class not in CLASSES:
        faults.append(Fault("/privacyclass", "This must be one of the privacy classes.", None))
        privacy_class = None
    data, more = _data(event.get("data"), type_, contract, types, "/data")
    return Incoming(event_id or UUID(int=0), _text(source), type_, data, privacy_class, tuple(faults) + more, at)


def short(
    body: object, caller: Caller, contract: Contract, idempotency_key: str | None, portal_source: str
) -> Incoming:
    """`{"type", "data"}`: the platform fills the envelope; an `Idempotency-Key` becomes the event id."""
    if not isinstance(body, dict):
        raise Problem(BAD_REQUEST, "Send an object with type and data.")
    faults = [
        Fault(
            f"/{name}",
            "The short form has type and data only; send a whole event as application/cloudevents+json.",
            None,
        )
        for name in body
        if name not in ("type", "data")
    ]
    event_id = uuid4() if idempotency_key is None else _uuid(idempotency_key)
    if event_id is None:
        raise Problem(BAD_REQUEST, "Idempotency-Key must be a UUID: it becomes the id of the event.")
    type_ = _text(body.get("type"))
    data, more = _data(body.get("data"), type_, contract, contract.types, "/data")
    source = min(caller.sources, default=portal_source)
    return Incoming(event_id, source, type_, data, None, tuple(faults) + more)


def _data(
    data: object, type_: str, contract: Contract, types: Types, at: str
) -> tuple[Mapping[str, Any], tuple[Fault, ...]]:
    known = types.get(type_)
    if known is None:
        return {}, (Fault("/type", "This is not one of the types of GET /v1/event-types that are taken here.", None),)
    if not isinstance(data, dict):
        return {}, (Fault(at, "This must be an object.", None),)
    kept = {name: value for name, value in data.items() if name != "actor" or "actor" in known.schema["properties"]}
    faults = (Fault(at + fault.pointer, fault.message, fault.rule) for fault in contract.faults(type_, kept))
    return kept, tuple(faults)


def _fixed(event: Mapping[str, Any], name: str, value: str, required: bool) -> list[Fault]:
    if name not in event and not required:
        return []
    return [] if event.get(name) == value else [Fault(f"/{name}", f"This must be {value}.", None)]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _uuid(value: object) -> UUID | None:
    """Only the usual form: hexadecimal with hyphens, 36 characters."""
    if not isinstance(value, str) or len(value) != 36:
        return None
    try:
        return UUID(value)
    except ValueError:
        return None
