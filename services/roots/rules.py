"""What an operator does about the rules: rehearse other numbers, and see to dossiers whose rule threw."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.dossier.domain.numbers import faults
from services.dossier.rehearsing import Rehearsed
from services.dossier.trajectory.parked import Parked, parked, resume
from services.foundation.database.connection import Database
from services.foundation.settings import Settings
from services.foundation.telemetry import log
from services.foundation.vault.root_key import LocalRootKey
from services.roots import guard
from services.roots.databases import Progress, databases, demand_installation
from services.roots.house import built
from services.roots.serve import PLATFORM_SOURCE


class ChangeRefused(Exception):
    """The file is not as it should be; the message says what to do."""


class Rehearsal(BaseModel):
    """The data of a `nl.regio.rule-parameters.set`; what is not needed to rehearse it may be left out."""

    model_config = ConfigDict(extra="ignore", strict=True)

    region_code: Annotated[str, Field(min_length=1, max_length=200)]
    parameters: Annotated[dict[str, Any], Field(min_length=1, max_length=100)]
    from_on: Annotated[date | None, Field(strict=False)] = None


@dataclass(frozen=True)
class Told:
    """What a rehearsal found, and of which region."""

    region: str
    rehearsed: Rehearsed


def load(file: Path) -> Rehearsal:
    try:
        change = Rehearsal.model_validate_json(file.read_bytes())
    except OSError as error:
        raise ChangeRefused(f"{file} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        places = sorted({".".join(map(str, each["loc"])) or "the whole" for each in error.errors()})
        raise ChangeRefused(f"{file} is not as `draad rules rehearse --help` shows it: {', '.join(places)}.") from None
    wrong = [f"parameters.{name}: {told}" for name, told in faults(change.parameters)]
    if wrong:
        raise ChangeRefused("\n".join(wrong))
    return change


async def rehearse(
    settings: Settings, file: Path, days: int, data: Path | None, step: Progress, progress: Callable[[int, int], None]
) -> Told:
    """Raises ChangeRefused for a file that cannot be rehearsed; nothing is stored."""
    change = load(file)
    if settings.root_key is None:
        raise guard.NotStarted(
            ["What is due follows from sealed events, so this needs the root key: set DRAAD_ROOT_KEY_FILE."]
        )
    async with databases(settings, data, step, beside_another=True) as place:
        await demand_installation(place)
        source = settings.portal_source or PLATFORM_SOURCE
        async with built(place.main, place.keys, LocalRootKey(settings.root_key), source, size=4) as house:
            found = await house.rehearsals.rehearse(
                change.region_code, change.parameters, change.from_on, days, progress
            )
    log.info("rules_rehearsed", count=found.dossiers)
    return Told(change.region_code, found)


async def waiting(settings: Settings, data: Path | None, step: Progress) -> list[Parked]:
    async with databases(settings, data, step, beside_another=True) as place:
        await demand_installation(place)
        database = await Database.open(place.main, size=2)
        try:
            async with database.connection() as conn:
                return await parked(conn)
        finally:
            await database.close()


async def try_again(settings: Settings, dossier_ids: Sequence[UUID], data: Path | None, step: Progress) -> int:
    async with databases(settings, data, step, beside_another=True) as place:
        await demand_installation(place)
        database = await Database.open(place.main, size=2)
        try:
            async with database.connection() as conn:
                resumed = await resume(conn, dossier_ids)
        finally:
            await database.close()
    log.info("dossiers_resumed", count=resumed)
    return resumed
