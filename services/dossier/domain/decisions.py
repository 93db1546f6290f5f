"""What is recorded when something is asked of a dossier, or why not."""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any, assert_never

from services.dossier.domain.admission import emission
from services.dossier.domain.commands import Command, EndDue, Record
from services.dossier.domain.ends import due
from services.dossier.domain.entries import Entry, NewEntry
from services.dossier.domain.evolution import evolve
from services.dossier.domain.knowledge import OPENED
from services.dossier.domain.refusals import AgainstState, RuleBroken, UnknownDossier
from services.dossier.domain.state import Dossier, Erased, NotOpened, Open
from services.foundation.decider import Decider

Check = Callable[[Record, Open], None]
CHECKS: Mapping[str, tuple[Check, ...]] = {}


def decide(command: Command, dossier: Dossier) -> tuple[NewEntry, ...]:
    match command, dossier:
        case Record(type=t), NotOpened() if t == OPENED:
            return _open(command)
        case Record(type=t), Open() | Erased() if t == OPENED:
            emission.check_role(command)
            raise AgainstState("Choose another id for the dossier.")
        case Record(), Open():
            return _record(command, dossier)
        case Record(), NotOpened() | Erased():
            raise UnknownDossier
        case EndDue(), Open():
            return _expire(command, dossier)
        case EndDue(), NotOpened() | Erased():
            return ()
    assert_never((command, dossier))  # type: ignore[arg-type]  # mypy does not narrow tuples


def _open(command: Record) -> tuple[NewEntry, ...]:
    emission.check_role(command)
    emission.check_moment(command)
    emission.check_class(command)
    if command.data["dossier_id"] != str(command.dossier_id):
        raise RuleBroken("Name the dossier that you post to.", pointers=("/data/dossier_id",))
    return (_entry(command, command.data),)


def _record(command: Record, dossier: Open) -> tuple[NewEntry, ...]:
    """Known, then allowed, then by rule and state (api.md §1)."""
    emission.check_known(command, dossier)
    emission.check_role(command)
    emission.check_permission(command, dossier)
    emission.check_moment(command)
    emission.check_class(command)
    emission.check_employer_form(command)
    for check in CHECKS.get(command.name, ()):
        check(command, dossier)
    return (_entry(command, command.data),)


def _expire(command: EndDue, dossier: Open) -> tuple[NewEntry, ...]:
    """Each grant once, at the moment at which it ended, however late the clock comes by."""
    ended = (d for d in due(dossier, command.employers, command.parameters) if d.at <= command.now)
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
