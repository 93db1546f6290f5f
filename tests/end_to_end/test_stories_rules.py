"""Stories of the rules over time, each by its id, over HTTP on a clock of its own."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests import lives, sandboxes
from tests.lives import Life
from tests.sandboxes import Api, Json


@pytest.fixture(scope="module")
def own() -> Iterator[Api]:
    """One clock for these stories, which goes on from one to the next."""
    with sandboxes.running() as running:
        api = Api(running.url)
        yield api
        api.close()


@pytest.fixture
def life(own: Api) -> Life:
    """Noor's: Mieke watches over her, the municipality and UWV guide her, an employer gets to know her."""
    life = lives.opened(own)
    for organisation in ("rwc", "stad", "uwv"):
        life.grant(organisation)
    life.grant("shop", classes=["work"], purpose="placement")
    return life


def today(api: Api, later: int = 0) -> str:
    return day_of(api, later).isoformat()


def day_of(api: Api, later: int = 0) -> date:
    return datetime.fromisoformat(api.call("GET", "/sandbox/clock").json()["now"]).date() + timedelta(later)


def on(api: Api, days: int) -> None:
    """At noon so many days later."""
    api.clock(f"{today(api, days)}T11:00:00Z")


def raised(life: Life, code: str, who: str = "noor") -> list[Json]:
    items = life.get(f"{life.path}/signals", who).json()["items"]
    return [item for item in items if item["code"] == code]


def say(life: Life, actor: str, name: str, **data: Any) -> str:
    """What happens now."""
    now = life.api.call("GET", "/sandbox/clock").json()["now"]
    return str(life.say(actor, name, {"occurred_at": now} | data)["id"])


#


def communicated(life: Life, **but: Any) -> dict[str, Json]:
    now = life.api.call("GET", "/sandbox/clock").json()["now"]
    data: dict[str, Json] = {
        "occurred_at": now,
        "decision_ref": "d1",
        "body_org": life.key("uwv"),
        "about": "Loonkostensubsidie",
        "outcome": "granted",
        "effective_on": now[:10],
        "plain_summary": "U krijgt de subsidie.",
        "consequences": "Uw inkomen blijft gelijk.",
        "ask_whom": life.key("pieter"),
    }
    return {name: value for name, value in (data | but).items() if value is not None}


def test_u4_a_decision_in_plain_words_that_is_not_read_becomes_a_signal(own: Api, life: Life) -> None:
    for missing in ("plain_summary", "ask_whom"):
        event = life.event("pieter", "decision.communicated", communicated(life, **{missing: None}))
        answer = life.post("pieter", event)
        assert (answer.status_code, answer.json()["rule"]) == (400, "R-26")
    unread = life.say("pieter", "decision.communicated", communicated(life))["id"]
    read = life.say("pieter", "decision.communicated", communicated(life, decision_ref="d2"))["id"]
    say(
        life,
        "mieke",
        "contact-person.appointed",
        person=life.key("mieke"),
        org=life.key("rwc"),
        audience="participant",
        from_on=today(own),
    )
    estimate(life, "ie0", 20)  # so that what is derived names entries of all classes that the decision has
    # What is not reading: a list of dossiers, what the dossier is now, the signals; and reading by somebody else.
    for path in ("/v1/dossiers", life.path, f"{life.path}/signals", f"{life.path}/metrics", f"{life.path}/grants"):
        assert life.get(path, "noor").status_code == 200
    assert life.get(f"{life.events}/{unread}", "mieke").status_code == 200
    assert life.get(f"{life.events}/{read}", "noor").status_code == 200
    on(own, 14)
    assert raised(life, "decision_unread") == []
    on(own, 1)
    (signal,) = raised(life, "decision_unread", "mieke")
    assert (signal["about"], signal["rule"], signal["raised_on"]) == (unread, "R-26", today(own))
    assert signal["for"] == life.key("mieke")


def test_u4_reading_the_timeline_is_reading_the_decision(own: Api, life: Life) -> None:
    life.say("pieter", "decision.communicated", communicated(life))
    assert life.get(life.events, "noor", limit="100").status_code == 200
    on(own, 16)
    assert raised(life, "decision_unread") == []


#


def revoke(life: Life, consent_id: str, erase: bool) -> None:
    say(life, "noor", "consent.revoked", consent_id=consent_id, effective_at=lives.BEFORE, erase_copies_requested=erase)


def recalls(life: Life) -> list[Json]:
    items: list[Json] = life.get(life.events, "noor", type="copy-recall.requested").json()["items"]
    return items


