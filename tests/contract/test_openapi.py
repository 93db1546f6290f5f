"""The OpenAPI document is that of the code, is whole, and keeps what the Dutch API Design Rules ask of it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from services.foundation import contract
from services.foundation.openapi import operations, text_of
from services.foundation.problems import KINDS, MEDIA_TYPE
from services.roots.api import DOCUMENT
from services.roots.documents import document, main

COMMITTED: dict[str, Any] = json.loads(DOCUMENT.read_text("utf-8"))
OPERATIONS = [pytest.param(*each, id=each[2]["operationId"]) for each in operations(COMMITTED)]
EVERY_OPERATION = pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)

Operation = dict[str, Any]


def objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from objects(value)


def resolved(node: Any) -> Any:
    if "$ref" not in node:
        return node
    found: Any = COMMITTED
    for step in node["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


def validator(schema: Any) -> Draft202012Validator:
    return Draft202012Validator(schema | {"components": COMMITTED["components"]}, validate_formats=True)


def test_the_committed_document_is_that_of_the_code() -> None:
    assert DOCUMENT.read_text("utf-8") == text_of(document()), "python -m services.roots.documents"


def test_made_twice_it_is_the_same() -> None:
    assert text_of(document()) == text_of(document())


def test_the_check_says_how_to_renew_what_is_stale(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = tmp_path / "openapi.json"
    stale.write_text("{}")
    monkeypatch.setattr("services.roots.documents.DOCUMENT", stale)
    assert main(["--check"]) == 1
    assert "python -m services.roots.documents" in capsys.readouterr().err
    assert stale.read_text() == "{}"
    assert main([]) == 0
    assert main(["--check"]) == 0


def test_it_names_who_answers_for_it_and_speaks_https() -> None:
    info = COMMITTED["info"]
    assert info["contact"].keys() == {"name", "email", "url"}
    assert info["version"].count(".") == 2
    assert info["license"]["identifier"] == "EUPL-1.2"
    assert [each["url"] for each in COMMITTED["servers"]] == ["https://draad.example.org/v1"]


def test_a_path_that_the_server_does_not_begin_names_its_own() -> None:
    outside = {path for path, item in COMMITTED["paths"].items() if "servers" in item}
    assert outside == {"/health/live", "/health/ready", "/metrics", "/v1/asyncapi.json"}


def test_nothing_of_the_sandbox_stands_in_it() -> None:
    assert "sandbox" not in json.dumps(COMMITTED).lower()


def test_every_reference_leads_somewhere() -> None:
    for each in objects(COMMITTED):
        if isinstance(each.get("$ref"), str):
            assert resolved(each)


def test_every_operation_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for _, _, operation in operations(COMMITTED)]
    assert len(names) == len(set(names))


@EVERY_OPERATION
def test_an_operation_says_what_it_does(method: str, path: str, operation: Operation) -> None:
    assert operation["summary"]
    assert operation["description"]
    assert set(operation["tags"]) <= {tag["name"] for tag in COMMITTED["tags"]}
    for parameter in operation.get("parameters", ()):
        assert parameter["description"], parameter["name"]


@EVERY_OPERATION
def test_an_operation_says_what_it_answers(method: str, path: str, operation: Operation) -> None:
    well = [answer for status, answer in operation["responses"].items() if status < "400"]
    assert well
    for answer in well:
        assert "API-Version" in answer["headers"]
        assert answer["description"] != "Successful Response"
        assert all(content["schema"] for content in answer.get("content", {}).values())


@EVERY_OPERATION
def test_what_goes_wrong_is_a_problem(method: str, path: str, operation: Operation) -> None:
    answers = operation["responses"]
    assert "422" not in answers
    for status, answer in answers.items():
        if status >= "400":
            schema = resolved(resolved(answer)["content"][MEDIA_TYPE]["schema"])
            assert {"status", "title", "detail"} <= set(schema["required"])
            assert "API-Version" in resolved(answer)["headers"]
    if operation.get("parameters") or method != "GET":
        assert "400" in answers
    if operation.get("security"):
        assert {"401", "503"} <= answers.keys()
    if "requestBody" in operation:
        assert {"413", "415"} <= answers.keys()


@EVERY_OPERATION
def test_examples_of_a_body_are_what_may_be_sent(method: str, path: str, operation: Operation) -> None:
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        examples = [each["value"] for each in content.get("examples", {}).values()]
        examples += [content["example"]] if "example" in content else []
        assert examples, media_type
        for example in examples:
            validator(content["schema"]).validate(example)


def test_examples_of_events_keep_the_contract() -> None:
    types = contract.load()
    bodies = COMMITTED["paths"]["/dossiers/{dossierId}/events"]["post"]["requestBody"]["content"]
    batch = bodies["application/cloudevents-batch+json"]["example"]
    single = [each["value"] for content in bodies.values() for each in content.get("examples", {}).values()]
    for event in (*batch, *single):
        assert types.faults(event["type"], event["data"]) == []


def test_every_kind_of_problem_has_an_example() -> None:
    answers = COMMITTED["components"]["responses"].values()
    examples: dict[str, Any] = {}
    for answer in answers:
        examples |= {slug: each["value"] for slug, each in answer["content"][MEDIA_TYPE].get("examples", {}).items()}
    assert examples.keys() == KINDS.keys()
    for slug, example in examples.items():
        assert example["type"].endswith(f"/problems/{slug}")
        validator({"$ref": "#/components/schemas/Problem"}).validate(example)
