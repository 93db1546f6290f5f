"""The list of erased dossiers: written to keep it outside the backups, and replayed after a restore."""

import json
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from services.dossier.erasures import wiped_again
from services.foundation.database.connection import Database
from services.foundation.settings import Settings
from services.foundation.telemetry import log
from services.foundation.vault import tombstones
from services.foundation.vault.tombstones import Destroyed
from services.roots.databases import Progress, databases, demand_installation


class ListRefused(Exception):
    """This file is no list of erasures; the message says where and why."""


@dataclass(frozen=True)
class Replayed:
    """How many there were, and of how many a backup had brought back the keys, or the rest."""

    erasures: int
    keys: int
    dossiers: int


async def exported(settings: Settings, data: Path | None, progress: Progress) -> list[str]:
    """A line of JSON for each, oldest first."""
    async with databases(settings, data, progress, beside_another=True) as place:
        await demand_installation(place)
        database = await Database.open(place.keys, size=1)
        try:
            return [_line(each) for each in await tombstones.destroyed(database)]
        finally:
            await database.close()


async def replayed(settings: Settings, file: Path | None, data: Path | None, progress: Progress) -> Replayed:
    """Raises ListRefused; then nothing was done."""
    known = _read(file) if file is not None else []
    async with databases(settings, data, progress, beside_another=True) as place:
        await demand_installation(place)
        main, keys = await Database.open(place.main, size=1), await Database.open(place.keys, size=1)
        try:
            destroyed = await tombstones.replay(keys, known)
            erased = [each.dossier_id for each in await tombstones.destroyed(keys)]
            came_back = await wiped_again(main, erased)
        finally:
            await main.close()
            await keys.close()
    log.info("erasures_replayed", count=len(erased), keys=len(destroyed), dossiers=len(came_back))
    return Replayed(len(erased), len(destroyed), len(came_back))


def _line(each: Destroyed) -> str:
    return json.dumps({"dossier": str(each.dossier_id), "destroyed_at": each.at.isoformat()})


def _read(file: Path) -> list[UUID]:
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ListRefused(f"{file} cannot be read as text.") from None
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(UUID(json.loads(line)["dossier"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ListRefused(
                f"{file}, line {number}: this is no line of `draad erasures export`; nothing was done."
            ) from None
    return found
