"""A page on which a person reads an OpenAPI document: plain HTML, no script, nothing from elsewhere."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from html import escape
from typing import Any, Final

from services.foundation.openapi import operations

Json = Mapping[str, Any]

STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid; white-space: pre-wrap; }
section { border-top: 2px solid; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; font-weight: bold; padding: .75rem 0 .25rem; }
th, td { border-bottom: 1px solid; padding: .35rem .75rem .35rem 0; text-align: left; vertical-align: top; }
nav ul { columns: 18rem; padding-left: 1.2rem; }
summary { cursor: pointer; }
a:focus-visible, summary:focus-visible { outline: 3px solid; outline-offset: 2px; }
"""
_HASH: Final = b64encode(sha256(STYLE.encode()).digest()).decode()
POLICY: Final = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; frame-ancestors 'none'"


def page(document: Json) -> str:
    info = document["info"]
    listed = list(operations(dict(document)))
    title = f"{info['title']} {info['version']}"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>{escape(title)}</h1>\n<p>{escape(info['summary'])}</p>\n{_prose(info['description'])}"
        '<p><a href="/v1/openapi.json">openapi.json</a></p></header>\n'
        f'<nav aria-label="{escape(info["title"])}">{_contents(document, listed)}</nav>\n<main>\n'
        + "".join(_operation(document, *each) for each in listed)
        + _schemas(document)
        + "</main>\n</body>\n</html>\n"
    )


def _contents(document: Json, listed: Iterable[tuple[str, str, Json]]) -> str:
    listed = list(listed)
    parts = []
    for tag in document["tags"]:
        of_tag = [each for each in listed if tag["name"] in each[2]["tags"]]
        links = "".join(
            f'<li><a href="#{operation["operationId"]}">{method} <code>{escape(path)}</code></a></li>'
            for method, path, operation in of_tag
        )
        parts.append(f"<h2>{escape(tag['name'])}</h2><p>{escape(tag['description'])}</p><ul>{links}</ul>")
    return "".join(parts) + '<p><a href="#schemas">schemas</a></p>'


def _operation(document: Json, method: str, path: str, operation: Json) -> str:
    token = "" if operation.get("security") else "<p>No token.</p>"
    return (
        f'<section aria-labelledby="{operation["operationId"]}">'
        f'<h2 id="{operation["operationId"]}">{method} <code>{escape(path)}</code></h2>\n'
        f"<p><strong>{escape(operation['summary'])}</strong></p>{_prose(operation['description'])}{token}"
        + _parameters(operation.get("parameters", ()))
        + _contents_of("Request", operation.get("requestBody", {}).get("content", {}))
        + _answers(document, operation["responses"])
        + "</section>\n"
    )


def _parameters(parameters: Iterable[Json]) -> str:
    rows = [
        (f"<code>{escape(p['name'])}</code>", p["in"] + (" *" if p.get("required") else ""), _text(p["description"]))
        for p in parameters
    ]
    return _table("Parameters (* required)", ("Name", "In", "Meaning"), rows) if rows else ""


def _contents_of(name: str, content: Json) -> str:
    parts = []
    for media_type, each in content.items():
        examples = {key: value["value"] for key, value in each.get("examples", {}).items()}
        if "example" in each:
            examples["example"] = each["example"]
        shown = "".join(
            f"<details><summary>{escape(key)}</summary><pre>{escape(_json(value))}</pre></details>"
            for key, value in examples.items()
        )
        parts.append(f"<h3>{name}: <code>{escape(media_type)}</code></h3><p>{_kind(each['schema'])}</p>{shown}")
    return "".join(parts)


def _answers(document: Json, answers: Json) -> str:
    rows = []
    for status, said in sorted(answers.items()):
        answer = _resolved(document, said)
        content = "; ".join(
            f"<code>{escape(media_type)}</code> {_kind(each['schema'])}"
            for media_type, each in answer.get("content", {}).items()
        )
        rows.append((escape(status), _text(answer["description"]), content))
    return _table("Answers", ("Status", "Meaning", "Content"), rows)


def _schemas(document: Json) -> str:
    shown = "".join(
        f'<h3 id="schema-{escape(name)}">{escape(name)}</h3>{_prose(schema.get("description", ""))}{_fields(schema)}'
        for name, schema in sorted(document["components"]["schemas"].items())
    )
    return f'<section aria-labelledby="schemas"><h2 id="schemas">Schemas</h2>{shown}</section>\n'


def _fields(schema: Json) -> str:
    required = schema.get("required", ())
    rows = [
        (
            f"<code>{escape(name)}</code>{' *' if name in required else ''}",
            _kind(field),
            _text(field.get("description", "")),
        )
        for name, field in schema.get("properties", {}).items()
    ]
    return _table("Members (* always present)", ("Name", "Kind", "Meaning"), rows) if rows else ""


def _kind(schema: Json) -> str:
    """What a value is, in a few words."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"<code>{escape(str(each))}</code>" for each in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(json.dumps(schema['const']))}</code>"
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return escape(" ".join(str(schema[name]) for name in ("type", "format") if name in schema)) or "any"


def _resolved(document: Json, node: Json) -> Json:
    if "$ref" not in node:
        return node
    found: Any = document
    for step in node["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)


def _table(caption: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f'<th scope="col">{each}</th>' for each in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _prose(markdown: str) -> str:
    """As much of Markdown as the document uses: paragraphs, lists, code."""
    parts = []
    for block in markdown.strip().split("\n\n"):
        if block.startswith("* "):
            items = block[2:].split("\n* ")
            parts.append("<ul>" + "".join(f"<li>{_text(item)}</li>" for item in items) + "</ul>")
        elif block:
            parts.append(f"<p>{_text(block)}</p>")
    return "".join(parts)


def _text(line: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(line))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
