"""R-11b, R-12 and R-37: a grant is about to end or its purpose has ended; a recall of copies is answered in time."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from services.dossier.domain.consent import Grant
from services.dossier.domain.days import civil_day, days_after, midnight, moment_in
from services.dossier.domain.ends import after_completion
from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.becoming import LOOK, Becomes, on_day
from services.dossier.trajectory.history import History, day_named


def consent_ends(history: History, parameters: Parameters) -> Iterator[Becomes]:
    for grant, granted in _granted(history):
        until_on = civil_day(grant.valid_until)
        for days in (parameters.consent_warn_days, parameters.consent_last_warn_days):
            day = until_on - timedelta(days)
            if civil_day(grant.valid_from) < day and grant.is_live(max(midnight(day), grant.valid_from)):
                yield on_day(day, "R-12", "consent_expiring", granted, due_on=until_on)
        ends_at = grant.purpose_ends_at
        if grant.purpose != "placement" or ends_at is None or _is_of_referral(ends_at, grant, history, parameters):
            continue
        if ends_at < grant.valid_until and (grant.ended_at is None or grant.ended_at >= ends_at):
            yield on_day(civil_day(ends_at), "R-11b", "consent_purpose_ended", granted, severity=LOOK)


def recall_overdue(history: History, parameters: Parameters) -> Iterator[Becomes]:
    answered = {e.data["recall_id"] for e in history.named("copy-recall.answered")}
    for requested in history.named("copy-recall.requested"):
        if requested.data["recall_id"] not in answered:
            asked_on = civil_day(moment_in(requested.data["requested_at"]))
            yield on_day(days_after(asked_on, parameters.recall_days + 1), "R-37", "recall_overdue", requested)


def _is_of_referral(ends_at: datetime, grant: Grant, history: History, parameters: Parameters) -> bool:
    """Whether what the grant ends with is its referral (R-36), and not the relation with the employer."""
    for ended in history.named("referral.answered", "referral.completed", "referral.withdrawn"):
        if ended.data["referral_id"] != grant.referral_id or ended.data.get("answer") == "accepted":
            continue
        end = ended.recorded_at
        if ended.name == "referral.completed":
            end = after_completion(day_named(ended.data, "completed_on"), parameters)
        if end <= ends_at:
            return True
    return False


def _granted(history: History) -> Iterator[tuple[Grant, Entry]]:
    entries = {e.data["consent_id"]: e for e in history.named("consent.granted")}
    for grant in history.grants:
        if grant.consent_id in entries:
            yield grant, entries[grant.consent_id]
