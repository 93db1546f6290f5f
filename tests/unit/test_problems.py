"""Problems: one renderer for everything that goes wrong, and headers on every answer."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import httpx2
import pytest
import structlog
from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from services.foundation import problems
from services.foundation.http_headers import HEADERS, AnswerBroken, request_id
from services.foundation.problems import CONFLICT, KINDS, NOT_FOUND, TOO_MANY_REQUESTS, FieldError, Problem, read_body
from services.foundation.telemetry import metrics_text

pytestmark = pytest.mark.anyio
SECRET = "Noor heeft griep"
DOCS = Path(__file__).parents[2] / "docs" / "problems.md"


class Away(Exception):
    retry_after = 2


class Short(BaseModel):
    type: str
    number: int


router = APIRouter(prefix="/v1")


@router.get("/dossiers/{id}")
async def one(id: UUID) -> dict[str, str]:
    if id.int == 1:
        return {"id": str(id), "request": request_id()}
    raise Problem(NOT_FOUND, SECRET, rule="R-01", errors=[FieldError("/a", SECRET)])


@router.delete("/dossiers/{id}")
async def none(id: UUID) -> None:
    raise Problem(CONFLICT, "It is closed already.", rule="R-15")


@router.post("/dossiers")
async def opened(body: Short, limit: Annotated[int, Query(le=100)] = 25) -> None: ...


@router.post("/raw")
async def raw(request: Request) -> dict[str, int]:
    return {"size": len(await read_body(request, 10))}


@router.get("/broken")
async def broken() -> None:
    raise ValueError(SECRET)


@router.get("/half")
async def half() -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        yield b"["
        raise ValueError(SECRET)

    return StreamingResponse(parts())


@router.get("/away")
async def away() -> None:
    raise Away(SECRET)


@router.get("/busy")
async def busy() -> None:
    raise Problem(TOO_MANY_REQUESTS, retry_after=7)


@router.get("/own-headers")
async def own() -> StreamingResponse:
    return StreamingResponse(iter([b""]), headers={"Cache-Control": "max-age=60"})


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    app = FastAPI(openapi_url=None)
    app.include_router(router)
    problems.install(app, away=[Away])
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://draad") as client:
        yield client


def problem(answer: httpx2.Response, slug: str) -> dict[str, Any]:
    kind, told = KINDS[slug], answer.json()
    assert answer.status_code == kind.status == told["status"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert (told["type"], told["title"]) == (kind.uri, kind.title)
    assert told["instance"] == answer.headers["x-request-id"]
    assert SECRET not in answer.text
    assert _titled(answer) == dict(HEADERS)
    return dict(told)


def _titled(answer: httpx2.Response) -> dict[str, str]:
    return {name: answer.headers[name] for name in HEADERS if name in answer.headers}


async def test_every_kind_is_documented() -> None:
    headings = {line[3:] for line in DOCS.read_text().splitlines() if line.startswith("## ")}
    assert headings == set(KINDS)


async def test_every_answer_has_the_headers(client: httpx2.AsyncClient) -> None:
    answer = await client.get(f"/v1/dossiers/{UUID(int=1)}", headers={"X-Request-Id": "mine"})
    assert answer.status_code == 200
    assert _titled(answer) == dict(HEADERS)
    assert answer.json()["request"] == answer.headers["x-request-id"] != "mine"


async def test_a_header_that_an_endpoint_sets_stays(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/v1/own-headers")).headers["cache-control"] == "max-age=60"


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/dossiers/{UUID(int=2)}",
        "/v1/dossiers/no-uuid",
        "/v1/dossiers/%00",
        f"/v1/dossiers/{UUID(int=1)}/",
        "/v1/dossiers/",
        "/elsewhere",
        "/",
    ],
)
async def test_whatever_is_not_there_is_not_there_in_the_same_words(client: httpx2.AsyncClient, path: str) -> None:
    told = problem(await client.get(path), "not-found")
    assert set(told) == {"type", "title", "status", "detail", "instance"}
    assert told["detail"] == NOT_FOUND.detail


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", f"/v1/dossiers/{UUID(int=1)}", "DELETE, GET"),
        ("HEAD", f"/v1/dossiers/{UUID(int=1)}", "DELETE, GET"),
        ("OPTIONS", "/v1/dossiers", "POST"),
        ("TRACE", "/v1/dossiers", "POST"),
        ("BREW", "/v1/dossiers", "POST"),
    ],
)
async def test_a_method_that_a_path_does_not_have(
    client: httpx2.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    if method != "HEAD":  # its answer has no body
        problem(answer, "method-not-allowed")


async def test_a_refusal_says_its_rule(client: httpx2.AsyncClient) -> None:
    told = problem(await client.delete(f"/v1/dossiers/{UUID(int=1)}"), "conflict")
    assert (told["rule"], told["detail"]) == ("R-15", "It is closed already.")


async def test_every_error_is_told_at_once_and_no_value(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/v1/dossiers?limit=101", json={"number": SECRET})
    told = problem(answer, "bad-request")
    assert {error["pointer"] for error in told["errors"]} == {"?limit", "/type", "/number"}


async def test_a_body_that_is_not_json(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/v1/dossiers", content=b"{" + SECRET.encode(), headers={"content-type": "text/json"})
    assert problem(answer, "bad-request")["errors"]


async def test_an_unexpected_fault_says_nothing_and_is_logged_by_its_place(client: httpx2.AsyncClient) -> None:
    with structlog.testing.capture_logs() as lines:
        told = problem(await client.get("/v1/broken"), "internal")
    assert told["detail"] == KINDS["internal"].detail
    [line] = lines
    assert (line["event"], line["exception"]) == ("request_failed", "ValueError")
    assert SECRET not in json.dumps(lines)


async def test_a_fault_in_a_begun_answer_ends_the_connection_without_a_word(client: httpx2.AsyncClient) -> None:
    with structlog.testing.capture_logs() as lines, pytest.raises(AnswerBroken) as broken:
        await client.get("/v1/half")
    assert (str(broken.value), broken.value.__cause__, broken.value.__suppress_context__) == ("", None, True)
    assert [line["event"] for line in lines] == ["request_failed"]


async def test_a_part_that_is_away_is_503_with_retry_after(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/v1/away")
    problem(answer, "unavailable")
    assert answer.headers["retry-after"] == "2"


async def test_too_many_requests_say_when_to_come_back(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/v1/busy")
    problem(answer, "too-many-requests")
    assert answer.headers["retry-after"] == "7"


async def test_two_authorization_headers_are_refused(client: httpx2.AsyncClient) -> None:
    twice = [("Authorization", "Bearer a"), ("authorization", "Bearer b")]
    problem(await client.get("/v1/dossiers/x", headers=twice), "bad-request")


async def test_nul_in_a_query_is_refused(client: httpx2.AsyncClient) -> None:
    problem(await client.get(f"/v1/dossiers/{UUID(int=1)}?q=%00"), "bad-request")


async def _parts(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_a_body_within_the_limit_is_read(client: httpx2.AsyncClient) -> None:
    assert (await client.post("/v1/raw", content=b"x" * 10)).json() == {"size": 10}
    assert (await client.post("/v1/raw", content=_parts(b"x" * 5, b"y" * 5))).json() == {"size": 10}


@pytest.mark.parametrize("content", [b"x" * 11, [b"x" * 6, b"y" * 6]])
async def test_a_body_over_the_limit_is_refused(client: httpx2.AsyncClient, content: bytes | list[bytes]) -> None:
    sent = content if isinstance(content, bytes) else _parts(*content)
    problem(await client.post("/v1/raw", content=sent), "too-large")


async def test_an_encoded_body_is_refused(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/v1/raw", content=b"x", headers={"Content-Encoding": "gzip"})
    problem(answer, "unsupported-media-type")


async def test_a_length_that_is_no_number_is_refused(client: httpx2.AsyncClient) -> None:
    problem(await client.post("/v1/raw", content=b"x", headers={"Content-Length": "-3"}), "bad-request")


async def test_a_request_is_measured_by_its_route(client: httpx2.AsyncClient) -> None:
    await client.get(f"/v1/dossiers/{UUID(int=1)}")
    text = metrics_text().decode()
    assert 'draad_http_requests_total{route="/v1/dossiers/{id}",status="200"}' in text
    assert str(UUID(int=1)) not in text
