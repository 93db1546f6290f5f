"""Five kinds of history of one signal: it fires, does not, is stopped in time, too late, and with other numbers."""

from dataclasses import dataclass
from typing import Any

from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from tests.oracle.stories.composer import required
from tests.rules.given import on


def it(day: str, name: str, /, by: Any = "oosterlo", **data: Any) -> Entry:
    """What happened on a day, whole as its schema wants it."""
    return on(day, name, by=by, **required(name) | data)


OPENED = it("2025-01-01", "dossier.opened", opened_on="2025-01-01")


@dataclass(frozen=True)
class Kinds:
    """On top of the opening. `numbers` move it to `then`, or away; `without_numbers` says why no parameter does."""

    rule: str
    code: str
    fires: list[Entry]
    on: str
    quiet: list[Entry]
    in_time: list[Entry]
    too_late: list[Entry]
    numbers: Parameters | None = None
    then: str = ""
    without_numbers: str = ""


def job(day: str, id_: str = "p1", **data: Any) -> Entry:
    usual = {"placement_id": id_, "starts_on": day, "kind": "regular", "employer_org": "bakker", "hours_per_week": 24}
    return it(day, "placement.started", by="bakker", **usual | data)


def left(day: str, id_: str = "p1") -> Entry:
    return it(day, "placement.ended", by="bakker", placement_id=id_, ended_on=day)


def trial(**data: Any) -> list[Entry]:
    asked = {"trial_id": "t1", "employer_org": "bakker", "planned_end_on": "2025-03-12", "intended_hours_per_week": 20}
    return [
        it("2025-01-06", "trial-placement.requested", by="bakker", **asked | data),
        it("2025-01-06", "trial-placement.started", by="bakker", trial_id="t1", started_on="2025-01-06"),
    ]


def trial_over(outcome: str = "not_retained") -> list[Entry]:
    ended = {"trial_id": "t1", "ended_on": "2025-03-12", "outcome": outcome}
    return [*trial(), it("2025-03-12", "trial-placement.ended", by="bakker", **ended)]


def evaluated(day: str) -> Entry:
    return it(day, "trial-placement.evaluated", trial_id="t1", evaluated_on=day, side="joint")


def check(day: str) -> Entry:
    return it(day, "retention-check.completed", clock="placement", checkpoint_weeks=4, held_on=day)


def decided(day: str, code: str = "transport", **data: Any) -> Entry:
    told = {"scheme_code": code, "outcome": "granted", "decided_on": day, "valid_until": "2025-06-30"}
    return it(day, "scheme.decided", by="uwv", **told | data)


def cut(day: str) -> Entry:
    return decided(day, outcome="withdrawn", valid_until=None)


def met(day: str, who: str = "noor") -> Entry:
    return it(day, "contact-moment.held", **{"with": [who, "carla"], "held_on": day})


def handover(present: int = 10) -> Entry:
    items = ["goals", "self_manual", "jobfolio", "active_schemes", "open_concerns", "open_questions", "consents"]
    items += ["contact_person", "last_contacts", "income_effects"]
    told = {"handover_id": "h1", "due_on": "2025-02-14", "completeness": present / 10, "to_org": "uwv"}
    return it("2025-02-01", "handover.initiated", **told, items_present=items[:present], items_missing=items[present:])


def accepted(day: str) -> Entry:
    return it(day, "handover.accepted", by="uwv", handover_id="h1", accepted_on=day, responsible_from=day)


def intake(day: str, *asked: str, regime: str = "wia") -> Entry:
    told = {"by_org": "oosterlo", "held_on": day, "legal_regime": regime, "newly_asked": list(asked)}
    return it(day, "intake.completed", **told, reused_fields=[])


def granted(day: str, **data: Any) -> Entry:
    told = {"consent_id": "c1", "grantee_org": "oosterlo", "purpose": "guidance", "classes": ["work"]}
    window = {"valid_from": f"{day}T12:00:00+01:00", "valid_until": "2025-07-01T00:00:00+02:00"}
    return it(day, "consent.granted", by=None, **told | window | {"operations": ["read"], "history": "all"} | data)


