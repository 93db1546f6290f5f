"""Stories of help: support, training, what is shared, handed over and granted."""

from datetime import date, time
from typing import Any

from tests.oracle.dates import days
from tests.oracle.stories.composer import EMPLOYERS, HELPERS, Composer, stamp
from tests.oracle.stories.meeting import intake

SECTIONS = ("strengths", "what_helps", "pitfalls", "what_to_do_when")


def handover(c: Composer) -> None:
    c.begin()
    items = ["goals", "self_manual", "jobfolio", "active_schemes", "open_concerns"]
    items += ["open_questions", "consents", "contact_person", "last_contacts", "income_effects"]
    present = items[: c.rng.choice((7, 9, 10, 10))]
    missing = [item for item in items if item not in present]
    id_, day, (giver, taker) = c.new("h"), c.some_day(), c.rng.sample(HELPERS, 2)
    due = day + days(c.rng.choice((7, 14)))
    whole = {"items_missing": missing, "completeness": len(present) / 10, "handover_id": id_}
    parties = {"from_org": giver, "to_org": taker}
    c.tell("handover.initiated", day, by=giver, due_on=str(due), items_present=present, **whole, **parties)
    if c.chance(0.4):
        day += days(c.rng.randint(0, 5))
        c.tell("handover.held", day, handover_id=id_, held_on=str(day), participant_present=c.chance(0.5))
    if c.chance(0.6):
        day = due + days(c.rng.choice((-2, 0, 1, 5)))
        told = {"accepted_on": str(day), "responsible_from": str(day + days(c.rng.choice((0, 0, 7))))}
        c.tell("handover.accepted", day, by=taker, **whole, **told)
    elif c.chance(0.5):
        day = due + days(c.rng.choice((-1, 0, 1)))
        c.tell("handover.cancelled", day, by=giver, handover_id=id_, cancelled_on=str(day))


def phase(c: Composer) -> None:
    c.begin()
    name, number = c.rng.choice(("orientation", "language", "application")), c.serial
    day, weeks = c.some_day(), c.rng.choice((1, 3, 5, 10))
    told: dict[str, Any] = {"phase": name, "attempt": number + 1}
    c.tell("credential-phase.entered", day, entered_on=str(day), expected_weeks=weeks, **told)
    entered = day
    if c.chance(0.6):
        day += days(c.rng.choice((5, 10, int(weeks * 10.5), int(weeks * 10.5) + 1, 90)))
        outcome = c.rng.choice(("passed", "failed", "failed"))
        c.tell("credential-phase.completed", day, completed_on=str(day), outcome=outcome, **told)
    if c.chance(0.6):
        c.begin()
        day = entered + days(c.rng.choice((0, 13, 14, 15)))
        until = str(day + days(c.rng.choice((3, 13, 60)))) if c.chance(0.4) else None
        buddy = {"phase": c.rng.choice((None, name, "registration")), "until_on": until}
        c.tell("buddy.matched", day, from_on=str(day + days(c.rng.choice((0, 0, 3)))), **buddy)


def scheme(c: Composer) -> None:
    c.begin()
    code = c.rng.choice(("wage_subsidy", "practice_stipend", "practice_stipend", "transport"))
    day = c.some_day()
    for _ in range(c.rng.randint(1, 3)):
        outcome = c.rng.choice(("granted", "partly_granted", "extended", "refused", "withdrawn"))
        is_good = outcome not in ("refused", "withdrawn")
        until = str(day + days(c.rng.choice((10, 30, 50, 100)))) if is_good and c.chance(0.85) else None
        told = {"request_id": c.new("sr"), "scheme_code": code, "outcome": outcome, "valid_until": until}
        c.tell("scheme.decided", day, by="uwv", decided_on=str(day), by_org="uwv", **told)
        day += days(c.rng.choice((5, 16, 40, 70)))


def jobcoach(c: Composer) -> None:
    c.begin()
    id_, by, day = c.new("ja"), c.rng.choice(("oosterlo", "uwv", "bakker")), c.some_day()
    begins, until = day + days(c.rng.choice((0, 0, 5, -10))), day + days(c.rng.choice((20, 60, 100, 150)))
    c.tell("jobcoach.assigned", day, by=by, arrangement_id=id_, from_on=str(begins), until_on=str(until))
    for _ in range(c.rng.randint(0, 2)):
        day = min(day + days(c.rng.choice((0, 10, 50))), until)
        until += days(c.rng.choice((20, 90)))
        c.tell("jobcoach.extended", day, by=c.rng.choice((by, "rwc")), arrangement_id=id_, until_on=str(until))


def training(c: Composer) -> None:
    c.begin()
    id_, kind, provider = c.new("tr"), c.rng.choice(("language", "vocational")), c.rng.choice(("taalhuis", "rwc"))
    day = c.some_day()
    told = {"training_id": id_, "kind": kind, "provider_org": provider, "started_on": str(day)}
    c.tell("training.started", day, by=provider, planned_end_on=str(day + days(60)), **told)
    for _ in range(c.rng.randint(0, 3)):
        day += days(c.rng.choice((3, 7, 14)))
        missed = c.rng.randint(0, 3)
        c.tell("training.progressed", day, by=provider, training_id=id_, reported_on=str(day), missed_in_a_row=missed)
    if c.chance(0.6):
        day += days(c.rng.choice((0, 7, 14, 40)))
        if c.chance(0.5):
            c.tell("training.completed", day, by=provider, training_id=id_, completed_on=str(day))
        else:
            c.tell("training.discontinued", day, by=provider, training_id=id_, stopped_on=str(day))


