"""Lines to receivers on real sockets: where they lead, whom they trust, how long they wait, what they leave behind."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.notifications.webhooks import lines as lines_module
from services.notifications.webhooks.lines import Answer, NoAnswer, RealLines, request
from services.notifications.webhooks.walls import Target, Walls
from tests.receivers import Receiver, drip, hang, receiving, status

pytestmark = pytest.mark.anyio

HERE = Walls(to_this_machine=True)


class Resolver:
    """Answers differently each time it is asked: first the good address, then a bad one."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, _host: str, _port: int) -> Sequence[str]:
        self.asked += 1
        return [self.answers[min(self.asked, len(self.answers)) - 1]]


@asynccontextmanager
async def opened(walls: Walls = HERE, **how: object) -> AsyncIterator[RealLines]:
    lines = RealLines(walls, **how)  # type: ignore[arg-type]
    yield lines
    lines.close()


async def exchange(lines: RealLines, target: Target) -> Answer:
    line = await lines.to(target)
    await line.write(request("POST", target, {"X": "y"}, b"{}"))
    return await line.answer()


def target_of(receiver: Receiver, host: str = "127.0.0.1", is_tls: bool = False) -> Target:
    return Target(is_tls, host, receiver.port, "/hook")


@pytest.fixture
def certificates(tmp_path: Path) -> Callable[..., ssl.SSLContext]:
    """A server's context with a certificate of its own for these names, and the authority in `ca.pem`."""

    def made(*names: str, expired: bool = False) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(now + timedelta(days=-1 if expired else 1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName(
                    [x509.IPAddress(ip_address(n)) if n[0].isdigit() else x509.DNSName(n) for n in names]
                ),
                critical=False,
            )
            .sign(key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (tmp_path / "ca.pem").write_bytes(pem)
        (tmp_path / "server.pem").write_bytes(private + pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "server.pem")
        return context

    return made


async def test_a_name_that_changes_its_mind_leads_to_what_was_checked_or_nowhere(
    certificates: Callable[..., ssl.SSLContext], tmp_path: Path
) -> None:
    """Rebinding: the connection goes to the address that was checked, and the next one is checked again."""
    async with receiving(tls=certificates("localhost")) as receiver:
        resolve = Resolver("127.0.0.1", "10.0.0.1")
        tls = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        async with opened(resolve=resolve, tls=tls) as lines:
            target = target_of(receiver, "localhost", is_tls=True)
            assert (await exchange(lines, target)).status == 204
            assert resolve.asked == 1, "resolved once for a connection"
            lines.close()
            with pytest.raises(NoAnswer, match="unsafe"):
                await exchange(lines, target)
        assert [got.headers["host"] for got in receiver.got] == [f"localhost:{receiver.port}"]


async def test_a_public_name_that_resolves_into_the_house_connects_to_nothing() -> None:
    async with receiving() as receiver, opened(Walls(), resolve=Resolver("127.0.0.1")) as lines:
        with pytest.raises(NoAnswer, match="unsafe"):
            await lines.to(Target(True, "hook.example.org", receiver.port, "/"))
        assert receiver.connections == 0


@pytest.mark.parametrize("case", ["unknown authority", "another name", "expired", "no tls"])
async def test_who_cannot_show_who_it_is_gets_nothing(
    certificates: Callable[..., ssl.SSLContext], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.setattr(lines_module, "CONNECT_WITHIN", 1.0)
    names = ["other.example.org"] if case == "another name" else ["localhost"]
    server = certificates(*names, expired=case == "expired")
    trusted = ssl.create_default_context()
    if case != "unknown authority":
        trusted.load_verify_locations(tmp_path / "ca.pem")
    async with receiving(tls=None if case == "no tls" else server) as receiver:
        async with opened(resolve=Resolver("127.0.0.1"), tls=trusted) as lines:
            with pytest.raises(NoAnswer, match=r"tls|lost|unreachable|slow"):
                await exchange(lines, target_of(receiver, "localhost", is_tls=True))
        assert receiver.got == []


async def test_an_environment_that_names_a_proxy_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with receiving() as receiver, opened() as lines:
        assert (await exchange(lines, target_of(receiver))).status == 204


@pytest.mark.parametrize("behave", [hang, drip])
async def test_who_is_slow_in_any_way_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch, behave: object) -> None:
    """Dripping a byte at a time restarts nothing: the whole head has one deadline."""
    monkeypatch.setattr(lines_module, "ANSWER_WITHIN", 0.3)
    async with receiving(behave) as receiver, opened() as lines:  # type: ignore[arg-type]
        with pytest.raises(NoAnswer, match="slow"):
            await exchange(lines, target_of(receiver))


async def test_who_does_not_read_is_cut_off_and_what_was_not_sent_stays_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request is one small write; where not even that goes through, nothing of it may leave later."""
    monkeypatch.setattr(lines_module, "LARGEST_REQUEST", 10**8)
    deaf = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await deaf.wait()
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, opened() as lines:
        target = Target(False, "127.0.0.1", server.sockets[0].getsockname()[1], "/")
        line = await lines.to(target)
        with pytest.raises(NoAnswer, match="slow"):
            await line.write(b"x" * 50_000_000)
        with pytest.raises(OSError, match="Bad file descriptor|closed"):
            line._sock.getpeername()
        deaf.set()


async def test_a_request_is_never_larger_than_the_cap() -> None:
    async with receiving() as receiver, opened() as lines:
        line = await lines.to(target_of(receiver))
        with pytest.raises(ValueError, match="4 KiB"):
            await line.write(b"x" * 4097)
        line.abort()


async def test_a_line_that_its_receiver_closed_is_not_used_again() -> None:
    async with receiving() as receiver, opened() as lines:
        target = target_of(receiver)
        assert (await exchange(lines, target)).status == 204
        for serving in receiver.serving:
            serving.cancel()
        while receiver.serving:  # noqa: ASYNC110 - the receiver's own tasks end
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        assert (await exchange(lines, target)).status == 204
        assert receiver.connections == 2


async def test_nobody_listens() -> None:
    async with receiving() as receiver:
        target = target_of(receiver)
    async with opened() as lines:
        with pytest.raises(NoAnswer, match="unreachable"):
            await lines.to(target)


@pytest.mark.parametrize(
    ("said", "seconds"), [("7", 7), ("-1", None), ("soon", None), ("Thu, 01 Jan 1970 00:00:00 GMT", 0)]
)
async def test_retry_after_in_seconds_or_as_a_date(said: str, seconds: int | None) -> None:
    async with receiving(status(503, Retry_After=said)) as receiver, opened() as lines:
        answer = await exchange(lines, target_of(receiver))
        assert answer.retry_after == (None if seconds is None else timedelta(seconds=seconds))
