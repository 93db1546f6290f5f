"""A webhook from its owner to its receiver: agreed first, signed, with keys that are replaced, and ended."""

import base64
import json
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError

from tests.desk import Desk
from tests.receivers import Got, receiving, status
from tests.webhooks import KARIN, ONE, allowed, log_of, shown, time_passes, webhook

pytestmark = pytest.mark.anyio

THIN = {"specversion", "id", "source", "type", "subject", "time", "sequence", "sequencetype", "dataref"}


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
        await time_passes(desk, days=1)
        assert len(receiver.got) == 1
        async with desk.database.connection() as conn:
            for table in ("deliveries", "lanes", "webhooks", "webhook_keys"):
                assert await conn.fetchval(f"select count(*) from notifications.{table}") == 0
