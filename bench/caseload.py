"""What does a contact person's list of 150 dossiers cost, with 1,000 and with 20,000 dossiers in the database?

Beside it a bare endpoint: 150 rows by their keys, and 25 rows in.
"""

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import orjson
import uvloop
from fastapi import FastAPI
from starlette.responses import Response

from bench.http import Compared, Variant, compared, table
from bench.load import get, post
from bench.served import AUDIENCE, SOURCE, Told, running, serve
from services.dossier.writing.incoming import Incoming
from services.foundation.callers import Authenticator, Caller
from services.foundation.database.connection import Database
from services.foundation.database.embedded import KEYS, MAIN, embedded
from services.foundation.database.migrations import migrate
from services.foundation.parties import Organisation, Parties, Person, register
from services.foundation.tokens import Verifier
from services.foundation.vault.root_key import LocalRootKey
from services.roots.api import application
from services.roots.house import House, built
from services.sandbox.issuer import DevelopmentIssuer

MINE: Final = 150
SIZES: Final = (1_000, 20_000)
MOMENTS: Final = 40  # contact moments in each history
REQUESTS: Final = 50
CHANGED: Final = 5  # of the 150, between two looks
NOW: Final = datetime.now(UTC).replace(microsecond=0)
ALL: Final = ("identity", "contact", "health-sensitive", "income", "work", "evaluation")
PROGRAM: Final = "bench.caseload"

# The dossiers of others, which nobody opens here: the rows of one of the 150 under another id, of another colleague.
COPY: Final = (
    """insert into dossier.dossiers (id, head, authz_epoch, recorded_at)
       select c.copy, d.head, d.authz_epoch, d.recorded_at
       from bench.copies c join dossier.dossiers d on d.id = c.id""",
    """insert into dossier.events
       select c.copy, e.sequence, e.event_id, e.source, e.recorded_at, e.class, e.neutral_type, e.classes, e.sealed,
              e.mac from bench.copies c join dossier.events e on e.dossier_id = c.id""",
    """insert into dossier.index_entries (dossier_id, sequence, type, usual_class, occurred_at, person, organisation)
       select c.copy, i.sequence, i.type, i.usual_class, i.occurred_at, i.person, i.organisation
       from bench.copies c join dossier.index_entries i on i.dossier_id = c.id""",
    """insert into dossier.index_grants
       select c.copy, g.consent_id, g.event_id, g.organisation, 'colleague', g.classes, g.event_types, g.operations,
              g.purpose, g.basis, g.legal_ref, g.history, g.valid_from, g.valid_until, g.referral_id, g.ended_at,
              g.purpose_ends_at
       from bench.copies c join dossier.index_grants g on g.dossier_id = c.id""",
    """insert into dossier.index_contacts
       select c.copy, i.ordinal, i.sequence, 'colleague-' || mod(c.number, 200), i.from_at, i.until_at
       from bench.copies c join dossier.index_contacts i on i.dossier_id = c.id""",
    "insert into dossier.outlooks select c.copy, o.sequence, o.made_by, o.owner, o.sealed from bench.copies c "
    "join dossier.outlooks o on o.dossier_id = c.id",
    "analyze",
)


