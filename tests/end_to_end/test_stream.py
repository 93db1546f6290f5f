"""The live stream of a running product: whoever dies, nothing is missing; after a withdrawal nothing follows."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests import lives, sandboxes
from tests.asyncapi import payload
from tests.lives import Life
from tests.sandboxes import Api, Sandbox
from tests.streams import Heard, Listener, listening

pytestmark = pytest.mark.anyio


def ids(heard: list[Heard]) -> list[str]:
    return [one.data["event"]["id"] for one in heard]


async def test_a_stream_goes_on_over_the_death_of_client_and_server(tmp_path: Path) -> None:
    first = sandboxes.start(tmp_path / "data")
    try:
        life = lives.opened(Api(first.url))
        life.grant("rwc")
        told = [life.goal()["id"] for _ in range(3)]
        token = life.api.tokens[life.key("mieke")]
        async with listening(first.url, token) as stream:
            # What the grant opened, R-13, comes as well; the goals come after it.
            heard = [one for one in [await stream.next()] if one]
            while ids(heard)[-1] != told[-1]:
                heard += await stream.entries(1)
            told.append(life.goal()["id"])
            first.kill()
            heard += await _until_it_breaks(stream)
    finally:
        first.stop()
    life.api.close()
    second = sandboxes.start(tmp_path / "data")
    try:
        life.api = Api(second.url)
        life.enter()
        told.append(life.goal()["id"])
        token = life.api.tokens[life.key("mieke")]
        async with listening(second.url, token, heard[-1].id) as stream:
            while ids(heard)[-1] != told[-1]:
                heard += await stream.entries(1)
        async with listening(second.url, token, heard[-1].id) as stream:
            await asyncio.to_thread(second.process.send_signal, signal.SIGTERM)
            last = await stream.next()
            assert last is not None
            assert (last.name, last.data["status"], await stream.next()) == ("problem", 503, None)
            payload("StreamProblem").validate(last.data)
        await asyncio.to_thread(second.stop)
        assert second.process.returncode == 0
        assert "Traceback" not in "".join(second.log)
    finally:
        second.stop()
        life.api.close()
    for one in heard:
        payload("StreamItem").validate(one.data)
    assert [one.data["feed_seq"] for one in heard] == [*range(1, len(heard) + 1)]
    assert [id_ for id_ in ids(heard) if id_ in told] == told


async def _until_it_breaks(stream: Listener) -> list[Heard]:
    heard: list[Heard] = []
    try:
        while (one := await stream.next()) is not None:
            heard.append(one)
    except (asyncio.IncompleteReadError, ConnectionError):
        return heard
    raise AssertionError("a killed server ends nothing properly")


async def test_nothing_follows_a_withdrawal_but_its_notice(sandbox: Sandbox, life: Life) -> None:
    consent = life.grant("rwc")
    async with listening(sandbox.url, life.api.tokens[life.key("mieke")]) as stream:
        before = life.goal()["id"]
        heard = [one for one in [await stream.next()] if one]
        while ids(heard)[-1] != before:
            heard += await stream.entries(1)
        waiting = life.goal()["id"]
        assert life.revoke(consent).status_code == 201
        hidden = [life.goal()["id"] for _ in range(3)]
        again = life.grant("rwc", history="from_grant", valid_from=lives.NOW)
        heard = []
        while not heard or heard[-1].data["event"]["type"] != "nl.dossier.consent.granted":
            heard += await stream.entries(1)
    assert again
    assert not {*hidden} & {*ids(heard)}
    assert [one.data["event"]["type"] for one in heard if one.data["event"]["id"] != waiting] == [
        "nl.dossier.consent.revoked",
        "nl.dossier.consent.granted",
    ]


async def test_a_stream_holds_the_same_as_the_feed_and_no_content(sandbox: Sandbox, life: Life) -> None:
    life.grant("rwc")
    async with listening(sandbox.url, life.api.tokens[life.key("mieke")]) as stream:
        goal = life.goal("Kanarie in een doel")
        heard = [one for one in [await stream.next()] if one]
        while ids(heard)[-1] != goal["id"]:
            heard += await stream.entries(1)
    life.api.clock()
    assert [one.data for one in heard] == life.get("/v1/feed", "mieke").json()["items"]
    assert "Kanarie" not in str(heard)
