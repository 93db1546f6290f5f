"""The feed: what came before and what comes, numbered when first permitted, the same numbers at every re-read."""

import asyncio
import time
from collections.abc import AsyncIterator
from uuid import UUID, uuid5

import pytest

from services.foundation.database.connection import Database
from tests.desk import Desk, Json, open_desk

pytestmark = pytest.mark.anyio

SPACE = UUID("00000000-0000-4000-8000-000000000006")
ONE, TWO = uuid5(SPACE, "one"), uuid5(SPACE, "two")
KARIN = "gemeente/karin"


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with open_desk(database) as desk:
        yield desk


def numbers(items: list[Json]) -> list[tuple[int, str, str]]:
    return [(item["feed_seq"], item["event"]["subject"][-12:], item["event"]["sequence"]) for item in items]


def of(dossier: UUID) -> str:
    return str(dossier)[-12:]


async def test_the_first_read_gives_what_came_before_and_later_ones_what_comes(desk: Desk) -> None:
    await desk.dossiers.allow(ONE, "gemeente")
    for _ in range(3):
        await desk.append(ONE)
    await desk.append(TWO)
    items, at = await desk.pages("/v1/feed", KARIN)
    assert numbers(items) == [(n, of(ONE), str(n)) for n in (1, 2, 3)]
    assert all(set(item) == {"feed_seq", "event"} for item in items)
    await desk.append(ONE)
    later, _ = await desk.pages("/v1/feed", KARIN, after=at)
    assert numbers(later) == [(4, of(ONE), "4")]
    assert (await desk.pages("/v1/feed", KARIN))[0] == items + later


async def test_an_entry_that_was_appended_and_not_relayed_yet_comes_once(desk: Desk) -> None:
    await desk.dossiers.allow(ONE, "gemeente")
    await desk.dossiers.append(ONE)
    items, _ = await desk.pages("/v1/feed", KARIN)
    await desk.settle()
    assert (await desk.pages("/v1/feed", KARIN))[0] == items
    assert len(items) == 1


async def test_a_withdrawal_leaves_out_and_does_not_renumber(desk: Desk) -> None:
    for dossier in (ONE, TWO):
        await desk.dossiers.allow(dossier, "gemeente")
    await desk.pages("/v1/feed", KARIN)
    for dossier in (ONE, TWO, ONE):
        await desk.append(dossier)
    await desk.dossiers.withdraw(ONE, "gemeente")
    await desk.append(ONE)
    await desk.append(TWO)
    items, _ = await desk.pages("/v1/feed", KARIN)
    assert numbers(items) == [(2, of(TWO), "1"), (4, of(TWO), "2")]


async def test_a_replay_takes_the_next_numbers(desk: Desk) -> None:
    assert (await desk.pages("/v1/feed", KARIN))[0] == []
    await desk.append(ONE)
    await desk.dossiers.allow(ONE, "gemeente")
    await desk.append(ONE, history_to="gemeente")
    items, _ = await desk.pages("/v1/feed", KARIN)
    assert numbers(items) == [(1, of(ONE), "1"), (2, of(ONE), "2")]
    assert [item.get("replay") for item in items] == [None, True]


async def test_a_feed_is_its_readers_own_and_no_subscription(desk: Desk) -> None:
    await desk.dossiers.allow(ONE, "gemeente")
    await desk.append(ONE)
    for reader in (KARIN, "gemeente/bob", "gemeente/"):
        assert len((await desk.pages("/v1/feed", reader))[0]) == 1
    for stranger in ("uwv/karin", "/noor", "!draad/"):
        assert (await desk.pages("/v1/feed", stranger))[0] == []
    assert (await desk.pages("/v1/subscriptions", KARIN))[0] == []
    at = (await desk.pages("/v1/feed", KARIN))[1]
    assert (await desk.call("GET", f"/v1/feed?after={at}", "gemeente/bob")).status_code == 400


async def test_two_first_reads_at_once_make_one_feed(desk: Desk) -> None:
    await desk.dossiers.allow(ONE, "gemeente")
    for _ in range(4):
        await desk.append(ONE)
    both = await asyncio.gather(*(desk.pages("/v1/feed", KARIN) for _ in range(2)))
    assert numbers(both[0][0]) == numbers(both[1][0]) == [(n, of(ONE), str(n)) for n in (1, 2, 3, 4)]


async def test_a_reader_that_waits_gets_what_comes_when_it_comes(desk: Desk) -> None:
    await desk.dossiers.allow(ONE, "gemeente")
    at = (await desk.pages("/v1/feed", KARIN))[1]
    begun = time.monotonic()
    waiting = asyncio.create_task(desk.call("GET", f"/v1/feed?after={at}&wait=20", KARIN))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await desk.append(ONE)
    answer = await waiting
    assert numbers(answer.json()["items"]) == [(1, of(ONE), "1")]
    assert time.monotonic() - begun < 10
    begun = time.monotonic()
    empty = await desk.call("GET", f"/v1/feed?after={answer.json()['next']}&wait=0.5", KARIN)
    assert empty.json() == {"items": [], "next": answer.json()["next"]}
    assert time.monotonic() - begun >= 0.5


@pytest.mark.parametrize("query", ["wait=31", "wait=-1", "limit=0", "limit=101", "after=nonsense", "wait=nan"])
async def test_a_question_that_is_not_right_is_refused(desk: Desk, query: str) -> None:
    answer = await desk.call("GET", f"/v1/feed?{query}", KARIN)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == f"?{query.partition('=')[0]}"


async def test_every_operation_is_documented(desk: Desk) -> None:
    document = desk.app.openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert {"operationId", "summary", "description", "tags"} <= operation.keys(), (method, path)
            assert {"401", "503"} <= operation["responses"].keys(), (method, path)
            for status, response in operation["responses"].items():
                well = "text/event-stream" if path == "/v1/stream" else "application/json"
                wanted = "application/problem+json" if status >= "400" or status == "default" else well
                assert status != "422", "a wrong request is 400 here"
                assert list(response.get("content", {wanted: {}})) == [wanted], (method, path, status)
