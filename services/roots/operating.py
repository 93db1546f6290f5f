"""What an operator does beside serving: bring the schema up to date, register parties and statutory grants."""

import getpass
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.foundation.callers import Caller
from services.foundation.database.connection import Database
from services.foundation.database.migrations import migrate
from services.foundation.parties import PLATFORM, register
from services.foundation.party_file import load_file
from services.foundation.problems import Problem
from services.foundation.settings import Settings
from services.foundation.telemetry import log
from services.foundation.vault.root_key import LocalRootKey
from services.roots import guard
from services.roots.bus import lacks_topics, make_topics
from services.roots.databases import Progress, behind, databases, demand_installation
from services.roots.house import House, built
from services.roots.serve import PLATFORM_SOURCE
from services.roots.statutory import Grant, load_grants, on_record


@dataclass(frozen=True)
class Imported:
    organisations: int
    people: int
    machines: int
    participant_issuers: int


@dataclass(frozen=True)
class Registered:
    """What became of one entry of the file; `refused` says why it was not registered."""

    place: int
    grant: Grant
    is_new: bool = False
    refused: tuple[str, ...] = ()


async def bring_up_to_date(settings: Settings, data: Path | None, progress: Progress) -> None:
    async with databases(settings, data, progress, beside_another=True) as place:
        await migrate(place.main, place.keys, progress)
    await make_topics(settings)


async def not_up_to_date(settings: Settings, data: Path | None, progress: Progress) -> list[str]:
    async with databases(settings, data, progress, beside_another=True) as place:
        services = await behind(place)
    return [*services, "the topics of Kafka"] if await lacks_topics(settings) else services


async def import_parties(settings: Settings, file: Path, data: Path | None, progress: Progress) -> Imported:
    """All of the file or nothing. Raises PartyRefused."""
    parties = load_file(file)
    async with databases(settings, data, progress, beside_another=True) as place:
        await demand_installation(place)
        database = await Database.open(place.main, size=2)
        try:
            async with database.transaction() as conn:
                await register(conn, parties)
        finally:
            await database.close()
    log.info("parties_imported", actor=_operator(), count=len(parties.organisations) + len(parties.people))
    return Imported(
        len(parties.organisations), len(parties.people), len(parties.machines), len(parties.participant_issuers)
    )


async def register_grants(settings: Settings, file: Path, data: Path | None, progress: Progress) -> list[Registered]:
    """Entry by entry, each whole or not at all; the same entry again is quiet. Raises GrantsRefused for a bad file."""
    grants = load_grants(file)
    if settings.root_key is None:
        raise guard.NotStarted(
            ["A grant is sealed, so this needs the root key of the installation: set DRAAD_ROOT_KEY_FILE."]
        )
    async with databases(settings, data, progress, beside_another=True) as place:
        await demand_installation(place)
        source = settings.portal_source or PLATFORM_SOURCE
        async with built(place.main, place.keys, LocalRootKey(settings.root_key), source, size=4) as house:
            return [await _register(house, source, place_, grant) for place_, grant in _numbered(grants)]


def _numbered(grants: Sequence[Grant]) -> Sequence[tuple[int, Grant]]:
    return list(enumerate(grants, start=1))


async def _register(house: House, source: str, place: int, grant: Grant) -> Registered:
    operator = Caller("platform", None, PLATFORM, frozenset({"SYS"}), frozenset({source}), ("operator", _operator()))
    facts = {
        "dossier_id": grant.dossier,
        "event_id": grant.event_id,
        "grant_id": grant.consent_id,
        "organisation": grant.organisation,
        "code": grant.processing_activity,
        "actor": _operator(),
    }
    try:
        is_new = await on_record(house, operator, source, grant)
    except Problem as problem:
        log.warning("statutory_grant_refused", kind=problem.kind.slug, rule=problem.rule, **facts)
        return Registered(place, grant, refused=grant.in_words(problem))
    log.info("statutory_grant_registered" if is_new else "statutory_grant_known", **facts)
    return Registered(place, grant, is_new=is_new)


def _operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user number without a name
        return "unknown"
