"""Other numbers for one dossier."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from services.dossier.domain.days import day_named
from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Change
from services.dossier.domain.state import Open


def _overridden(dossier: Open, entry: Entry) -> Open:
    data = entry.data
    change = Change(data["parameters"], day_named(data, "from_on"), day_named(data, "until_on"), entry.recorded_at)
    return replace(dossier, exceptions=(*dossier.exceptions, change))


EFFECTS: Mapping[str, Callable[[Open, Entry], Open]] = {"rule-parameters.overridden": _overridden}
