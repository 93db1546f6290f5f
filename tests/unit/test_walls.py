"""What a webhook may be sent to: every odd way to write an address, and every answer that a resolver may give."""

import ipaddress
from collections.abc import Sequence

import pytest

from services.notifications.webhooks.walls import NoEndpoint, Target, Unsafe, Walls, is_forbidden

pytestmark = pytest.mark.anyio

WALLS, HERE = Walls(), Walls(to_this_machine=True)
HOOK = Target(True, "hook.example.org", 443, "/")
PUBLIC = "93.184.216.34"

INSIDE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:93.184.216.34",
    "::ffff:0:7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b::93.184.216.34",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:5db8:d822::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "2a00:1450::1%eth0",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize(
    "url",
    [
        "http://hook.example.org/",
        "ftp://hook.example.org/",
        "//hook.example.org/",
        "hook.example.org",
        "https://",
        "https:///path",
        "https://hook",
        "https://localhost/",
        "https://hook.example.org:22/",
        "https://hook.example.org:0/",
        "https://hook.example.org:80/",
        "https://hook.example.org:99999/",
        "https://hook.example.org:x/",
        "https://user@hook.example.org/",
        "https://hook.example.org@evil.example.org/",
        "https://hook.example.org\\@evil.example.org/",
        "https://hook.example.org/?token=x",
        "https://hook.example.org/#x",
        "https://hook.example.org/a b",
        "https://hook.example.org/\r\nHost: x",
        "https://hook.example.org/é",
        "https://höok.example.org/",
        "https://１２７.0.0.1/",
        "https://-hook.example.org/",
        "https://hook_.example.org/",
        "https://127%2e0.0.1/",
        "https://2130706433/",
        "https://127.1/",
        "https://127.0.1/",
        "https://0177.0.0.1/",
        "https://017700000001/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://127.0.0.0x1/",
        "https://1.2.3.4.5/",
        "https://256.1.1.1/",
        "https://hook.example.123/",
        "https://127.0.0.1./",
        "https://[::1",
        "https://hook.example.org/" + "a" * 1000,
        *(f"https://[{each}]/" if ":" in each else f"https://{each}/" for each in INSIDE),
    ],
)
def test_what_is_no_address_of_a_receiver(url: str) -> None:
    with pytest.raises(NoEndpoint) as refused:
        WALLS.target(url)
    assert "hook.example.org" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://hook.example.org", HOOK),
        ("https://HOOK.example.org./", HOOK),
        ("https://hook.example.org:8443/a/b", Target(True, "hook.example.org", 8443, "/a/b")),
        ("https://xn--hok-tna.example.org/", Target(True, "xn--hok-tna.example.org", 443, "/")),
        (f"https://{PUBLIC}/", Target(True, PUBLIC, 443, "/")),
        ("https://[2a00:1450:400e::1]/", Target(True, "2a00:1450:400e::1", 443, "/")),
    ],
)
def test_what_is_one(url: str, target: Target) -> None:
    assert WALLS.target(url) == target


def test_this_machine_is_reached_where_that_is_set_and_the_rest_of_the_house_is_not() -> None:
    assert HERE.target("http://127.0.0.1:9000/x") == Target(False, "127.0.0.1", 9000, "/x")
    assert HERE.target("http://localhost/") == Target(False, "localhost", 80, "/")
    assert HERE.target("https://[::1]:9000/").authority == "[::1]:9000"
    for url in ("http://10.0.0.1/", "http://example.org/", "https://169.254.169.254/", "http://[::ffff:127.0.0.1]/"):
        with pytest.raises(NoEndpoint):
            HERE.target(url)


@pytest.mark.parametrize("inside", INSIDE)
@pytest.mark.parametrize("walls", [WALLS, HERE])
async def test_one_bad_answer_of_a_resolver_spoils_them_all(walls: Walls, inside: str) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        assert (host, port) == ("hook.example.org", 443)
        return [PUBLIC, inside]

    with pytest.raises(Unsafe):
        await walls.pinned(HOOK, resolve)


async def test_what_is_good_is_pinned_and_asked_for_once() -> None:
    asked = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return [PUBLIC, "2a00:1450:400e::1"]

    assert await WALLS.pinned(HOOK, resolve) == PUBLIC
    assert asked == ["hook.example.org"]


@pytest.mark.parametrize("answer", [[], ["nonsense"], OSError(), UnicodeError()])
async def test_a_name_that_leads_nowhere_is_not_followed(answer: object) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, list)
        return answer

    with pytest.raises(Unsafe):
        await WALLS.pinned(HOOK, resolve)


async def test_an_address_written_out_is_checked_without_a_resolver() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        raise AssertionError

    assert await WALLS.pinned(Target(True, PUBLIC, 443, "/"), resolve) == PUBLIC
    with pytest.raises(Unsafe):
        await WALLS.pinned(Target(True, "127.0.0.1", 443, "/"), resolve)


async def test_localhost_leads_to_this_machine_or_nowhere() -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["10.0.0.7"]

    with pytest.raises(Unsafe):
        await HERE.pinned(Target(False, "localhost", 80, "/"), resolve)


def test_the_public_internet_is_allowed() -> None:
    for each in (PUBLIC, "8.8.8.8", "2a00:1450:400e::1", "2606:4700::1111"):
        assert not is_forbidden(ipaddress.ip_address(each))