def withdrawn(day: str) -> Entry:
    return it(day, "consent.revoked", by=None, consent_id="c1", effective_at=f"{day}T12:00:00+01:00")


def estimated(day: str, hours: float = 24) -> Entry:
    told = {"estimate_id": "e1", "estimated_on": day, "scenario_hours_per_week": hours, "net_change_month_eur": 300}
    return it(day, "income-effect.estimated", **told)


def observed(net: float) -> Entry:
    told = {"estimate_id": "e1", "net_change_month_eur": net, "clawback_eur": 0}
    return it("2025-03-10", "income-effect.observed", **told)


def progressed(missed: int) -> Entry:
    return it("2025-03-10", "training.progressed", training_id="tr1", reported_on="2025-03-10", missed_in_a_row=missed)


def phase(**data: Any) -> Entry:
    told = {"phase": "language", "attempt": 1, "entered_on": "2025-03-01", "expected_weeks": 10}
    return it("2025-03-01", "credential-phase.entered", **told | data)


def completed(day: str, outcome: str = "passed") -> Entry:
    told = {"phase": "language", "attempt": 1, "completed_on": day, "outcome": outcome}
    return it(day, "credential-phase.completed", **told)


def buddy(day: str) -> Entry:
    return it(day, "buddy.matched", from_on=day)


def lost(day: str) -> Entry:
    return it(day, "contact.lost", since_on=day)


def tried(day: str) -> Entry:
    return it(day, "outreach.attempted", attempted_on=day, outcome="no_answer")


def concern(severity: int) -> Entry:
    return it("2025-05-21", "concern.raised", concern_id="k1", severity=severity)


def solved(day: str) -> Entry:
    return it(day, "concern.resolved", concern_id="k1", resolved_on=day)


def shared(day: str) -> Entry:
    return it(day, "self-manual.shared", by=None, recipient_org="bakker", sections=["pitfalls"], shared_on=day)


def briefed(*sections: str) -> Entry:
    told = {"sections_used": list(sections), "participant_approved_text": True, "held_on": "2025-05-20"}
    return it("2025-05-20", "team-briefing.held", by="bakker", **told)


def published(day: str) -> Entry:
    return it(day, "self-manual.published", by=None)


def appointed(day: str, person: str = "bram", **data: Any) -> Entry:
    told = {"person": person, "audience": "participant", "from_on": day}
    return it(day, "contact-person.appointed", **told | data)


def for_bakker(day: str) -> Entry:
    return appointed(day, audience="employer", employer_org="bakker")


def coach(day: str, by: str, until_on: str = "2025-12-31") -> Entry:
    return it(day, "jobcoach.assigned", by=by, arrangement_id=by, from_on=day, until_on=until_on)


def question(due_on: str = "2025-04-16") -> Entry:
    return it("2025-04-01", "question.asked", by=None, question_id="q1", asked_on="2025-04-01", due_on=due_on)


def answered(day: str) -> Entry:
    return it(day, "question.answered", question_id="q1", answered_on=day)


def correction() -> Entry:
    return it("2025-03-01", "correction.requested", by=None, request_id="cr1", requested_on="2025-03-01")


def corrected(day: str) -> Entry:
    return it(day, "correction.answered", request_id="cr1", answered_on=day)


def referred() -> Entry:
    return it("2025-04-16", "referral.made", referral_id="r1")


def replied(day: str) -> Entry:
    return it(day, "referral.answered", by="taalhuis", referral_id="r1", answered_on=day)


def recalled() -> Entry:
    asked_at = "2025-03-01T10:00:00+01:00"
    return it("2025-03-01", "copy-recall.requested", by="platform", recall_id="x", requested_at=asked_at)


def erased(day: str) -> Entry:
    return it(day, "copy-recall.answered", by="uwv", recall_id="x", outcome="erased", answered_on=day)


PLACEMENT_GRANT = granted("2025-01-05", grantee_org="bakker", purpose="placement")
AT_WORK = [PLACEMENT_GRANT, job("2025-01-06")]