async def run() -> str:
    found: list[Compared] = []
    async with embedded(None) as server:
        await migrate(server.url(MAIN), server.url(KEYS))
        async with running("bare", server.url(MAIN), program=PROGRAM) as bare:
            rows = Variant("bare", bare.port, lambda _: get("/rows", "none"), 200)
            for size in SIZES:
                async with running("house", server.url(MAIN), server.url(KEYS), str(size), program=PROGRAM) as house:
                    for limit in (25, 100):
                        path = f"/v1/caseload?limit={limit}"
                        list_ = Variant("caseload", house.port, _always(get(path, house.token)), 200)
                        what = f"{limit} of {MINE}, {size:,} there"
                        found.append(await compared(what, 1, list_, rows, REQUESTS))
                    look = get("/v1/caseload", house.token)
                    changed = Variant("caseload", house.port, _always(look), 200, _changes(house))
                    what = f"25 of {MINE}, {CHANGED} of them changed, {size:,} there"
                    found.append(await compared(what, 1, changed, rows, REQUESTS // 4))
    return table(found)


def _always(request: bytes) -> Callable[[int], bytes]:
    return lambda _: request


def _changes(house: Told) -> Callable[[int], Sequence[bytes]]:
    """A few contact moments, so that the next look finds outlooks to be made anew."""

    def before(number: int) -> Sequence[bytes]:
        named = (house.dossiers[(number * CHANGED + n) % len(house.dossiers)] for n in range(CHANGED))
        body = orjson.dumps({"type": "nl.dossier.contact-moment.held", "data": _moment(NOW)})
        return [post(f"/v1/dossiers/{id_}/events", body, house.token, "application/json") for id_ in named]

    return before


# The servers


async def bare(main_url: str) -> None:
    database = await Database.open(main_url, size=16)
    keys = [uuid4() for _ in range(MINE)]
    async with database.connection() as conn:
        await conn.execute("create schema bench")
        await conn.execute("create table bench.rows (id uuid primary key, body bytea not null)")
        await conn.execute("create table bench.reads (id uuid not null, at timestamptz not null)")
        await conn.executemany("insert into bench.rows values ($1, $2)", [(key, b"x" * 4000) for key in keys])
    app = FastAPI()

    @app.get("/rows")
    async def read() -> Response:
        async with database.transaction() as conn:
            found = await conn.fetch("select body from bench.rows where id = any($1)", keys)
            await conn.execute(
                "insert into bench.reads select id, clock_timestamp() from unnest($1::uuid[]) as t(id)", keys[:25]
            )
        return Response(b"".join(row["body"] for row in found)[:20_000], media_type="application/json")

    await serve(app, Told(0, "", [], []))


async def house(main_url: str, keys_url: str, size: str) -> None:
    async with built(main_url, keys_url, LocalRootKey(bytes(32)), SOURCE) as whole:
        issuer = DevelopmentIssuer(AUDIENCE)
        dossiers = await _populate(whole, issuer, int(size))
        authenticator = Authenticator(Verifier({issuer.name: issuer.keys()}, AUDIENCE), whole.registry, platform=True)
        token = issuer.token("mieke", organisation="werk", roles=("FC",))
        await serve(application(whole, authenticator), Told(0, token, [str(id_) for id_ in dossiers], []))


async def _populate(house: House, issuer: DevelopmentIssuer, size: int) -> list[UUID]:
    await _register(house, issuer)
    async with house.database.connection() as conn:
        rows = await conn.fetch("select dossier_id from dossier.owners order by dossier_id")
        mine = [UUID(int=row["dossier_id"].int) for row in rows] or [uuid4() for _ in range(MINE)]
        if not rows:
            for number, dossier_id in enumerate(mine):
                await _life(house, issuer, dossier_id, number)
            await conn.execute("create table bench.copies (id uuid not null, copy uuid not null, number int not null)")
        there = await conn.fetchval("select count(*) from dossier.dossiers")
        await conn.execute("truncate bench.copies")
        await conn.execute(
            "insert into bench.copies select $1, gen_random_uuid(), n from generate_series(1, $2::int) n",
            mine[0],
            size - there,
        )
        for statement in COPY:
            await conn.execute(statement, timeout=300)
    return mine


async def _register(house: House, issuer: DevelopmentIssuer) -> None:
    people = [f"person-{n}" for n in range(MINE)]
    werk = Organisation("werk", "work_centre", "Werk (fictief)", sources=frozenset((SOURCE,)))
    mieke = Person("mieke", frozenset(((issuer.name, "mieke"),)), "werk", frozenset(("FC",)))
    participants = (
        Person(key, frozenset(((issuer.name, key),)), roles=frozenset("P"), sources=frozenset((SOURCE,)))
        for key in people
    )
    async with house.database.transaction() as conn:
        await register(conn, Parties(organisations=(werk,), people=(mieke, *participants)))
    await house.registry.refresh()


async def _life(house: House, issuer: DevelopmentIssuer, dossier_id: UUID, number: int) -> None:
    """Most spoke with their contact person lately; some did not, a few have a concern that calls today."""
    key = f"person-{number}"
    sources = frozenset((SOURCE,))
    participant = Caller("participant", key, None, frozenset("P"), sources, (issuer.name, key))
    contact = Caller("professional", "mieke", "werk", frozenset(("FC",)), sources, (issuer.name, "mieke"))
    begin = NOW - timedelta(days=300)
    opening = [
        ("dossier.opened", _opening(dossier_id, begin)),
        ("consent.granted", _grant(begin)),
    ]
    last = NOW - timedelta(days=number % 60)
    moments = [last - (last - begin) * n / (MOMENTS + 1) for n in reversed(range(MOMENTS))]
    work: list[tuple[str, dict[str, Any]]] = [
        ("contact-person.appointed", _appointed(begin)),
        *(("contact-moment.held", _moment(moment, key)) for moment in moments),
    ]
    if number % 10 == 0:
        work.append(("concern.raised", _concern()))
    for caller, several in ((participant, opening), (contact, work)):
        events = [Incoming(uuid4(), SOURCE, f"nl.dossier.{name}", data, None, ()) for name, data in several]
        await house.handler.record(caller, dossier_id, events)
    await house.handler.end_due(dossier_id)


def _opening(dossier_id: UUID, at: datetime) -> dict[str, Any]:
    return {
        "occurred_at": at.isoformat(),
        "dossier_id": str(dossier_id),
        "opened_on": at.date().isoformat(),
        "channel": "self",
        "preferred_language": "nl",
        "region_code": "nergens",
    }


def _grant(at: datetime) -> dict[str, Any]:
    return {
        "occurred_at": at.isoformat(),
        "consent_id": "c1",
        "grantee_org": "werk",
        "classes": list(ALL),
        "operations": ["read", "emit", "subscribe"],
        "purpose": "guidance",
        "basis": "consent",
        "history": "all",
        "valid_from": at.isoformat(),
        "valid_until": (NOW + timedelta(days=900)).isoformat(),
    }


def _appointed(at: datetime) -> dict[str, Any]:
    return {
        "occurred_at": at.isoformat(),
        "person": "mieke",
        "org": "werk",
        "audience": "participant",
        "from_on": at.date().isoformat(),
    }


def _moment(at: datetime, participant: str = "nobody") -> dict[str, Any]:
    return {
        "occurred_at": at.isoformat(),
        "moment_id": f"m-{at.isoformat()}",
        "held_on": at.date().isoformat(),
        "kind": "check_in",
        "channel": "phone",
        "with": [participant, "mieke"],
        "summary": "Gesproken over vervoer en over de eerste werkdag. " * 4,
    }


def _concern() -> dict[str, Any]:
    return {
        "occurred_at": NOW.isoformat(),
        "concern_id": "k1",
        "raised_by": "contact_person",
        "domain": "work",
        "severity": 5,
    }


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["bare", main]:
            uvloop.run(bare(main))
        case ["house", *rest]:
            uvloop.run(house(*rest))