def test_r37_what_was_received_is_called_back_from_who_received_it(own: Api, life: Life) -> None:
    read, unread, kept = life.grant("probeer"), life.grant("naastwerk"), life.grant("market", classes=["work"])
    goal = life.goal()["id"]
    assert life.get(f"{life.events}/{goal}", "sanne").status_code == 200
    revoke(life, read, erase=True)
    revoke(life, unread, erase=True)
    revoke(life, kept, erase=False)
    (recall,) = recalls(life)
    data = recall["data"]
    assert (data["of_org"], data["consent_id"]) == (life.key("probeer"), read)
    assert data["recall_id"] == recall["id"]
    assert data["answer_by_on"] == today(own, 30)
    own.clock()
    told = life.get("/v1/feed", "sanne", limit="100").json()["items"]
    assert recall["id"] in [item["event"]["id"] for item in told]
    assert life.get(f"{life.events}/{recall['id']}", "sanne").status_code == 404

    on(own, 30)
    assert raised(life, "recall_overdue") == []
    on(own, 1)
    (signal,) = raised(life, "recall_overdue", "noor")
    assert (signal["about"], signal["raised_on"]) == (recall["id"], today(own))
    say(life, "sanne", "copy-recall.answered", recall_id=data["recall_id"], outcome="erased", answered_on=today(own))


def test_r37_one_that_is_answered_in_time_raises_nothing(own: Api, life: Life) -> None:
    consent_id = life.grant("probeer")
    life.goal()
    assert life.get(life.events, "sanne").status_code == 200
    revoke(life, consent_id, erase=True)
    (recall,) = recalls(life)
    say(
        life,
        "sanne",
        "copy-recall.answered",
        recall_id=recall["data"]["recall_id"],
        outcome="erased",
        answered_on=today(own),
    )
    on(own, 40)
    assert raised(life, "recall_overdue") == []


# P5, U2: what a step does to income


def at_work(life: Life, hours: int = 20) -> str:
    """With a benefit, and since today at work; checked before, for exactly these hours."""
    now = today(life.api)
    say(
        life,
        "mieke",
        "intake.completed",
        intake_id="in1",
        by_org=life.key("rwc"),
        held_on=now,
        legal_regime="participatiewet",
        strengths=[],
        wishes="Weer aan het werk",
        reused_fields=[],
        newly_asked=[],
    )
    estimate(life, "ie0", hours)
    return say(
        life,
        "mieke",
        "placement.started",
        placement_id="p1",
        employer_org=life.key("shop"),
        kind="regular",
        contract="permanent",
        starts_on=now,
        role_title="bakker",
        hours_per_week=hours,
        wage_gross_month_eur=1500,
    )


def estimate(life: Life, id_: str, hours: int, net: float = 100) -> str:
    return say(
        life,
        "pieter",
        "income-effect.estimated",
        estimate_id=id_,
        estimated_on=today(life.api),
        scenario_hours_per_week=hours,
        scenario_wage_gross_month_eur=1800,
        regime="participatiewet",
        net_change_month_eur=net,
        clawback_risk_eur=0,
        fallback_right="unknown",
        confidence="low",
        by_org=life.key("uwv"),
    )


def to_hours(life: Life, hours: int) -> str:
    return say(
        life,
        "mieke",
        "placement.changed",
        placement_id="p1",
        effective_on=today(life.api),
        change="hours",
        direction="up",
        hours_per_week=hours,
    )


def observed(life: Life, **data: Any) -> str:
    usual: dict[str, Any] = {
        "period_from": today(life.api, -1),
        "period_until": today(life.api),
        "net_change_month_eur": 100,
        "clawback_eur": 0,
        "explained_to_participant": True,
    }
    return say(life, "pieter", "income-effect.observed", **usual | data)


def abouts(life: Life, code: str) -> list[str]:
    return [signal["about"] for signal in raised(life, code)]


def test_p5_a_step_in_hours_without_an_estimate_for_exactly_those_hours_is_noticed_at_once(
    own: Api, life: Life
) -> None:
    at_work(life)
    assert abouts(life, "income_check_missing") == []
    unchecked = to_hours(life, 24)
    assert abouts(life, "income_check_missing") == [unchecked]
    estimate(life, "ie1", 28)
    estimate(life, "ie2", 32)
    to_hours(life, 28)
    assert abouts(life, "income_check_missing") == [unchecked]
    on(own, 91)
    too_old = to_hours(life, 32)
    assert abouts(life, "income_check_missing") == [unchecked, too_old]


def test_u2_what_came_of_a_step_is_compared_with_its_estimate(own: Api, life: Life) -> None:
    at_work(life)
    estimate(life, "ie1", 24, net=100)
    observed(life, estimate_id="ie1", net_change_month_eur=200)
    observed(life, estimate_id="ie1", net_change_month_eur=0, clawback_eur=250)
    assert abouts(life, "income_surprise") == []
    less = observed(life, estimate_id="ie1", net_change_month_eur=-0.01)
    clawed_back = observed(life, clawback_eur=250.01)
    assert abouts(life, "income_surprise") == [less, clawed_back]


# E3: a trial with a promise


