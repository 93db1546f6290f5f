"""The live stream over TCP: the feed as it grows, resumed where it was, decided at each sending, ended with a word."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

import orjson
import pytest

from services.events.stream import Pace
from services.foundation.database.connection import Database
from services.roots.running import UNREAD_FOR, address, listening, run
from tests.desk import Desk, open_desk
from tests.dossiers import Dossiers
from tests.streams import Heard, Listener
from tests.streams import listening as listening_to
from tests.waiting import HOW_MANY_WAIT_FOR_A_FENCE

pytestmark = pytest.mark.anyio

SPACE = UUID("00000000-0000-4000-8000-000000000007")
ONE, TWO = uuid5(SPACE, "one"), uuid5(SPACE, "two")
KARIN, BOB = "gemeente/karin", "gemeente/bob"
QUICK = Pace(heartbeat=0.1, patience=0.5, last_word=5.0, most=3)


@dataclass
class Live:
    desk: Desk
    url: str
    serving: "asyncio.Task[None]"

    def listen(self, who: str, after: str | None = None, **how: Any) -> Any:
        return listening_to(self.url, who, after, **how)


@asynccontextmanager
async def _live(database: Database, pace: Pace) -> AsyncIterator[Live]:
    async with open_desk(database, pace) as desk:
        listener = listening("127.0.0.1", 0)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        ready = asyncio.Event()
        serving = asyncio.create_task(run(desk.app, listener, [], ready.set, desk.streams.close))
        await ready.wait()
        yield Live(desk, address(listener), serving)
        serving.cancel()
        await asyncio.wait([serving])


@pytest.fixture
async def live(database: Database) -> AsyncIterator[Live]:
    async with _live(database, QUICK) as live:
        yield live


@pytest.fixture
async def patient(database: Database) -> AsyncIterator[Live]:
    """With the pace of an installation."""
    async with _live(database, Pace()) as live:
        yield live


def numbers(heard: list[Heard]) -> list[tuple[int, str]]:
    return [(one.data["feed_seq"], one.data["event"]["subject"]) for one in heard]


def of(dossier: UUID) -> str:
    return f"dossier/{dossier}"


async def until_problem(listener: Listener) -> tuple[list[Heard], dict[str, Any]]:
    """What came before the last word, that word, and that the answer ended as it should."""
    before = []
    while (heard := await listener.next()) is not None and heard.name != "problem":
        before.append(heard)
    assert heard is not None, "it ended without a word"
    assert await listener.next() is None
    return before, heard.data


# What it says


async def test_it_says_what_the_feed_holds_and_what_comes_by_the_same_numbers(patient: Live) -> None:
    await patient.desk.dossiers.allow(ONE, "gemeente")
    await patient.desk.append(ONE)
    await patient.desk.append(ONE)
    async with patient.listen(KARIN) as stream:
        assert stream.status == 200
        heard = await stream.entries(2)
        await patient.desk.append(ONE)
        heard += await stream.entries(1)
    items, _ = await patient.desk.pages("/v1/feed", KARIN)
    assert [one.data for one in heard] == items
    assert numbers(heard) == [(n, of(ONE)) for n in (1, 2, 3)]
    for at, one in enumerate(heard):
        assert (await patient.desk.pages("/v1/feed", KARIN, after=str(one.id)))[0] == items[at + 1 :]


async def test_its_headers_are_those_of_a_stream_that_nobody_keeps(live: Live) -> None:
    async with live.listen(KARIN) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        assert stream.headers["x-accel-buffering"] == "no"
        assert "content-length" not in stream.headers
        assert {"x-request-id", "api-version"} <= stream.headers.keys()


async def test_it_goes_on_exactly_where_it_was_whoever_hung_up(patient: Live) -> None:
    await patient.desk.dossiers.allow(ONE, "gemeente")
    for _ in range(5):
        await patient.desk.append(ONE)
    heard: list[Heard] = []
    for count in (2, 1, 4):
        async with patient.listen(KARIN, heard[-1].id if heard else None) as stream:
            heard += await stream.entries(count)
            await patient.desk.append(ONE)
    assert numbers(heard) == [(n, of(ONE)) for n in range(1, 8)]
    async with patient.listen(KARIN, (await patient.desk.pages("/v1/feed", KARIN, limit="2"))[1]) as stream:
        await patient.desk.append(ONE)
        assert numbers(await stream.entries(1)) == [(9, of(ONE))]


async def test_more_than_it_reads_at_once_comes_whole_and_in_order(patient: Live) -> None:
    for dossier in (ONE, TWO):
        await patient.desk.dossiers.allow(dossier, "gemeente")
    async with patient.listen(KARIN) as stream:
        for number in range(120):
            await patient.desk.dossiers.append((ONE, TWO)[number % 2])
        await patient.desk.settle()
        heard = await stream.entries(120)
    assert [one.data["feed_seq"] for one in heard] == [*range(1, 121)]
    for dossier in (ONE, TWO):
        own = [int(one.data["event"]["sequence"]) for one in heard if one.data["event"]["subject"] == of(dossier)]
        assert own == [*range(1, 61)]


async def test_a_comment_says_that_it_is_still_there(live: Live) -> None:
    async with live.listen(KARIN) as stream:
        assert [await stream.next(comments=True) for _ in range(3)] == [Heard()] * 3


async def test_who_waits_holds_no_connection_of_the_database(patient: Live) -> None:
    """More streams than the pool has connections."""
    await patient.desk.dossiers.allow(ONE, "gemeente")
    async with asyncio.TaskGroup() as tasks:
        opened = asyncio.Barrier(21)

        async def listen(number: int) -> list[Heard]:
            async with patient.listen(f"gemeente/{number}") as stream:
                await opened.wait()
                heard: list[Heard] = await stream.entries(1)
                return heard

        all_of_them = [tasks.create_task(listen(number)) for number in range(20)]
        await opened.wait()
        async with patient.desk.database.connection() as conn:
            states = "select count(*) from pg_stat_activity where datname = current_database() and state ~ '^idle in'"
            assert await conn.fetchval(states) == 0
        await patient.desk.append(ONE)
    assert {str(numbers(task.result())) for task in all_of_them} == {str([(1, of(ONE))])}


# What ends it


async def test_a_withdrawal_stops_what_follows_and_nothing_else(patient: Live) -> None:
    for dossier in (ONE, TWO):
        await patient.desk.dossiers.allow(dossier, "gemeente")
    async with patient.listen(KARIN) as stream:
        await patient.desk.append(ONE)
        heard = await stream.entries(1)
        await patient.desk.dossiers.append(ONE)
        await patient.desk.dossiers.withdraw(ONE, "gemeente")
        await patient.desk.append(ONE)
        await patient.desk.append(TWO)
        heard += await stream.entries(1)
    assert numbers(heard) == [(1, of(ONE)), (2, of(TWO))]
    async with patient.listen(KARIN) as stream:
        assert numbers(await stream.entries(1)) == [(2, of(TWO))]


async def test_a_withdrawal_waits_for_what_is_being_decided_and_stops_the_rest(
    patient: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream decides under the fence: acknowledged is a withdrawal only when what was decided before has left."""
    desk = patient.desk
    deciding, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Dossiers):
        async def still(self, *asked: Any) -> Any:
            known = await super().still(*asked)
            deciding.set()
            await go_on.wait()
            return known

    await desk.dossiers.allow(ONE, "gemeente")
    async with patient.listen(KARIN) as stream:
        monkeypatch.setattr(desk.streams._shelf, "_release", Slow(desk.database))
        await desk.append(ONE)
        await deciding.wait()
        withdrawal = asyncio.create_task(desk.dossiers.withdraw(ONE, "gemeente"))
        async with desk.database.connection() as conn, asyncio.timeout(10):
            while not await conn.fetchval(HOW_MANY_WAIT_FOR_A_FENCE):
                assert not withdrawal.done()
        go_on.set()
        await withdrawal
        assert numbers(await stream.entries(1)) == [(1, of(ONE))]
        await desk.append(ONE)
        await desk.dossiers.allow(TWO, "gemeente")
        await desk.append(TWO)
        assert numbers(await stream.entries(1)) == [(2, of(TWO))]


