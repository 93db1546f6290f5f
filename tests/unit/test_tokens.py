"""Access tokens: the table of refusals (identity.md §3), and keys that come, go and stay away."""

import asyncio
import base64
import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from services.foundation.issuer_keys import IssuerKeys
from services.foundation.tokens import REMEMBERED_FOR, KeysAway, StaticKeys, TokenRefused, Verifier

pytestmark = pytest.mark.anyio

ISSUER: Final = "https://issuer.example.org"
AUDIENCE: Final = "draad"
NOW: Final = 1_800_000_000
RSA = RSAKey.generate_key(2048, {"kid": "rsa"}, private=True)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the library warns of the key that is to be refused
    WEAK = RSAKey.generate_key(1024, {"kid": "weak"}, private=True)
EC = ECKey.generate_key("P-256", {"kid": "ec"}, private=True)
FOR_ENCRYPTION = ECKey.import_key(EC.as_dict(private=True), {"kid": "enc", "use": "enc"})
TWIN = RSAKey.generate_key(2048, {"kid": "ps"}, private=True)
ONLY_PS256 = RSAKey.import_key(TWIN.as_dict(private=True), {"kid": "ps", "alg": "PS256"})
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa"}, private=True)
ALL = ["PS256", "ES256", "RS256", "PS384", "HS256", "none"]

RIGHT: Final[Mapping[str, Any]] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "s-1",
    "azp": "portal",
    "client_id": "portal",
    "jti": "0123456789abcdef",
    "iat": NOW - 10,
    "exp": NOW + 290,
    "org": "rwc",
    "roles": ["FC"],
}
HEADER: Final[Mapping[str, Any]] = {"typ": "at+jwt", "alg": "PS256", "kid": "rsa"}


def token(key: Any = RSA, header: Mapping[str, Any] | None = None, without: str = "", **claims: Any) -> str:
    told = {name: value for name, value in {**RIGHT, **claims}.items() if name != without}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library warns of the very tokens that are to be refused
        return jwt.encode({**HEADER, **(header or {})}, told, key, algorithms=ALL)


def by_hand(header: Mapping[str, Any], payload: object, key: Any = RSA) -> str:
    """What the library would not make: any header over any payload, rightly signed."""
    signed = ".".join(_b64(json.dumps(part).encode()) for part in (header, payload))
    algorithm: Any = jws.JWSRegistry.algorithms["PS256"]
    return signed + "." + _b64(algorithm.sign(signed.encode(), key))


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def without_kid(**header: Any) -> str:
    return by_hand({"typ": "at+jwt", "alg": "PS256", **header}, RIGHT)


def verifier(now: Callable[[], float] = lambda: NOW) -> Verifier:
    return Verifier({ISSUER: StaticKeys(KeySet([RSA, WEAK, EC, FOR_ENCRYPTION, ONLY_PS256]))}, AUDIENCE, now=now)


ACCEPTED: Final = {
    "right": token(),
    "audience in a list": token(aud=["account", AUDIENCE]),
    "RS256": token(header={"alg": "RS256"}),
    "ES256": token(EC, {"alg": "ES256", "kid": "ec"}),
    "type in full": token(header={"typ": "application/at+jwt"}),
    "type in capitals": token(header={"typ": "AT+JWT"}),
    "only azp": token(without="client_id"),
    "only client_id": token(without="azp"),
    "no organisation": token(without="org"),
    "no roles": token(without="roles"),
    "expired within the leeway": token(exp=NOW - 4),
    "issued within the leeway": token(iat=NOW + 4, nbf=NOW + 4),
    "made by hand": by_hand(HEADER, RIGHT),
}

