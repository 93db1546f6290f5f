"""When a grant ends by itself: the relation (R-11b), the referral (R-36); an ended one never revives."""

from datetime import date

import pytest

from services.dossier.domain.ends import Due, due, ends, purpose_ends_at
from services.dossier.domain.numbers import BY_DEFAULT, Change, Parameters, always, layered
from services.dossier.domain.refusals import UnknownDossier
from tests.unit.dossier.lives import (
    ANTON,
    CARLA,
    EMPLOYER,
    EMPLOYERS,
    HETTY,
    JORIS,
    MIEKE,
    OPENED,
    PAUL,
    Happening,
    Life,
    event,
    given,
    grant,
    moment,
)
from tests.unit.dossier.test_work import ENDED as TRIAL_ENDED
from tests.unit.dossier.test_work import LEFT, PLACED, REQUESTED, STARTED

C5 = "c5"
BEGUN = (OPENED, EMPLOYER, REQUESTED)


def ends_at(life: Life, consent_id: str = C5) -> str | None:
    end = ends(life.dossier, EMPLOYERS).get(consent_id)
    return None if end is None else end.isoformat()


def test_r11b_before_any_relation_began_there_is_no_end() -> None:
    assert ends_at(given(OPENED, EMPLOYER)) is None
    assert ends_at(given(*BEGUN)) is None


def test_r11b_while_one_runs_there_is_no_end() -> None:
    assert ends_at(given(*BEGUN, STARTED)) is None
    assert ends_at(given(*BEGUN, STARTED, TRIAL_ENDED, PLACED)) is None


def test_r11b_it_works_through_the_whole_fourteenth_day() -> None:
    life = given(*BEGUN, STARTED, TRIAL_ENDED)
    assert ends_at(life) == "2025-03-26T23:00:00+00:00"
    assert life.when_the_clock_stands_at("2025-03-26T22:59:59+00:00") == ()
    assert [new.data["consent_id"] for new in life.when_the_clock_stands_at("2025-03-26T23:00:00+00:00")] == [C5]
    summer = given(*BEGUN, PLACED, LEFT)
    assert ends_at(summer) == "2025-06-16T22:00:00+00:00"


def test_r11b_the_days_are_a_parameter() -> None:
    life = given(*BEGUN, PLACED, LEFT)
    three_weeks = always(Parameters(purpose_end_days=21))
    end = purpose_ends_at(life.open.grants[C5], life.open, EMPLOYERS, three_weeks)
    assert end == moment("2025-06-23T22:00:00Z")


def test_r11b_other_days_end_nothing_before_they_hold_and_open_nothing_again() -> None:
    life = given(*BEGUN, PLACED, LEFT)
    grant_, usual = life.open.grants[C5], moment("2025-06-16T22:00:00Z")
    longer, shorter = ({"purpose_end_days": days} for days in (60, 3))
    for values, begin, expected in [
        (longer, date(2025, 7, 1), usual),
        (longer, date(2025, 6, 10), moment("2025-08-01T22:00:00Z")),
        (shorter, date(2025, 7, 1), usual),
        (shorter, date(2025, 6, 10), moment("2025-06-09T22:00:00Z")),
    ]:
        timeline = layered(BY_DEFAULT, [Change(values, begin)])
        assert purpose_ends_at(grant_, life.open, EMPLOYERS, timeline) == expected


def test_r11b_other_purposes_and_other_kinds_end_with_their_window() -> None:
    for other in (grant(C5, "proefpagina"), grant(C5, "terugval", purpose="placement")):
        life = given(OPENED, other, PLACED.but(employer_org=other.data["grantee_org"]), LEFT)
        assert ends_at(life) is None


def test_r11b_another_employers_relation_ends_nothing() -> None:
    assert ends_at(given(*BEGUN, PLACED.but(employer_org="nepdoos"), LEFT)) is None


