"""Settings: every fault named at once, no value in any text, nothing secret by default."""

import base64
from pathlib import Path

import pytest

from services.foundation.settings import Settings, SettingsFault

KEY = bytes(range(32))
KEY_TEXT = base64.b64encode(KEY).decode()
MAIN = "postgresql://draad:pass-word@db.example.org/draad"
KEYS = "postgresql://draad:pass-word@db.example.org/draad_keys"


def read(**variables: str) -> Settings:
    return Settings.from_environment(variables)


def faults(**variables: str) -> tuple[str, ...]:
    with pytest.raises(SettingsFault) as refused:
        read(**variables)
    return refused.value.faults


def test_without_settings_everything_is_embedded_and_nothing_secret_is_there() -> None:
    settings = read()
    assert settings == Settings()
    assert settings.embedded
    assert settings.root_key is None
    assert settings.log_level == "info"


def test_days_are_a_number() -> None:
    assert read(DRAAD_OUTBOX_DAYS="3").outbox_days == 3
    for wrong in ("0", "-1", "x", "1.5", "10000000"):
        assert faults(DRAAD_OUTBOX_DAYS=wrong) == ("DRAAD_OUTBOX_DAYS is not a number of days: write 1 or more.",)


def test_no_secret_shows() -> None:
    settings = read(DRAAD_DATABASE_URL=MAIN, DRAAD_KEYS_DATABASE_URL=KEYS, DRAAD_ROOT_KEY=KEY_TEXT)
    assert settings.database_url == MAIN
    assert settings.root_key == KEY
    assert "pass-word" not in repr(settings)
    assert "root_key" not in repr(settings)
    assert "\\x01" not in repr(settings)


@pytest.mark.parametrize(
    "keys",
    [
        MAIN,
        "postgres://other:else@DB.example.org:5432/draad",
        "postgresql://draad@db.example.org./draad?sslmode=require",
    ],
)
def test_the_key_database_is_another_database(keys: str) -> None:
    (fault,) = faults(DRAAD_DATABASE_URL=MAIN, DRAAD_KEYS_DATABASE_URL=keys)
    assert "a database of their own" in fault


@pytest.mark.parametrize("name", ["DRAAD_DATABASE_URL", "DRAAD_KEYS_DATABASE_URL"])
def test_one_database_alone_is_refused(name: str) -> None:
    assert faults(**{name: MAIN}) == ("Set both DRAAD_DATABASE_URL and DRAAD_KEYS_DATABASE_URL, or neither of them.",)


def test_a_root_key_comes_from_a_file_or_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "root.key"
    file.touch(0o600)
    for content in (KEY, KEY_TEXT.encode(), f"{KEY_TEXT}\n".encode()):
        file.write_bytes(content)
        assert read(DRAAD_ROOT_KEY_FILE=str(file)).root_key == KEY
    assert read(DRAAD_ROOT_KEY=KEY_TEXT).root_key == KEY


def test_a_root_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "root.key"
    file.write_bytes(KEY)
    file.chmod(0o640)
    assert faults(DRAAD_ROOT_KEY_FILE=str(file)) == (
        "DRAAD_ROOT_KEY_FILE must be a regular file that only its owner may read: chmod 600 it.",
    )


@pytest.mark.parametrize("key", ["too-short", "x" * 32, base64.b64encode(bytes(16)).decode(), "é" * 44])
def test_a_root_key_that_is_none_is_refused(key: str) -> None:
    (fault,) = faults(DRAAD_ROOT_KEY=key)
    assert fault == "DRAAD_ROOT_KEY does not hold 32 bytes: make a key with `openssl rand -base64 32`."


def test_every_fault_is_named_at_once_and_no_value_is(tmp_path: Path) -> None:
    found = faults(
        DRAAD_DATABASE_URL="mysql://canary@host/canary",
        DRAAD_KEYS_DATABASE_URL="postgresql://canary@host",
        DRAAD_ISSUER="http://canary.example.org",
        DRAAD_PUBLIC_URL="canary",
        DRAAD_KAFKA="canary",
        DRAAD_LOG_LEVEL="canary",
        DRAAD_ROOT_KEY_FILE=str(tmp_path / "canary"),
    )
    assert len(found) == 7
    assert "canary" not in "".join(found)


def test_a_root_key_from_two_places_is_refused() -> None:
    assert faults(DRAAD_ROOT_KEY=KEY_TEXT, DRAAD_ROOT_KEY_FILE="x") == (
        "Set DRAAD_ROOT_KEY_FILE or DRAAD_ROOT_KEY, not both.",
    )


def test_the_rest_is_read_as_documented() -> None:
    settings = read(
        DRAAD_ISSUER="http://localhost:8700/issuer",
        DRAAD_PUBLIC_URL="https://draad.example.org/",
        DRAAD_KAFKA="one:9092, two:9092,[::1]:9092",
        DRAAD_LOG_LEVEL="DEBUG",
        DRAAD_PORTAL_SOURCE=" urn:example:portal ",
        DRAAD_AUDIENCE="",
    )
    assert settings.issuer == "http://localhost:8700/issuer"
    assert settings.public_url == "https://draad.example.org"
    assert settings.kafka == ("one:9092", "two:9092", "[::1]:9092")
    assert settings.log_level == "debug"
    assert settings.portal_source == "urn:example:portal"
    assert settings.audience is None


def test_every_setting_stands_in_the_table() -> None:
    text = Settings.__doc__ or ""
    for name in (*Settings.__dataclass_fields__, "root_key_file"):
        assert f"`DRAAD_{name.upper()}`" in text
