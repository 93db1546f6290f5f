"""What each recorded event makes of the state; a type that no decision needs makes nothing of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from uuid import UUID

from services.dossier.domain.effects import between, granting, people, support, work
from services.dossier.domain.entries import Entry
from services.dossier.domain.state import Dossier, Erased, NotOpened, Open

RETRACTED = "nl.dossier.entry.retracted"
APPLIED: Mapping[str, Callable[[Open, Entry], Open]] = {
    **granting.EFFECTS,
    **people.EFFECTS,
    **work.EFFECTS,
    **support.EFFECTS,
    **between.EFFECTS,
}


def fold(entries: Iterable[Entry]) -> Dossier:
    """The whole history; what was retracted counts for nothing, from the beginning (R-35)."""
    history = tuple(entries)
    retracted = {UUID(entry.data["event_id"]) for entry in history if entry.type == RETRACTED}
    dossier: Dossier = NotOpened()
    for entry in history:
        if entry.event_id not in retracted:
            dossier = evolve(dossier, entry)
    return dossier


def needs_whole_history(tail: Iterable[Entry]) -> bool:
    """A snapshot cannot be carried over a retraction: what was retracted may lie before it."""
    return any(entry.type == RETRACTED for entry in tail)


def evolve(dossier: Dossier, entry: Entry) -> Dossier:
    if isinstance(dossier, Erased) or entry.name == "dossier.erased":
        return Erased()
    if isinstance(dossier, NotOpened):
        if entry.name != "dossier.opened":
            raise ValueError("a history begins with the opening of the dossier")
        dossier = Open(opened_by=entry.organisation)
    if entry.organisation is not None and entry.organisation not in dossier.writers:
        dossier = replace(dossier, writers=dossier.writers | {entry.organisation})
    apply = APPLIED.get(entry.name)
    return dossier if apply is None else apply(dossier, entry)
