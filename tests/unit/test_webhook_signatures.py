"""Signatures as Standard Webhooks 1.0.0 has them: vectors, the package that receivers use, and nothing that leaks."""

import base64
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook

from services.notifications.webhooks.signatures import SigningKey, headers

BODY = b'{"specversion":"1.0"}'


def test_v1_is_what_the_package_signs() -> None:
    key = SigningKey.fresh("v1")
    at = datetime(2026, 1, 1, tzinfo=UTC)
    made = headers([key], "msg_1", int(at.timestamp()), BODY)
    assert key.shared is not None
    assert made["webhook-signature"] == Webhook(key.shared).sign("msg_1", at, BODY.decode())


def test_v1_of_the_example_of_the_specification() -> None:
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    made = headers([SigningKey("v1", secret)], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_v1a_is_checked_by_its_public_half_alone() -> None:
    key = SigningKey.fresh("v1a")
    made = headers([key], "msg_1", 1, BODY)
    version, _, signature = made["webhook-signature"].partition(",")
    assert version == "v1a"
    assert key.public is not None
    public = base64.b64decode(key.public.removeprefix("whpk_"))
    Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(signature), b"msg_1.1." + BODY)
    assert public != key.secret


def test_old_and_new_stand_side_by_side() -> None:
    made = headers([SigningKey.fresh("v1a"), SigningKey.fresh("v1"), SigningKey.fresh("v1a")], "msg_1", 1, BODY)
    assert [each.partition(",")[0] for each in made["webhook-signature"].split(" ")] == ["v1a", "v1", "v1a"]


def test_a_key_does_not_tell_itself() -> None:
    key = SigningKey("v1a", b"s" * 32)
    assert "ssss" not in repr(key)
    assert key.shared is None
    assert SigningKey("v1", b"s" * 32).public is None


def test_an_id_with_a_dot_would_be_ambiguous() -> None:
    with pytest.raises(AssertionError):
        headers([SigningKey.fresh("v1")], "a.b", 1, BODY)
