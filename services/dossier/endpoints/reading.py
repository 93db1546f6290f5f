"""What every endpoint of a dossier begins with: the parts of this service, and who asks, for which purpose."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from fastapi import Header

from services.dossier.gate.caseload import Caseload
from services.dossier.gate.decision import Reader
from services.dossier.gate.listing import Listing
from services.dossier.gate.overviews import Overviews
from services.dossier.gate.release import Gate
from services.dossier.gate.watching import Watching
from services.dossier.gate.worklist import Worklist
from services.dossier.handlers import Handler
from services.dossier.writing.surroundings import Surveyor
from services.foundation.callers import Caller
from services.foundation.contract import Contract
from services.foundation.paging import Cursors
from services.foundation.problems import BAD_REQUEST, Problem


@dataclass(frozen=True)
class Dossiers:
    """What the endpoints of this service need, put together by the root."""

    handler: Handler
    gate: Gate
    overviews: Overviews
    watching: Watching
    caseload: Caseload
    listing: Listing
    worklist: Worklist
    surveyor: Surveyor
    contract: Contract
    cursors: Cursors
    portal_source: str

    @cached_property
    def purposes(self) -> list[str]:
        """Those that a grant may name."""
        return sorted(self.contract.allowed("nl.dossier.consent.granted", "purpose"))

    async def reader(self, caller: Caller, purpose: str | None) -> Reader:
        """Who asks; with a purpose, by grants of that purpose alone."""
        if purpose is not None and purpose not in self.purposes:
            raise Problem(BAD_REQUEST, f"Draad-Purpose is one of: {', '.join(self.purposes)}.")
        return replace(await self.surveyor.reader(caller), purpose=purpose)


def purpose_header(dossiers: Dossiers) -> Any:
    return Header(
        alias="Draad-Purpose",
        description="Narrows the read to grants of this purpose; without it any serves. "
        "What the participant and a delegate may read rests on no grant.",
        json_schema_extra={"enum": dossiers.purposes},
    )
