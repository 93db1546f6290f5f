"""Who does not get in: the same 401 for whatever reason, at every endpoint that names a caller."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.datastructures import Headers

from services.foundation import problems
from services.foundation.answers import answers
from services.foundation.callers import Caller, CallerDep
from services.foundation.problems import BAD_REQUEST, UNAUTHORISED, UNAVAILABLE, unauthorised

pytestmark = pytest.mark.anyio
NOOR = Caller("participant", "noor", None, frozenset({"P"}), frozenset(), ("https://issuer.example.org", "n"))


class OnlyNoor:
    async def caller(self, headers: Headers) -> Caller:
        if headers.get("authorization") != "Bearer noor":
            raise unauthorised()
        return NOOR


def app() -> FastAPI:
    made = FastAPI()
    problems.install(made)
    made.state.authenticator = OnlyNoor()

    @made.get("/v1/me", responses=answers(200, BAD_REQUEST, UNAUTHORISED, UNAVAILABLE))
    async def me(caller: CallerDep, limit: int = 1) -> dict[str, str | None]:
        return {"person": caller.person}

    return made


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app()), base_url="http://draad") as client:
        yield client


async def test_an_endpoint_has_its_caller(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/v1/me", headers={"Authorization": "Bearer noor"})
    assert answer.json() == {"person": "noor"}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Basic x"}])
@pytest.mark.parametrize("path", ["/v1/me", "/v1/me?limit=wrong"])
async def test_who_is_not_known_gets_one_answer(client: httpx2.AsyncClient, headers: dict[str, str], path: str) -> None:
    answer = await client.get(path, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert answer.json() | {"instance": ""} == problems.body(unauthorised(), "")


def test_the_document_says_what_may_be_answered() -> None:
    document: dict[str, Any] = app().openapi()
    told = document["paths"]["/v1/me"]["get"]
    assert set(told["responses"]) == {"200", "400", "401", "503", "default"}
    assert all("API-Version" in response["headers"] for response in told["responses"].values())
    assert told["security"] == [{"token": []}]