def on_trial(life: Life, days: int, hours: int = 20) -> None:
    """Of so many days, from today, decided together."""
    now = today(life.api)
    say(
        life,
        "mieke",
        "joint-decision.recorded",
        decision_id="d1",
        subject="trial",
        options=["ja", "nee"],
        participant_choice="ja",
        participant_agreed=True,
        participants=[life.key("noor"), life.key("mieke")],
    )
    say(
        life,
        "hetty",
        "trial-placement.requested",
        trial_id="t1",
        employer_org=life.key("shop"),
        planned_start_on=now,
        planned_end_on=today(life.api, days),
        hours_per_week=hours,
        intent_to_retain=True,
        intended_contract="permanent",
        intended_hours_per_week=hours,
        criteria=["komt op tijd"],
        decision_id="d1",
    )
    say(life, "hetty", "trial-placement.started", trial_id="t1", started_on=now)


def evaluate(life: Life, actor: str, side: str) -> None:
    say(
        life,
        actor,
        "trial-placement.evaluated",
        trial_id="t1",
        evaluated_on=today(life.api),
        side=side,
        verdict="retain",
        went_well=["werkt netjes"],
        hindered_by=[],
        lesson="Rustig beginnen",
    )


@pytest.mark.parametrize(("hours", "is_kept"), [(20, True), (19, False)])
def test_e3_a_trial_is_evaluated_by_both_and_keeps_its_promise_of_hours(
    own: Api, life: Life, hours: int, is_kept: bool
) -> None:
    on_trial(life, 30)
    on(own, 15)
    evaluate(life, "noor", "participant")
    assert raised(life, "trial_evaluation_due") == []
    on(own, 1)
    (due,) = raised(life, "trial_evaluation_due")
    assert (due["raised_on"], due["due_on"]) == (today(own), today(own, 14))
    evaluate(life, "hetty", "employer")
    on(own, 14)
    ended = say(life, "hetty", "trial-placement.ended", trial_id="t1", ended_on=today(own), outcome="retained")
    say(
        life,
        "hetty",
        "placement.started",
        placement_id="p1",
        employer_org=life.key("shop"),
        kind="regular",
        contract="permanent",
        starts_on=today(own),
        role_title="bakker",
        hours_per_week=hours,
        wage_gross_month_eur=1500,
    )
    assert raised(life, "trial_evaluation_missing") == []
    on(own, 14)
    assert abouts(life, "trial_promise_broken") == []
    on(own, 1)
    assert abouts(life, "trial_promise_broken") == ([] if is_kept else [ended])


# late news


def test_r29_what_late_news_takes_the_ground_from_is_overtaken_and_stays(own: Api, life: Life) -> None:
    data = {"concern_id": "k1", "raised_by": "participant", "domain": "team", "severity": 2}
    say(life, "mieke", "concern.raised", **data)
    day = today(own)
    on(own, 20)
    (signal,) = raised(life, "concern_open_too_long")
    assert signal["state"] == "open"
    solved_on = today(own, -10)
    life.say(
        "mieke",
        "concern.resolved",
        {
            "concern_id": "k1",
            "resolved_on": solved_on,
            "how": "Besproken",
            "occurred_at": f"{solved_on}T10:00:00Z",
        },
    )
    (after,) = raised(life, "concern_open_too_long")
    assert after == signal | {"state": "overtaken"}
    assert after["raised_on"] > day
    events = life.get(life.events, "noor", type="signal.raised", limit="100").json()["items"]
    assert signal["signal_id"] in [event["id"] for event in events]


def test_r29_nothing_is_dated_before_its_event_was_recorded(own: Api, life: Life) -> None:
    """Work that ended is told six days later; the state of those days shows it as it was known, and as it was."""
    at_work(life)
    on(own, 20)
    ended_on = today(own, -6)
    told = life.say(
        "hetty",
        "placement.ended",
        {
            "placement_id": "p1",
            "ended_on": ended_on,
            "reason": "other",
            "next": "unknown",
            "occurred_at": f"{ended_on}T16:00:00Z",
        },
    )
    (signal,) = raised(life, "between_jobs")
    assert (signal["about"], signal["raised_on"]) == (told["id"], today(own))
    yesterday = today(own, -1)
    known = life.get(life.path, "noor", knownAt=yesterday).json()
    assert (known["active_placements"], known["stage"]) == (["p1"], "placement_early")
    happened = life.get(life.path, "noor", asOf=yesterday).json()
    assert (happened["active_placements"], happened["stage"]) == ([], "between_jobs")

    events = {}
    place = life.get(life.events, "noor", limit="100").json()
    events = {event["id"]: event for event in place["items"]}
    signals = [event for event in events.values() if event["type"].endswith("signal.raised")]
    assert signals
    for event in signals:
        about = events[event["data"]["about_event_id"]]
        moments = (about["time"], event["data"]["raised_at"], event["time"])
        recorded, dated, written = (datetime.fromisoformat(moment) for moment in moments)
        assert recorded <= dated <= written
