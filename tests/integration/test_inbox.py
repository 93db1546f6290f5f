"""The inbox of a person: what came is unread until it is marked, decided anew at every look, lost to no replay."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest

from services.foundation.database.connection import Database
from tests.desk import Desk, Json, open_desk

pytestmark = pytest.mark.anyio

SPACE = UUID("00000000-0000-4000-8000-000000000008")
ONE, TWO = uuid5(SPACE, "one"), uuid5(SPACE, "two")
KARIN = "gemeente/karin"


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with open_desk(database) as desk:
        yield desk


async def opened(desk: Desk, who: str = KARIN, channel: str = "inbox") -> str:
    answer = await desk.call("POST", "/v1/subscriptions", who, {"channel": channel})
    assert answer.status_code == 201, answer.text
    assert answer.json()["channel"] == channel
    return f"/v1/subscriptions/{answer.json()['id']}"


async def held(desk: Desk, own: str, **query: str) -> list[tuple[int, str]]:
    items, _ = await desk.pages(f"{own}/deliveries", KARIN, **query)
    return [(item["number"], item["state"]) for item in items]


async def mark(desk: Desk, own: str, number: object, state: str = "read", who: str = KARIN) -> Any:
    return await desk.call("PATCH", f"{own}/deliveries/{number}", who, {"state": state})


async def filled(desk: Desk, count: int = 3) -> str:
    own = await opened(desk)
    await desk.dossiers.allow(ONE, "gemeente")
    for _ in range(count):
        await desk.append(ONE)
    return own


async def test_what_comes_is_unread_until_it_is_marked(desk: Desk) -> None:
    own = await filled(desk)
    assert await held(desk, own) == [(1, "unread"), (2, "unread"), (3, "unread")]
    answer = await mark(desk, own, 2)
    items: list[Json] = (await desk.pages(f"{own}/deliveries", KARIN))[0]
    assert (answer.status_code, answer.json()) == (200, items[1])
    assert set(items[1]) == {"event", "state", "number"}
    assert await held(desk, own) == [(1, "unread"), (2, "read"), (3, "unread")]
    assert await held(desk, own, state="unread", limit="1") == [(1, "unread"), (3, "unread")]
    assert await held(desk, own, state="read") == [(2, "read")]
    assert (await mark(desk, own, 2)).json() == answer.json(), "again is quiet"
    assert (await mark(desk, own, 2, "unread")).json()["state"] == "unread"
    assert len(await held(desk, own, state="unread")) == 3


async def test_a_replay_loses_nothing_not_even_what_was_read(desk: Desk) -> None:
    own = await filled(desk)
    await mark(desk, own, 1)
    before = await held(desk, own)
    assert (await desk.call("POST", f"{own}/replays", KARIN)).status_code == 202
    assert await held(desk, own) == before, "also while it is on its way"
    assert await held(desk, own, state="unread") == before[1:]
    await desk.settle()
    await desk.append(ONE)
    assert await held(desk, own) == [*before, (4, "unread")]


async def test_what_may_no_longer_be_known_is_not_there_and_comes_back_as_it_was(desk: Desk) -> None:
    own = await filled(desk)
    await desk.dossiers.allow(TWO, "gemeente")
    await desk.append(TWO)
    await mark(desk, own, 3)
    await desk.dossiers.withdraw(ONE, "gemeente")
    assert await held(desk, own) == [(4, "unread")]
    unknown = await mark(desk, own, 99)
    for state in ("read", "unread"):
        refused = await mark(desk, own, 3, state)
        assert refused.status_code == 404
        assert refused.json() | {"instance": ""} == unknown.json() | {"instance": ""}
    await desk.dossiers.allow(ONE, "gemeente")
    assert await held(desk, own) == [(1, "unread"), (2, "unread"), (3, "read"), (4, "unread")]


async def test_an_inbox_is_its_persons_own(desk: Desk) -> None:
    own = await filled(desk)
    for stranger in ("gemeente/bob", "gemeente/", "uwv/karin", "/karin"):
        assert (await mark(desk, own, 1, who=stranger)).status_code == 404
    for path in (f"/v1/subscriptions/{uuid4()}", own):
        for number in (0, -1, 4, 2**63, "x"):
            assert (await mark(desk, path, number)).status_code == 404
    assert (await desk.call("POST", "/v1/subscriptions", "gemeente/", {"channel": "inbox"})).status_code == 403
    theirs = await opened(desk, "gemeente/bob")
    await desk.append(ONE)
    assert (await desk.pages(f"{theirs}/deliveries", "gemeente/bob"))[0][0]["number"] == 1
    await mark(desk, own, 4)
    assert (await desk.pages(f"{theirs}/deliveries", "gemeente/bob"))[0][0]["state"] == "unread"


async def test_only_an_inbox_knows_what_was_read(desk: Desk) -> None:
    pull, own = await opened(desk, channel="pull"), await filled(desk, 1)
    assert set((await desk.pages(f"{pull}/deliveries", KARIN))[0][0]) == {"event", "state"}
    for path, state in ((pull, "read"), (pull, "unread"), (own, "pending"), (own, "delivered")):
        answer = await desk.call("GET", f"{path}/deliveries?state={state}", KARIN)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "?state")
    assert (await mark(desk, pull, 1)).json()["errors"][0]["pointer"] == "/state"


@pytest.mark.parametrize("body", [{}, {"state": "delivered"}, {"state": None}, {"state": "read", "at": 1}, []])
async def test_a_mark_is_read_or_unread(desk: Desk, body: Json) -> None:
    own = await filled(desk, 1)
    assert (await desk.call("PATCH", f"{own}/deliveries/1", KARIN, body)).status_code == 400
    assert await held(desk, own) == [(1, "unread")]


async def test_email_is_refused_in_a_sentence(desk: Desk) -> None:
    answer = await desk.call("POST", "/v1/subscriptions", KARIN, {"channel": "email"})
    assert answer.status_code == 400
    assert "no e-mail yet" in answer.json()["errors"][0]["message"]
