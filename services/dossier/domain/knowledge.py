"""Who may know that a dossier exists, for what they want to write in it (api.md §1, writing without a grant)."""

from datetime import datetime

from services.dossier.domain.access import live_delegation, live_grants
from services.dossier.domain.entries import Actor
from services.dossier.domain.numbers import BY_DEFAULT, Timeline
from services.dossier.domain.state import Dossier, Open

OPENED = "nl.dossier.dossier.opened"
REQUESTED = "nl.dossier.consent.requested"
# By an organisation that opened the dossier, or holds or held a grant in it, to whomever of its people.
BY_A_KNOWN_ORGANISATION = frozenset(
    f"nl.dossier.{name}"
    for name in ("outreach.attempted", "contact.lost", "contact.restored", "contact-person.appointed")
)
# By the organisation that was asked, or that wrote the entry.
BY_WHO_WAS_ASKED = frozenset(
    f"nl.dossier.{name}"
    for name in (
        "referral.answered",
        "referral.completed",
        "copy-recall.answered",
        "correction.answered",
        "entry.retracted",
    )
)
WITHOUT_A_GRANT = BY_A_KNOWN_ORGANISATION | BY_WHO_WAS_ASKED | {REQUESTED}


def may_know(
    dossier: Dossier,
    actor: Actor,
    type_: str,
    now: datetime,
    employers: frozenset[str] = frozenset(),
    timeline: Timeline = BY_DEFAULT,
) -> bool:
    """The actor's standing is settled by who calls this: a participant is the owner of this dossier."""
    if type_ == OPENED:
        return True
    if not isinstance(dossier, Open):
        return False
    match actor.standing:
        case "participant" | "platform":
            return True
        case "delegate":
            return bool(live_delegation(dossier, actor.person, now))
        case "professional":
            grants = live_grants(dossier, actor, now, employers, timeline)
            return bool(grants) or _may_write_without(dossier, actor, type_)


def _may_write_without(dossier: Open, actor: Actor, type_: str) -> bool:
    organisation = actor.organisation
    if organisation is None:
        return False
    if type_ in BY_A_KNOWN_ORGANISATION:
        held = {grant.organisation for grant in dossier.grants.values()}
        return organisation == dossier.opened_by or organisation in held
    match type_.removeprefix("nl.dossier."):
        case "consent.requested":
            return True
        case "referral.answered" | "referral.completed":
            return any(r.to_org == organisation and r.state != "withdrawn" for r in dossier.referrals.values())
        case "copy-recall.answered":
            return any(r.organisation == organisation for r in dossier.recalls.values())
        case "correction.answered":
            return any(c.to_org == organisation for c in dossier.corrections.values())
        case "entry.retracted":
            return organisation in dossier.writers
    return False
