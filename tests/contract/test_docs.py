"""What is written for people: the page of the API needs nothing from elsewhere, and every problem is explained."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from services.foundation import telemetry
from services.foundation.openapi import operations
from services.foundation.openapi_page import page
from services.foundation.problems import KINDS
from services.roots.api import DOCUMENT

ROOT = Path(__file__).parents[2]
PROBLEMS = ROOT / "docs" / "problems.md"
WATCHING = ROOT / "docs" / "watching.md"
ALARM = re.compile(r'log\.(?:warning|error|critical)\(\s*"(\w+)"(?: if \w+ else "(\w+)")?')
VOID = {"meta", "br", "hr"}


class Reading(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            self.attributes.add(name)
            if name == "id":
                self.ids.append(value or "")
            if name == "href":
                self.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def read() -> Reading:
    return Reading(page(json.loads(DOCUMENT.read_text("utf-8"))))


def test_the_page_is_well_formed(read: Reading) -> None:
    assert read.open == []
    assert len(read.ids) == len(set(read.ids))


def test_the_page_runs_and_loads_nothing(read: Reading) -> None:
    assert not {"script", "link", "img", "iframe", "object", "embed", "form"} & set(read.tags)
    assert not {name for name in read.attributes if name.startswith("on") or name in ("src", "style")}
    assert all(link.startswith("#") or link == "/v1/openapi.json" for link in read.links)


def test_every_operation_stands_on_the_page_and_every_link_leads_there(read: Reading) -> None:
    names = {each["operationId"] for _, _, each in operations(json.loads(DOCUMENT.read_text("utf-8")))}
    assert names <= set(read.ids)
    assert {link.removeprefix("#") for link in read.links if link.startswith("#")} <= set(read.ids)


def test_the_page_can_be_heard(read: Reading) -> None:
    assert read.tags.count("caption") == read.tags.count("table")
    assert {"header", "nav", "main", "title"} <= set(read.tags)
    assert read.tags.count("h1") == 1


def test_what_a_document_says_is_text_and_never_markup() -> None:
    evil = "<script>alert(1)</script>"
    document = json.loads(DOCUMENT.read_text("utf-8"))
    document["info"]["summary"] = document["paths"]["/glossary"]["get"]["description"] = evil
    assert "<script" not in page(document)


@pytest.mark.parametrize("slug", sorted(KINDS))
def test_every_kind_of_problem_is_explained(slug: str) -> None:
    headings = [line.lstrip("# ").strip("`") for line in PROBLEMS.read_text("utf-8").splitlines() if line[:1] == "#"]
    assert slug in headings


def test_every_metric_is_explained() -> None:
    page = WATCHING.read_text("utf-8")
    metrics = [metric for metric in telemetry.registry.collect() if metric.name.startswith("draad_")]
    assert len(metrics) > 5
    assert [each.name for each in metrics if not re.search(rf"`{each.name}(?:_total)?[`{{]", page)] == []


def test_every_alarm_is_explained() -> None:
    page = WATCHING.read_text("utf-8")
    found = {
        name
        for file in (ROOT / "services").rglob("*.py")
        for names in ALARM.findall(file.read_text("utf-8"))
        for name in names
        if name
    }
    assert {"lane_parked", "lane_failed", "poison", "webhook_state"} <= found
    assert {name for name in found if f"`{name}`" not in page} == set()
