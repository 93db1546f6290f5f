"""Webhooks from an append to a receiver: agreed first, signed, in order, tried again, and never after a withdrawal."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from services.foundation.clock import advance, begin_sandbox
from services.foundation.database.connection import AWAY, Connection, Database
from services.foundation.database.embedded import Server
from services.notifications import trouble
from services.notifications.parked import resume_lanes
from services.notifications.placing import Placing
from services.notifications.ports import Candidates, Thin
from services.notifications.webhooks import courier
from services.notifications.webhooks.deliverer import OF_AN_ENDPOINT, Deliverer
from tests.desk import Desk, open_desk
from tests.pairs import shut
from tests.receivers import Behaviour, Got, Receiver, hang, held_answer, in_turn, raw, receiving, reset, status
from tests.waiting import HOW_MANY_WAIT

pytestmark = pytest.mark.anyio

SPACE = UUID("00000000-0000-4000-8000-000000000009")
ONE, TWO = uuid5(SPACE, "one"), uuid5(SPACE, "two")
KARIN = "gemeente/karin"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
THIN = {"specversion", "id", "source", "type", "subject", "time", "sequence", "sequencetype", "dataref"}


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    """On a business clock that stands still until a test moves it."""
    async with database.connection() as conn:
        await begin_sandbox(conn)
        await advance(conn, NOW)
    async with open_desk(database) as desk:
        yield desk


async def pass_(desk: Desk, **time: float) -> None:
    async with desk.database.connection() as conn:
        await advance(conn, await conn.fetchval("select foundation.now()") + timedelta(**time))
    await desk.settle()


async def webhook(desk: Desk, receiver: Receiver, *schemes: str, who: str = KARIN, **more: Any) -> dict[str, Any]:
    body = {"channel": "webhook", "endpoint": receiver.url, "signatures": list(schemes) or ["v1a"]} | more
    answer = await desk.call("POST", "/v1/subscriptions", who, body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def shown(desk: Desk, made: dict[str, Any], who: str = KARIN) -> dict[str, Any]:
    answer = await desk.call("GET", f"/v1/subscriptions/{made['id']}", who)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()["webhook"]
    return found


async def log_of(desk: Desk, made: dict[str, Any], **query: str) -> list[dict[str, Any]]:
    return (await desk.pages(f"/v1/subscriptions/{made['id']}/deliveries", KARIN, **query))[0]


async def allowed(desk: Desk, *dossiers: UUID, to: str = "gemeente") -> None:
    for dossier in dossiers:
        await desk.dossiers.allow(dossier, to)


async def troubled(desk: Desk, receiver: Receiver, dossiers: Sequence[UUID]) -> dict[str, Any]:
    """Something of each of these failed, and is to be tried again later."""
    made = await webhook(desk, receiver)
    await allowed(desk, *dossiers)
    for dossier in dossiers:
        await desk.dossiers.append(dossier)
    await desk.settle()
    assert (await shown(desk, made))["state"] == "degraded"
    return made


def check_v1a(public_key: str, got: Got) -> None:
    """As a receiver would that has nothing of ours: Standard Webhooks 1.0.0, by hand."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    for signature in got.headers["webhook-signature"].split(" "):
        version, _, value = signature.partition(",")
        if version == "v1a":
            try:
                return key.verify(base64.b64decode(value), signed)
            except InvalidSignature:
                continue
    raise InvalidSignature


