"""The file that `draad parties import FILE` takes: read whole, or refused whole with every fault."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.foundation.parties import Machine, Organisation, ParticipantIssuer, Parties, PartyRefused, Person

_KEY: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_SYSTEM: Final = "SYS"
_ITSELF: Final = "self"
"""In events the participant, so never an organisation."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class _Subject(_Strict):
    iss: str = Field(min_length=1, max_length=500)
    sub: str = Field(min_length=1, max_length=500)


class _Organisation(_Strict):
    key: str = Field(pattern=_KEY)
    kind: str = Field(pattern=r"^[a-z][a-z_]{0,31}$")
    name: str = Field(min_length=1, max_length=200)
    sources: list[str] = Field(min_length=1)
    issuer: str | None = None
    claim_values: list[str] = []


class _Person(_Strict):
    key: str = Field(pattern=_KEY)
    organisation: str | None = None
    roles: list[str] = Field(min_length=1)
    subjects: list[_Subject] = Field(min_length=1)
    sources: list[str] = []
    name: str | None = Field(default=None, max_length=200)
    email: str | None = Field(default=None, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")


class _Machine(_Strict):
    issuer: str
    client: str = Field(min_length=1)
    subject: str | None = None
    organisation: str
    roles: list[str] = []


class _ParticipantIssuer(_Strict):
    issuer: str
    sources: list[str] = Field(min_length=1)
    clients: list[str] = []


class _File(_Strict):
    organisations: list[_Organisation] = []
    people: list[_Person] = []
    machines: list[_Machine] = []
    participant_issuers: list[_ParticipantIssuer] = []


def load_file(path: Path) -> Parties:
    """Raises PartyRefused with one line per fault; whether an organisation is known is seen at registration."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PartyRefused(f"{path.name} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise PartyRefused(f"{path.name} is not JSON in UTF-8.") from error
    try:
        file = _File.model_validate(told)
    except ValidationError as error:
        raise PartyRefused("\n".join(_line(fault) for fault in error.errors(include_input=False))) from error
    faults = [*_doubled(file), *_not_for_a_file(file)]
    if faults:
        raise PartyRefused("\n".join(faults))
    return _parties(file)


def _line(fault: Any) -> str:
    return f"/{'/'.join(str(step) for step in fault['loc'])}: {fault['msg']}"


def _doubled(file: _File) -> list[str]:
    named: Mapping[str, list[str]] = {
        "organisations": [organisation.key for organisation in file.organisations],
        "people": [person.key for person in file.people],
    }
    return [
        f"/{where}: {key} stands here more than once"
        for where, keys in named.items()
        for key in sorted({key for key in keys if keys.count(key) > 1})
    ]


def _not_for_a_file(file: _File) -> list[str]:
    faults = [f"/organisations: {_ITSELF} is the participant" for found in file.organisations if found.key == _ITSELF]
    holders = [*((person.key, person.roles) for person in file.people), *((m.client, m.roles) for m in file.machines)]
    faults += [f"{key}: the platform does not come in over HTTP" for key, roles in holders if _SYSTEM in roles]
    for person in file.people:
        if person.organisation is None and (person.name or person.email or person.roles != ["P"]):
            faults.append(f"{person.key}: without organisation a participant: roles [P], no name, no e-mail address")
        if person.organisation is not None and (person.sources or "P" in person.roles):
            faults.append(f"{person.key}: of an organisation: no sources of its own, and not role P")
    return faults


def _parties(file: _File) -> Parties:
    return Parties(
        organisations=_each(file.organisations, _organisation),
        people=_each(file.people, _person),
        machines=_each(file.machines, _machine),
        participant_issuers=_each(file.participant_issuers, _participant_issuer),
    )


Read = TypeVar("Read", bound=BaseModel)
Made = TypeVar("Made")


def _each(read: list[Read], make: Callable[[Read], Made]) -> tuple[Made, ...]:
    return tuple(make(one) for one in read)


def _organisation(read: _Organisation) -> Organisation:
    values = frozenset(read.claim_values)
    return Organisation(read.key, read.kind, read.name, frozenset(read.sources), read.issuer, values)


def _person(read: _Person) -> Person:
    subjects = frozenset((subject.iss, subject.sub) for subject in read.subjects)
    roles, sources = frozenset(read.roles), frozenset(read.sources)
    return Person(read.key, subjects, read.organisation, roles, sources, read.name, read.email)


def _machine(read: _Machine) -> Machine:
    return Machine(read.issuer, read.client, read.organisation, read.subject or read.client, frozenset(read.roles))


def _participant_issuer(read: _ParticipantIssuer) -> ParticipantIssuer:
    return ParticipantIssuer(read.issuer, frozenset(read.sources), frozenset(read.clients))
