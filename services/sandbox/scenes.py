"""A scene brings invented people: registers the parties of a trajectory file and gives each actor a token."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.foundation.database.connection import Connection, Database
from services.foundation.parties import Organisation, Parties, PartyRefused, Person, register
from services.foundation.problems import CONFLICT, Problem
from services.foundation.registry import Registry
from services.sandbox.issuer import DevelopmentIssuer

SELF: Final = "self"  # the participant, who is no organisation
OWNER: Final = "P"

Own = Callable[[Connection, UUID, str], Awaitable[None]]
SetParameters = Callable[[Connection, Mapping[str, Any]], Awaitable[bool]]
LookAgain = Callable[[], Awaitable[None]]


class SceneOrganisation(BaseModel):
    model_config = ConfigDict(extra="allow")

    key: str = Field(min_length=1, max_length=64)
    name: str = Field(max_length=200)
    kind: str = Field(max_length=64)
    source: str = Field(max_length=200)


class SceneActor(BaseModel):
    model_config = ConfigDict(extra="allow")

    key: str = Field(min_length=1, max_length=64)
    name: str = Field(max_length=200)
    role: str = Field(max_length=3)
    org: str = Field(max_length=64)
    email: str | None = Field(default=None, max_length=320)


class Scene(BaseModel):
    """The shape of a trajectory file; what else stands in such a file may be left out."""

    model_config = ConfigDict(extra="ignore")

    dossier_id: UUID
    organisations: list[SceneOrganisation] = Field(max_length=100)
    actors: list[SceneActor] = Field(max_length=100)
    parameters: dict[str, Any] = Field(default_factory=dict)


class Scenes:
    """Several scenes share one region and one clock; a party known already is the same party."""

    def __init__(
        self,
        database: Database,
        registry: Registry,
        issuer: DevelopmentIssuer,
        own: Own,
        parameters: SetParameters,
        look_again: LookAgain,
    ) -> None:
        """`look_again` is called once other numbers hold, so that they do in every dossier before the answer."""
        self._database, self._registry, self._issuer = database, registry, issuer
        self._own, self._set_parameters, self._look_again = own, parameters, look_again

    async def enter(self, scene: Scene) -> dict[str, str]:
        """Tokens by actor key. They outlive the replay."""
        try:
            async with self._database.transaction() as conn:
                await register(conn, self._parties(scene), keep_roles=True)
                for actor in scene.actors:
                    if actor.role == OWNER:
                        await self._own(conn, scene.dossier_id, actor.key)
                has_changed = await self._set_parameters(conn, scene.parameters)
        except PartyRefused as refused:
            raise Problem(CONFLICT, str(refused)) from None
        await self._registry.refresh()
        if has_changed:
            await self._look_again()
        return {actor.key: self._token(actor) for actor in scene.actors}

    def _token(self, actor: SceneActor) -> str:
        return self._issuer.token(
            actor.key, organisation=None if actor.org == SELF else actor.org, roles=frozenset((actor.role,))
        )

    def _parties(self, scene: Scene) -> Parties:
        own_sources = frozenset(each.source for each in scene.organisations if each.key == SELF)
        return Parties(
            organisations=tuple(
                Organisation(each.key, each.kind, each.name, sources=frozenset((each.source,)))
                for each in scene.organisations
                if each.key != SELF
            ),
            people=tuple(self._person(actor, own_sources) for actor in scene.actors),
        )

    def _person(self, actor: SceneActor, own_sources: frozenset[str]) -> Person:
        subjects = frozenset(((self._issuer.name, actor.key),))
        roles = frozenset((actor.role,))
        if actor.org == SELF:
            return Person(actor.key, subjects, roles=roles, sources=own_sources)
        return Person(actor.key, subjects, organisation=actor.org, roles=roles, name=actor.name, email=actor.email)
