"""Reads the public contract in schemas/: which types of event exist, who may emit them, what is wrong with a body."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jsonschema_rs import Draft202012Validator, ValidationError, ValidationErrorKind

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
NEUTRAL_TYPE = "nl.dossier.entry.recorded"
MOST_FAULTS = 100  # a small body of thousands of strange names must not become an answer of megabytes

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a body: where (a JSON pointer into it), what to do about it, and the rule that it breaks."""

    pointer: str
    message: str
    rule: str | None = None


@dataclass(frozen=True)
class EventType:
    """What the contract says about one type of event."""

    name: str
    version: int
    phase: str
    privacy_class: str  # "" for a regional type: it is about no person
    class_of: str | None  # the field that names the event whose class this one takes
    field_classes: Mapping[str, str]  # only the fields whose class differs from the event's
    may_emit: frozenset[str]
    may_emit_rule: str | None
    subscribers: tuple[str, ...]
    authorises: bool
    refs: Mapping[str, str]  # field -> org, actor or document
    titles: Mapping[str, str]  # "nl", "en"
    descriptions: Mapping[str, str]
    examples: tuple[Json, ...]
    schema: Json


class Contract:
    """All types of event, compiled once."""

    neutral_type = NEUTRAL_TYPE

    def __init__(self, types: Iterable[EventType], regional: Iterable[EventType]) -> None:
        self.types: Mapping[str, EventType] = MappingProxyType({each.name: each for each in types})
        self.regional: Mapping[str, EventType] = MappingProxyType({each.name: each for each in regional})
        self._validators = {
            each.name: Draft202012Validator(dict(each.schema), validate_formats=True, offline=True)
            for each in (*self.types.values(), *self.regional.values())
        }

    def get(self, name: str) -> EventType | None:
        """The dossier type of this name; a regional type is never one (see `regional`)."""
        return self.types.get(name)

    def allowed(self, name: str, field: str) -> tuple[str, ...]:
        """The values that a closed field of this type may have."""
        return tuple(self.types[name].schema["properties"][field]["enum"])

    def faults(self, name: str, data: object) -> list[Fault]:
        """Everything wrong with the `data` of an event of this type, by place; pointers are relative to `data`."""
        validator = self._validators.get(name)
        if validator is None:
            return [Fault("", "This type of event does not exist; GET /v1/event-types lists those that do.")]
        if validator.is_valid(data):
            return []
        schema = (self.types.get(name) or self.regional[name]).schema
        found = {fault.pointer: fault for error in validator.iter_errors(data) for fault in _faults_of(error, schema)}
        return [found[pointer] for pointer in sorted(found)[:MOST_FAULTS]]


def load(folder: Path | None = None) -> Contract:
    """Reads and compiles every schema file under the folder."""
    root = folder or SCHEMAS
    return Contract(
        (_read(path) for path in sorted((root / "events").glob("*.json"))),
        (_read(path) for path in sorted((root / "regional").glob("*.json"))),
    )


def _read(path: Path) -> EventType:
    schema = json.loads(path.read_text(encoding="utf-8"))
    privacy_class = schema.get("x-privacy-class", "")
    fields = schema["properties"]
    return EventType(
        name=schema["x-type"],
        version=schema["x-version"],
        phase=schema["x-phase"],
        privacy_class=privacy_class,
        class_of=schema.get("x-class-of"),
        field_classes=MappingProxyType(
            {name: field["x-privacy-class"] for name, field in fields.items() if "x-privacy-class" in field}
        ),
        may_emit=frozenset(schema["x-may-emit"]),
        may_emit_rule=schema.get("x-may-emit-rule"),
        subscribers=tuple(schema.get("x-subscribers", ())),
        authorises=schema.get("x-authorises", False),
        refs=MappingProxyType({name: field["x-ref"] for name, field in fields.items() if "x-ref" in field}),
        titles=MappingProxyType({"nl": schema["x-title-nl"], "en": schema["title"]}),
        descriptions=MappingProxyType({"nl": schema["x-description-nl"], "en": schema["description"]}),
        examples=tuple(schema["examples"]),
        schema=schema,
    )


# Faults: worded here, from the schema alone, because the validator's own words quote the body.


def _faults_of(error: ValidationError, schema: Json) -> Iterator[Fault]:
    place = list(error.instance_path)
    kind = error.kind
    match kind:
        case ValidationErrorKind.Required():
            place.append(kind.property)
            field, rule = _field_at(schema, place)
            yield Fault(_pointer(place), f"This field is required. {field.get('description', '')}".rstrip(), rule)
        case ValidationErrorKind.UnevaluatedProperties() | ValidationErrorKind.AdditionalProperties():
            field, rule = _field_at(schema, place)
            known = ", ".join(field.get("properties", {}))
            for name in kind.unexpected:
                yield Fault(_pointer([*place, name]), f"This field does not exist here; possible are: {known}.", rule)
        case _:
            field, rule = _field_at(schema, place)
            yield Fault(_pointer(place), _advice(kind, field), rule)


def _advice(kind: ValidationErrorKind, field: Json) -> str:
    unit = f" ({field['x-unit']})" if "x-unit" in field else ""
    match kind:
        case ValidationErrorKind.Enum():
            return f"Choose one of: {', '.join(map(str, kind.options))}."
        case ValidationErrorKind.Type():
            return f"Give {_KINDS.get(kind.types[0], 'another kind of value')}{unit}."
        case ValidationErrorKind.Minimum():
            return f"Give at least {kind.limit}{unit}."
        case ValidationErrorKind.Maximum():
            return f"Give at most {kind.limit}{unit}."
        case ValidationErrorKind.MultipleOf():
            return f"Give at most two decimals{unit}."
        case ValidationErrorKind.MinLength():
            return f"Give at least {kind.limit} character: an empty text says nothing."
        case ValidationErrorKind.MaxLength():
            return f"Give at most {kind.limit} characters."
        case ValidationErrorKind.MinItems():
            return f"Give at least {kind.limit} item."
        case ValidationErrorKind.MaxItems() | ValidationErrorKind.MaxProperties():
            return f"Give at most {kind.limit} items."
        case ValidationErrorKind.UniqueItems():
            return "Name each item once."
        case ValidationErrorKind.PropertyNames():
            return "The names in this field are too short or too long."
    return _FORMS.get(
        field.get("format", ""), f"This value does not have the right form. {field.get('description', '')}"
    )


_KINDS = {
    "string": "a text between quotes",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object with fields",
}
_FORMS = {
    "date": "Give a day that exists, between 1900 and 2199, as YYYY-MM-DD.",
    "date-time": "Give a moment that exists, with its offset, as 2025-03-13T09:30:00+01:00.",
    "uuid": "Give a UUID, as 8-4-4-4-12 hexadecimal digits.",
}


def _field_at(schema: Json, place: list[str | int]) -> tuple[Json, str | None]:
    """The part of the schema that describes this place, and the rule of the nearest field around it that names one."""
    field, rule = schema, None
    for step in place:
        if isinstance(step, int):
            field = field.get("items", {})
        else:
            field = field.get("properties", {}).get(step) or _other(field)
        rule = field.get("x-rule", rule)
    return field, rule


def _other(field: Json) -> Json:
    other = field.get("additionalProperties", {})
    return other if isinstance(other, dict) else {}


def _pointer(place: Iterable[str | int]) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in place)
