"""The manual, and the row of attempts to find someone."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from services.dossier.domain.days import day_named
from services.dossier.domain.effects.changing import put
from services.dossier.domain.entries import Entry
from services.dossier.domain.state import Attempt, Open


def _manual_published(dossier: Open, entry: Entry) -> Open:
    id_, version = entry.data["manual_id"], entry.data["version"]
    return replace(dossier, manuals=put(dossier.manuals, id_, max(version, dossier.manuals.get(id_, version))))


def _outreach_attempted(dossier: Open, entry: Entry) -> Open:
    if entry.data["outcome"] == "reached":
        return replace(dossier, attempts=())
    attempt = Attempt(day_named(entry.data, "attempted_on"), entry.data["channel"])
    return replace(dossier, attempts=(*dossier.attempts, attempt))


def _contact_restored(dossier: Open, _: Entry) -> Open:
    return replace(dossier, attempts=())


EFFECTS: Mapping[str, Callable[[Open, Entry], Open]] = {
    "self-manual.published": _manual_published,
    "outreach.attempted": _outreach_attempted,
    "contact.restored": _contact_restored,
}