def manual(c: Composer) -> None:
    day = c.some_day()
    for version in range(1, c.rng.randint(1, 3) + 1):
        c.begin()
        told: dict[str, Any] = {"manual_id": "sm", "version": version}
        c.tell("self-manual.published", day, by=None, review_on=str(day + days(180)), **told)
        if c.chance(0.7):
            c.begin()
            shared_on, sections = day + days(c.rng.randint(0, 9)), c.rng.sample(SECTIONS, c.rng.randint(0, 4))
            more = {"recipient_org": c.rng.choice(EMPLOYERS), "shared_on": str(shared_on), "sections": sections}
            c.tell("self-manual.shared", shared_on, by=None, **told, **more)
        if c.chance(0.4):
            c.begin()
            changed_on = day + days(c.rng.choice((0, 30, 181, 183, 190)))
            c.tell("capacity.changed", changed_on, from_on=str(changed_on))
        day += days(c.rng.choice((0, 40, 182, 183, 200)))


def briefing(c: Composer) -> None:
    c.begin()
    day, used = c.some_day(), c.rng.sample(SECTIONS, c.rng.randint(0, 2))
    told = {"held_on": str(day), "sections_used": used, "participant_approved_text": c.chance(0.8)}
    c.tell("team-briefing.held", day, by=c.rng.choice(EMPLOYERS), **told)


def grant(c: Composer) -> None:
    purpose = c.rng.choice(("guidance", "placement", "handover"))
    granted(c, c.rng.choice(EMPLOYERS if purpose == "placement" else HELPERS), c.some_day(), purpose)


def asked_twice(c: Composer) -> None:
    """Two intakes about the same, perhaps with a grant for who asks the second time."""
    day = c.some_day(before_end=50)
    c.begin()
    intake(c, day)
    c.begin()
    first, later = c.drafts[-1], day + days(c.rng.choice((0, 5, 40)))
    intake(c, later)
    again = c.drafts[-1]
    again.data["newly_asked"] = c.rng.choice((first.data["newly_asked"], first.data["reused_fields"], ["other"]))
    if c.chance(0.8):
        granted(c, again.data["by_org"], max(later - days(c.rng.choice((1, 9))), c.opened_on), "guidance")


def granted(c: Composer, grantee: str, day: date, purpose: str) -> None:
    c.begin()
    id_ = c.new("c")
    spans = (60, 200, 300) if purpose == "placement" else (5, 7, 8, 29, 30, 31, 60, 200, 300)
    until = day + days(c.rng.choice(spans))
    told: dict[str, Any] = {"consent_id": id_, "grantee_org": grantee, "purpose": purpose, "basis": "consent"}
    told |= {"valid_until": stamp(until, c.rng.choice((time(0), time(9)))), "legal_ref": None}
    told["classes"] = classes = c.rng.choice((["work"], ["work", "identity", "contact"], ["contact"]))
    told["operations"] = c.rng.choice((["read"], ["read", "subscribe"], ["emit"]))
    told["history"] = c.rng.choice(("all", "from_grant"))
    told["event_types"] = c.rng.choice((None, None, ["nl.dossier.intake.completed"], ["nl.dossier.placement.ended"]))
    told["grantee_actor"] = c.rng.choice((None, None, None, "carla"))
    c.tell_now("consent.granted", day, **told)
    c.drafts[-1].data["valid_from"] = c.drafts[-1].occurred.isoformat()
    if c.chance(0.15):
        day += days(c.rng.randint(0, 20))
        sooner = stamp(day + days(c.rng.randint(1, 40))) if c.chance(0.7) and day + days(40) < until else None
        told = {"consent_id": id_, "classes": classes[:1], "event_types": told["event_types"], "valid_until": sooner}
        c.tell_now("consent.narrowed", day, **told)
        c.drafts[-1].data["effective_at"] = c.drafts[-1].occurred.isoformat()
    if c.chance(0.2):
        day += days(c.rng.randint(0, 40))
        if day < until and day <= c.until:
            c.tell_now("consent.revoked", day, consent_id=id_, erase_copies_requested=False)
            c.drafts[-1].data["effective_at"] = c.drafts[-1].occurred.isoformat()


def referral(c: Composer) -> None:
    c.begin()
    id_, day = c.new("rf"), c.some_day()
    told = {"from_org": "oosterlo", "to_org": "taalhuis", "answer_by_on": str(day + days(7))}
    c.tell("referral.made", day, referral_id=id_, **told)
    answered = day + days(c.rng.choice((1, 5, 7, 8, 9, 12)))
    if c.chance(0.7):
        told = {"answer": "accepted", "answered_on": str(answered)}
        c.tell("referral.answered", answered, by="taalhuis", referral_id=id_, **told)
    elif c.chance(0.4):
        c.tell("referral.withdrawn", answered, referral_id=id_, withdrawn_on=str(answered))
