"""What each recorded event makes of the state; a type that no decision needs makes nothing of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import reduce
from uuid import UUID

from services.dossier.domain.effects import between, exceptions, granting, people, support, work
from services.dossier.domain.entries import LASTING, Entry
from services.dossier.domain.state import Dossier, Erased, NotOpened, Open

RETRACTED = "nl.dossier.entry.retracted"
SAYS_WHICH_NUMBERS = frozenset(("dossier.opened", "rule-parameters.overridden", "entry.retracted"))
APPLIED: Mapping[str, Callable[[Open, Entry], Open]] = {
    **granting.EFFECTS,
    **people.EFFECTS,
    **work.EFFECTS,
    **support.EFFECTS,
    **between.EFFECTS,
    **exceptions.EFFECTS,
}


def counting(entries: Iterable[Entry]) -> list[Entry]:
    """Without what was retracted. One takes back one's own: another source's entry may have the same id."""
    history = list(entries)
    retracted = {(UUID(entry.data["event_id"]), entry.organisation) for entry in history if entry.type == RETRACTED}
    if not retracted:
        return history
    return [e for e in history if (e.event_id, e.organisation) not in retracted or e.name.startswith(LASTING)]


def fold(entries: Iterable[Entry]) -> Dossier:
    """The whole history; what was retracted counts for nothing, from the beginning (R-35)."""
    beginning: Dossier = NotOpened()
    return reduce(evolve, counting(entries), beginning)


def numbered(entries: Iterable[Entry]) -> Dossier:
    """As much of the state as says which numbers hold."""
    several = sorted((e for e in entries if e.name in SAYS_WHICH_NUMBERS), key=lambda e: e.sequence)
    return fold(several) if several and several[0].name == "dossier.opened" else NotOpened()


def needs_whole_history(tail: Iterable[Entry]) -> bool:
    """A snapshot cannot be carried over a retraction, so none stands in a tail: it may take back what lies before."""
    return any(entry.type == RETRACTED for entry in tail)


def evolve(dossier: Dossier, entry: Entry) -> Dossier:
    if isinstance(dossier, Erased) or entry.name == "dossier.erased":
        return Erased()
    if isinstance(dossier, NotOpened):
        if entry.name != "dossier.opened":
            raise ValueError("a history begins with the opening of the dossier")
        dossier = Open(opened_by=entry.organisation, region=entry.data.get("region_code"))
    if entry.organisation is not None and entry.organisation not in dossier.writers:
        dossier = replace(dossier, writers=dossier.writers | {entry.organisation})
    apply = APPLIED.get(entry.name)
    return dossier if apply is None else apply(dossier, entry)
