"""When a grant ends by itself: its window, the relation that it was given for (R-11b), its referral (R-36)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import chain, pairwise

from services.dossier.domain.consent import Grant
from services.dossier.domain.days import civil_day, days_after, midnight
from services.dossier.domain.numbers import BY_DEFAULT, Parameters, Timeline
from services.dossier.domain.state import Dossier, Open, Placement, Referral, Trial


@dataclass(frozen=True, order=True)
class Due:
    """A grant ends at this moment unless something ends it before."""

    at: datetime
    consent_id: str


@dataclass(frozen=True)
class Period:
    """Work with one employer, both days included; without `until_on` it runs."""

    from_on: date
    until_on: date | None

    def runs(self, day: date) -> bool:
        return self.from_on <= day and (self.until_on is None or day <= self.until_on)


def purpose_ends_at(
    grant: Grant, dossier: Open, employers: frozenset[str], timeline: Timeline = BY_DEFAULT
) -> datetime | None:
    """The end of what the grant was given for; absent while there is none.

    Other numbers end it no earlier than they hold, and what ended before they did stays ended.
    """
    for stretch in timeline.stretches:
        end = _end_with(grant, dossier, employers, stretch.parameters)
        if end is None:
            continue
        at = end if stretch.begins_at is None else max(end, stretch.begins_at)
        if stretch.ends_at is None or at < stretch.ends_at:
            return at
    return None


def _end_with(grant: Grant, dossier: Open, employers: frozenset[str], parameters: Parameters) -> datetime | None:
    ends = (_relation_end(grant, dossier, employers, parameters), _referral_end(grant, dossier, parameters))
    return min((end for end in ends if end is not None), default=None)


def ends(dossier: Dossier, employers: frozenset[str], timeline: Timeline = BY_DEFAULT) -> Mapping[str, datetime]:
    """Per grant the end of its purpose, where one is known."""
    if not isinstance(dossier, Open):
        return {}
    found = ((id_, purpose_ends_at(grant, dossier, employers, timeline)) for id_, grant in dossier.grants.items())
    return {id_: end for id_, end in found if end is not None}


def with_ends(grant: Grant, dossier: Open, employers: frozenset[str], timeline: Timeline = BY_DEFAULT) -> Grant:
    """The grant, knowing the end of its purpose."""
    end = purpose_ends_at(grant, dossier, employers, timeline)
    return grant if end == grant.purpose_ends_at else replace(grant, purpose_ends_at=end)


def due(dossier: Dossier, employers: frozenset[str], timeline: Timeline = BY_DEFAULT) -> tuple[Due, ...]:
    """The ends still to come, or come and not yet recorded, in the order in which they come."""
    if not isinstance(dossier, Open):
        return ()
    running = (
        with_ends(grant, dossier, employers, timeline) for grant in dossier.grants.values() if grant.ended_at is None
    )
    return tuple(sorted(Due(min(g.valid_until, g.purpose_ends_at or g.valid_until), g.consent_id) for g in running))


def _referral_end(grant: Grant, dossier: Open, parameters: Parameters) -> datetime | None:
    referral: Referral | None = dossier.referrals.get(grant.referral_id or "")
    if referral is None or referral.ended_on is None or referral.ended_known is None:
        return None
    if referral.state == "completed":
        return after_completion(referral.ended_on, parameters)
    return referral.ended_known  # withdrawn or declined: the receiver knows nothing of it any more


def after_completion(completed_on: date, parameters: Parameters) -> datetime:
    """When the grants of a referral that was completed end (R-36)."""
    return midnight(days_after(completed_on, parameters.referral_end_days + 1))


def _relation_end(grant: Grant, dossier: Open, employers: frozenset[str], parameters: Parameters) -> datetime | None:
    """The first end that followed from what was known at the time: news that comes later revives nothing."""
    if grant.purpose != "placement" or grant.organisation not in employers:
        return None
    learned = sorted(_learned(grant.organisation, dossier))
    for known, next_known in pairwise((*learned, None)):
        assert known is not None  # only the last of the row is absent
        end = _end_as_known(grant, dossier, known, parameters.purpose_end_days + 1)
        if end is not None and (next_known is None or max(end, known) <= next_known):
            return end
    return None


def _end_as_known(grant: Grant, dossier: Open, known: datetime, days: int) -> datetime | None:
    """On the first day, from then on, on which no period runs and the last one ended so many days ago."""
    begun = civil_day(grant.valid_from)
    periods = [p for p in _periods(grant.organisation, dossier, known) if p.until_on is None or p.until_on >= begun]
    looked_at = civil_day(known)
    ends_on = [p.until_on for p in periods if p.until_on is not None]
    for day in sorted({looked_at, *(days_after(end, days) for end in ends_on)}):
        past = [p.until_on for p in periods if p.until_on is not None and p.until_on < day]
        if day < looked_at or not past or any(p.runs(day) for p in periods):
            continue
        if (due_on := days_after(max(past), days)) <= day:
            return midnight(due_on)
    return None


def _learned(employer: str, dossier: Open) -> set[datetime]:
    """The moments at which something was recorded about work with this employer."""
    trials = ((t.started_known, t.ended_known) for t in dossier.trials.values() if t.employer == employer)
    placements = (
        (p.known, p.ended_known, *(h.known for h in p.hosts))
        for p in dossier.placements.values()
        if employer in (p.employer, *(h.organisation for h in p.hosts))
    )
    return {moment for moment in chain.from_iterable((*trials, *placements)) if moment is not None}


def _periods(employer: str, dossier: Open, known: datetime) -> Iterator[Period]:
    for trial in dossier.trials.values():
        if trial.employer == employer:
            yield from _trial_period(trial, known)
    for placement in dossier.placements.values():
        if placement.known <= known:
            yield from _placement_periods(placement, employer, known)


def _trial_period(trial: Trial, known: datetime) -> Iterator[Period]:
    if trial.started_on is not None and trial.started_known is not None and trial.started_known <= known:
        yield Period(trial.started_on, _if_known(trial.ended_on, trial.ended_known, known))


def _placement_periods(placement: Placement, employer: str, known: datetime) -> Iterator[Period]:
    ended_on = _if_known(placement.ended_on, placement.ended_known, known)
    if placement.employer == employer:
        yield Period(placement.starts_on, ended_on)
    hosts = [h for h in placement.hosts if h.known <= known]
    for host, successor in pairwise((*hosts, None)):
        if host is not None and host.organisation == employer:
            left_on = None if successor is None else successor.from_on - timedelta(1)
            yield Period(host.from_on, min((d for d in (left_on, ended_on) if d is not None), default=None))


def _if_known(day: date | None, learned: datetime | None, known: datetime) -> date | None:
    return day if learned is not None and learned <= known else None
