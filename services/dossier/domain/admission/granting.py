"""Grants: asked, given, narrowed, withdrawn, ended, and called back afterwards (R-11, R-17, R-36, R-37)."""

from collections.abc import Iterable, Mapping

from services.dossier.domain.admission.references import Check, check_own, check_unused, known, unknown
from services.dossier.domain.commands import Record
from services.dossier.domain.consent import Grant
from services.dossier.domain.days import civil_day, days_after, moment_in
from services.dossier.domain.ends import with_ends
from services.dossier.domain.refusals import AgainstState, NotAllowed, RuleBroken
from services.dossier.domain.state import AccessRequest, Open

STATUTORY = "statutory_task"
NOT_A_GUEST = frozenset({None, "participant", "platform"})  # kinds that no grant can be given to


def check_requested(command: Record, dossier: Open) -> None:
    check_own(command, "requester_org", "R-11")
    check_unused(command, "request_id", dossier.requests, "R-11")
    declined = (
        r.declined_at
        for r in dossier.requests.values()
        if r.organisation == command.organisation and r.purpose == command.data["purpose"]
    )
    again_after = command.parameters.request_repeat_days
    if any(at is not None and civil_day(command.now) <= days_after(civil_day(at), again_after) for at in declined):
        raise AgainstState("The participant said no; ask again when two weeks have passed.", rule="R-11")


def check_declined(command: Record, dossier: Open) -> None:
    request = known(command, "request_id", dossier.requests, "R-11")
    if request.declined_at is not None or request.granted:
        raise AgainstState("This request has been answered.", rule="R-11", pointers=("/data/request_id",))


def check_granted(command: Record, dossier: Open) -> None:
    _check_basis(command)
    _check_grantee(command)
    _check_window(command)
    _check_employer_ceiling(command)
    check_unused(command, "consent_id", dossier.grants, "R-11")
    _check_request(command, dossier)
    _check_referral(command, dossier)


def legal_ref(command: Record) -> str | None:
    """The article of a statutory grant: as sent, or from the law file."""
    if command.data["basis"] != STATUTORY:
        return None
    article: str | None = command.data.get("legal_ref") or command.facts.legal_ref
    return article


def check_narrowed(command: Record, dossier: Open) -> None:
    grant = _revocable(command, dossier)
    _check_effective(command)
    data = command.data
    widened = [
        field
        for field, narrows in (
            ("classes", frozenset(data["classes"]) <= grant.classes),
            ("event_types", "event_types" not in data or _narrows(data["event_types"], grant)),
            ("valid_until", "valid_until" not in data or moment_in(data["valid_until"]) <= grant.valid_until),
        )
        if not narrows
    ]
    if widened:
        raise RuleBroken(
            "Narrowing takes away; for more than was given, give a new grant.",
            rule="R-11",
            pointers=tuple(f"/data/{field}" for field in widened),
        )
    if "valid_until" in data and moment_in(data["valid_until"]) <= command.now:
        raise RuleBroken("To end a grant now, withdraw it.", rule="R-11", pointers=("/data/valid_until",))


def check_revoked(command: Record, dossier: Open) -> None:
    _revocable(command, dossier)
    _check_effective(command)


def check_expired(command: Record, dossier: Open) -> None:
    grant = _dated(command, dossier)
    if grant.ended_at is not None or not grant.has_ended(command.now):
        raise AgainstState("This grant does not end now.", rule="R-12", pointers=("/data/consent_id",))


def check_recall(command: Record, dossier: Open) -> None:
    grant = known(command, "consent_id", dossier.grants, "R-37")
    check_unused(command, "recall_id", dossier.recalls, "R-37")
    if grant.ended_at is None or grant.organisation != command.data["of_org"]:
        raise unknown("consent_id", "R-37")


def check_recall_answer(command: Record, dossier: Open) -> None:
    recall = known(command, "recall_id", dossier.recalls, "R-37")
    if recall.organisation != command.organisation:
        raise unknown("recall_id", "R-37")
    if recall.answered:
        raise AgainstState("This has been answered.", rule="R-37", pointers=("/data/recall_id",))
    if command.data["outcome"] == "kept_by_law" and not command.data.get("legal_ref"):
        raise RuleBroken("Name the article by which it is kept.", rule="R-37", pointers=("/data/legal_ref",))


