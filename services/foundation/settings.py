"""What is configured: read once from the environment, by the composition roots."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from services.foundation.vault.root_key import RootKeyRefused, parse_key, read_key

LOG_LEVELS = ("debug", "info", "warning", "error")
DATABASE_SCHEMES = ("postgresql", "postgres")


class SettingsFault(Exception):
    """The settings cannot be used; every fault is named, no value is."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(faults))


@dataclass(frozen=True)
class Settings:
    """The settings of every Draad process. All of them are environment variables; nothing secret has a default.

    | variable | meaning | unit | when unset |
    | --- | --- | --- | --- |
    | `DRAAD_DATABASE_URL` | the main database: events, grants, deliveries | `postgresql://` URL of PostgreSQL 15 or newer | embedded PostgreSQL |
    | `DRAAD_KEYS_DATABASE_URL` | the key database: wrapped keys, with backups of its own | `postgresql://` URL, another database than the main one | embedded PostgreSQL |
    | `DRAAD_ISSUER` | who issues the tokens of callers; must equal their `iss` | `https://` URL | `draad serve` does not start |
    | `DRAAD_AUDIENCE` | what the tokens are for; must be in their `aud` | text | `draad serve` does not start |
    | `DRAAD_ROOT_KEY_FILE` | file with the root key that wraps all other keys | path, mode 0600; 32 bytes, in base64 or as they are | see `DRAAD_ROOT_KEY` |
    | `DRAAD_ROOT_KEY` | the root key itself, where a file is not possible | 32 bytes in base64 | `draad serve` does not start |
    | `DRAAD_PUBLIC_URL` | the address under which the world reaches this API | `http(s)://` URL without a path | the address that it listens on |
    | `DRAAD_KAFKA` | the brokers of the bus | `host:port`, parted by commas | the bus is a PostgreSQL table |
    | `DRAAD_KAFKA_CA_FILE` | the authority that made the certificates of the brokers; with it they are spoken to over TLS | path of a PEM file | no TLS: only on a network of your own |
    | `DRAAD_KAFKA_USER` | who Draad is for the brokers (SCRAM-SHA-512); only with TLS | text | no password is asked for |
    | `DRAAD_KAFKA_PASSWORD_FILE` | file with the password of that user | path | see `DRAAD_KAFKA_PASSWORD` |
    | `DRAAD_KAFKA_PASSWORD` | the password itself, where a file is not possible | text | no password is asked for |
    | `DRAAD_OUTBOX_DAYS` | how long what was published stays in the outbox | days, 1 or more | 14 |
    | `DRAAD_WEBHOOK_CA_FILE` | an authority for the certificates of receivers of webhooks, beside those of the system | path of a PEM file | those of the system alone |
    | `DRAAD_WEBHOOK_LOOPBACK` | for development only: webhooks may go to this machine too, over http and to any port | `allow` | they go to the public internet alone, over https |
    | `DRAAD_LOG_LEVEL` | how much is logged; never a value of an event | `debug`, `info`, `warning` or `error` | `info` |
    | `DRAAD_PORTAL_SOURCE` | the `source` of events that people record through this installation | URI | events carry the source of their writer |
    """  # noqa: E501 - a row of a table is one line

    database_url: str | None = field(default=None, repr=False)
    keys_database_url: str | None = field(default=None, repr=False)
    issuer: str | None = None
    audience: str | None = None
    root_key: bytes | None = field(default=None, repr=False)
    public_url: str | None = None
    kafka: tuple[str, ...] = ()
    kafka_ca_file: Path | None = None
    kafka_user: str | None = None
    kafka_password: str | None = field(default=None, repr=False)
    outbox_days: int = 14
    webhook_ca_file: Path | None = None
    webhook_loopback: bool = False
    log_level: str = "info"
    portal_source: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read all settings, or say everything that is wrong with them."""
        given = {
            name: value.strip()
            for name, value in (os.environ if environment is None else environment).items()
            if value.strip()
        }
        faults: list[str] = []
        settings = cls(
            database_url=_database(given, "DRAAD_DATABASE_URL", faults),
            keys_database_url=_database(given, "DRAAD_KEYS_DATABASE_URL", faults),
            issuer=_url(given, "DRAAD_ISSUER", faults),
            audience=given.get("DRAAD_AUDIENCE"),
            root_key=_root_key(given, faults),
            public_url=_public_url(given, faults),
            kafka=_brokers(given, faults),
            kafka_ca_file=Path(given["DRAAD_KAFKA_CA_FILE"]) if "DRAAD_KAFKA_CA_FILE" in given else None,
            kafka_user=given.get("DRAAD_KAFKA_USER"),
            kafka_password=_kafka_password(given, faults),
            outbox_days=_days(given, "DRAAD_OUTBOX_DAYS", 14, faults),
            webhook_ca_file=Path(given["DRAAD_WEBHOOK_CA_FILE"]) if "DRAAD_WEBHOOK_CA_FILE" in given else None,
            webhook_loopback=_webhook_loopback(given, faults),
            log_level=_log_level(given, faults),
            portal_source=given.get("DRAAD_PORTAL_SOURCE"),
        )
        faults += settings._faults_between()
        if faults:
            raise SettingsFault(faults)
        return settings

    @property
    def embedded(self) -> bool:
        """Whether both databases are the embedded ones."""
        return self.database_url is None

    def _faults_between(self) -> list[str]:
        return [*self._faults_between_databases(), *self._faults_about_kafka()]

    def _faults_about_kafka(self) -> list[str]:
        if (self.kafka_user is None) != (self.kafka_password is None):
            return ["Set both DRAAD_KAFKA_USER and DRAAD_KAFKA_PASSWORD_FILE, or neither of them."]
        if self.kafka_user and self.kafka_ca_file is None:
            return ["DRAAD_KAFKA_USER needs DRAAD_KAFKA_CA_FILE: a password goes over TLS only."]
        return []

    def _faults_between_databases(self) -> list[str]:
        if (self.database_url is None) != (self.keys_database_url is None):
            return ["Set both DRAAD_DATABASE_URL and DRAAD_KEYS_DATABASE_URL, or neither of them."]
        if self.database_url and self.keys_database_url and _same(self.database_url, self.keys_database_url):
            return [
                "DRAAD_KEYS_DATABASE_URL names the main database: keys must lie in a database of their own, "
                "or whoever restores the one restores the other."
            ]
        return []


def _database(given: Mapping[str, str], name: str, faults: list[str]) -> str | None:
    value = given.get(name)
    if value and (urlsplit(value).scheme not in DATABASE_SCHEMES or not _database_name(value)):
        faults.append(f"{name} is not the URL of a database: write postgresql://user:password@host:5432/database.")
        return None
    return value


def _database_name(url: str) -> str:
    return urlsplit(url).path.strip("/")


def _same(one: str, other: str) -> bool:
    """Whether two URLs name one database, whoever logs in and however it is written."""
    return _place(one) == _place(other)


def _place(url: str) -> tuple[str, int, str, str]:
    parts = urlsplit(url)
    host = (parts.hostname or "").removesuffix(".")
    return {"127.0.0.1": "localhost", "::1": "localhost"}.get(host, host), _port(url), _database_name(url), _socket(url)


def _port(url: str) -> int:
    try:
        return urlsplit(url).port or 5432
    except ValueError:
        return 5432


def _socket(url: str) -> str:
    return ",".join(part for part in urlsplit(url).query.split("&") if part.startswith(("host=", "port=")))


def _url(given: Mapping[str, str], name: str, faults: list[str]) -> str | None:
    value = given.get(name)
    parts = urlsplit(value or "")
    local = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
    if value and not (parts.hostname and (parts.scheme == "https" or local)):
        faults.append(f"{name} is not an https:// URL (http:// only for localhost).")
        return None
    return value


def _public_url(given: Mapping[str, str], faults: list[str]) -> str | None:
    value = given.get("DRAAD_PUBLIC_URL")
    parts = urlsplit(value or "")
    if value and (parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query):
        faults.append("DRAAD_PUBLIC_URL is not an address: write https://host, without a path.")
        return None
    return value.rstrip("/") if value else None


def _root_key(given: Mapping[str, str], faults: list[str]) -> bytes | None:
    file, value = given.get("DRAAD_ROOT_KEY_FILE"), given.get("DRAAD_ROOT_KEY")
    if file and value:
        faults.append("Set DRAAD_ROOT_KEY_FILE or DRAAD_ROOT_KEY, not both.")
        return None
    try:
        if file:
            return read_key(Path(file))
        return parse_key(value) if value else None
    except RootKeyRefused as refused:
        faults.append(f"{'DRAAD_ROOT_KEY_FILE' if file else 'DRAAD_ROOT_KEY'} {refused}")
        return None


def _brokers(given: Mapping[str, str], faults: list[str]) -> tuple[str, ...]:
    brokers = tuple(part.strip() for part in given.get("DRAAD_KAFKA", "").split(",") if part.strip())
    for broker in brokers:
        host, _, port = broker.rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            faults.append("DRAAD_KAFKA is not a list of host:port, parted by commas.")
            break
    return brokers


def _kafka_password(given: Mapping[str, str], faults: list[str]) -> str | None:
    file = given.get("DRAAD_KAFKA_PASSWORD_FILE")
    if file is None:
        return given.get("DRAAD_KAFKA_PASSWORD")
    try:
        return Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError):
        faults.append("DRAAD_KAFKA_PASSWORD_FILE cannot be read.")
        return None


def _days(given: Mapping[str, str], name: str, default: int, faults: list[str]) -> int:
    value = given.get(name, str(default))
    if value.isascii() and value.isdigit() and 0 < int(value[:6]) < 100_000:
        return int(value)
    faults.append(f"{name} is not a number of days: write 1 or more.")
    return default


def _webhook_loopback(given: Mapping[str, str], faults: list[str]) -> bool:
    value = given.get("DRAAD_WEBHOOK_LOOPBACK")
    if value not in (None, "allow"):
        faults.append("DRAAD_WEBHOOK_LOOPBACK is `allow` or unset.")
    return value == "allow"


def _log_level(given: Mapping[str, str], faults: list[str]) -> str:
    level = given.get("DRAAD_LOG_LEVEL", "info").lower()
    if level not in LOG_LEVELS:
        faults.append(f"DRAAD_LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}.")
    return level
