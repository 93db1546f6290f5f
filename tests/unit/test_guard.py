"""What may start with which settings: every combination (identity.md §6)."""

from dataclasses import replace
from itertools import product

import pytest

from services.foundation.settings import Settings
from services.roots.guard import LOOPBACK, NotStarted, against_sandbox, against_serve, demand_sandbox, demand_serve

HOSTS = ("127.0.0.1", "::1", "0.0.0.0", "192.0.2.7")
URL = "postgresql://localhost/draad"
KEYS = "postgresql://localhost/keys"

Row = tuple[bool, bool, str, bool, bool]
PRODUCT: list[Row] = list(product((True, False), (True, False), HOSTS, (True, False), (True, False)))


def settings(*, issuer: bool = False, database: bool = False, public: bool = False) -> Settings:
    return Settings(
        issuer="https://login.example.org" if issuer else None,
        database_url=URL if database else None,
        keys_database_url=KEYS if database else None,
        public_url="https://draad.example.org" if public else None,
        audience="draad",
        root_key=bytes(32),
    )


def starts(row: Row) -> bool:
    sandbox, issuer, host, database, public = row
    found = settings(issuer=issuer, database=database, public=public)
    return not (against_sandbox(found, host) if sandbox else against_serve(found))


def test_of_all_combinations_eighteen_start_and_two_of_them_are_a_sandbox() -> None:
    started = [row for row in PRODUCT if starts(row)]

    assert len(PRODUCT) == 64
    assert len(started) == 18
    assert [row for row in started if row[0]] == [(True, False, host, False, False) for host in LOOPBACK]
    assert all(issuer for sandbox, issuer, *_ in started if not sandbox)


@pytest.mark.parametrize("row", PRODUCT)
def test_what_does_not_start_says_what_to_do(row: Row) -> None:
    sandbox, issuer, host, database, public = row
    found = settings(issuer=issuer, database=database, public=public)
    reasons = against_sandbox(found, host) if sandbox else against_serve(found)
    said = " ".join(reasons)

    if sandbox:
        assert len(reasons) == issuer + (host not in LOOPBACK) + database + public
        assert ("DRAAD_ISSUER" in said) == issuer
        assert ("DRAAD_DATABASE_URL" in said) == database
        assert ("DRAAD_PUBLIC_URL" in said) == public
    elif not issuer:
        assert len(reasons) == 1
        assert "draad sandbox" in said
        assert "DRAAD_ISSUER" in said


def without(missing: str) -> Settings:
    whole = settings(issuer=True)
    gone: dict[str, Settings] = {
        "issuer": replace(whole, issuer=None),
        "audience": replace(whole, audience=None),
        "root_key": replace(whole, root_key=None),
    }
    return gone[missing]


@pytest.mark.parametrize("missing", ["issuer", "audience", "root_key"])
def test_serve_needs_issuer_audience_and_root_key(missing: str) -> None:
    with pytest.raises(NotStarted) as refused:
        demand_serve(without(missing))

    assert f"DRAAD_{missing.upper()}" in str(refused.value)
    assert "draad sandbox" in str(refused.value)


def test_the_bus_of_real_people_is_not_that_of_a_sandbox() -> None:
    with_kafka = replace(settings(), kafka=("broker:9092",))

    demand_serve(replace(with_kafka, issuer="https://login.example.org"))
    with pytest.raises(NotStarted, match="DRAAD_KAFKA"):
        demand_sandbox(with_kafka, "127.0.0.1")
