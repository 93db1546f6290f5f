"""What someone may do in a dossier now: powers of a delegate, grants that live."""

from datetime import datetime

from services.dossier.domain.consent import Grant
from services.dossier.domain.days import civil_day
from services.dossier.domain.ends import with_ends
from services.dossier.domain.entries import Actor
from services.dossier.domain.numbers import BY_DEFAULT, Timeline
from services.dossier.domain.state import Delegation, Dossier, Open


def is_delegated(delegation: Delegation, now: datetime) -> bool:
    return delegation.withdrawn_at is None and delegation.from_on <= civil_day(now) <= delegation.until_on


def live_delegation(dossier: Dossier, person: str | None, now: datetime) -> frozenset[str]:
    """The powers that this person has as a delegate of the participant; none is no delegate."""
    if not isinstance(dossier, Open):
        return frozenset()
    powers = (d.powers for d in dossier.delegations if d.person == person and is_delegated(d, now))
    return frozenset().union(*powers)


def live_grants(
    dossier: Open, actor: Actor, now: datetime, employers: frozenset[str], timeline: Timeline = BY_DEFAULT
) -> tuple[Grant, ...]:
    """The grants that this professional holds now."""
    if actor.standing != "professional" or actor.organisation is None:
        return ()
    held = (g for g in dossier.grants.values() if g.is_held_by(actor.organisation, actor.person))
    return tuple(g for g in (with_ends(g, dossier, employers, timeline) for g in held) if g.is_live(now))
