"""What a decision needs from outside the dossier: parties and numbers, looked up before any lock is taken."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from services.dossier.domain.entries import Actor
from services.dossier.domain.numbers import Numbers, Timeline
from services.dossier.domain.state import Dossier, timeline_of
from services.dossier.gate.decision import Reader
from services.dossier.gate.law import Law
from services.dossier.parameters import ParameterShelf
from services.dossier.writing.standing import reader_of
from services.foundation.callers import Caller
from services.foundation.registry import Registry

PLATFORM: Final = "platform"
SYSTEM: Final = Actor("platform", None, PLATFORM, frozenset(("SYS",)))
# Fields of authorising events that name a person: who is named there must be known.
PEOPLE: Final = ("grantee_actor", "delegate", "person", "replaces", "coach", "buddy")
NOBODY: Final = Reader(person=None, organisation=PLATFORM, organisation_kind=PLATFORM, role="SYS", is_platform=True)


@dataclass(frozen=True)
class Surroundings:
    """`kinds`: organisation key → kind. `people`: actor key → organisation (absent value: none), of who is named."""

    reader: Reader
    kinds: Mapping[str, str]
    people: Mapping[str, str | None]
    employers: frozenset[str]
    parameters: Numbers

    def timeline(self, dossier: Dossier) -> Timeline:
        """Which numbers hold in it, on which day."""
        return timeline_of(dossier, self.parameters)


class Surveyor:
    def __init__(self, registry: Registry, parameters: ParameterShelf, law: Law) -> None:
        self._registry, self._parameters, self._law = registry, parameters, law

    async def reader(self, caller: Caller) -> Reader:
        return reader_of(caller, (await self._registry.organisations()).get(caller.organisation or ""))

    async def parameters(self) -> Numbers:
        return await self._parameters.current()

    async def survey(self, caller: Caller | None, bodies: Iterable[Mapping[str, Any]]) -> Surroundings:
        """`caller` is absent when the platform itself acts."""
        organisations = await self._registry.organisations()
        kinds = {key: organisation.kind for key, organisation in organisations.items()}
        named = {body[name] for body in bodies for name in PEOPLE if isinstance(body.get(name), str)}
        people = {key: person.organisation for key in named if (person := await self._registry.person(key))}
        return Surroundings(
            reader=NOBODY if caller is None else await self.reader(caller),
            kinds=kinds,
            people=people,
            employers=frozenset(key for key, kind in kinds.items() if self._law.is_employer(kind)),
            parameters=await self._parameters.current(),
        )