async def test_who_does_not_read_is_shed_resumes_and_holds_nobody_up(live: Live) -> None:
    await live.desk.dossiers.allow(ONE, "gemeente")
    for _ in range(600):
        await live.desk.dossiers.append(ONE)
    await live.desk.settle()
    async with live.listen(BOB, small=True) as slow:
        first = await slow.next()
        async with live.listen(KARIN) as other:
            assert len(await other.entries(600)) == 600
            await live.desk.append(ONE)
            await other.entries(1)
        await _shed(live)
        more, problem = await until_problem(slow)
    heard = [first, *more]
    assert (problem["status"], problem["type"].rpartition("/")[2]) == (408, "too-slow")
    assert [one.data["feed_seq"] for one in heard] == [*range(1, len(heard) + 1)]
    assert len(heard) < 600
    async with live.listen(BOB, heard[-1].id) as again:
        rest = await again.entries(601 - len(heard))
    assert [one.data["feed_seq"] for one in rest] == [*range(len(heard) + 1, 602)]


def test_who_takes_nothing_at_all_is_dropped_by_the_kernel() -> None:
    with listening("127.0.0.1", 0) as ours, socket.create_connection(ours.getsockname()), ours.accept()[0] as accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == UNREAD_FOR * 1000


async def _shed(live: Live) -> None:
    """Until nobody is served any more: the slow one was given up, and has its last word before it."""
    async with asyncio.timeout(10):
        while live.desk.streams.listeners:  # noqa: ASYNC110 - it tells nobody but the slow one
            await asyncio.sleep(0.01)


