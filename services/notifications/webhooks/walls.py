"""Keeps webhooks from reaching into the house: which addresses are taken, and which of what they resolve to is safe.

An address is resolved once, every answer is checked, and the connection goes to the answer that was checked: a name
that resolves to something else a moment later (rebinding) leads nowhere.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

PORTS: Final = frozenset((443, 8443))
LONGEST_URL: Final = 1000
_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_PATH: Final = re.compile(r"[A-Za-z0-9/._~!$&'()*+,;=:@%-]*")

# Beside what `ipaddress` knows as not global: addresses that carry an IPv4 address inside, which a translator on the
# way would unpack, and ranges that reach only neighbours or nobody. Each of them could name this house.
_NEVER: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",  # unspecified, loopback, IPv4-compatible
        "::ffff:0:0/96",  # IPv4-mapped
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64, local
        "100::/64",
        "2001::/23",  # Teredo and other protocol assignments
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
    )
)


class NoEndpoint(Exception):
    """This cannot be the address of a receiver; the message says why, and holds nothing of the address."""


class Unsafe(Exception):
    """The name resolves, now, to an address that nothing may be sent to, or to none."""


@dataclass(frozen=True)
class Target:
    """A receiver, as it was asked for: nothing here is resolved yet."""

    is_tls: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """As the Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"


@dataclass(frozen=True)
class Walls:
    """`to_this_machine` is for development: receivers on a loopback address, over http and on any port, as well."""

    to_this_machine: bool = False

    def target(self, url: str) -> Target:
        """Raises NoEndpoint."""
        parts, port = _split(url)
        host = (parts.hostname or "").removesuffix(".")
        number = _number(host)
        if self.to_this_machine and (host == "localhost" or (number is not None and number.is_loopback)):
            usual = 443 if parts.scheme == "https" else 80
            return Target(parts.scheme == "https", host, port or usual, parts.path or "/")
        if parts.scheme != "https":
            raise NoEndpoint("Only https:// is spoken to.")
        if (port or 443) not in PORTS:
            raise NoEndpoint(f"Only these ports are spoken to: {', '.join(map(str, sorted(PORTS)))}.")
        if number is not None and is_forbidden(number):
            raise NoEndpoint("This address is not on the public internet.")
        if number is None and not _is_name(host):
            raise NoEndpoint("Name the host by its full name in plain letters (an IDN in its xn-- form).")
        return Target(True, host, port or 443, parts.path or "/")

    async def pinned(self, target: Target, resolve: Resolve) -> str:
        """The one address to connect to; one bad answer among good ones spoils them all. Raises Unsafe."""
        number = _number(target.host)
        if number is not None:
            found: Sequence[str] = [str(number)]
        else:
            try:
                found = await resolve(target.host, target.port)
            except (OSError, UnicodeError) as error:
                raise Unsafe from error
        addresses = [_address(each) for each in found]
        if not addresses or any(each is None or not self._may_reach(target, each) for each in addresses):
            raise Unsafe
        return str(addresses[0])

    def _may_reach(self, target: Target, address: Address) -> bool:
        if self.to_this_machine and (target.host == "localhost" or _number(target.host) is not None):
            return address.is_loopback or not is_forbidden(address)
        return not is_forbidden(address)


def is_forbidden(address: Address) -> bool:
    inside = any(address.version == network.version and address in network for network in _NEVER)
    return inside or not address.is_global or address.is_multicast or getattr(address, "scope_id", None) is not None


async def system_resolve(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(
        host, port, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
    )
    return [str(entry[4][0]) for entry in found]


def _split(url: str) -> tuple[SplitResult, int | None]:
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise NoEndpoint("Write an address of at most 1000 plain characters, without spaces.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise NoEndpoint("This is not an address: write https://host/path.") from None
    if parts.scheme not in ("https", "http") or not parts.hostname or port == 0:
        raise NoEndpoint("This is not an address: write https://host/path.")
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise NoEndpoint("No user, password, query or fragment: what is secret in an address does not stay so.")
    if not _PATH.fullmatch(parts.path):
        raise NoEndpoint("The path has characters that must be percent-encoded.")
    return parts, port


def _number(host: str) -> Address | None:
    """An address written as such, in the one usual form; 127.1, 0x7f000001 or 2130706433 are no names either."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _address(text: str) -> Address | None:
    """As a resolver gives it; a zone (`fe80::1%eth0`) makes it one of this network."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_name(host: str) -> bool:
    """A full name whose last label is no number: what ends in one is read as an IPv4 address somewhere."""
    labels = host.split(".")
    last = labels[-1]
    is_numeric = last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last) is not None
    return len(host) <= 253 and len(labels) >= 2 and not is_numeric and all(map(_LABEL.fullmatch, labels))