def test_r11b_a_placement_recorded_ahead_does_not_run_yet() -> None:
    ahead = PLACED.but(starts_on="2025-05-01")
    assert ends_at(given(*BEGUN, STARTED, TRIAL_ENDED, ahead)) == "2025-03-26T23:00:00+00:00"
    in_time = PLACED.but(starts_on="2025-03-27")
    assert ends_at(given(*BEGUN, STARTED, TRIAL_ENDED, in_time)) is None


def test_r11b_late_news_ends_a_grant_when_it_is_known_and_not_before() -> None:
    told_late = event(
        "placement.ended", HETTY, "2025-08-01", placement_id="p1", ended_on="2025-06-02", reason="moved_on"
    )
    life = given(*BEGUN, PLACED, told_late)
    assert ends_at(life) == "2025-06-16T22:00:00+00:00"
    again = event(
        "placement.started", HETTY, "2025-07-01", placement_id="p2", employer_org="proefpagina", starts_on="2025-07-01"
    )
    assert ends_at(given(*BEGUN, PLACED, again, told_late)) is None


def test_r11b_an_ended_grant_never_revives() -> None:
    after = event(
        "placement.started", HETTY, "2025-09-01", placement_id="p2", employer_org="proefpagina", starts_on="2025-09-01"
    )
    backdated = after.but(starts_on="2025-06-10")
    for later in (after, backdated):
        assert ends_at(given(*BEGUN, PLACED, LEFT, later)) == "2025-06-16T22:00:00+00:00"


def test_r11b_a_new_grant_begins_anew() -> None:
    new = grant("c8", "proefpagina", "2025-09-01", purpose="placement")
    life = given(*BEGUN, PLACED, LEFT, new)
    assert ends_at(life, "c8") is None
    again = event(
        "placement.started", HETTY, "2025-09-02", placement_id="p2", employer_org="proefpagina", starts_on="2025-09-02"
    )
    gone = event("placement.ended", HETTY, "2025-10-01", placement_id="p2", ended_on="2025-10-01", reason="moved_on")
    assert ends_at(given(*BEGUN, PLACED, LEFT, new, again, gone), "c8") == "2025-10-15T22:00:00+00:00"


POOL = grant("c6", "pool", purpose="placement")
HOST = grant("c7", "nepdoos", purpose="placement")
HOSTED = event(
    "placement.started",
    PAUL,
    "2025-01-20",
    placement_id="p2",
    employer_org="pool",
    host_org="nepdoos",
    kind="pool",
    starts_on="2025-01-20",
)


def moved(to: str, on: str) -> Happening:
    return event("placement.changed", PAUL, on, placement_id="p2", change="host", host_org=to, effective_on=on)


def test_r11b_hosting_ends_when_another_takes_over_and_the_pool_goes_on() -> None:
    life = given(OPENED, POOL, HOST, HOSTED, moved("testtuin", "2025-03-24"))
    assert ends_at(life, "c6") is None
    assert ends_at(life, "c7") == "2025-04-06T22:00:00+00:00"


def test_r11b_hosting_ends_with_the_placement() -> None:
    gone = event("placement.ended", PAUL, "2025-03-01", placement_id="p2", ended_on="2025-03-01", reason="business")
    life = given(OPENED, POOL, HOST, HOSTED, gone)
    assert ends_at(life, "c6") == ends_at(life, "c7") == "2025-03-15T23:00:00+00:00"
    assert ends_at(given(OPENED, POOL, HOST, HOSTED), "c7") is None


def test_r11b_who_hosts_again_in_time_keeps_the_grant() -> None:
    ahead = event(
        "placement.changed",
        PAUL,
        "2025-04-05",
        placement_id="p2",
        change="host",
        host_org="nepdoos",
        effective_on="2025-04-07",
    )
    life = given(OPENED, HOST, HOSTED, moved("testtuin", "2025-03-24"), ahead)
    assert ends_at(life, "c7") is None
    that_day = given(OPENED, HOST, HOSTED, moved("testtuin", "2025-03-24"), moved("nepdoos", "2025-04-07"))
    assert ends_at(that_day, "c7") == "2025-04-06T22:00:00+00:00"
    late = given(OPENED, HOST, HOSTED, moved("testtuin", "2025-03-24"), moved("nepdoos", "2025-04-08"))
    assert ends_at(late, "c7") == "2025-04-06T22:00:00+00:00"


