"""What supports a person: a buddy who has been there, one's own manual, not being given up (R-19, R-20, R-27)."""

from collections.abc import Mapping

from services.dossier.domain.admission.references import Check
from services.dossier.domain.commands import Record
from services.dossier.domain.refusals import RuleBroken
from services.dossier.domain.state import Open


def check_buddy(command: Record, _: Open) -> None:
    if command.data["experience"] == "none":
        raise RuleBroken("Find a buddy who has walked this road.", rule="R-19", pointers=("/data/experience",))


def check_manual_shared(command: Record, dossier: Open) -> None:
    """Who may share is said by the schema: the participant or a delegate."""
    latest = dossier.manuals.get(command.data["manual_id"])
    if latest is not None and command.data["version"] != latest:
        raise RuleBroken("Share the latest version of the manual.", rule="R-27", pointers=("/data/version",))


def check_contact_lost(command: Record, dossier: Open) -> None:
    parameters = command.parameters
    tried_on = sorted(attempt.attempted_on for attempt in dossier.attempts)
    channels = {attempt.channel for attempt in dossier.attempts}
    is_enough = (
        len(tried_on) >= parameters.lost_attempts
        and (tried_on[-1] - tried_on[0]).days >= parameters.lost_days
        and len(channels) >= parameters.lost_channels
    )
    if not is_enough:
        raise RuleBroken(
            "Keep trying: record at least three attempts, over at least two weeks, in at least two ways.", rule="R-20"
        )


CHECKS: Mapping[str, Check] = {
    "buddy.matched": check_buddy,
    "self-manual.shared": check_manual_shared,
    "contact.lost": check_contact_lost,
}
