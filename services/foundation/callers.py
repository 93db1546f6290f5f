"""Who is calling: from the Authorization header to a Caller that the rest of the house can reason about."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Final, Literal

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from starlette.datastructures import Headers

from services.foundation import telemetry
from services.foundation.parties import PLATFORM, Machine, Organisation, Person
from services.foundation.problems import BAD_REQUEST, UNAVAILABLE, Problem, unauthorised
from services.foundation.registry import Registry
from services.foundation.tokens import Claims, KeysAway, TokenRefused, Verifier

PARTICIPANT: Final = "P"
SYSTEM: Final = "SYS"


@dataclass(frozen=True)
class Caller:
    """What a token says together with what is registered: who, never may."""

    kind: Literal["participant", "professional", "machine", "platform"]
    person: str | None
    organisation: str | None
    roles: frozenset[str]
    sources: frozenset[str]
    subject: tuple[str, str]


class Authenticator:
    """`platform` is true in the sandbox alone: elsewhere the platform does not come in over HTTP."""

    def __init__(self, verifier: Verifier, registry: Registry, *, platform: bool = False) -> None:
        self._verifier = verifier
        self._registry = registry
        self._platform = platform

    async def caller(self, headers: Headers) -> Caller:
        try:
            return await self._known(await self._verifier.verify(bearer(headers)))
        except TokenRefused as refused:
            telemetry.log.warning("token_refused", reason=refused.reason, token=refused.token, client=refused.client)
            raise unauthorised() from None
        except KeysAway:
            raise Problem(UNAVAILABLE) from None

    async def _known(self, claims: Claims) -> Caller:
        person = await self._registry.by_subject(claims.issuer, claims.subject)
        if person is not None:
            return await self._of_person(claims, person)
        machine = await self._registry.machine(claims.issuer, claims.subject)
        if machine is not None:
            return await self._of_machine(claims, machine)
        return await self._newcomer(claims)

    async def _of_person(self, claims: Claims, person: Person) -> Caller:
        if person.organisation is None:
            return await self._participant(claims, person)
        organisation = await self._registered(claims, person.organisation)
        if not organisation.is_meant_by(claims.issuer, claims.organisation):
            raise _refused("other_organisation", claims)
        roles = claims.roles & person.roles
        system = SYSTEM in person.roles or organisation.kind == PLATFORM
        if system and not (self._platform and roles == {SYSTEM} and organisation.kind == PLATFORM):
            raise _refused("platform", claims)
        return Caller(
            kind="platform" if system else "professional",
            person=person.key,
            organisation=organisation.key,
            roles=roles,
            sources=organisation.sources,
            subject=(claims.issuer, claims.subject),
        )

    async def _participant(self, claims: Claims, person: Person) -> Caller:
        if claims.organisation is not None:
            raise _refused("other_organisation", claims)
        issuer = await self._registry.participant_issuer(claims.issuer)
        return Caller(
            kind="participant",
            person=person.key,
            organisation=None,
            roles=frozenset({PARTICIPANT}),
            sources=person.sources | (issuer.sources if issuer else frozenset()),
            subject=(claims.issuer, claims.subject),
        )

    async def _of_machine(self, claims: Claims, machine: Machine) -> Caller:
        if machine.client != claims.client:
            raise _refused("other_client", claims)
        organisation = await self._registered(claims, machine.organisation)
        if claims.organisation is not None and not organisation.is_meant_by(claims.issuer, claims.organisation):
            raise _refused("other_organisation", claims)
        if organisation.kind == PLATFORM:
            raise _refused("platform", claims)
        return Caller(
            kind="machine",
            person=None,
            organisation=organisation.key,
            roles=machine.roles - {SYSTEM},
            sources=organisation.sources,
            subject=(claims.issuer, claims.subject),
        )

    async def _newcomer(self, claims: Claims) -> Caller:
        """A subject that nobody registered is a participant, if its issuer is one of participants."""
        issuer = await self._registry.participant_issuer(claims.issuer)
        through = issuer is not None and (not issuer.clients or claims.client in issuer.clients)
        is_client_itself = claims.subject == claims.client  # RFC 9068 section 5: client credentials, so nobody
        if not through or is_client_itself or claims.organisation is not None:
            raise _refused("unknown_subject", claims)
        return await self._participant(claims, await self._registry.admit(claims.issuer, claims.subject))

    async def _registered(self, claims: Claims, key: str) -> Organisation:
        organisation = await self._registry.organisation(key)
        if organisation is None:
            raise _refused("unknown_organisation", claims)
        return organisation


def bearer(headers: Headers) -> str:
    """The token: from the header, once, and from nowhere else."""
    said = headers.getlist("authorization")
    if len(said) > 1:
        raise Problem(BAD_REQUEST, "Send one Authorization header.")
    scheme, _, token = (said[0] if said else "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise TokenRefused("no_token")
    return token.strip()


def _refused(reason: str, claims: Claims) -> TokenRefused:
    return TokenRefused(reason, token=claims.token, client=claims.client)


_scheme = HTTPBearer(
    auto_error=False, bearerFormat="JWT", scheme_name="token", description="An access token as RFC 9068 has it"
)


def asking_again(request: Request) -> Callable[[], Awaitable[Caller]]:
    """For an answer that goes on for long: asks once more who is calling, and refuses who no longer may."""
    authenticator: Authenticator = request.app.state.authenticator
    return partial(authenticator.caller, request.headers)


async def _caller(request: Request, _documented: Annotated[object, Security(_scheme)]) -> Caller:
    authenticator: Authenticator = request.app.state.authenticator
    return await authenticator.caller(request.headers)


CallerDep = Annotated[Caller, Depends(_caller)]
"""An endpoint that names this has a caller, or is not reached; `app.state.authenticator` is set by the root."""
