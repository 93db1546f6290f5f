"""Grants on a day: since when, until when, ended by what; and the signals about them (state.md §4: R-11b, R-12)."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

from tests.oracle.dates import AMSTERDAM, date_in, day_of, days
from tests.oracle.state import end_of
from tests.oracle.told import Event, Follows, Told

EMPLOYERS = ("employer", "pool")


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), AMSTERDAM)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def valid_until(told: Told, grant: Event) -> datetime:
    until = _moment(grant["valid_until"])
    for narrowed in told.all("consent.narrowed"):
        if narrowed["consent_id"] == grant["consent_id"] and narrowed["valid_until"]:
            until = min(until, _moment(narrowed["valid_until"]))
    return until


def is_withdrawn(told: Told, grant: Event, before: datetime) -> bool:
    revocations = told.all("consent.revoked")
    return any(e["consent_id"] == grant["consent_id"] and e.recorded < before for e in revocations)


def relations(told: Told, employer: str) -> Iterator[tuple[date, date | None]]:
    """R-11b: the trials, placements and hostings of an employer, each with first day and last."""
    for started in told.all("trial-placement.started"):
        asked = [e for e in told.all("trial-placement.requested") if e["trial_id"] == started["trial_id"]]
        if asked and asked[0]["employer_org"] == employer:
            ends = [e for e in told.all("trial-placement.ended") if e["trial_id"] == started["trial_id"]]
            yield started.on("started_on"), ends[0].on("ended_on") if ends else None
    for placement in told.all("placement.started"):
        ended = end_of(told, placement)
        last_day = ended.on("ended_on") if ended else None
        if placement["employer_org"] == employer:
            yield placement.on("starts_on"), last_day
        for host, first, last in _hosts(told, placement, last_day):
            if host == employer:
                yield first, last


def _hosts(told: Told, placement: Event, last_day: date | None) -> Iterator[tuple[str, date, date | None]]:
    hosts = [(placement["host_org"], placement.on("starts_on"))] if placement["host_org"] else []
    for change in told.all("placement.changed"):
        if change["placement_id"] == placement["placement_id"] and change["host_org"]:
            hosts.append((change["host_org"], change.on("effective_on")))
    hosts.sort(key=lambda pair: pair[1])
    for (host, first), following in zip(hosts, [*hosts[1:], None], strict=False):
        if following is not None and following[0] == host:  # the same host again: no other takes over
            last = last_day
        else:
            last = last_day if following is None else following[1] - days(1)
        yield host, first, last


def purpose_is_over(told: Told, grant: Event, today: date) -> bool:
    """Whether the latest relation ended 15 days ago or more, and none runs."""
    began_on = date_in(grant["valid_from"])
    known = [(first, last) for first, last in relations(told, grant["grantee_org"]) if first <= today]
    known = [(first, last) for first, last in known if last is None or last >= began_on]
    if not known or any(last is None or today <= last for _, last in known):
        return False
    latest = max(last for _, last in known if last is not None)
    return today >= latest + days(told.numbers["purpose_end_days"] + 1)


def referral_is_over(told: Told, grant: Event, today: date) -> bool:
    """R-36: a grant given for a referral ends at 00:00 of the 15th day after it was completed."""
    over = [e for e in told.all("referral.completed") if e["referral_id"] == grant["referral_id"]]
    return any(today >= e.on("completed_on") + days(told.numbers["referral_end_days"] + 1) for e in over)


def consent_purpose_ended(told: Told, today: date) -> Iterator[Follows]:
    """R-11b. At 00:00 of the 15th day after the latest end, if the grant still lived; it never revives."""
    for grant in told.all("consent.granted"):
        if grant["consent_id"] in told.ended_grants:
            continue
        is_employer = told.org_kinds.get(grant["grantee_org"]) in EMPLOYERS
        if grant["purpose"] == "placement" and is_employer and purpose_is_over(told, grant, today):
            day = today
            while purpose_is_over(told, grant, day - days(1)):
                day -= days(1)
            if is_withdrawn(told, grant, midnight(today + days(1))) or valid_until(told, grant) <= midnight(day):
                continue
            told.ended_grants.add(grant["consent_id"])
            yield Follows(today, "R-11b", "consent_purpose_ended", grant, None)


def consent_expiring(told: Told, today: date) -> Iterator[Follows]:
    """R-12. 30 and 7 days ahead, if the grant began on an earlier day and still lives."""
    for grant in told.all("consent.granted"):
        last_day = day_of(valid_until(told, grant))
        for ahead in (told.numbers["consent_warn_days"], told.numbers["consent_last_warn_days"]):
            warning = last_day - days(ahead)
            if date_in(grant["valid_from"]) < warning <= today and not _is_over(told, grant, warning):
                yield Follows(warning, "R-12", "consent_expiring", grant, warning)


def _is_over(told: Told, grant: Event, day: date) -> bool:
    if grant["referral_id"] and referral_is_over(told, grant, day):
        return True
    return grant["consent_id"] in told.ended_grants or is_withdrawn(told, grant, midnight(day))


def may_read(told: Told, asking: Event, earlier: Event) -> bool:
    """Whether who held the later intake may read the earlier one: its own, or covered, under a grant that lives."""
    organisation, now = asking["by_org"], asking.recorded
    if told.org_kinds.get(organisation) in EMPLOYERS:
        return False
    live = [grant for grant in told.all("consent.granted") if _lives(told, grant, organisation, asking, now)]
    if earlier.organisation == organisation:
        return bool(live)
    return any(_covers(told, grant, earlier) for grant in live)


def _lives(told: Told, grant: Event, organisation: str, asking: Event, now: datetime) -> bool:
    if grant["grantee_org"] != organisation or "read" not in grant["operations"]:
        return False
    if grant["grantee_actor"] not in (None, asking.person) or grant["consent_id"] in told.ended_grants:
        return False
    is_in_time = _moment(grant["valid_from"]) <= now < valid_until(told, grant)
    return is_in_time and not is_withdrawn(told, grant, now + timedelta(microseconds=1))


def _covers(told: Told, grant: Event, earlier: Event) -> bool:
    classes, types = grant["classes"], grant["event_types"]
    for narrowed in told.all("consent.narrowed"):
        if narrowed["consent_id"] == grant["consent_id"]:
            classes = [each for each in classes if each in narrowed["classes"]]
            types = narrowed["event_types"] or types
    is_covered = "work" in classes and (types is None or f"nl.dossier.{earlier.name}" in types)
    return is_covered and (grant["history"] == "all" or earlier.occurred >= _moment(grant["valid_from"]))
