"""Stories of the contact person, and of those who count on one, over HTTP; each test is named by its story."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from services.dossier.trajectory.working_days import working_days_after
from tests import replayed, sandboxes
from tests.lives import ALL_CLASSES, Life
from tests.sandboxes import Api, new_id

NOOR, SAMIR, THEA = (replayed.life(name)["dossier_id"] for name in replayed.NAMES)
SAMIRS = replayed.NAMES[1]
Items = list[dict[str, Any]]


@pytest.fixture(scope="module")
def after() -> Iterator[Api]:
    """The three public lives together, lived to their end."""
    with sandboxes.running() as running:
        api = Api(running.url)
        replayed.lived(api)
        yield api
        api.close()


@pytest.fixture(scope="module")
def time() -> Iterator[Api]:
    """A sandbox whose clock each test moves on from where it stands."""
    with sandboxes.running() as running:
        api = Api(running.url)
        api.clock("2025-03-03T09:00:00Z")
        yield api
        api.close()


@pytest.fixture
def life(time: Api) -> Life:
    """Opened today by Noor, with Mieke as her contact person, who may read and write all."""
    life = Life(time).enter()
    now = time.clock()
    opening = {
        "dossier_id": life.dossier,
        "opened_on": now[:10],
        "channel": "self",
        "preferred_language": "nl",
        "region_code": "r",
    }
    life.say("noor", "dossier.opened", opening | {"occurred_at": now})
    given(life, "rwc", grantee_actor=life.key("mieke"))
    appointed = {"person": life.key("mieke"), "org": life.key("rwc"), "audience": "participant"}
    life.say("mieke", "contact-person.appointed", appointed | {"from_on": now[:10], "occurred_at": now})
    return life


def given(life: Life, organisation: str, **more: Any) -> None:
    now = life.api.clock()
    terms = {"valid_from": now, "valid_until": "2029-01-01T00:00:00Z", "occurred_at": now}
    life.grant(organisation, **terms | more)


def today(life: Life) -> date:
    return datetime.fromisoformat(life.api.clock()).date()


def until(life: Life, day: date) -> None:
    life.api.clock(f"{day}T09:00:00Z")


def spoken(life: Life, by: str = "mieke", **more: Any) -> None:
    now = life.api.clock()
    moment = {
        "moment_id": new_id(),
        "held_on": now[:10],
        "kind": "check_in",
        "channel": "phone",
        "summary": "Gaat goed",
    }
    life.say(by, "contact-moment.held", moment | {"with": [life.key("noor")], "occurred_at": now} | more)


def placed(life: Life, id_: str, day: date) -> None:
    work = {
        "placement_id": id_,
        "employer_org": life.key("shop"),
        "kind": "regular",
        "contract": "permanent",
        "starts_on": str(day),
        "role_title": "medewerker bakkerij",
        "hours_per_week": 24,
        "wage_gross_month_eur": 1500,
    }
    life.say("mieke", "placement.started", work | {"occurred_at": life.api.clock()})


def left(life: Life, id_: str, day: date) -> None:
    ended = {"placement_id": id_, "ended_on": str(day), "reason": "contract_expired", "next": "unknown"}
    life.say("mieke", "placement.ended", ended | {"occurred_at": life.api.clock()})


def worry(life: Life, by: str, severity: int) -> dict[str, Any]:
    told = {"concern_id": new_id(), "raised_by": "other", "domain": "hours", "severity": severity}
    return life.say(by, "concern.raised", told | {"occurred_at": life.api.clock()})


def items(api: Api, path: str, actor: str, **asked: str) -> Items:
    answer = api.get(path, actor, **asked)
    assert answer.status_code == 200, answer.text
    found: Items = answer.json()["items"]
    return found


def caseload(api: Api, actor: str, **asked: str) -> Items:
    return items(api, "/v1/caseload", actor, **asked)


def signals(life: Life, code: str, actor: str = "mieke") -> Items:
    return [s for s in items(life.api, f"{life.path}/signals", life.key(actor)) if s["code"] == code]


def worklist(life: Life, actor: str) -> Items:
    return items(life.api, "/v1/worklist", life.key(actor))


def test_fc1_the_contact_person_sees_who_needs_her_today_and_nobody_else_does(after: Api) -> None:
    (samir,) = caseload(after, "bram", asOf="2024-09-24")
    assert samir["dossier"] == SAMIR
    assert "contact_silence" in [signal["code"] for signal in samir["signals"]]
    assert samir.keys() == {"dossier", "stage", "last_contact_on", "next_due", "responsible_organisation", "signals"}
    assert (samir["stage"], samir["last_contact_on"]) == ("placement_early", "2024-08-12")
    assert samir["responsible_organisation"] == "oosterlo"
    (silence,) = [signal for signal in samir["signals"] if signal["code"] == "contact_silence"]
    assert (silence["numbers"], silence["acts"][0]) == (
        {"since": "2024-08-12", "weeks": 6},
        "nl.dossier.contact-moment.held",
    )
    assert SAMIR not in [item["dossier"] for item in caseload(after, "lies", asOf="2024-09-24")]
    assert [item["dossier"] for item in caseload(after, "lies")] == [THEA]
    assert [item["dossier"] for item in caseload(after, "mieke")] == [NOOR]
    assert caseload(after, "samir") == caseload(after, "ursula") == []


def test_fc2_silence_is_told_by_stage_and_by_what_was_agreed_in_every_life(after: Api) -> None:
    for name in replayed.NAMES:
        told = replayed.life(name)
        owner = next(actor["key"] for actor in told["actors"] if actor["role"] == "P")
        raised = items(after, f"/v1/dossiers/{told['dossier_id']}/signals", owner, limit="100")
        silent = [s["raised_on"] for s in raised if s["code"] == "contact_silence" and s["raised_on"] <= told["as_of"]]
        assert silent == [s["on"] for s in told["expect"]["signals"] if s["code"] == "contact_silence"]


def test_fc2_an_agreed_moment_moves_the_limit_and_the_day_after_it_the_signal_comes(life: Life) -> None:
    agreed = today(life) + timedelta(40)  # later than the three weeks of the intake
    spoken(life, next_on=str(agreed))
    until(life, agreed + timedelta(7))
    assert signals(life, "contact_silence") == []
    until(life, agreed + timedelta(8))
    assert [s["raised_on"] for s in signals(life, "contact_silence")] == [str(agreed + timedelta(8))]


def test_fc2_a_second_silent_period_goes_to_her_organisation_as_well(life: Life) -> None:
    begin = today(life)
    until(life, begin + timedelta(22))
    assert [task["code"] for task in worklist(life, "mieke")] == ["contact_silence"]
    assert worklist(life, "daan") == []  # of her team, without access of his own
    given(life, "rwc", grantee_actor=life.key("daan"), consent_id=new_id())
    assert worklist(life, "daan") == []
    until(life, begin + timedelta(22 + 21))
    (silence,) = signals(life, "contact_silence")
    assert (silence["reminded_on"], silence["also_for"]) == (str(begin + timedelta(43)), life.key("rwc"))
    assert [(task["code"], task["with"]) for task in worklist(life, "daan")] == [
        ("contact_silence", life.key("mieke")),
    ]
    handled = {"signal_id": silence["signal_id"], "handled_on": str(today(life)), "action": "Gebeld"}
    life.say("mieke", "signal.handled", handled | {"occurred_at": life.api.clock()})
    (silence,) = signals(life, "contact_silence")
    assert silence["state"] == "handled"
    assert silence.keys().isdisjoint({"reminded_on", "also_for"})
    assert worklist(life, "daan") == worklist(life, "mieke") == []
    assert caseload(life.api, life.key("mieke"))[0]["signals"] == []


def test_fc3_access_stays_when_responsibility_moves() -> None:
    with sandboxes.running() as running:
        api = Api(running.url)
        replayed.lived(api, [SAMIRS], until="2025-05-05T20:00:00Z")  # no event of bram's was refused on the way
        before = [g for g in items(api, f"/v1/dossiers/{SAMIR}/grants", "samir") if g.get("grantee_actor") == "bram"]
        (row,) = caseload(api, "bram")
        assert row["responsible_organisation"] == "oosterlo"
        api.close()
    with sandboxes.running() as running:
        api = Api(running.url)
        replayed.lived(api, [SAMIRS], until="2025-05-07T20:00:00Z")
        (row,) = caseload(api, "bram")
        state = api.get(f"/v1/dossiers/{SAMIR}", "bram").json()
        assert (row["responsible_organisation"], state["contact_person"]) == ("uwv", "bram")
        now = [g for g in items(api, f"/v1/dossiers/{SAMIR}/grants", "samir") if g.get("grantee_actor") == "bram"]
        assert [grant | {"as_of": None} for grant in now] == [grant | {"as_of": None} for grant in before]
        api.close()


def test_fc4_when_a_job_ends_a_follow_up_comes_the_same_day(life: Life) -> None:
    until(life, next_monday(today(life)))
    monday = today(life)
    placed(life, "p1", monday)
    left(life, "p1", monday)
    (lost,) = signals(life, "between_jobs")
    assert (lost["raised_on"], lost["due_on"]) == (str(monday), str(working_days_after(monday, 5)))
    (row,) = caseload(life.api, life.key("mieke"))
    assert row["signals"][0]["code"] == "between_jobs"
    assert row["signals"][0]["group"] == "a"
    spoken(life)
    (row,) = caseload(life.api, life.key("mieke"))
    assert "between_jobs" not in [signal["code"] for signal in row["signals"]]  # somebody called
    until(life, monday + timedelta(14))
    (row,) = caseload(life.api, life.key("mieke"))
    assert row["signals"][0]["reminded_on"] == str(monday + timedelta(14))  # and still there is no work


def test_fc4_with_another_job_at_the_same_time_there_is_none(life: Life) -> None:
    for id_ in ("p1", "p2"):
        placed(life, id_, today(life))
    left(life, "p1", today(life))
    assert signals(life, "between_jobs") == []


def test_fc5_a_question_is_in_her_list_and_unanswered_it_goes_to_her_organisation(life: Life) -> None:
    given(life, "shop", classes=["work"], purpose="placement")
    given(life, "rwc", grantee_actor=life.key("daan"), consent_id=new_id())
    until(life, next_monday(today(life)))
    monday = today(life)

    def ask() -> tuple[str, str]:
        id_ = new_id()
        question = {"question_id": id_, "topic": "scheme", "text": "Mag dat?", "to_actor": life.key("mieke")}
        question |= {"asked_on": str(monday), "due_on": str(monday + timedelta(2)), "occurred_at": life.api.clock()}
        return id_, str(life.say("hetty", "question.asked", question)["id"])

    first, about = ask()
    (task,) = [task for task in worklist(life, "mieke") if task["kind"] == "question"]
    assert (task["about"], task["due_on"]) == (about, str(monday + timedelta(2)))
    assert task["acts"] == ["nl.dossier.question.answered"]
    assert worklist(life, "daan") == []
    given_answer: dict[str, Any] = {"question_id": first, "answer": "Ja, artikel 10d.", "answered_on": str(monday)}
    given_answer |= {"article_refs": ["Participatiewet 10d"], "occurred_at": life.api.clock()}
    told = life.say("mieke", "question.answered", given_answer)
    assert life.get(f"{life.events}/{told['id']}", "hetty").json()["data"]["article_refs"] == ["Participatiewet 10d"]
    assert [task for task in worklist(life, "mieke") if task["kind"] == "question"] == []
    ask()
    until(life, working_days_after(monday + timedelta(2), 3))
    assert worklist(life, "daan") == []
    until(life, working_days_after(monday + timedelta(2), 4))
    assert "question_overdue" in [task["code"] for task in worklist(life, "daan")]


def test_e5_a_worry_of_the_employer_reaches_one_known_person_the_same_day(life: Life) -> None:
    given(life, "shop", classes=["work"], purpose="placement")
    told = worry(life, "hetty", 4)
    (urgent,) = signals(life, "concern_urgent")
    assert (urgent["raised_on"], urgent["for"], urgent["about"]) == (
        str(today(life)),
        life.key("mieke"),
        told["id"],
    )
    (row,) = caseload(life.api, life.key("mieke"))
    assert row["signals"][0]["code"] == "concern_urgent"
    assert items(life.api, f"{life.path}/signals", life.key("hetty")) == []  # an employer reads no signal


def test_e5_what_reaches_the_employer_names_that_person(life: Life) -> None:
    """Fourteen days before the planned end both sides are asked, each with somebody to turn to (E3, R-15)."""
    given(life, "shop", classes=["work"], purpose="placement")
    begin = today(life)
    requested(life, begin, begin + timedelta(28))
    until(life, begin + timedelta(14))
    for who in ("hetty", "noor"):
        (task,) = [task for task in worklist(life, who) if task.get("code") == "trial_evaluation_due"]
        assert (task["with"], task["due_on"]) == (life.key("mieke"), str(begin + timedelta(28)))
    until(life, begin + timedelta(28 + 3))
    (task,) = [task for task in worklist(life, "noor") if task.get("code") == "trial_evaluation_due"]
    assert task["reminded_on"] == str(begin + timedelta(31))
    until(life, begin + timedelta(28 + 7))
    assert [task for task in worklist(life, "noor") if task.get("code") == "trial_evaluation_due"] == []
    (task,) = [task for task in worklist(life, "mieke") if task.get("code") == "trial_evaluation_due"]
    assert task["from_participant"] is True


def requested(life: Life, begin: date, end: date) -> None:
    """A trial at the shop, decided on together, requested and begun."""
    agreed: dict[str, Any] = {
        "decision_id": "d1",
        "subject": "trial",
        "options": ["ja", "nee"],
        "participant_choice": "ja",
    }
    agreed |= {"participant_agreed": True, "participants": [life.key("noor")]}
    request = {
        "trial_id": "t1",
        "employer_org": life.key("shop"),
        "planned_start_on": str(begin),
        "planned_end_on": str(end),
        "hours_per_week": 20,
        "intent_to_retain": True,
        "intended_contract": "temporary",
        "intended_months": 12,
        "intended_hours_per_week": 20,
        "criteria": ["werkt zelfstandig"],
        "decision_id": "d1",
    }
    for name, data in (
        ("joint-decision.recorded", agreed),
        ("trial-placement.requested", request),
        ("trial-placement.started", {"trial_id": "t1", "started_on": str(begin)}),
    ):
        life.say("mieke", name, data | {"occurred_at": life.api.clock()})


def test_j2_a_coaching_moment_counts_when_the_participant_is_in_it(life: Life) -> None:
    given(life, "naastwerk")
    before = caseload(life.api, life.key("mieke"))[0].get("last_contact_on")
    spoken(life, "joris", **{"with": [life.key("hetty")]})
    assert caseload(life.api, life.key("mieke"))[0].get("last_contact_on") == before is None
    spoken(life, "joris")
    assert caseload(life.api, life.key("mieke"))[0]["last_contact_on"] == str(today(life))


def test_j3_a_worry_is_told_the_same_day_and_again_when_it_stays_open(life: Life) -> None:
    given(life, "naastwerk")
    begin = today(life)
    worry(life, "joris", 4)
    assert [s["raised_on"] for s in signals(life, "concern_urgent")] == [str(begin)]
    until(life, begin + timedelta(14))
    assert signals(life, "concern_open_too_long") == []
    until(life, begin + timedelta(15))
    assert [s["raised_on"] for s in signals(life, "concern_open_too_long")] == [str(begin + timedelta(15))]


def test_tr2_absence_reaches_the_contact_person_the_same_day(life: Life) -> None:
    given(life, "probeer", classes=list(ALL_CLASSES))
    day = str(today(life))
    training: dict[str, Any] = {
        "training_id": "t1",
        "title": "Lassen",
        "kind": "vocational",
        "provider_org": life.key("probeer"),
    }
    training |= {"started_on": day, "planned_end_on": day, "sessions_planned": 8, "hours_per_week": 8}
    life.say("sanne", "training.started", training | {"occurred_at": life.api.clock()})

    def progressed(missed: int) -> None:
        told = {"training_id": "t1", "reported_on": day, "sessions_attended": 4, "sessions_held": 6}
        life.say("sanne", "training.progressed", told | {"missed_in_a_row": missed, "occurred_at": life.api.clock()})

    progressed(1)
    assert signals(life, "training_absence") == []
    progressed(2)
    assert [s["raised_on"] for s in signals(life, "training_absence")] == [day]
    (row,) = caseload(life.api, life.key("mieke"))
    assert (row["signals"][0]["code"], row["signals"][0]["numbers"]) == ("training_absence", {"missed": 2})


def next_monday(day: date) -> date:
    return day + timedelta((7 - day.weekday()) % 7 or 7)


def test_r14_a_replacement_overlaps_and_both_have_the_dossier_in_their_list(life: Life) -> None:
    given(life, "rwc", grantee_actor=life.key("daan"), consent_id=new_id())
    begin = today(life)
    successor = {"person": life.key("daan"), "org": life.key("rwc"), "audience": "participant"}
    successor |= {"from_on": str(begin), "replaces": life.key("mieke"), "occurred_at": life.api.clock()}
    life.say("mieke", "contact-person.appointed", successor)

    def lists() -> list[int]:
        return [len(caseload(life.api, life.key(who))) for who in ("mieke", "daan")]

    assert lists() == [1, 1]
    until(life, begin + timedelta(14))
    assert lists() == [1, 1]
    until(life, begin + timedelta(15))
    assert lists() == [0, 1]


def test_r14_a_gap_goes_to_the_organisation_that_appointed_and_to_nobodys_list(life: Life) -> None:
    given(life, "rwc", consent_id=new_id())  # to her organisation as such
    given(life, "uwv")
    day = today(life)
    gone = {"person": life.key("mieke"), "org": life.key("rwc"), "until_on": str(day), "occurred_at": life.api.clock()}
    life.say("mieke", "professional.unassigned", gone)
    until(life, working_days_after(day, 1))
    assert signals(life, "contact_person_gap", "noor") == []
    until(life, working_days_after(day, 2))
    (gap,) = signals(life, "contact_person_gap", "noor")
    assert gap["also_for"] == life.key("rwc")
    (task,) = [task for task in worklist(life, "daan") if task.get("code") == "contact_person_gap"]
    assert task["acts"] == ["nl.dossier.contact-person.appointed"]
    assert [task for task in worklist(life, "pieter") if task.get("code") == "contact_person_gap"] == []
    assert caseload(life.api, life.key("mieke")) == []
