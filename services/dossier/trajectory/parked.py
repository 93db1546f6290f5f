"""Dossiers that the clock cannot serve: told to operators by id alone, tried again, and resumed by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import nan
from uuid import UUID

from services.dossier.trajectory.rulebook import RuleFailed
from services.foundation import telemetry
from services.foundation.database.connection import Connection

_failures = telemetry.counter("draad_rule_failures", "Times that a rule over time threw")
_parked = telemetry.gauge("draad_parked_dossiers", "Dossiers whose signals wait until what is wrong is put right")

PARKED = """
select dossier_id, min(due_at) as since, max(failures) as failures, min(retry_at) as retry_at
from dossier.timers where failures > 0 group by dossier_id order by min(due_at), dossier_id
"""


@dataclass(frozen=True)
class Parked:
    """`since`: the business moment at which something was due. `retry_at`: real time, absent when it is tried now."""

    dossier_id: UUID
    since: datetime
    failures: int
    retry_at: datetime | None


def alarm(dossier_id: UUID, failed: RuleFailed) -> None:
    _failures.inc()
    cause = failed.__cause__ or failed
    telemetry.log.error("dossier_parked", dossier_id=str(dossier_id), rule=failed.rule, **telemetry.fault(cause))


async def parked(conn: Connection) -> list[Parked]:
    rows = await conn.fetch(PARKED)
    return [Parked(UUID(int=row["dossier_id"].int), row["since"], row["failures"], row["retry_at"]) for row in rows]


async def count(conn: Connection) -> int:
    """Also what the metric shows from then on."""
    found: int = await conn.fetchval("select count(distinct dossier_id) from dossier.timers where failures > 0")
    _parked.set(found)
    return found


def unknown() -> None:
    """For the metric, where nobody can be asked."""
    _parked.set(nan)


async def resume(conn: Connection, dossier_ids: Sequence[UUID]) -> int:
    """Lets the clock try these now, or all where none is named; how many."""
    resumed = await conn.fetch(
        """update dossier.timers set retry_at = null
           where failures > 0 and (cardinality($1::uuid[]) = 0 or dossier_id = any($1)) returning dossier_id""",
        list(dossier_ids),
    )
    return len({row["dossier_id"] for row in resumed})