def _dated(command: Record, dossier: Open) -> Grant:
    grant = known(command, "consent_id", dossier.grants, "R-11")
    return with_ends(grant, dossier, command.facts.employers, command.facts.timeline)


def _revocable(command: Record, dossier: Open) -> Grant:
    grant = _dated(command, dossier)
    if not grant.is_revocable:
        raise AgainstState(
            "This access rests on a legal task: it can be seen and contested, not withdrawn.",
            rule="R-11",
            pointers=("/data/consent_id",),
        )
    if grant.has_ended(command.now):
        raise AgainstState("This grant has ended already.", rule="R-11", pointers=("/data/consent_id",))
    return grant


def _check_effective(command: Record) -> None:
    if moment_in(command.data["effective_at"]) > command.now:
        raise RuleBroken("This takes effect at once; it cannot wait.", rule="R-11", pointers=("/data/effective_at",))


def _narrows(types: Iterable[str], grant: Grant) -> bool:
    """No types listed means every type."""
    listed = tuple(types)
    if not listed or not grant.event_types:
        return not grant.event_types
    return all(any(_within(type_, given) for given in grant.event_types) for type_ in listed)


def _within(type_: str, given: str) -> bool:
    return type_ == given or (given.endswith("*") and type_.removesuffix("*").startswith(given[:-1]))


def _check_basis(command: Record) -> None:
    is_statutory = command.data["basis"] == STATUTORY
    if is_statutory != (command.by.standing == "platform"):
        raise NotAllowed(
            "The participant gives consent or no objection; a legal task is registered by the platform.", rule="R-11"
        )
    if is_statutory and not legal_ref(command):
        raise RuleBroken("Name the article on which this task rests.", rule="R-11", pointers=("/data/legal_ref",))


def _check_grantee(command: Record) -> None:
    facts, data = command.facts, command.data
    if facts.grantee_kind in NOT_A_GUEST:
        raise RuleBroken("Name an organisation that is registered.", rule="R-11", pointers=("/data/grantee_org",))
    if "grantee_actor" in data and facts.grantee_person_organisation != data["grantee_org"]:
        raise RuleBroken("Name someone of that organisation.", rule="R-11", pointers=("/data/grantee_actor",))


def _check_window(command: Record) -> None:
    until = moment_in(command.data["valid_until"])
    if until <= moment_in(command.data["valid_from"]) or until <= command.now:
        raise RuleBroken(
            "Let the grant end after it begins, and later than now.", rule="R-11", pointers=("/data/valid_until",)
        )


def _check_employer_ceiling(command: Record) -> None:
    """A type that is only read must be on the allow-list; one that is sent need not be. The gate judges the rest."""
    law, data = command.facts.law, command.data
    if not law.is_employer(command.facts.grantee_kind):
        return
    pointers = ["/data/classes"] if law.forbidden_classes & set(data["classes"]) else []
    if "emit" not in data["operations"] and not all(
        type_.endswith("*") or law.employer_may_read(type_) for type_ in data.get("event_types", ())
    ):
        pointers.append("/data/event_types")
    if pointers:
        raise RuleBroken(
            "An employer never reads this. Share an extract in the participant's own words instead "
            "(nl.dossier.self-manual.shared).",
            rule="R-17",
            pointers=tuple(pointers),
        )


def _check_request(command: Record, dossier: Open) -> None:
    if "request_id" not in command.data:
        return
    request: AccessRequest = known(command, "request_id", dossier.requests, "R-11")
    if request.organisation != command.data["grantee_org"]:
        raise unknown("request_id", "R-11")


def _check_referral(command: Record, dossier: Open) -> None:
    if "referral_id" not in command.data:
        return
    referral = known(command, "referral_id", dossier.referrals, "R-36")
    if referral.to_org != command.data["grantee_org"] or referral.ended_on is not None:
        raise unknown("referral_id", "R-36")


CHECKS: Mapping[str, Check] = {
    "consent.requested": check_requested,
    "consent.declined": check_declined,
    "consent.granted": check_granted,
    "consent.narrowed": check_narrowed,
    "consent.revoked": check_revoked,
    "consent.expired": check_expired,
    "copy-recall.requested": check_recall,
    "copy-recall.answered": check_recall_answer,
}