async def test_a_receiver_is_asked_first_and_then_gets_each_event_signed_and_thin(desk: Desk) -> None:
    async with receiving() as receiver:
        made = await webhook(desk, receiver)
        assert made["webhook"]["state"] == "active"
        assert [(one.path, one.headers["webhook-request-origin"]) for one in receiver.asked] == [
            ("/hook", "draad.example.org")
        ]
        await allowed(desk, ONE)
        for _ in range(3):
            await desk.append(ONE)
        assert receiver.sequences == [1, 2, 3]
        for got in receiver.got:
            assert got.headers["content-type"] == "application/cloudevents+json"
            assert set(got.event) == THIN
            assert abs(int(got.headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60, "a real clock"
            check_v1a(made["webhook"]["keys"][0]["public_key"], got)
        assert len({got.id for got in receiver.got}) == 3
        assert receiver.connections == 1, "a line that works is used again"
        items = await log_of(desk, made)
        assert [item["event"] for item in items] == [got.event for got in receiver.got]
        assert [(i["state"], i["sending"]["attempts"], i["sending"]["status"]) for i in items] == [
            ("delivered", 1, 204)
        ] * 3


async def test_v1_is_verified_by_the_package_that_receivers_use(desk: Desk) -> None:
    async with receiving() as receiver:
        made = await webhook(desk, receiver, "v1a", "v1")
        by_scheme = {key["scheme"]: key for key in made["webhook"]["keys"]}
        secret = by_scheme["v1"]["secret"]
        assert secret not in json.dumps(await shown(desk, made)), "shown once"
        assert "public_key" in by_scheme["v1a"]
        await allowed(desk, ONE)
        await desk.append(ONE)
        (got,) = receiver.got
        assert Webhook(secret).verify(got.body, got.headers) == got.event
        check_v1a(by_scheme["v1a"]["public_key"], got)
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(got.body + b" ", got.headers)
        with pytest.raises(InvalidSignature):
            check_v1a(by_scheme["v1a"]["public_key"], Got(got.method, got.path, got.headers, got.body + b" "))


async def test_keys_are_replaced_with_an_overlap_in_which_both_sign(desk: Desk) -> None:
    async with receiving() as receiver:
        made = await webhook(desk, receiver, "v1a", "v1")
        path = f"/v1/subscriptions/{made['id']}/keys"
        old = {key["scheme"]: key for key in made["webhook"]["keys"]}
        answer = await desk.call("POST", path, KARIN, {"overlap_hours": 1})
        assert answer.status_code == 201
        keys = answer.json()["keys"]
        new = {key["scheme"]: key for key in keys if "ends_at" not in key}
        assert {key["id"] for key in keys if "ends_at" in key} == {key["id"] for key in old.values()}
        await allowed(desk, ONE)
        await desk.append(ONE)
        for pair in (old, new):
            assert Webhook(pair["v1"]["secret"]).verify(receiver.got[-1].body, receiver.got[-1].headers)
            check_v1a(pair["v1a"]["public_key"], receiver.got[-1])
        assert (await desk.call("POST", path, KARIN, {"overlap_hours": 0})).status_code == 201
        await desk.append(ONE)
        for pair in (old, new):
            with pytest.raises(WebhookVerificationError):
                Webhook(pair["v1"]["secret"]).verify(receiver.got[-1].body, receiver.got[-1].headers)
        assert len((await shown(desk, made))["keys"]) == 2
        assert (await desk.call("POST", path, KARIN, {"overlap_hours": 25})).status_code == 400


async def test_no_secret_lies_open_in_the_database(desk: Desk) -> None:
    async with receiving() as receiver:
        made = await webhook(desk, receiver, "v1")
        secret = base64.b64decode(made["webhook"]["keys"][0]["secret"].removeprefix("whsec_"))
        async with desk.database.connection() as conn:
            rows = await conn.fetch("select * from notifications.webhook_keys")
        (row,) = [dict(row) for row in rows]
        assert secret not in row["sealed"]
        assert row["public"] is None


async def test_who_does_not_agree_gets_nothing_until_it_does_and_then_everything(desk: Desk) -> None:
    async with receiving() as receiver:
        receiver.agrees = False
        made = await webhook(desk, receiver)
        assert (made["webhook"]["state"], made["webhook"]["reason"]) == ("pending", "refused")
        await allowed(desk, ONE)
        for _ in range(2):
            await desk.append(ONE)
        path = f"/v1/subscriptions/{made['id']}"
        assert (await desk.call("POST", f"{path}/tests", KARIN)).status_code == 409
        assert receiver.got == []
        receiver.agrees = True
        opened = await desk.call("PATCH", path, KARIN, {"state": "active"})
        assert opened.json()["webhook"]["state"] == "active"
        await desk.settle()
        assert receiver.sequences == [1, 2]


async def test_a_test_delivery_is_about_nobody_and_tells_how_it_went(desk: Desk) -> None:
    async with receiving() as receiver:
        made = await webhook(desk, receiver)
        path = f"/v1/subscriptions/{made['id']}/tests"
        told = await desk.call("POST", path, KARIN)
        (got,) = receiver.got
        assert told.json() == {"state": "accepted", "webhook_id": got.id, "status": 204}
        assert (got.event["type"], got.event["subject"]) == (
            "nl.dossier.subscription.tested",
            f"subscription/{made['id']}",
        )
        check_v1a(made["webhook"]["keys"][0]["public_key"], got)
        receiver.behave = status(500)
        told = await desk.call("POST", path, KARIN)
        assert (told.status_code, told.json()["state"], told.json()["status"]) == (200, "failed", 500)
        assert (await shown(desk, made))["state"] == "active"
        assert (await desk.call("POST", path, "gemeente/bob")).status_code == 404
        pull = (await desk.call("POST", "/v1/subscriptions", KARIN, {"channel": "pull"})).json()["id"]
        assert (await desk.call("POST", f"/v1/subscriptions/{pull}/tests", KARIN)).status_code == 409


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
            await pass_(desk, seconds=pause)
            assert len(receiver.got) == attempts
        assert len({got.id for got in receiver.got}) == 1
        assert (await log_of(desk, made))[0]["sending"]["attempts"] == 5
        receiver.behave = None
        await pass_(desk, hours=6)
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
        await pass_(desk, days=2)
        assert len(receiver.got) == 1
        assert [item["state"] for item in await log_of(desk, made)] == ["delivered"]


async def test_who_asks_to_wait_is_given_time_by_every_lane(desk: Desk) -> None:
    async with receiving(in_turn(status(429, Retry_After="600"), status(204))) as receiver:
        made = await webhook(desk, receiver)
        await allowed(desk, ONE, TWO)
        await desk.append(ONE)
        await desk.append(TWO)
        assert len(receiver.got) == 1
        await pass_(desk, seconds=599)
        assert len(receiver.got) == 1
        await pass_(desk, seconds=1)
        assert len(receiver.got) == 3
        assert {item["state"] for item in await log_of(desk, made)} == {"delivered"}


async def test_410_retires_and_nothing_is_dropped(desk: Desk) -> None:
    async with receiving(status(410)) as receiver:
        made = await webhook(desk, receiver)
        await allowed(desk, ONE)
        await desk.append(ONE)
        assert ((await shown(desk, made))["state"], (await shown(desk, made))["reason"]) == ("retired", "gone")
        receiver.behave = None
        await pass_(desk, days=9)
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
        await pass_(desk, seconds=6)
        assert len(receiver.got) == before + 1, "one lane is tried"
        await pass_(desk, days=5)
        stands = await shown(desk, made)
        assert (stands["state"], stands["reason"]) == ("paused", "refused")
        assert stands["failing_since"] == "2026-01-01T00:00:00Z"
        silent = len(receiver.got)
        await pass_(desk, days=30)
        assert len(receiver.got) == silent
        receiver.behave = None
        await desk.call("POST", f"/v1/subscriptions/{made['id']}/replays", KARIN)
        await desk.settle()
        assert (await shown(desk, made))["state"] == "active"
        assert {got.event["subject"] for got in receiver.got[silent:]} == {f"dossier/{id}" for id in dossiers}
        assert len(await log_of(desk, made, state="delivered")) == 30


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


async def test_what_may_no_longer_be_known_is_not_sent_again(desk: Desk) -> None:
    async with receiving(in_turn(status(500), status(204))) as receiver:
        made = await webhook(desk, receiver)
        await allowed(desk, ONE)
        for _ in range(2):
            await desk.append(ONE)
        await desk.dossiers.withdraw(ONE, "gemeente")
        await pass_(desk, days=1)
        assert len(receiver.got) == 1
        assert await log_of(desk, made) == []
        async with desk.database.connection() as conn:
            rows = await conn.fetch("select sequence, state, number from notifications.deliveries order by sequence")
            assert await conn.fetchval("select count(*) from fake.ledger") == 1
        assert [tuple(row) for row in rows] == [(1, "dropped", 1), (2, "dropped", None)]
        await allowed(desk, ONE)
        await desk.append(ONE)
        assert receiver.sequences == [1, 2], "a number that may have been seen is never another's"


async def test_a_replay_comes_under_the_same_id_and_number(desk: Desk) -> None:
    async with receiving() as receiver:
        made = await webhook(desk, receiver)
        await allowed(desk, ONE)
        for _ in range(2):
            await desk.append(ONE)
        first = [(got.id, got.body) for got in receiver.got]
        await desk.call("POST", f"/v1/subscriptions/{made['id']}/replays", KARIN)
        await desk.settle()
        assert [(got.id, got.body) for got in receiver.got] == first * 2
        await desk.dossiers.withdraw(ONE, "gemeente")
        await desk.call("POST", f"/v1/subscriptions/{made['id']}/replays", KARIN)
        await desk.settle()
        assert len(receiver.got) == 4


async def test_one_that_hangs_holds_up_nobody_else(desk: Desk) -> None:
    async with receiving(hang) as slow, receiving() as quick:
        await webhook(desk, slow, who="traag/")
        await webhook(desk, quick, who="vlug/")
        await allowed(desk, ONE, to="traag")
        await desk.place(ONE)
        turn = desk.start(desk.deliverer.run_once())
        await desk.until(lambda: len(slow.got) == 1)
        await allowed(desk, TWO, to="vlug")
        await desk.place(TWO)
        await desk.until(lambda: len(quick.got) == 1)
        assert not turn.done()
        slow.released.set()
        await turn


async def test_what_comes_while_an_answer_is_written_down_is_sent_too(desk: Desk) -> None:
    """Whoever puts it in the lane holds the lane's row: who completes has to look after that, not before."""
    async with receiving(in_turn(held_answer, status(204))) as receiver:
        await webhook(desk, receiver)
        await allowed(desk, ONE)
        await desk.place(ONE)
        turn = desk.start(desk.deliverer.run_once())
        await desk.until(lambda: len(receiver.got) == 1)
        await desk.dossiers.append(ONE)
        async with desk.database.transaction() as conn:
            placing = Placing(conn, desk.dossiers)
            placing.touch(await placing.place(ONE, 2))
            await placing.finish()
            receiver.released.set()
            await desk.until_async(lambda: desk.fetchval(HOW_MANY_WAIT))
        await turn
        await desk.deliverer.run_once()
        assert receiver.sequences == [1, 2]


@pytest.mark.parametrize("behave", [held_answer, hang])
async def test_an_answer_that_comes_while_the_database_is_away_is_written_down_when_it_is_back(
    desk: Desk, server: Server, monkeypatch: pytest.MonkeyPatch, behave: Behaviour
) -> None:
    """Without waiting for a lease, and without sending again what was accepted."""
    troubles = list[Exception]()

    def passes(error: Exception) -> bool:
        troubles.append(error)
        return trouble.passes(error)

    monkeypatch.setattr(courier, "passes", passes)
    async with receiving(in_turn(behave, status(204))) as receiver:
        made = await webhook(desk, receiver)
        await allowed(desk, ONE)
        await desk.place(*[ONE] * 2)
        turn = desk.start(desk.deliverer.run_once())
        await desk.until(lambda: len(receiver.got) == 1)
        async with shut(server, desk.database.url):
            receiver.released.set()
            await desk.until(lambda: len(troubles) > 1)
            with pytest.raises(AWAY):
                await turn
        await desk.deliverer.run_once()
        async with desk.database.connection() as conn:
            await advance(conn, NOW + timedelta(minutes=1))
        await desk.deliverer.run_once()
        assert receiver.sequences == ([1, 2] if behave is held_answer else [1, 1, 2])
        assert [item["state"] for item in await log_of(desk, made)] == ["delivered"] * 2


async def test_whoever_places_what_comes_next_waits_for_no_decision(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    deciding, decide = asyncio.Event(), asyncio.Event()
    delivered = desk.dossiers.delivered

    async def slowly(conn: Connection, one: Candidates) -> Mapping[int, Thin]:
        deciding.set()
        await decide.wait()
        return await delivered(conn, one)

    monkeypatch.setattr(desk.dossiers, "delivered", slowly)
    async with receiving() as receiver:
        await webhook(desk, receiver)
        await allowed(desk, ONE)
        await desk.place(ONE)
        turn = desk.start(desk.deliverer.run_once())
        await deciding.wait()
        await desk.dossiers.append(ONE)
        await desk.relay.run_once()
        assert await desk.notifier.run_once() == 1
        decide.set()
        await turn
        assert receiver.sequences == [1, 2]


async def test_one_that_cannot_be_decided_stands_still_alone_and_goes_on_in_order(desk: Desk) -> None:
    """Also where it is decided together with others: of the same receiver, and of the same dossier."""
    async with receiving() as receiver, receiving() as other:
        await webhook(desk, receiver)
        await webhook(desk, other, who="vlug/")
        await allowed(desk, ONE, TWO)
        await allowed(desk, ONE, to="vlug")
        desk.dossiers.broken.add((ONE, 2))
        for dossier in (ONE, TWO, ONE, TWO, ONE, TWO):
            await desk.dossiers.append(dossier)
        await desk.settle()

        def got_of(dossier: UUID) -> list[int]:
            return [int(g.event["sequence"]) for g in receiver.got if g.event["subject"] == f"dossier/{dossier}"]

        assert (got_of(ONE), got_of(TWO), other.sequences) == ([1], [1, 2, 3], [1])
        parked = "select count(*) from notifications.lanes where parked_at is not null and reason = 'LookupError'"
        assert await desk.fetchval(parked) == 2
        desk.dossiers.broken.clear()
        await desk.settle()
        assert got_of(ONE) == [1], "nothing goes on by itself"
        async with desk.database.connection() as conn:
            assert len(await resume_lanes(conn, {ONE})) == 2
        await desk.settle()
        assert (got_of(ONE), other.sequences) == ([1, 2, 3], [1, 2, 3])


async def test_a_sender_that_comes_back_after_its_lease_changes_nothing(desk: Desk) -> None:
    async with receiving(in_turn(hang, status(204))) as receiver:
        made = await webhook(desk, receiver)
        await allowed(desk, ONE)
        await desk.place(*[ONE] * 2)
        turn = desk.start(Deliverer(desk.database, desk.deliverer._courier, lease=1.0).run_once())
        await desk.until(lambda: len(receiver.got) == 3)
        receiver.released.set()
        await turn
        assert receiver.sequences == [1, 1, 2]
        log = await log_of(desk, made)
        assert [(item["state"], item["sending"].get("reason")) for item in log] == [("delivered", None)] * 2
        assert "failing_since" not in await shown(desk, made), "its failure is nobody's any more"


async def test_a_receiver_gets_no_more_a_minute_than_it_allowed(desk: Desk) -> None:
    async with receiving() as receiver:
        receiver.rate = "2"
        made = await webhook(desk, receiver)
        assert made["webhook"]["rate"] == 2
        await allowed(desk, ONE, TWO)
        for dossier in (ONE, TWO, ONE):
            await desk.append(dossier)
        assert len(receiver.got) == 1


async def test_what_cannot_be_a_webhook_is_said_by_field(desk: Desk) -> None:
    good = {"channel": "webhook", "endpoint": "https://example.org/"}
    for body, pointer in (
        ({"channel": "webhook"}, "/endpoint"),
        (good | {"endpoint": "http://example.org/hook"}, "/endpoint"),
        (good | {"endpoint": "https://example.org:22/hook"}, "/endpoint"),
        (good | {"endpoint": "https://10.0.0.1/hook"}, "/endpoint"),
        (good | {"endpoint": "https://u:p@example.org/hook"}, "/endpoint"),
        (good | {"endpoint": "https://example.org/hook?token=x"}, "/endpoint"),
        (good | {"signatures": []}, "/signatures"),
        (good | {"signatures": ["v2"]}, "/signatures/0"),
        (good | {"channel": "pull"}, "/endpoint"),
    ):
        answer = await desk.call("POST", "/v1/subscriptions", KARIN, body)
        assert answer.status_code == 400
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
        assert "u:p" not in answer.text
    pull = (await desk.call("POST", "/v1/subscriptions", KARIN, {"channel": "pull"})).json()["id"]
    assert (await desk.call("PATCH", f"/v1/subscriptions/{pull}", KARIN, {"state": "active"})).status_code == 400
    assert (await desk.call("POST", f"/v1/subscriptions/{pull}/keys", KARIN)).status_code == 409


async def test_an_ended_webhook_leaves_nothing(desk: Desk) -> None:
    async with receiving(status(500)) as receiver:
        made = await webhook(desk, receiver)
        await allowed(desk, ONE)
        await desk.append(ONE)
        assert (await desk.call("DELETE", f"/v1/subscriptions/{made['id']}", KARIN)).status_code == 204
        await pass_(desk, days=1)
        assert len(receiver.got) == 1
        async with desk.database.connection() as conn:
            for table in ("deliveries", "lanes", "webhooks", "webhook_keys"):
                assert await conn.fetchval(f"select count(*) from notifications.{table}") == 0
