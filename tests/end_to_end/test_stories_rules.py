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
