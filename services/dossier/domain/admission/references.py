"""Ids of one's own choosing: new where something begins, known where something goes on; and what a check is."""

from collections.abc import Callable, Container, Mapping
from typing import TypeVar

from services.dossier.domain.commands import Record
from services.dossier.domain.refusals import AgainstState, NotAllowed
from services.dossier.domain.state import Open

V = TypeVar("V")
Check = Callable[[Record, Open], None]


def check_unused(command: Record, field: str, used: Container[str], rule: str) -> None:
    if command.data[field] in used:
        raise AgainstState("Choose another id: this one is in use.", rule=rule, pointers=(f"/data/{field}",))


def known(command: Record, field: str, values: Mapping[str, V], rule: str) -> V:
    value = values.get(command.data[field])
    if value is None:
        raise unknown(field, rule)
    return value


def unknown(field: str, rule: str) -> AgainstState:
    """Also the answer about what is another's: nobody learns that it exists."""
    return AgainstState("Nothing that you can go on with is known by this id.", rule=rule, pointers=(f"/data/{field}",))


def check_own(command: Record, field: str, rule: str | None) -> None:
    """A professional speaks for their own organisation."""
    if command.data[field] != command.organisation:
        raise NotAllowed("Name your own organisation.", rule=rule)
