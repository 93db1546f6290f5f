"""Parties and callers on a real database: who is known, who is let in, and as whom."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import structlog
from starlette.datastructures import Headers

from services.foundation.callers import Authenticator, Caller
from services.foundation.database.connection import Database
from services.foundation.parties import (
    Machine,
    Organisation,
    ParticipantIssuer,
    Parties,
    PartyRefused,
    Person,
    participant_key,
    register,
)
from services.foundation.party_file import load_file
from services.foundation.problems import BAD_REQUEST, UNAUTHORISED, Problem
from services.foundation.registry import FRESH_FOR, Registry
from services.foundation.tokens import Verifier
from services.sandbox.issuer import CLIENT, DevelopmentIssuer
from tests.database import Databases

pytestmark = pytest.mark.anyio

ISSUER: Final = DevelopmentIssuer("draad")
OTHER: Final = DevelopmentIssuer("draad")
RWC: Final = Organisation("rwc", "work_centre", "Werkcentrum (fictief)", frozenset({"urn:a"}))
UWV: Final = Organisation("uwv", "uwv", "UWV (fictief)", frozenset({"urn:u"}), ISSUER.name, frozenset({"0001"}))
PLATFORM: Final = Organisation("platform", "platform", "Platform (fictief)", frozenset({"urn:p"}))
MIEKE: Final = Person("mieke", frozenset({(ISSUER.name, "mieke")}), "rwc", frozenset({"FC", "MUN"}), name="Mieke")
PIETER: Final = Person("pieter", frozenset({(ISSUER.name, "pieter")}), "uwv", frozenset({"UWV"}))
CLOCK: Final = Person("platform", frozenset({(ISSUER.name, "platform")}), "platform", frozenset({"SYS"}))
NOOR: Final = Person("noor", frozenset({(ISSUER.name, "noor")}), None, frozenset({"P"}), frozenset({"urn:n"}))
SYSTEM: Final = Machine(ISSUER.name, CLIENT, "rwc", "rwc-system")
ALL: Final = Parties((RWC, UWV, PLATFORM), (MIEKE, PIETER, CLOCK, NOOR), (SYSTEM,))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def main(databases: Databases) -> Database:
    return databases.main


@pytest.fixture
async def known(main: Database) -> Database:
    await put(main, ALL)
    return main


async def put(main: Database, parties: Parties) -> None:
    async with main.transaction() as connection:
        await register(connection, parties)


def bearer(token: str) -> Headers:
    return Headers({"Authorization": f"Bearer {token}"})


async def caller(main: Database, headers: Headers, *, platform: bool = False) -> Caller:
    verifier = Verifier({issuer.name: issuer.keys() for issuer in (ISSUER, OTHER)}, "draad")
    return await Authenticator(verifier, Registry(main), platform=platform).caller(headers)


async def refused(main: Database, headers: Headers, reason: str, *, platform: bool = False) -> None:
    with structlog.testing.capture_logs() as lines, pytest.raises(Problem) as problem:
        await caller(main, headers, platform=platform)
    assert (problem.value.kind, lines[0]["reason"]) == (UNAUTHORISED, reason)
    assert "eyJ" not in json.dumps(lines)


# Registration


async def test_what_is_registered_is_read(known: Database) -> None:
    registry = Registry(known)
    assert await registry.organisation("uwv") == UWV
    assert await registry.person("mieke") == await registry.by_subject(ISSUER.name, "mieke") == MIEKE
    assert await registry.machine(ISSUER.name, "rwc-system") == SYSTEM
    assert set(await registry.organisations()) == {"rwc", "uwv", "platform"}


async def test_a_party_known_already_is_the_same_party(known: Database) -> None:
    again = Person("mieke", frozenset({(OTHER.name, "m")}), "rwc", frozenset({"FC"}))
    await put(known, Parties((replace(RWC, sources=frozenset({"urn:b"})),), (again,)))
    registry = Registry(known)
    organisation, person = await registry.organisation("rwc"), await registry.person("mieke")
    assert organisation is not None
    assert organisation.sources == {"urn:a", "urn:b"}
    assert person is not None
    assert person.subjects == MIEKE.subjects | again.subjects
    assert person.roles == {"FC"}


async def test_scenes_that_share_a_person_share_the_roles(known: Database) -> None:
    async with known.transaction() as connection:
        await register(connection, Parties(people=(replace(MIEKE, roles=frozenset({"DSK"})),)), keep_roles=True)
    person = await Registry(known).person("mieke")
    assert person is not None
    assert person.roles == {"FC", "MUN", "DSK"}


async def test_two_first_tokens_at_once_are_one_participant(known: Database) -> None:
    registries = [Registry(known) for _ in range(5)]
    people = await asyncio.gather(*(registry.admit(OTHER.name, "someone") for registry in registries))
    assert len(set(people)) == 1


@pytest.mark.parametrize(
    "parties",
    [
        Parties((replace(RWC, kind="employer"),)),
        Parties(people=(replace(MIEKE, organisation="uwv"),)),
        Parties(people=(replace(MIEKE, organisation=None, name=None),)),
        Parties(people=(replace(MIEKE, organisation="unknown"),)),
        Parties(people=(replace(NOOR, key="another"),)),
        Parties(people=(replace(NOOR, name="Noor"),)),
        Parties(machines=(replace(SYSTEM, organisation="unknown"),)),
    ],
)
async def test_a_party_that_contradicts_what_is_known_is_refused(known: Database, parties: Parties) -> None:
    with pytest.raises(PartyRefused):
        await put(known, parties)


async def test_a_change_is_seen_after_a_few_seconds_or_at_once_after_refresh(known: Database) -> None:
    clock = Clock()
    registry = Registry(known, now=clock)
    await registry.organisation("rwc")
    await registry.person("mieke")
    await put(known, Parties((replace(RWC, name="New"),), (replace(MIEKE, roles=frozenset({"FC"})),)))
    assert await registry.organisation("rwc") == RWC
    assert await registry.person("mieke") == MIEKE
    clock.now = FRESH_FOR
    assert await registry.organisation("rwc") == replace(RWC, name="New")
    assert await registry.person("mieke") == replace(MIEKE, roles=frozenset({"FC"}))
    await put(known, Parties((RWC,)))
    await registry.refresh()
    assert await registry.organisation("rwc") == RWC


# Callers


async def test_a_professional(known: Database) -> None:
    token = ISSUER.token("mieke", organisation="rwc", roles=["FC", "UWV"])
    assert await caller(known, bearer(token)) == Caller(
        "professional", "mieke", "rwc", frozenset({"FC"}), frozenset({"urn:a"}), (ISSUER.name, "mieke")
    )


async def test_an_organisation_is_meant_by_a_claim_value_of_its_issuer(known: Database) -> None:
    token = ISSUER.token("pieter", organisation="0001", roles=["UWV"])
    assert (await caller(known, bearer(token))).organisation == "uwv"


async def test_a_participant_who_is_registered(known: Database) -> None:
    assert await caller(known, bearer(ISSUER.token("noor", roles=["P", "SYS"]))) == Caller(
        "participant", "noor", None, frozenset({"P"}), frozenset({"urn:n"}), (ISSUER.name, "noor")
    )


async def test_a_participant_from_the_first_token(known: Database) -> None:
    await put(known, Parties(participant_issuers=(ParticipantIssuer(OTHER.name, frozenset({"urn:portal"})),)))
    key = participant_key(OTHER.name, "someone")
    who = await caller(known, bearer(OTHER.token("someone", roles=["SYS", "FC"])))
    urn = frozenset({"urn:portal"})
    assert who == Caller("participant", key, None, frozenset({"P"}), urn, (OTHER.name, "someone"))
    assert (await caller(known, bearer(OTHER.token("someone")))).person == key
    assert (await Registry(known).person(key)) is not None


async def test_an_issuer_of_participants_means_them_through_its_clients_only(known: Database) -> None:
    issuer = ParticipantIssuer(OTHER.name, frozenset({"urn:portal"}), frozenset({"another-client"}))
    await put(known, Parties(participant_issuers=(issuer,)))
    await refused(known, bearer(OTHER.token("someone")), "unknown_subject")


async def test_a_client_of_an_issuer_of_participants_is_no_participant(known: Database) -> None:
    await put(known, Parties(participant_issuers=(ParticipantIssuer(OTHER.name),)))
    await refused(known, bearer(OTHER.token(CLIENT)), "unknown_subject")
    await refused(known, bearer(OTHER.token("someone", organisation="rwc")), "unknown_subject")


async def test_a_machine_client_is_its_organisation_and_no_person(known: Database) -> None:
    assert await caller(known, bearer(ISSUER.token("rwc-system", roles=["FC", "SYS"]))) == Caller(
        "machine", None, "rwc", frozenset(), frozenset({"urn:a"}), (ISSUER.name, "rwc-system")
    )


async def test_a_machine_client_that_comes_through_another_is_refused(known: Database) -> None:
    await put(known, Parties(machines=(replace(SYSTEM, client="another"),)))
    await refused(known, bearer(ISSUER.token("rwc-system")), "other_client")


async def test_the_platform_comes_in_over_http_in_the_sandbox_only(known: Database) -> None:
    headers = bearer(ISSUER.token("platform", organisation="platform", roles=["SYS"]))
    who = await caller(known, headers, platform=True)
    assert (who.kind, who.organisation, who.roles) == ("platform", "platform", frozenset({"SYS"}))
    await refused(known, headers, "platform")


async def test_a_person_of_another_organisation_is_no_platform(known: Database) -> None:
    await put(known, Parties(people=(replace(MIEKE, roles=frozenset({"SYS"})),)))
    headers = bearer(ISSUER.token("mieke", organisation="rwc", roles=["SYS"]))
    await refused(known, headers, "platform", platform=True)


@pytest.mark.parametrize("organisation", [None, "uwv", "0001", "unknown", "RWC"])
async def test_a_professional_of_another_organisation_is_refused(known: Database, organisation: str | None) -> None:
    token = ISSUER.token("mieke", organisation=organisation, roles=["FC"])
    await refused(known, bearer(token), "other_organisation")


async def test_a_subject_that_nobody_knows_is_refused(known: Database) -> None:
    await refused(known, bearer(ISSUER.token("nobody", organisation="rwc", roles=["FC"])), "unknown_subject")


async def test_the_subject_of_another_issuer_is_somebody_else(known: Database) -> None:
    await refused(known, bearer(OTHER.token("mieke", organisation="rwc", roles=["FC"])), "unknown_subject")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic bWlla2U6eA==", "eyJ"])
async def test_without_a_token_nobody_is_let_in(known: Database, header: str) -> None:
    await refused(known, Headers({"Authorization": header} if header else {}), "no_token")


async def test_two_headers_are_a_bad_request(known: Database) -> None:
    twice = Headers(raw=[(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")])
    with pytest.raises(Problem) as problem:
        await caller(known, twice)
    assert problem.value.kind is BAD_REQUEST


# The file of an operator

FILE: Final[dict[str, Any]] = {
    "organisations": [{"key": "rwc", "kind": "work_centre", "name": "Werkcentrum (fictief)", "sources": ["urn:a"]}],
    "people": [
        {
            "key": "mieke",
            "organisation": "rwc",
            "roles": ["FC", "MUN"],
            "name": "Mieke",
            "subjects": [{"iss": ISSUER.name, "sub": "mieke"}],
        }
    ],
    "machines": [{"issuer": ISSUER.name, "client": "rwc-system", "organisation": "rwc"}],
    "participant_issuers": [{"issuer": OTHER.name, "sources": ["urn:portal"]}],
}


async def test_a_file_is_imported(main: Database, tmp_path: Path) -> None:
    (tmp_path / "parties.json").write_text(json.dumps(FILE))
    parties = load_file(tmp_path / "parties.json")
    assert parties == Parties(
        (RWC,),
        (MIEKE,),
        (Machine(ISSUER.name, "rwc-system", "rwc", "rwc-system"),),
        (ParticipantIssuer(OTHER.name, frozenset({"urn:portal"})),),
    )
    await put(main, parties)
    await put(main, parties)
    assert await Registry(main).person("mieke") == MIEKE


PERSON: Final = FILE["people"][0]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"people": [{**PERSON, "roles": ["SYS"]}]}, "mieke: the platform does not come in over HTTP"),
        ({"people": [PERSON, PERSON]}, "/people: mieke stands here more than once"),
        ({"people": [{**PERSON, "organisation": None}]}, "mieke: without organisation a participant"),
        ({"people": [{**PERSON, "roles": ["P"]}]}, "mieke: of an organisation"),
        ({"people": [{**PERSON, "bsn": "1"}]}, "/people/0/bsn"),
        ({"organisations": [{**FILE["organisations"][0], "key": "self"}]}, "self is the participant"),
        ({"organisations": [{"key": "a b"}]}, "/organisations/0/kind"),
    ],
)
def test_a_file_that_is_not_right_is_refused_whole(tmp_path: Path, changed: dict[str, Any], says: str) -> None:
    (tmp_path / "parties.json").write_text(json.dumps(FILE | changed))
    with pytest.raises(PartyRefused) as refused:
        load_file(tmp_path / "parties.json")
    assert says in str(refused.value)


@pytest.mark.parametrize("content", [None, b"{", b"\xff"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "parties.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PartyRefused, match=r"parties\.json"):
        load_file(path)
