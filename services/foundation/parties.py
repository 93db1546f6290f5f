"""Who there is: organisations, people and machine clients, which tokens mean them, and how they are registered."""

import hashlib
from dataclasses import dataclass
from typing import Final

from services.foundation.database.connection import Connection

PLATFORM: Final = "platform"
"""The organisation kind of the platform itself."""


class PartyRefused(Exception):
    """This party cannot be registered as it is described; the message says why and names keys only."""


@dataclass(frozen=True)
class Organisation:
    key: str
    kind: str
    name: str
    sources: frozenset[str] = frozenset()
    issuer: str | None = None
    claim_values: frozenset[str] = frozenset()
    """Values of the claim `org` in tokens of `issuer` that mean this organisation, beside its key."""

    def is_meant_by(self, issuer: str, claim: str | None) -> bool:
        if self.issuer is not None and self.issuer != issuer:
            return False
        return claim == self.key or claim in self.claim_values


@dataclass(frozen=True)
class Person:
    """Of an organisation: a professional. Without one: a participant, whose name and address are not kept here."""

    key: str
    subjects: frozenset[tuple[str, str]]
    """(issuer, subject) pairs of tokens that mean this person."""
    organisation: str | None = None
    roles: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    """A participant's own; a professional uses those of the organisation."""
    name: str | None = None
    email: str | None = None


@dataclass(frozen=True)
class Machine:
    issuer: str
    client: str
    organisation: str
    subject: str
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ParticipantIssuer:
    """Any subject of this issuer is a participant, from the first token on."""

    issuer: str
    sources: frozenset[str] = frozenset()
    clients: frozenset[str] = frozenset()
    """Clients through which participants come; empty: any."""


@dataclass(frozen=True)
class Parties:
    """What one registration brings."""

    organisations: tuple[Organisation, ...] = ()
    people: tuple[Person, ...] = ()
    machines: tuple[Machine, ...] = ()
    participant_issuers: tuple[ParticipantIssuer, ...] = ()


def participant_key(issuer: str, subject: str) -> str:
    """The same person at every token, and nothing that leads back to the subject without knowing it."""
    told = f"{len(issuer)}:{issuer}{subject}".encode()
    return "p-" + hashlib.blake2b(told, digest_size=16, person=b"draad.person").hexdigest()


# Writing


async def register(connection: Connection, parties: Parties, *, keep_roles: bool = False) -> None:
    """In the caller's transaction. A party known already is the same party: sources and subjects are added.

    Roles are those told now, so that an operator can take one away; with `keep_roles` those of before stay too, as
    when several scenes share their people.
    """
    for organisation in parties.organisations:
        await _register_organisation(connection, organisation)
    for issuer in parties.participant_issuers:
        await connection.execute(
            """insert into foundation.participant_issuers as known (issuer, sources, clients) values ($1, $2, $3)
               on conflict (issuer) do update set clients = excluded.clients,
               sources = array(select distinct unnest(known.sources || excluded.sources) order by 1)""",
            issuer.issuer,
            sorted(issuer.sources),
            sorted(issuer.clients),
        )
    for person in parties.people:
        await _register_person(connection, person, keep_roles)
    for machine in parties.machines:
        await _register_machine(connection, machine)


async def _register_organisation(connection: Connection, organisation: Organisation) -> None:
    kept = await connection.fetchval(
        """insert into foundation.organisations as known (key, kind, name, sources, issuer, claim_values)
           values ($1, $2, $3, $4, $5, $6)
           on conflict (key) do update set
               name = excluded.name,
               sources = array(select distinct unnest(known.sources || excluded.sources) order by 1),
               issuer = coalesce(excluded.issuer, known.issuer),
               claim_values = array(select distinct unnest(known.claim_values || excluded.claim_values) order by 1)
           where known.kind = excluded.kind
           returning key""",
        organisation.key,
        organisation.kind,
        organisation.name,
        sorted(organisation.sources),
        organisation.issuer,
        sorted(organisation.claim_values),
    )
    if kept is None:
        raise PartyRefused(f"Organisation {organisation.key} is known already, as another kind.")


async def _register_person(connection: Connection, person: Person, keep_roles: bool) -> None:
    if person.organisation is None and (person.name or person.email):
        raise PartyRefused(f"Participant {person.key} must come without name and e-mail address.")
    if person.organisation is not None:
        await _require_organisation(connection, person.organisation, f"Person {person.key}")
    kept = await connection.fetchval(
        """insert into foundation.people as known (key, organisation, roles, sources, name, email)
           values ($1, $2, $3, $4, $5, $6)
           on conflict (key) do update set
               roles = case when $7 then array(select distinct unnest(known.roles || excluded.roles) order by 1)
                       else excluded.roles end,
               sources = array(select distinct unnest(known.sources || excluded.sources) order by 1),
               name = excluded.name, email = excluded.email
           where known.organisation is not distinct from excluded.organisation
           returning key""",
        person.key,
        person.organisation,
        sorted(person.roles),
        sorted(person.sources),
        person.name,
        person.email,
        keep_roles,
    )
    if kept is None:
        raise PartyRefused(f"Person {person.key} is known already, of another organisation.")
    for issuer, subject in sorted(person.subjects):
        await _register_subject(connection, issuer, subject, person.key)


async def _register_subject(connection: Connection, issuer: str, subject: str, person: str) -> None:
    await connection.execute(
        "insert into foundation.subjects (issuer, subject, person) values ($1, $2, $3) on conflict do nothing",
        issuer,
        subject,
        person,
    )
    known = await connection.fetchval(
        "select person from foundation.subjects where issuer = $1 and subject = $2", issuer, subject
    )
    if known != person:
        raise PartyRefused(f"Person {person} has a subject that means someone else already.")


async def _register_machine(connection: Connection, machine: Machine) -> None:
    await _require_organisation(connection, machine.organisation, f"Machine client {machine.client}")
    await connection.execute(
        """insert into foundation.machines (issuer, subject, client, organisation, roles) values ($1, $2, $3, $4, $5)
           on conflict (issuer, subject) do update set
               client = excluded.client, organisation = excluded.organisation, roles = excluded.roles""",
        machine.issuer,
        machine.subject,
        machine.client,
        machine.organisation,
        sorted(machine.roles),
    )


async def _require_organisation(connection: Connection, key: str, who: str) -> None:
    if await connection.fetchval("select 1 from foundation.organisations where key = $1", key) is None:
        raise PartyRefused(f"{who} names organisation {key}, which is not registered.")
