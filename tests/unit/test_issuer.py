"""The development issuer: its tokens are right here and now, and nobody's anywhere else."""

import pytest

from services.foundation.tokens import TokenRefused, Verifier
from services.sandbox.issuer import DevelopmentIssuer

pytestmark = pytest.mark.anyio
TEN_YEARS = 10 * 365 * 24 * 3600


async def test_a_token_says_who() -> None:
    issuer = DevelopmentIssuer("draad")
    claims = await _verifier(issuer).verify(issuer.token("mieke", organisation="rwc", roles=["FC", "MUN"]))
    assert (claims.issuer, claims.subject, claims.organisation) == (issuer.name, "mieke", "rwc")
    assert claims.roles == {"FC", "MUN"}


async def test_a_token_outlives_any_replay() -> None:
    now = 1_000_000_000.0
    issuer = DevelopmentIssuer("draad", now=lambda: now)
    token = issuer.token("mieke")
    later = Verifier({issuer.name: issuer.keys()}, "draad", now=lambda: now + TEN_YEARS - 60)
    assert (await later.verify(token)).subject == "mieke"


async def test_a_token_of_another_start_is_refused() -> None:
    first, second = DevelopmentIssuer("draad"), DevelopmentIssuer("draad")
    with pytest.raises(TokenRefused) as refused:
        await _verifier(second).verify(first.token("mieke"))
    assert refused.value.reason == "issuer"


async def test_the_name_of_another_start_is_not_enough() -> None:
    first, second = DevelopmentIssuer("draad"), DevelopmentIssuer("draad")
    second.name = first.name
    with pytest.raises(TokenRefused) as refused:
        await _verifier(second).verify(first.token("mieke"))
    assert refused.value.reason == "unknown_key"


async def test_the_verifier_is_given_no_private_key() -> None:
    issuer = DevelopmentIssuer("draad")
    kid = issuer.key_id
    key = await issuer.keys().key(kid)
    assert key is not None
    assert not key.is_private


def _verifier(issuer: DevelopmentIssuer) -> Verifier:
    return Verifier({issuer.name: issuer.keys()}, "draad")
