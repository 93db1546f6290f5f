"""Handovers and referrals: begun by one organisation, answered by the one that was asked, once (R-09, R-36)."""

from collections.abc import Mapping

from services.dossier.domain.admission.references import Check, check_own, check_unused, known, unknown
from services.dossier.domain.commands import Record
from services.dossier.domain.refusals import AgainstState
from services.dossier.domain.state import Handover, Open, Referral

HANDOVER = "R-09"
REFERRAL = "R-36"


def check_handover_initiated(command: Record, dossier: Open) -> None:
    check_own(command, "from_org", HANDOVER)
    check_unused(command, "handover_id", dossier.handovers, HANDOVER)


def check_handover_held(command: Record, dossier: Open) -> None:
    if known(command, "handover_id", dossier.handovers, HANDOVER).state == "cancelled":
        raise unknown("handover_id", HANDOVER)


def check_handover_accepted(command: Record, dossier: Open) -> None:
    handover = known(command, "handover_id", dossier.handovers, HANDOVER)
    _check_under_way(handover, handover.to_org == command.organisation)


def check_handover_cancelled(command: Record, dossier: Open) -> None:
    handover = known(command, "handover_id", dossier.handovers, HANDOVER)
    _check_under_way(handover, handover.from_org == command.organisation)


def check_referral_made(command: Record, dossier: Open) -> None:
    check_own(command, "from_org", REFERRAL)
    check_unused(command, "referral_id", dossier.referrals, REFERRAL)


def check_referral_answered(command: Record, dossier: Open) -> None:
    if _asked(command, dossier).state != "offered":
        raise AgainstState("This referral has been answered.", rule=REFERRAL, pointers=("/data/referral_id",))


def check_referral_completed(command: Record, dossier: Open) -> None:
    if _asked(command, dossier).state != "accepted":
        raise AgainstState(
            "Only an accepted referral ends with a result, once.", rule=REFERRAL, pointers=("/data/referral_id",)
        )


def check_referral_withdrawn(command: Record, dossier: Open) -> None:
    referral = known(command, "referral_id", dossier.referrals, REFERRAL)
    if command.by.standing == "professional" and referral.from_org != command.organisation:
        raise unknown("referral_id", REFERRAL)
    if referral.ended_on is not None:
        raise AgainstState("This referral has ended already.", rule=REFERRAL, pointers=("/data/referral_id",))


def _check_under_way(handover: Handover, is_own: bool) -> None:
    if not is_own or handover.state == "cancelled":
        raise unknown("handover_id", HANDOVER)
    if handover.state == "accepted":
        raise AgainstState("This handover has been accepted.", rule=HANDOVER, pointers=("/data/handover_id",))


def _asked(command: Record, dossier: Open) -> Referral:
    """What was withdrawn is unknown to who was asked."""
    referral = known(command, "referral_id", dossier.referrals, REFERRAL)
    if referral.to_org != command.organisation or referral.state == "withdrawn":
        raise unknown("referral_id", REFERRAL)
    return referral


CHECKS: Mapping[str, Check] = {
    "handover.initiated": check_handover_initiated,
    "handover.held": check_handover_held,
    "handover.accepted": check_handover_accepted,
    "handover.cancelled": check_handover_cancelled,
    "referral.made": check_referral_made,
    "referral.answered": check_referral_answered,
    "referral.completed": check_referral_completed,
    "referral.withdrawn": check_referral_withdrawn,
}