PUBLIC_PEM: Final = RSA.as_pem(private=False)
REFUSED: Final = {
    "no audience": (token(without="aud"), "audience"),
    "another audience": (token(aud="other"), "audience"),
    "our audience and more": (token(aud=AUDIENCE + "2"), "audience"),
    "our audience among nonsense": (token(aud=[AUDIENCE, 7]), "audience"),
    "audience an object": (token(aud={AUDIENCE: 1}), "audience"),
    "another issuer": (token(iss="https://other.example.org"), "issuer"),
    "issuer with a slash": (token(iss=ISSUER + "/"), "issuer"),
    "issuer a list": (token(iss=[ISSUER]), "issuer"),
    "no issuer": (token(without="iss"), "issuer"),
    "an ID token": (token(header={"typ": "JWT"}), "type"),
    "no type": (by_hand({"alg": "PS256", "kid": "rsa"}, RIGHT), "type"),
    "type a number": (by_hand({**HEADER, "typ": 1}, RIGHT), "type"),
    "expired": (token(exp=NOW - 5), "expired"),
    "no exp": (token(without="exp"), "moments"),
    "exp a text": (token(exp=str(NOW + 60)), "moments"),
    "exp true": (token(exp=True), "moments"),
    "exp endless": (by_hand(HEADER, {**RIGHT, "exp": float("inf")}), "moments"),
    "exp null": (token(exp=None), "moments"),
    "not yet": (token(nbf=NOW + 6), "not_yet"),
    "issued in the future": (token(iat=NOW + 6), "not_yet"),
    "no iat": (token(without="iat"), "moments"),
    "no subject": (token(without="sub"), "subject"),
    "empty subject": (token(sub=""), "subject"),
    "subject with NUL": (token(sub="a\x00b"), "subject"),
    "subject a number": (by_hand(HEADER, {**RIGHT, "sub": 7}), "subject"),
    "no jti": (token(without="jti"), "token_id"),
    "two clients": (token(azp="other"), "client"),
    "client null": (token(azp=None), "client"),
    "organisation a list": (token(org=["rwc"]), "organisation"),
    "roles a text": (token(roles="FC"), "roles"),
    "roles of lists": (token(roles=[["FC"]]), "roles"),
    "key of another under the same name": (token(STRANGER), "signature"),
    "payload of another": (
        ".".join([token().split(".")[0], token(sub="s-2").split(".")[1], token().split(".")[2]]),
        "",
    ),
    "no signature": (token().rsplit(".", 1)[0] + ".", ""),
    "alg none": (_b64(b'{"typ":"at+jwt","alg":"none","kid":"rsa"}') + "." + _b64(json.dumps(RIGHT).encode()) + ".", ""),
    "alg PS384": (token(header={"alg": "PS384"}), "algorithm"),
    "HMAC with our public key": (
        token(OctKey.import_key(_b64(PUBLIC_PEM)), {"alg": "HS256"}),
        "algorithm",
    ),
    "alg of another kind of key": (by_hand({**HEADER, "kid": "ec"}, RIGHT), "signature"),
    "alg that the key is not for": (token(TWIN, {"alg": "RS256", "kid": "ps"}), "signature"),
    "weak key": (token(WEAK, {"alg": "RS256", "kid": "weak"}), "unknown_key"),
    "key for encryption": (token(EC, {"alg": "ES256", "kid": "enc"}), "unknown_key"),
    "key in the header": (by_hand({**HEADER, "jwk": STRANGER.as_dict(private=False)}, RIGHT, STRANGER), ""),
    "address of keys in the header": (by_hand({**HEADER, "jku": "https://x.example.org"}, RIGHT), "header"),
    "unknown crit": (by_hand({**HEADER, "crit": ["x"], "x": 1}, RIGHT), "header"),
    "payload as it is": (by_hand({**HEADER, "crit": ["b64"], "b64": False}, RIGHT), ""),
    "no kid": (without_kid(), "no_key_named"),
    "empty kid": (without_kid(kid=""), "no_key_named"),
    "kid a list": (without_kid(kid=["rsa"]), "no_key_named"),
    "unknown kid": (token(header={"kid": "other"}), "unknown_key"),
    "payload a list": (by_hand(HEADER, [RIGHT]), "malformed"),
    "payload nested without end": (_b64(json.dumps(HEADER).encode()) + "." + _b64(b"[" * 3000) + ".AAAA", "malformed"),
    "header a list": (_b64(b"[]") + "." + _b64(b"{}") + ".AAAA", "malformed"),
    "empty": ("", "malformed"),
    "one part": ("abc", "malformed"),
    "two parts": ("abc.def", "malformed"),
    "five parts": ("a.b.c.d.e", "malformed"),
    "dots": ("..", "malformed"),
    "garbage": ("\u00e9\udc80.\u2603.x", "malformed"),
    "too long": ("a" * 9000, "too_long"),
}