def test_a_change_of_hours_changes_no_host() -> None:
    hours = event("placement.changed", PAUL, "2025-03-24", placement_id="p2", change="hours")
    assert given(OPENED, HOSTED, hours).open == given(OPENED, HOSTED).open
    unknown = hours.but(placement_id="p9", host_org="nepdoos")
    assert given(OPENED, HOSTED, unknown).open == given(OPENED, HOSTED).open


def test_the_window_comes_first_if_it_is_earlier() -> None:
    short = grant(C5, "proefpagina", purpose="placement", valid_until="2025-06-10T00:00:00Z")
    life = given(OPENED, short, REQUESTED, PLACED, LEFT)
    assert due(life.dossier, EMPLOYERS) == (Due(moment("2025-06-10T00:00:00Z"), C5),)


def test_what_is_due_comes_in_order_and_ended_grants_are_not() -> None:
    life = given(*BEGUN, grant("c1", "rwc"), PLACED, LEFT)
    assert due(life.dossier, EMPLOYERS) == (
        Due(moment("2025-06-16T22:00:00Z"), C5),
        Due(moment("2026-09-03"), "c1"),
    )
    revoked = event("consent.revoked", CARLA, "2025-06-03", consent_id=C5, effective_at="2025-06-03T09:00:00Z")
    assert due(given(*BEGUN, PLACED, LEFT, revoked).dossier, EMPLOYERS) == ()
    assert due(given().dossier, EMPLOYERS) == ()
    assert ends(given().dossier, EMPLOYERS) == {}


# Referrals

MADE = event("referral.made", MIEKE, "2024-10-01", referral_id="r1", from_org="rwc", to_org="naastwerk")
FOR_IT = grant("c7", "naastwerk", "2024-10-02", referral_id="r1")
YES = event("referral.answered", JORIS, "2024-10-03", referral_id="r1", answer="accepted")
DONE = event("referral.completed", JORIS, "2024-12-01", referral_id="r1", completed_on="2024-12-01")


def test_r36_a_grant_for_a_referral_ends_after_its_result() -> None:
    assert ends_at(given(OPENED, MADE, FOR_IT, YES), "c7") is None
    assert ends_at(given(OPENED, MADE, FOR_IT, YES, DONE), "c7") == "2024-12-15T23:00:00+00:00"


@pytest.mark.parametrize("name", ["declined", "withdrawn"])
def test_r36_a_grant_for_what_is_off_ends_at_once(name: str) -> None:
    off = YES.but(answer="declined")
    if name == "withdrawn":
        off = event("referral.withdrawn", MIEKE, "2024-10-03", referral_id="r1")
    life = given(OPENED, MADE, FOR_IT, off)
    assert ends_at(life, "c7") == "2024-10-03T10:00:00+00:00"
    assert [new.data["consent_id"] for new in life.when_the_clock_stands_at("2024-10-03")] == ["c7"]


def test_an_employer_has_no_access_after_the_end_of_the_purpose() -> None:
    changed = event("placement.changed", HETTY, "2025-06-16T22:00:00+00:00", placement_id="p1", change="hours")
    given(*BEGUN, PLACED, LEFT).when(changed).then_refused(UnknownDossier, None)
    last_minute = event("placement.changed", HETTY, "2025-06-16T21:59:00+00:00", placement_id="p1", change="hours")
    given(*BEGUN, PLACED, LEFT).when(last_minute).then_recorded()
    given(*BEGUN, PLACED, LEFT).when(last_minute.by_whom(ANTON)).then_refused(UnknownDossier, None)
