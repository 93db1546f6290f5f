"""A sender that is killed: what it was sending comes once more under the same id, and everything else once."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from services.foundation import failpoints
from services.foundation.database.connection import Database
from tests.database import database, databases, server, urls
from tests.desk import Desk, open_desk
from tests.pairs import Urls
from tests.receivers import Receiver, hang, receiving
from tests.sandboxes import ROOT
from tests.webhooks import ONE, allowed, webhook

__all__ = ["database", "databases", "server", "urls"]
pytestmark = pytest.mark.anyio

LEASE = 2.0


@asynccontextmanager
async def sending(urls: Urls, failpoint: str | None = None) -> AsyncIterator[asyncio.subprocess.Process]:
    set_ = {} if failpoint is None else {failpoints.NAME: failpoint, failpoints.ALLOWED: "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.deliverer", urls.main, str(LEASE), cwd=ROOT, env=os.environ | set_
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def waiting(desk: Desk, receiver: Receiver, entries: int) -> None:
    await webhook(desk, receiver)
    await allowed(desk, ONE)
    await desk.place(*[ONE] * entries)


async def test_killed_between_answer_and_completion_it_comes_exactly_once_more(database: Database, urls: Urls) -> None:
    async with open_desk(database) as desk, receiving() as receiver:
        await waiting(desk, receiver, 3)
        async with sending(urls, "webhooks.before_complete") as killed:
            async with asyncio.timeout(30):
                assert await killed.wait() == -signal.SIGKILL
        assert receiver.sequences == [1]
        async with sending(urls):
            await desk.until(lambda: len(receiver.got) == 4)
        assert receiver.sequences == [1, 1, 2, 3]
        assert receiver.got[0].id == receiver.got[1].id
        assert receiver.got[0].body == receiver.got[1].body
        assert len({got.id for got in receiver.got}) == 3


async def test_killed_while_it_waits_for_an_answer_nothing_is_lost(database: Database, urls: Urls) -> None:
    async with open_desk(database) as desk, receiving(hang) as receiver:
        await waiting(desk, receiver, 2)
        async with sending(urls):
            await desk.until(lambda: len(receiver.got) == 1)
        receiver.behave = None
        async with sending(urls):
            await desk.until(lambda: len(receiver.got) == 3)
        assert receiver.sequences == [1, 1, 2]


async def test_killed_under_the_fence_it_holds_up_no_withdrawal(database: Database, urls: Urls) -> None:
    """The fence is held by a session: it goes with its process."""
    async with open_desk(database) as desk, receiving() as receiver:
        await waiting(desk, receiver, 1)
        async with sending(urls, "webhooks.under_fence") as killed:
            async with asyncio.timeout(30):
                await killed.wait()
        assert receiver.got == []
        await desk.dossiers.withdraw(ONE, "gemeente")
        async with sending(urls):
            await desk.until_async(lambda: desk.fetchval("select state = 'dropped' from notifications.deliveries"))
        assert receiver.got == []