async def test_no_client_is_refused() -> None:
    told = {name: value for name, value in RIGHT.items() if name not in ("azp", "client_id")}
    with pytest.raises(TokenRefused) as refused:
        await verifier().verify(by_hand(HEADER, told))
    assert refused.value.reason == "client"


@pytest.mark.parametrize("name", ACCEPTED)
async def test_a_right_token_says_who(name: str) -> None:
    claims = await verifier().verify(ACCEPTED[name])
    assert (claims.issuer, claims.subject, claims.client) == (ISSUER, "s-1", "portal")


@pytest.mark.parametrize("name", REFUSED)
async def test_a_token_that_is_not_right_is_refused(name: str) -> None:
    text, reason = REFUSED[name]
    with pytest.raises(TokenRefused) as refused:
        await verifier().verify(text)
    assert reason in ("", refused.value.reason)


async def test_a_refusal_names_the_token_by_a_hash_and_the_client() -> None:
    with pytest.raises(TokenRefused) as refused:
        await verifier().verify(token(aud="other"))
    assert (len(refused.value.token), refused.value.client) == (16, "portal")
    assert RIGHT["jti"] not in str(vars(refused.value))


@given(text=st.text(max_size=200) | st.lists(st.binary(max_size=60).map(_b64), max_size=5).map(".".join))
def test_nothing_but_a_refusal_comes_of_any_text(text: str) -> None:
    with pytest.raises(TokenRefused):
        asyncio.run(verifier().verify(text))


@given(
    header=st.dictionaries(
        st.sampled_from(["typ", "alg", "kid", "crit", "b64"]), st.sampled_from(["at+jwt", 1, [], {}])
    ),
    payload=st.dictionaries(st.sampled_from(list(RIGHT)), st.sampled_from([ISSUER, 1, None, [], {}, ["x"]])),
)
def test_nothing_but_a_refusal_comes_of_a_signed_one_that_is_not_right(header: dict[str, Any], payload: object) -> None:
    with pytest.raises(TokenRefused):
        asyncio.run(verifier().verify(by_hand({**HEADER, **header}, payload)))


# Remembered for a moment


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class CountedKeys(StaticKeys):
    asked = 0

    async def key(self, kid: str) -> Any:
        self.asked += 1
        return await super().key(kid)


async def test_a_verified_token_is_remembered_for_a_moment() -> None:
    clock, keys = Clock(NOW), CountedKeys(KeySet([RSA]))
    verify = Verifier({ISSUER: keys}, AUDIENCE, now=clock).verify
    await verify(token_ := token())
    clock.now += REMEMBERED_FOR - 1
    await verify(token_)
    assert keys.asked == 1
    clock.now += 1
    await verify(token_)
    assert keys.asked == 2


async def test_a_remembered_token_ends_when_it_expires() -> None:
    clock = Clock(NOW)
    verify = verifier(clock).verify
    await verify(token_ := token(exp=NOW + 10))
    clock.now += 16
    with pytest.raises(TokenRefused):
        await verify(token_)


# Keys of an issuer


class FakeIssuer:
    """Answers discovery and keys, or does not."""

    def __init__(self) -> None:
        self.keys: list[Any] = [RSA]
        self.strange: list[Any] = []
        self.down = False
        self.fetches = 0
        self.says: dict[str, Any] = {"issuer": ISSUER, "jwks_uri": ISSUER + "/keys"}

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(0)
        self.fetches += request.url.path == "/.well-known/openid-configuration"
        if self.down:
            raise httpx2.ConnectError("down")
        if request.url.path == "/keys":
            return httpx2.Response(
                200, json={"keys": [*self.strange, *(key.as_dict(private=False) for key in self.keys)]}
            )
        return httpx2.Response(200, json=self.says)


