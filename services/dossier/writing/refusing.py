"""What of a write is refused, turned into the answer that says what to do: 404, 400, 403 or 409 (api.md §1)."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from services.dossier.domain.commands import Record
from services.dossier.domain.decisions import ID_IS_USED, decide
from services.dossier.domain.entries import NewEntry
from services.dossier.domain.refusals import AgainstState, NotAllowed, Refusal, RuleBroken, UnknownDossier
from services.dossier.domain.state import Dossier
from services.dossier.writing.incoming import Incoming
from services.foundation.contract import Fault
from services.foundation.problems import (
    BAD_REQUEST,
    CONFLICT,
    FORBIDDEN,
    RULE_REFUSED,
    FieldError,
    Kind,
    Problem,
    not_found,
)

KINDS: Mapping[type[Refusal], Kind] = {NotAllowed: FORBIDDEN, RuleBroken: RULE_REFUSED, AgainstState: CONFLICT}
OPENED = "nl.dossier.dossier.opened"


def decided(command: Record, dossier: Dossier, at: str) -> tuple[NewEntry, ...]:
    """The decision, its refusals turned into answers: 404, 403, 400 or 409 (api.md §1)."""
    try:
        return decide(command, dossier)
    except UnknownDossier:
        raise not_found() from None
    except Refusal as refusal:
        kind = KINDS[type(refusal)]
        errors = [FieldError(at + pointer, refusal.message) for pointer in refusal.pointers]
        raise Problem(kind, refusal.message, rule=refusal.rule, errors=errors) from None


def of_erased(incoming: Sequence[Incoming], now: datetime) -> Problem:
    """It does not exist; only its id stays used, as any other that is."""
    if any(one.type != OPENED for one in incoming):
        return not_found()
    refuse_faults(incoming, now)
    return Problem(CONFLICT, ID_IS_USED)


def refuse_faults(incoming: Sequence[Incoming], now: datetime) -> None:
    """Every error at once; the rule is named where a broken field carries one (`x-rule`)."""
    faults = [
        Fault(one.at + fault.pointer, fault.message, fault.rule)
        for one in incoming
        for fault in (*one.faults, *_too_early(one, now))
    ]
    if not faults:
        return
    rule = next((fault.rule for fault in faults if fault.rule is not None), None)
    raise Problem(
        BAD_REQUEST if rule is None else RULE_REFUSED,
        "Correct what errors[] names and send it again; nothing was stored.",
        rule=rule,
        errors=[FieldError(fault.pointer, fault.message) for fault in faults],
    )


def _too_early(one: Incoming, now: datetime) -> list[Fault]:
    if one.faults or datetime.fromisoformat(one.data["occurred_at"]) <= now:
        return []
    return [Fault("/data/occurred_at", "This lies ahead of the clock: record what has happened.", None)]
