"""Telemetry: named facts leave the process, sentences and objects do not."""

import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
import structlog

from services.foundation import telemetry

SECRET = "Noor heeft griep"


@pytest.fixture
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    before = (list(root.handlers), root.level, sys.excepthook, threading.excepthook)
    yield
    structlog.reset_defaults()
    logging.captureWarnings(False)
    root.handlers[:], root.level, sys.excepthook, threading.excepthook = before


@pytest.fixture
def lines(_restored: None) -> Any:
    out = StringIO()
    telemetry.configure(out=out)
    return lambda: [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_holds_the_facts_that_have_a_name(lines: Any) -> None:
    telemetry.log.info("relay_published", position=7, dossier_id=UUID(int=1), at=datetime(2026, 1, 1, tzinfo=UTC))
    [line] = lines()
    assert {key: line[key] for key in ("event", "level", "position", "dossier_id", "at")} == {
        "event": "relay_published",
        "level": "info",
        "position": 7,
        "dossier_id": "00000000-0000-0000-0000-000000000001",
        "at": "2026-01-01T00:00:00+00:00",
    }


def test_a_line_holds_nothing_else(lines: Any) -> None:
    telemetry.log.info(SECRET, data={"note": SECRET}, note=SECRET, reason=SECRET, code=["x"], type="nl.dossier.x")
    [line] = lines()
    assert set(line) == {"event", "level", "timestamp", "reason", "code"}
    assert (line["event"], line["reason"], line["code"]) == ("hidden", "hidden", "hidden")


def test_a_line_within_a_request_names_it(lines: Any) -> None:
    token = telemetry.request_id.set("abc")
    telemetry.log.info("part_away")
    telemetry.request_id.reset(token)
    telemetry.log.info("part_away")
    assert [line.get("request_id") for line in lines()] == ["abc", None]


def test_a_level_that_a_library_invented_is_rounded_down(lines: Any) -> None:
    logging.getLogger("some.library").log(35, SECRET)
    assert [line["level"] for line in lines()] == ["warning"]


def test_the_message_of_a_library_is_left_out(lines: Any) -> None:
    logging.getLogger("asyncio").error("Task failed: %s", SECRET)
    logging.getLogger("uvicorn.error").error(f"GET /v1/dossiers?q={SECRET}")
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.getLogger("some.library").exception(SECRET)
    found = lines()
    assert SECRET not in json.dumps(found)
    assert [line["logger"] for line in found] == ["asyncio", "uvicorn.error", "some.library"]
    assert found[2]["exception"] == "ValueError"


def test_the_access_log_of_the_server_is_off(lines: Any) -> None:
    logging.getLogger("uvicorn.access").error("GET /v1/dossiers/1?q=x")
    assert lines() == []


def test_a_warning_is_told_by_its_place_only(lines: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(SECRET, stacklevel=1)
    [line] = lines()
    assert (line["logger"], line["level"]) == ("py.warnings", "warning")


def test_what_ends_a_process_is_told_without_its_message(lines: Any) -> None:
    error = ValueError(SECRET)
    sys.excepthook(ValueError, error, None)
    thread = threading.Thread(target=_fails)
    thread.start()
    thread.join()
    found = lines()
    assert SECRET not in json.dumps(found)
    assert [(line["event"], line["exception"]) for line in found] == [
        ("process_failed", "ValueError"),
        ("thread_failed", "ValueError"),
    ]


def _fails() -> None:
    raise ValueError(SECRET)


def test_the_place_of_a_fault_is_in_our_own_code() -> None:
    from services.foundation.strict_json import parse

    try:
        parse(None)  # type: ignore[arg-type]
    except AttributeError as error:
        facts = telemetry.fault(error)
    assert facts["exception"] == "AttributeError"
    assert facts["where"].startswith("services/foundation/strict_json.py:")


def test_metrics_are_numbers_by_route_and_status() -> None:
    telemetry.observe_request("/v1/dossiers/{dossierId}", 404, 0.004)
    text = telemetry.metrics_text().decode()
    assert 'draad_http_requests_total{route="/v1/dossiers/{dossierId}",status="404"}' in text
    assert 'draad_http_request_seconds_count{route="/v1/dossiers/{dossierId}"}' in text


def test_a_metric_has_no_label_that_tells_about_someone() -> None:
    with pytest.raises(AssertionError):
        telemetry.counter("draad_reads", "Reads", "organisation")


def test_a_span_lets_a_fault_through() -> None:
    with pytest.raises(ValueError, match="broken"), telemetry.span("publish", position=7, note=SECRET):
        raise ValueError("broken")
