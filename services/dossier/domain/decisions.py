"""What is recorded when something is asked of a dossier, or why not."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any, assert_never

from services.dossier.domain.admission import (
    closing,
    corrections,
    deciding_together,
    emission,
    exceptions,
    forms,
    granting,
    handing_over,
    people,
    support,
    work,
)
from services.dossier.domain.commands import Command, EndDue, Record
from services.dossier.domain.decider import Decider
from services.dossier.domain.ends import due
from services.dossier.domain.entries import Entry, NewEntry
from services.dossier.domain.evolution import evolve
from services.dossier.domain.knowledge import OPENED
from services.dossier.domain.refusals import AgainstState, RuleBroken, UnknownDossier
from services.dossier.domain.state import Dossier, NotOpened, Open

FAMILIES = (
    closing,
    corrections,
    forms,
    granting,
    handing_over,
    people,
    support,
    work,
    deciding_together,
    exceptions,
)
# A type that two families watch is asked about in their order.
CHECKS = {name: tuple(f.CHECKS[name] for f in FAMILIES if name in f.CHECKS) for f in FAMILIES for name in f.CHECKS}

ID_IS_USED = "Choose another id for the dossier."


def decide(command: Command, dossier: Dossier) -> tuple[NewEntry, ...]:
    match command:
        case EndDue():
            return _expire(command, dossier)
        case Record() if command.type == OPENED:
            return _open(command, dossier)
        case Record():
            return _record(command, dossier)
    assert_never(command)


def _open(command: Record, dossier: Dossier) -> tuple[NewEntry, ...]:
    """A used id is used for everybody, and tells nobody more."""
    if not isinstance(dossier, NotOpened):
        raise AgainstState(ID_IS_USED)
    emission.check_moment(command)
    emission.check_class(command)
    emission.check_role(command)
    if command.data["dossier_id"] != str(command.dossier_id):
        raise RuleBroken("Name the dossier that you post to.", pointers=("/data/dossier_id",))
    return (_entry(command, command.data),)


def _record(command: Record, dossier: Dossier) -> tuple[NewEntry, ...]:
    """Known, then well formed, then allowed, then by rule and state: the order of api.md §1."""
    if not isinstance(dossier, Open):
        raise UnknownDossier
    emission.check_known(command, dossier)
    emission.check_moment(command)
    emission.check_class(command)
    emission.check_role(command)
    emission.check_permission(command, dossier)
    emission.check_employer_form(command)
    for check in CHECKS.get(command.name, ()):
        check(command, dossier)
    return (_entry(command, _completed(command)),)


def _completed(command: Record) -> Mapping[str, Any]:
    """A statutory grant names its article, also when the law file had to give it."""
    if command.name != "consent.granted" or (article := granting.legal_ref(command)) is None:
        return command.data
    return {**command.data, "legal_ref": article}


def _expire(command: EndDue, dossier: Dossier) -> tuple[NewEntry, ...]:
    """Each grant once, at the moment at which it ended, however late the clock comes by."""
    ended = (d for d in due(dossier, command.employers, command.timeline) if d.at <= command.now)
    return tuple(
        NewEntry(
            type="nl.dossier.consent.expired",
            data={"consent_id": d.consent_id, "expired_at": at, "occurred_at": at},
            privacy_class="identity",
            usual_class="identity",
            by=command.by,
        )
        for d in ended
        for at in (d.at.astimezone(UTC).isoformat(),)
    )


def _entry(command: Record, data: Mapping[str, Any]) -> NewEntry:
    return NewEntry(command.type, data, command.privacy_class, command.usual_class, command.by)


DOSSIER: Decider[Dossier, Command, NewEntry, Entry] = Decider(decide, evolve, NotOpened())
