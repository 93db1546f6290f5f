"""The file that `draad grants register FILE` takes, and how each of its statutory grants comes on record."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from services.dossier.writing.incoming import Incoming
from services.foundation import clock
from services.foundation.callers import Caller
from services.foundation.contract import Fault
from services.foundation.problems import CONFLICT, NOT_FOUND, Problem
from services.roots.house import House

TYPE: Final = "nl.dossier.consent.granted"
_OF_FILE: Final = UUID("5f1d3a52-8a83-4d6e-9a55-0d9b7a3a4c11")
"""The name space of event ids that follow from what an entry says, so that the same entry again is the same event."""
_CALLED: Final = {
    "grantee_org": "organisation",
    "grantee_actor": "person",
    "legal_ref": "article",
    "valid_from": "from",
    "valid_until": "until",
}


class GrantsRefused(Exception):
    """This file cannot be used; the message says where and why."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    dossier: UUID
    organisation: str
    person: str | None = None
    purpose: str
    article: str | None = None
    processing_activity: str = Field(pattern=r"^[\w.:/@+-]{1,160}$")
    classes: list[str] = Field(min_length=1)
    operations: list[str] = Field(min_length=1)
    event_types: list[str] | None = None
    history: str
    since: AwareDatetime = Field(alias="from")
    until: AwareDatetime


@dataclass(frozen=True)
class Grant:
    """One entry: the dossier, the processing activity under which it falls, and the data of the event."""

    dossier: UUID
    organisation: str
    processing_activity: str
    event_id: UUID
    data: dict[str, Any] = field(repr=False)

    @property
    def consent_id(self) -> str:
        return str(self.data["consent_id"])

    def in_words(self, problem: Problem) -> tuple[str, ...]:
        """Why it was not registered, in the words of the file."""
        if problem.kind is NOT_FOUND:
            return (f"there is no dossier {self.dossier}",)
        rule = f" ({problem.rule})" if problem.rule else ""
        named = tuple(f"{_in_file(error.pointer)}: {error.message}{rule}" for error in problem.errors)
        return named or (f"{problem.detail}{rule}",)


def _in_file(pointer: str) -> str:
    first, *rest = pointer.removeprefix("/data").strip("/").split("/")
    return "/" + "/".join([_CALLED.get(first, first), *rest])


def load_grants(path: Path) -> list[Grant]:
    """Raises GrantsRefused with one line per fault; nothing of a file with a fault in its shape is registered."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise GrantsRefused(f"{path} cannot be read ({error.strerror}): give the path of a file.") from error
    except (ValueError, RecursionError) as error:
        raise GrantsRefused(f"{path} is not JSON in UTF-8.") from error
    entries = told.get("grants") if isinstance(told, dict) and set(told) == {"grants"} else told
    if not isinstance(entries, list) or not entries:
        raise GrantsRefused(
            f'{path} holds no grants: write {{"grants": [...]}}. `draad grants register --help` shows one.'
        )
    faults, grants = [], []
    for place, entry in enumerate(entries):
        try:
            grants.append(_grant(_Entry.model_validate(entry)))
        except ValidationError as error:
            faults += [_line(place, fault) for fault in error.errors(include_input=False)]
    if faults:
        raise GrantsRefused("\n".join([f"{path}: nothing was registered.", *faults]))
    return grants


def _line(place: int, fault: Any) -> str:
    return f"/{'/'.join(['grants', str(place), *(str(step) for step in fault['loc'])])}: {fault['msg']}"


def _grant(entry: _Entry) -> Grant:
    told = entry.model_dump(mode="json")
    event_id = uuid5(_OF_FILE, json.dumps(told, sort_keys=True))
    data = {
        "consent_id": f"st-{event_id.hex[:20]}",
        "grantee_org": entry.organisation,
        "grantee_actor": entry.person,
        "classes": entry.classes,
        "event_types": entry.event_types,
        "operations": entry.operations,
        "purpose": entry.purpose,
        "basis": "statutory_task",
        "legal_ref": entry.article,
        "history": entry.history,
        "valid_from": entry.since.isoformat(),
        "valid_until": entry.until.isoformat(),
    }
    given = {name: value for name, value in data.items() if value is not None}
    return Grant(entry.dossier, entry.organisation, entry.processing_activity, event_id, given)


async def on_record(house: House, operator: Caller, source: str, grant: Grant) -> bool:
    """The way of every event, as the platform; false when it was on record already. Raises Problem."""
    async with house.database.connection() as conn:
        now = await clock.now(conn)
    data = grant.data | {"occurred_at": now.isoformat()}
    faults = tuple(
        Fault(f"/data{fault.pointer}", fault.message, fault.rule)
        for fault in house.dossiers.contract.faults(TYPE, data)
    )
    incoming = Incoming(grant.event_id, source, TYPE, data, None, faults)
    try:
        recorded = await house.handler.record(operator, grant.dossier, [incoming])
    except Problem as problem:
        if problem.kind is CONFLICT and problem.rule is None:
            return False  # the id follows from the entry: under it lies this entry, of an earlier moment
        raise
    return recorded.is_new
