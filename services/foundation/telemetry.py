"""What leaves a process for its operators: named facts in logs, numbers in metrics, spans without words."""

import logging
import re
import sys
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TextIO
from uuid import UUID

import structlog
from opentelemetry import trace
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_FACTS = """
    event level timestamp request_id exception where logger reason code kind slug rule status route channel state
    version topic partition offset position sequence epoch attempt attempts count limit size bytes port shard lane
    seconds milliseconds age due_at at since until organisation actor client issuer role token dossier_id event_id
    subscription_id delivery_id grant_id command_id signal_id scene service process pid migration
"""
FACTS: Final = frozenset(_FACTS.split())
"""The only keys a log line may have: ids, numbers, moments, codes. A new one is a decision; an event type is none,
because it may tell something about health."""

_CODE = re.compile(r"[\w.:/@+-]{1,160}", re.ASCII)
_ROOT = Path(__file__).resolve().parents[2]
HIDDEN: Final = "hidden"

log: Any = structlog.get_logger("draad")
request_id: Final[ContextVar[str]] = ContextVar("request_id", default="")
"""Of the request being answered; empty outside one."""


def _fact(value: object) -> object:
    """A value as it may stand in a log: a number, a moment, an id or a code; never a sentence, never an object."""
    match value:
        case None | bool() | int() | float():
            return value
        case datetime() | date():
            return value.isoformat()
        case UUID():
            return str(value)
        case str() if _CODE.fullmatch(value):
            return value
        case _:
            return HIDDEN


def only_facts(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: _fact(value) for key, value in line.items() if key in FACTS}


def _with_request(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if request := request_id.get():
        line["request_id"] = request
    return line


def location(traceback: TracebackType | None) -> str:
    """Where it broke: the innermost line of our own code, or of whatever there is."""
    found = "unknown"
    while traceback is not None:
        path = Path(traceback.tb_frame.f_code.co_filename)
        if path.is_relative_to(_ROOT / "services") or found == "unknown":
            name = path.relative_to(_ROOT) if path.is_relative_to(_ROOT) else Path(path.name)
            found = f"{name.as_posix()}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return found


def fault(error: BaseException) -> dict[str, str]:
    """An exception as facts: its class and its place. Its message and arguments may hold content."""
    return {"exception": type(error).__name__, "where": location(error.__traceback__)}


class _Reduced(logging.Handler):
    """Records of libraries: who, how bad and where in the code, never the message."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        facts = {"where": f"{record.module}:{record.lineno}"} | (fault(error) if error else {})
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)  # libraries invent levels
        log.log(level, "library", logger=record.name, **facts)


def configure(*, level: int = logging.INFO, out: TextIO | None = None) -> None:
    """Once per process, by its root: JSON lines on standard error, libraries and uncaught exceptions included."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _with_request,
            only_facts,
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr if out is None else out),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Reduced()]
    root.setLevel(max(level, logging.WARNING))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = name != "uvicorn.access"
    logging.captureWarnings(True)
    sys.excepthook = lambda _kind, error, _traceback: log.critical("process_failed", **fault(error))
    threading.excepthook = lambda args: _thread_failed(args.exc_value)


def _thread_failed(error: BaseException | None) -> None:
    log.critical("thread_failed", **(fault(error) if error else {}))


# Metrics

registry: Final = CollectorRegistry()
_LABELS: Final = frozenset({"route", "status"})


def counter(name: str, says: str, *labels: str) -> Counter:
    return Counter(_named(name, labels), says, labels, registry=registry)


def gauge(name: str, says: str, *labels: str) -> Gauge:
    return Gauge(_named(name, labels), says, labels, registry=registry)


def histogram(name: str, says: str, *labels: str) -> Histogram:
    return Histogram(_named(name, labels), says, labels, registry=registry)


def _named(name: str, labels: tuple[str, ...]) -> str:
    assert name.startswith("draad_")
    assert _LABELS.issuperset(labels), "a label tells route or status, and nothing about a person or a party"
    return name


_requests = counter("draad_http_requests", "Requests answered", "route", "status")
_seconds = histogram("draad_http_request_seconds", "How long an answer took", "route")


def observe_request(route: str, status: int, seconds: float) -> None:
    _requests.labels(route, str(status)).inc()
    _seconds.labels(route).observe(seconds)


def metrics_text() -> bytes:
    """What `/metrics` answers (text/plain; version=0.0.4)."""
    return generate_latest(registry)


# Traces

_tracer = trace.get_tracer("draad")


@contextmanager
def span(name: str, **facts: object) -> Iterator[None]:
    """A span with facts only; a fault inside is told by its class, because messages may hold content."""
    with _tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as now:
        for key, value in only_facts(None, "", facts).items():
            if value is not None:
                now.set_attribute(key, value)
        try:
            yield
        except Exception as error:
            now.set_status(trace.StatusCode.ERROR)
            now.set_attribute("exception", type(error).__name__)
            raise
