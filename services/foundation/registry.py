"""The registered parties as a process reads them: from memory, a few seconds old at most."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from services.foundation.database.connection import Connection, Database
from services.foundation.parties import (
    Machine,
    Organisation,
    ParticipantIssuer,
    Parties,
    Person,
    participant_key,
    register,
)

FRESH_FOR: Final = 5.0
REMEMBERED: Final = 10_000


@dataclass(frozen=True)
class _Shelf:
    """What is few enough to be held whole."""

    organisations: Mapping[str, Organisation] = field(default_factory=dict)
    machines: Mapping[tuple[str, str], Machine] = field(default_factory=dict)
    participant_issuers: Mapping[str, ParticipantIssuer] = field(default_factory=dict)


class Registry:
    """The parties as they were at most FRESH_FOR seconds ago; people are looked up one by one, for they are many."""

    def __init__(self, database: Database, *, now: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._now = now
        self._shelf = _Shelf()
        self._until = float("-inf")
        self._one_at_a_time = asyncio.Lock()
        self._people: OrderedDict[str | tuple[str, str], tuple[float, Person]] = OrderedDict()

    async def refresh(self) -> None:
        """Everything anew: called after `register` has been committed, and by itself when time is up."""
        async with self._one_at_a_time:  # an older read must not come after a newer one
            await self._read()

    async def _read(self) -> None:
        async with self._database.connection() as connection:
            shelf = await _read_shelf(connection)
        self._people.clear()
        self._shelf, self._until = shelf, self._now() + FRESH_FOR

    async def organisations(self) -> Mapping[str, Organisation]:
        """All, by key: for rules that look up more than one without waiting."""
        return (await self._fresh()).organisations

    async def organisation(self, key: str) -> Organisation | None:
        return (await self._fresh()).organisations.get(key)

    async def machine(self, issuer: str, subject: str) -> Machine | None:
        return (await self._fresh()).machines.get((issuer, subject))

    async def participant_issuer(self, issuer: str) -> ParticipantIssuer | None:
        return (await self._fresh()).participant_issuers.get(issuer)

    async def person(self, key: str) -> Person | None:
        return await self._person(key, "p.key = $1", key)

    async def by_subject(self, issuer: str, subject: str) -> Person | None:
        which = "p.key = (select person from foundation.subjects where issuer = $1 and subject = $2)"
        return await self._person((issuer, subject), which, issuer, subject)

    async def admit(self, issuer: str, subject: str) -> Person:
        """The participant that this subject is, from the first token on."""
        known = await self.by_subject(issuer, subject)
        if known is not None:
            return known
        person = Person(participant_key(issuer, subject), frozenset({(issuer, subject)}), roles=frozenset({"P"}))
        async with self._database.transaction() as connection:
            await register(connection, Parties(people=(person,)))
        return person

    async def _fresh(self) -> _Shelf:
        if self._now() >= self._until:
            async with self._one_at_a_time:
                if self._now() >= self._until:  # who waited finds it done
                    await self._read()
        return self._shelf

    async def _person(self, cached: str | tuple[str, str], which: str, *values: str) -> Person | None:
        until, person = self._people.get(cached, (0.0, None))
        if person is not None and self._now() < until:
            return person
        async with self._database.connection() as connection:
            person = await _read_person(connection, which, *values)
        if person is None:
            self._people.pop(cached, None)
            return None
        self._people[cached] = (self._now() + FRESH_FOR, person)
        while len(self._people) > REMEMBERED:
            self._people.popitem(last=False)
        return person


async def _read_person(connection: Connection, which: str, *values: str) -> Person | None:
    row = await connection.fetchrow(
        f"""select p.*, array(select s.issuer from foundation.subjects s
                              where s.person = p.key order by s.issuer, s.subject) as issuers,
                   array(select s.subject from foundation.subjects s
                         where s.person = p.key order by s.issuer, s.subject) as their_subjects
            from foundation.people p where {which}""",
        *values,
    )
    if row is None:
        return None
    return Person(
        key=row["key"],
        subjects=frozenset(zip(row["issuers"], row["their_subjects"], strict=True)),
        organisation=row["organisation"],
        roles=frozenset(row["roles"]),
        sources=frozenset(row["sources"]),
        name=row["name"],
        email=row["email"],
    )


async def _read_shelf(connection: Connection) -> _Shelf:
    organisations = await connection.fetch("select * from foundation.organisations")
    machines = await connection.fetch("select * from foundation.machines")
    issuers = await connection.fetch("select * from foundation.participant_issuers")
    return _Shelf(
        {row["key"]: _made(Organisation, row) for row in organisations},
        {(row["issuer"], row["subject"]): _made(Machine, row) for row in machines},
        {row["issuer"]: _made(ParticipantIssuer, row) for row in issuers},
    )


def _made(what: Callable[..., Any], row: Iterable[tuple[str, Any]] | Mapping[str, Any]) -> Any:
    """A column of texts is a set of texts."""
    return what(**{name: frozenset(value) if isinstance(value, list) else value for name, value in dict(row).items()})
