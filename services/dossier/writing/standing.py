"""Who a caller is towards one dossier: the actor that decides, and the reader that the gate asks about."""

from datetime import datetime

from services.dossier.domain.access import live_delegation
from services.dossier.domain.entries import Actor
from services.dossier.domain.state import Dossier, NotOpened
from services.dossier.gate.decision import Reader
from services.foundation.callers import Caller
from services.foundation.parties import Organisation

DELEGATE = "DEL"
PARTICIPANT = "P"


def reader_of(caller: Caller, organisation: Organisation | None) -> Reader:
    """The role shown in the access log is the first of those the token names and the register allows."""
    return Reader(
        person=caller.person,
        organisation=caller.organisation,
        organisation_kind=None if organisation is None else organisation.kind,
        role=min(caller.roles, default="-"),
        is_platform=caller.kind == "platform",
    )


def actor_of(caller: Caller, owner: str | None, dossier: Dossier, now: datetime) -> Actor:
    """A participant is one in their own dossier alone; elsewhere they are a delegate, or nobody."""
    if caller.kind == "platform":
        return Actor("platform", caller.person, caller.organisation, frozenset(("SYS",)))
    if caller.kind == "participant":
        if owner in (None, caller.person) and (owner is not None or _is_new(dossier)):
            return Actor("participant", caller.person, None, frozenset((PARTICIPANT,)))
        powers = live_delegation(dossier, caller.person, now)
        return Actor("delegate", caller.person, None, frozenset((DELEGATE,)) if powers else frozenset())
    if caller.person is not None and live_delegation(dossier, caller.person, now) and DELEGATE in caller.roles:
        return Actor("delegate", caller.person, None, frozenset((DELEGATE,)))
    return Actor("professional", caller.person, caller.organisation, caller.roles - {PARTICIPANT, DELEGATE, "SYS"})


def _is_new(dossier: Dossier) -> bool:
    """Nobody's yet: whoever opens it as a participant makes it theirs."""
    return isinstance(dossier, NotOpened)