async def test_a_token_that_is_over_ends_it_before_anything_more_is_said(live: Live) -> None:
    await live.desk.dossiers.allow(ONE, "gemeente")
    await live.desk.append(ONE)
    async with live.listen(KARIN) as stream:
        heard = await stream.entries(1)
        live.desk.tokens.expired.add(KARIN)
        await live.desk.append(ONE)
        more, problem = await until_problem(stream)
    assert (more, problem["status"]) == ([], 401)
    live.desk.tokens.expired.clear()
    async with live.listen(KARIN, heard[0].id) as stream:
        assert numbers(await stream.entries(1)) == [(2, of(ONE))]


async def test_a_server_that_stops_says_so_and_stops_in_time(patient: Live) -> None:
    async with patient.listen(KARIN) as idle, patient.listen(BOB) as other:
        patient.serving.cancel()
        for stream in (idle, other):
            before, problem = await until_problem(stream)
            assert (before, problem["status"]) == ([], 503)
        async with asyncio.timeout(4):
            await asyncio.wait([patient.serving])


async def test_a_database_that_goes_away_ends_it_with_a_word(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: Any) -> Any:
        raise ConnectionError

    async with live.listen(KARIN) as stream:
        assert await stream.next(comments=True) == Heard()
        monkeypatch.setattr(live.desk.streams._shelf, "read", away)
        _, problem = await until_problem(stream)
    assert (problem["status"], problem["type"].rpartition("/")[2]) == (503, "unavailable")


async def test_so_many_streams_a_caller_has_and_no_more(live: Live) -> None:
    async with live.listen(KARIN), live.listen(KARIN), live.listen(KARIN) as last:
        async with live.listen(KARIN) as refused:
            assert (refused.status, refused.headers["content-type"]) == (429, "application/problem+json")
            assert int(refused.headers["retry-after"]) > 0
        async with live.listen(BOB) as other:
            assert other.status == 200
        await last.hang_up()
        async with asyncio.timeout(10):
            while live.desk.streams.listeners["gemeente", "karin"] > 2:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
        async with live.listen(KARIN) as again:
            assert again.status == 200


# What does not begin


@pytest.mark.parametrize(
    ("who", "after", "headers", "status"),
    [
        ("", None, {"Authorization": ""}, 401),
        (KARIN, "nonsense", {}, 400),
        (KARIN, None, {"Accept": "application/json"}, 406),
    ],
)
async def test_what_goes_wrong_before_the_first_word_is_a_problem(
    live: Live, who: str, after: str | None, headers: dict[str, str], status: int
) -> None:
    async with live.listen(who, after, **headers) as answer:
        assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
        assert orjson.loads(await answer.body())["status"] == status


async def test_the_id_of_one_reader_is_of_no_use_to_another(live: Live) -> None:
    await live.desk.dossiers.allow(ONE, "gemeente")
    await live.desk.append(ONE)
    async with live.listen(KARIN) as stream:
        (heard,) = await stream.entries(1)
    async with live.listen(BOB, heard.id) as answer:
        assert answer.status == 400
