"""The AsyncAPI document is that of the code, is valid by the official schema, and says of messages what is so."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

import pytest
from jsonschema_rs import Draft7Validator

from services.foundation.contract import NEUTRAL_TYPE, SCHEMAS, load
from services.foundation.openapi import operations, text_of
from services.roots.api import ASYNC_DOCUMENT, DOCUMENT
from services.roots.documents import async_document
from tests.asyncapi import COMMITTED, at, payload

OFFICIAL: Final = Draft7Validator(json.loads((SCHEMAS / "asyncapi" / "3.0.0.json").read_text("utf-8")), offline=True)
MEMBERS: Final = ("specversion", "id", "source", "type", "subject", "time", "sequence", "sequencetype", "dataref")


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_the_committed_document_is_that_of_the_code() -> None:
    assert ASYNC_DOCUMENT.read_text("utf-8") == text_of(async_document()), "python -m services.roots.documents"


def test_it_is_valid_by_the_official_schema() -> None:
    assert [error.message for error in OFFICIAL.iter_errors(COMMITTED)] == []


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("operations/sendFeed/action", "publish"),
        ("operations/sendFeed/channel", {"name": "feed"}),
        ("channels/entries/bindings/kafka/partitions", "twelve"),
        ("components/securitySchemes/scram/type", "password"),
        ("channels/feed/adress", "/feed"),
        ("asyncapi", "2.6.0"),
    ],
)
def test_the_official_schema_catches_what_is_wrong(path: str, wrong: Any) -> None:
    broken = deepcopy(COMMITTED)
    *steps, last = path.split("/")
    place = broken
    for step in steps:
        place = place[step]
    place[last] = wrong
    assert not OFFICIAL.is_valid(broken)


def test_every_reference_leads_somewhere() -> None:
    assert all(at(reference) for reference in references(COMMITTED))


def test_an_operation_takes_messages_of_its_channel() -> None:
    for name, operation in COMMITTED["operations"].items():
        channel = operation["channel"]["$ref"]
        assert operation["messages"], name
        assert all(each["$ref"].startswith(f"{channel}/messages/") for each in operation["messages"]), name


def test_a_thin_event_has_exactly_its_members() -> None:
    schema = COMMITTED["components"]["schemas"]["ThinEvent"]
    assert tuple(schema["required"]) == MEMBERS
    assert set(schema["properties"]) == set(MEMBERS)
    assert schema["additionalProperties"] is False


def test_no_type_that_tells_of_health_travels_under_its_own_name() -> None:
    named = COMMITTED["components"]["schemas"]["ThinEvent"]["properties"]["type"]["x-extensible-enum"]
    types = load().types
    assert named[-1] == NEUTRAL_TYPE
    assert set(types) - set(named) == {n for n, type_ in types.items() if type_.privacy_class == "health-sensitive"}


@pytest.mark.parametrize("message", sorted(COMMITTED["components"]["messages"]))
def test_examples_are_what_is_sent(message: str) -> None:
    examples = at(f"#/components/messages/{message}")["examples"]
    assert examples
    for example in examples:
        payload(message).validate(example["payload"])


@pytest.mark.parametrize("more", [{"data": {}}, {"privacyclass": "work"}, {"dataschema": "https://example.org"}])
def test_more_than_a_thin_event_is_none(more: dict[str, Any]) -> None:
    thin = at("#/components/messages/Entry")["examples"][0]["payload"]
    assert payload("Entry").is_valid(thin)
    assert not payload("Entry").is_valid(thin | more)


def test_only_partners_ways_are_open_to_partners() -> None:
    tags = {name: [tag["name"] for tag in channel["tags"]] for name, channel in COMMITTED["channels"].items()}
    assert {name for name, tag in tags.items() if tag == ["internal"]} == {"entries"}
    assert COMMITTED["components"]["messages"]["Entry"]["bindings"]["kafka"]["key"]["format"] == "uuid"
    assert COMMITTED["channels"]["entries"]["bindings"]["kafka"]["topic"] == "draad.entries"
    assert all(operation["security"] for operation in COMMITTED["operations"].values())


def test_what_is_asked_for_is_in_the_openapi_document() -> None:
    there = {path for method, path, _ in operations(json.loads(DOCUMENT.read_text("utf-8"))) if method == "GET"}
    asked = {"/v1" + channel["address"] for channel in COMMITTED["channels"].values() if api(channel)}
    assert asked <= there


def api(channel: dict[str, Any]) -> bool:
    return bool(channel["servers"] == [{"$ref": "#/servers/api"}])
