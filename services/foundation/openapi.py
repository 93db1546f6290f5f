"""Finishes the OpenAPI document that FastAPI makes: leaves out what it guessed, adds what holds everywhere."""

import json
from collections.abc import Collection, Iterable, Iterator
from copy import deepcopy
from typing import Any, Final

from services.foundation.answers import HEADERS, PROBLEM
from services.foundation.problems import KINDS, MEDIA_TYPE, Kind, Problem, render

METHODS: Final = ("get", "put", "post", "delete", "patch")
INSTANCE: Final = "6f1d6c5be0c14d0f8a5a5f4f1f2b9a3c"
SCHEMAS: Final = "#/components/schemas/"

Json = dict[str, Any]


def finished(document: Json, version_path: str, server: str, whole: Collection[str] = ()) -> Json:
    """`version_path` (`/v1`) moves from the paths into the server; a path without it, or in `whole`, names its own."""
    document = deepcopy(document)  # it shares parts with the code that it was made from
    schemas: Json = document.setdefault("components", {}).setdefault("schemas", {})
    paths: Json = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                _finish_operation(item[method], schemas)
        if path.startswith(version_path + "/") and path not in whole:
            paths[path.removeprefix(version_path)] = item
        else:
            paths[path] = item | {"servers": [{"url": server}]}
    _hoist(paths, schemas)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = deepcopy(PROBLEM)
    document["paths"] = paths
    document["servers"] = [{"url": server + version_path, "description": "An invented address; yours is your region's"}]
    document["components"] |= {"headers": deepcopy(HEADERS), "responses": _problem_answers()}
    _without_titles(document)
    return document


def text_of(document: Json) -> str:
    """The same text for the same document, wherever it is made."""
    return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Method, path as it is on the server, operation."""
    for path, item in sorted(document["paths"].items()):
        prefix = "" if "servers" in item else "/" + document["servers"][0]["url"].rpartition("/")[2]
        for method in METHODS:
            if method in item:
                yield method.upper(), prefix + path, item[method]


def _finish_operation(operation: Json, schemas: Json) -> None:
    answers: Json = operation["responses"]
    answers.pop("422", None)
    for status, answer in answers.items():
        if status == "default":
            answers[status] = {"$ref": "#/components/responses/Problem"}
            continue
        if int(status) >= 400:
            answers[status] = {"$ref": f"#/components/responses/{_name(_kinds(int(status))[0])}"}
            continue
        answer["headers"] = _headers(["API-Version", *answer.get("headers", ())])
        for content in answer.get("content", {}).values():
            if "$ref" in content.get("schema", {}):  # beside it stands FastAPI's guess: a string
                content["schema"] = {"$ref": content["schema"]["$ref"]}
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _never_null(parameter["schema"])
        parameter["schema"].pop("description", None)  # the parameter has it
    for content in operation.get("requestBody", {}).get("content", {}).values():
        _hoist_one(content, schemas)


def _never_null(schema: Json) -> Json:
    """A parameter is there or is not; null is a word of Python."""
    said: list[Json] = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(said) != 1:
        return schema
    kept: Json = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    return kept | said[0]


def _hoist_one(content: Json, schemas: Json) -> None:
    """The shape of a body becomes a component under its own name, an item of a batch too."""
    schema = content["schema"]
    if "title" in schema:
        schemas[schema["title"]] = schema
        content["schema"] = {"$ref": SCHEMAS + schema["title"]}
    elif "title" in schema.get("items", {}):
        content["schema"] = schema | {"items": {"$ref": SCHEMAS + schema["items"]["title"]}}


def _hoist(node: object, schemas: Json) -> None:
    for each in list(_objects(node)):
        schemas.update(each.pop("$defs", {}))
    for each in list(_objects(schemas)):
        schemas.update(each.pop("$defs", {}))


def _without_titles(node: object) -> None:
    """A schema is named by its component, a field by its key; the titles that are made of these say nothing more."""
    for each in list(_objects(node)):
        if isinstance(each.get("title"), str) and "version" not in each:
            del each["title"]


def _objects(node: object) -> Iterator[Json]:
    """Every object of the document but what stands in examples."""
    if isinstance(node, dict):
        yield node
        for name, value in list(node.items()):
            if name not in ("example", "examples", "enum", "default"):
                yield from _objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from _objects(value)


def _headers(names: Iterable[str]) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _kinds(status: int) -> list[Kind]:
    return [kind for kind in KINDS.values() if kind.status == status]


def _name(kind: Kind) -> str:
    return "".join(word.capitalize() for word in kind.slug.split("-"))


def _problem_answers() -> Json:
    first = [_kinds(status)[0] for status in sorted({kind.status for kind in KINDS.values()})]
    return {_name(kind): _problem_answer(kind) for kind in first} | {
        "Problem": {
            "description": "Any other problem",
            "headers": _headers(["API-Version"]),
            "content": {MEDIA_TYPE: {"schema": {"$ref": SCHEMAS + "Problem"}}},
        }
    }


def _problem_answer(kind: Kind) -> Json:
    """With an example of each kind that has this status, made as every problem is made."""
    kinds = _kinds(kind.status)
    made = {each: render(Problem(each), INSTANCE) for each in kinds}
    headers = ["API-Version"] + [name for name in HEADERS if name.lower() in made[kind].headers]
    examples = {each.slug: {"summary": each.title, "value": json.loads(bytes(made[each].body))} for each in kinds}
    return {
        "description": "; ".join(each.title for each in kinds),
        "headers": _headers(headers),
        "content": {MEDIA_TYPE: {"schema": {"$ref": SCHEMAS + "Problem"}, "examples": examples}},
    }
