"""STUB until the schemas branch lands."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from typing import Any

ALLOW = ["self-manual.shared", "jobfolio-item.added", "credential-phase.completed", "language-level.assessed", "training.completed", "opportunity.*", "job.carved", "match.agreed", "trial-placement.*", "placement.*", "team-briefing.held", "jobcoach.*", "scheme.*", "workplace-adaptation.arranged", "retention-check.completed", "question.answered", "handover.accepted"]


class Law:
    forbidden_classes = frozenset(("health-sensitive", "income"))

    def article(self, kind: str | None, purpose: str) -> str | None:
        return "Wet SUWI art. 62" if kind in ("uwv", "municipality") else None

    def is_employer(self, kind: str | None) -> bool:
        return kind in ("employer", "pool")

    def employer_may_read(self, type_: str) -> bool:
        return any(fnmatch(type_.removeprefix("nl.dossier."), a) for a in ALLOW)

    def forbidden_in_emission(self, data: Mapping[str, Any]) -> Sequence[str]:
        return [f"/data/{n}" for n in ("health_remark", "person_part_ref", "need") if n in data] + (
            ["/data/reason"] if data.get("reason") == "health" else []
        )


def load() -> Law:
    return Law()