@pytest.fixture
def issuer() -> FakeIssuer:
    return FakeIssuer()


@pytest.fixture
def clock() -> Clock:
    return Clock(0.0)


@pytest.fixture
def keys(issuer: FakeIssuer, clock: Clock) -> IssuerKeys:
    return IssuerKeys(ISSUER, httpx2.AsyncClient(transport=httpx2.MockTransport(issuer.answer)), now=clock)


async def test_a_new_key_is_accepted_at_its_first_token(issuer: FakeIssuer, keys: IssuerKeys, clock: Clock) -> None:
    assert await keys.key("rsa") is not None
    issuer.keys.append(EC)
    clock.now += 4.9
    assert await keys.key("ec") is None
    clock.now += 0.1
    assert await keys.key("ec") is not None


async def test_unknown_keys_cause_one_fetch(issuer: FakeIssuer, keys: IssuerKeys) -> None:
    await asyncio.gather(*(keys.key(f"unknown-{number}") for number in range(1000)))
    assert issuer.fetches == 1


async def test_a_withdrawn_key_is_refused_after_its_age(issuer: FakeIssuer, keys: IssuerKeys, clock: Clock) -> None:
    assert await keys.key("rsa") is not None
    issuer.keys = [EC]
    clock.now += 600
    assert await keys.key("rsa") is not None
    clock.now += 1
    assert await keys.key("rsa") is None


async def test_known_keys_serve_an_hour_without_the_issuer(issuer: FakeIssuer, keys: IssuerKeys, clock: Clock) -> None:
    assert await keys.key("rsa") is not None
    issuer.down = True
    clock.now += 3600
    assert await keys.key("rsa") is not None
    assert await keys.key("other") is None
    clock.now += 1
    with pytest.raises(KeysAway):
        await keys.key("rsa")
    issuer.down = False
    clock.now += 5
    assert await keys.key("rsa") is not None


async def test_without_keys_from_the_start_nobody_is_let_in(issuer: FakeIssuer, keys: IssuerKeys) -> None:
    issuer.down = True
    with pytest.raises(KeysAway):
        await keys.key("rsa")


async def test_an_issuer_that_is_down_is_not_flooded(issuer: FakeIssuer, keys: IssuerKeys, clock: Clock) -> None:
    await keys.key("rsa")
    issuer.down = True
    clock.now += 601
    await asyncio.gather(*(keys.key("rsa") for _ in range(100)))
    assert issuer.fetches == 2


async def test_a_key_that_we_cannot_read_does_not_hide_the_others(issuer: FakeIssuer, keys: IssuerKeys) -> None:
    symmetric = {"kty": "oct", "kid": "secret", "k": "A" * 43}
    issuer.strange = [7, {}, {"kty": "AKP", "kid": "x"}, {"kty": "EC", "crv": "P-999", "kid": "y"}, symmetric]
    assert await keys.key("rsa") is not None
    assert await keys.key("secret") is None


@pytest.mark.parametrize(
    "says",
    [
        {"issuer": "https://other.example.org", "jwks_uri": ISSUER + "/keys"},
        {"issuer": ISSUER, "jwks_uri": "http://issuer.example.org/keys"},
        {"issuer": ISSUER, "jwks_uri": "file:///keys"},
        {"issuer": ISSUER, "jwks_uri": 7},
        {"issuer": ISSUER},
        {"issuer": ISSUER, "jwks_uri": ISSUER + "/keys", "more": "x" * 300_000},
    ],
)
async def test_a_discovery_that_is_not_right_gives_no_keys(
    issuer: FakeIssuer, keys: IssuerKeys, says: dict[str, Any]
) -> None:
    issuer.says = says
    with pytest.raises(KeysAway):
        await keys.key("rsa")


@pytest.mark.parametrize("name", ["http://issuer.example.org", "issuer.example.org", "", "file:///x"])
def test_an_issuer_without_tls_is_no_issuer(name: str) -> None:
    with pytest.raises(ValueError, match="https"):
        IssuerKeys(name, httpx2.AsyncClient())
