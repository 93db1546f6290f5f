"""What a receiver does not accept: tried again in order and under the same id, paused, and never dropped."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest

from services.foundation.clock import advance
from services.notifications.placing import Placing
from services.notifications.webhooks.deliverer import OF_AN_ENDPOINT
from services.notifications.webhooks.unwell import unwell
from tests.desk import Desk
from tests.receivers import in_turn, raw, receiving, reset, status
from tests.waiting import HOW_MANY_WAIT
from tests.webhooks import KARIN, NOW, ONE, SPACE, TWO, allowed, log_of, shown, time_passes, troubled, webhook

pytestmark = pytest.mark.anyio


async def test_what_fails_is_tried_again_by_the_schedule_in_order_and_under_the_same_id(desk: Desk) -> None:
    async with receiving(status(500)) as receiver:
        made = await webhook(desk, receiver)
        await allowed(desk, ONE)
        await desk.append(ONE)
        await desk.append(ONE)
        assert receiver.sequences == [1], "what comes after it waits behind it"
        (item,) = await log_of(desk, made)
        sending = item["sending"]
        assert (item["state"], sending["status"], sending["reason"]) == ("pending", 500, "refused")
        wait = datetime.fromisoformat(sending["next_at"]) - NOW
        assert timedelta(seconds=5) <= wait <= timedelta(seconds=5.5)
        await desk.settle()
        assert len(receiver.got) == 1, "the clock stands"
        for attempts, pause in enumerate((6, 331, 1981, 7921), start=2):
            await time_passes(desk, seconds=pause)
            assert len(receiver.got) == attempts
        assert len({got.id for got in receiver.got}) == 1
        assert (await log_of(desk, made))[0]["sending"]["attempts"] == 5
        receiver.behave = None
        await time_passes(desk, hours=6)
        assert receiver.sequences == [1, 1, 1, 1, 1, 1, 2]
        assert (await log_of(desk, made, state="pending")) == []


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (status(302, Location="http://127.0.0.1:1/"), "redirect"),
        (status(404), "refused"),
        (reset, "lost"),
        (raw(b""), "lost"),
        (raw(b"HTTP/1.1 20"), "lost"),
        (raw(b"SSH-2.0-OpenSSH\r\n\r\n"), "malformed"),
        (raw(b"HTTP/1.1 200 -\r\nX: " + b"x" * 40_000), "malformed"),
    ],
)
async def test_anything_but_2xx_is_a_failure_and_nothing_is_followed(desk: Desk, behave: Any, reason: str) -> None:
    async with receiving(behave) as receiver:
        made = await webhook(desk, receiver)
        await allowed(desk, ONE)
        await desk.append(ONE)
        assert len(receiver.got) == 1
        (item,) = await log_of(desk, made)
        assert (item["state"], item["sending"]["reason"]) == ("pending", reason)


@pytest.mark.parametrize(
    "behave",
    [
        raw(b"HTTP/1.1 200 -\r\nContent-Length: 100\r\n\r\nhalf"),
        raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 -\r\n\r\n"),
        raw(b"HTTP/1.1 200 -\r\nTransfer-Encoding: chunked\r\n\r\nzz"),
    ],
)
async def test_a_receiver_that_said_yes_and_died_has_it(desk: Desk, behave: Any) -> None:
    """The head of the answer says all; its body is never needed."""
    async with receiving(behave) as receiver:
        made = await webhook(desk, receiver)
        await allowed(desk, ONE)
        await desk.append(ONE)
        await time_passes(desk, days=2)
        assert len(receiver.got) == 1
        assert [item["state"] for item in await log_of(desk, made)] == ["delivered"]


async def test_who_asks_to_wait_is_given_time_by_every_lane(desk: Desk) -> None:
    async with receiving(in_turn(status(429, Retry_After="600"), status(204))) as receiver:
        made = await webhook(desk, receiver)
        await allowed(desk, ONE, TWO)
        await desk.append(ONE)
        await desk.append(TWO)
        assert len(receiver.got) == 1
        await time_passes(desk, seconds=599)
        assert len(receiver.got) == 1
        await time_passes(desk, seconds=1)
        assert len(receiver.got) == 3
        assert {item["state"] for item in await log_of(desk, made)} == {"delivered"}


async def test_410_retires_and_nothing_is_dropped(desk: Desk) -> None:
    async with receiving(status(410)) as receiver:
        made = await webhook(desk, receiver)
        await allowed(desk, ONE)
        await desk.append(ONE)
        assert ((await shown(desk, made))["state"], (await shown(desk, made))["reason"]) == ("retired", "gone")
        receiver.behave = None
        await time_passes(desk, days=9)
        assert (await desk.call("POST", f"/v1/subscriptions/{made['id']}/replays", KARIN)).status_code == 202
        await desk.append(ONE)
        assert len(receiver.got) == 1, "what its receiver ended only its handshake opens"
        await desk.call("PATCH", f"/v1/subscriptions/{made['id']}", KARIN, {"state": "active"})
        await desk.settle()
        assert receiver.sequences == [1, 1, 2]


async def test_a_troubled_endpoint_is_tried_with_one_lane_then_paused_and_goes_on_whole(desk: Desk) -> None:
    dossiers = [uuid5(SPACE, str(number)) for number in range(30)]
    async with receiving(status(503)) as receiver:
        made = await troubled(desk, receiver, dossiers)
        before = len(receiver.got)
        assert before <= 5 + OF_AN_ENDPOINT, "five failures, and what was on its way beside them"
        await time_passes(desk, seconds=6)
        assert len(receiver.got) == before + 1, "one lane is tried"
        await time_passes(desk, days=5)
        stands = await shown(desk, made)
        assert (stands["state"], stands["reason"]) == ("paused", "refused")
        assert stands["failing_since"] == "2026-01-01T00:00:00Z"
        silent = len(receiver.got)
        await time_passes(desk, days=30)
        assert len(receiver.got) == silent
        receiver.behave = None
        await desk.call("POST", f"/v1/subscriptions/{made['id']}/replays", KARIN)
        await desk.settle()
        assert (await shown(desk, made))["state"] == "active"
        assert {got.event["subject"] for got in receiver.got[silent:]} == {f"dossier/{id}" for id in dossiers}
        assert len(await log_of(desk, made, state="delivered")) == 30


async def test_an_operator_sees_which_webhooks_do_not_go_and_whose_they_are(desk: Desk) -> None:
    """The worst first; one that goes is not among them."""
    dossiers = [uuid5(SPACE, str(number)) for number in range(6)]
    async with receiving(status(503)) as failing, receiving(status(410)) as gone, receiving() as well:
        stops = await troubled(desk, failing, dossiers)
        await time_passes(desk, days=5)
        fails = await troubled(desk, failing, dossiers)
        await allowed(desk, ONE, TWO, to="vlug")
        ended = await webhook(desk, gone, who="vlug/")
        await webhook(desk, well, who="vlug/")
        await desk.append(ONE)
        await desk.append(TWO)
        well.agrees = False
        waits = await webhook(desk, well, who="noor/")
        async with desk.database.connection() as conn:
            found = await unwell(conn)
    later = NOW + timedelta(days=5)
    assert [(str(one.subscription_id), one.state, one.since, one.reason, one.waiting) for one in found] == [
        (stops["id"], "paused", NOW, "refused", 6),
        (ended["id"], "retired", later, "gone", 2),
        (fails["id"], "degraded", later, "refused", 6),
        (waits["id"], "pending", None, "refused", 0),
    ]
    assert [one.needs_its_owner for one in found] == [True, True, False, False]
    assert [(one.organisation, one.person) for one in found[:2]] == [("gemeente", "karin"), ("vlug", None)]
    assert {one.host for one in found} == {"127.0.0.1"}


async def test_once_it_goes_again_no_lane_waits_on_not_even_one_that_somebody_held_then(desk: Desk) -> None:
    dossiers = [uuid5(SPACE, str(number)) for number in range(6)]
    async with receiving(status(503)) as receiver:
        made = await troubled(desk, receiver, dossiers)
        receiver.behave = None
        async with desk.database.connection() as conn:
            await advance(conn, NOW + timedelta(minutes=1))
            put_off = "update notifications.lanes set failures = 9, retry_at = foundation.now() + interval '20 hours'"
            held = await conn.fetchval(f"{put_off} where dossier_id = $1 returning dossier_id", dossiers[0])
        async with desk.database.transaction() as conn:
            placing = Placing(conn, desk.dossiers)
            placing.touch([(UUID(made["id"]), held, "gemeente")])
            await placing.finish()
            turn = desk.start(desk.deliverer.run_once())
            await desk.until_async(lambda: desk.fetchval(HOW_MANY_WAIT))
        await turn
        await desk.deliverer.run_once()
        assert len(await log_of(desk, made, state="delivered")) == len(dossiers)
