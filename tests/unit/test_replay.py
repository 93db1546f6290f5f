"""Replaying trajectories: what is observed, what counts as a surprise, and what is said when it cannot be done."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from rich.console import Console

from services.sandbox import replay
from services.sandbox.client import Answer, HttpApi, SandboxAway
from services.sandbox.conversation import CannotReplay
from services.sandbox.lives import Life, NotATrajectory, Person, read
from services.sandbox.living import Replay
from services.sandbox.observed import (
    DayBegan,
    EventLanded,
    Listed,
    ListOpened,
    Looked,
    Observation,
    PlatformActed,
    Refused,
    SentAgain,
    Summary,
    Surprise,
    record,
)
from services.sandbox.reasons import Grants, Reason
from tests.unit.sandbox_fake import NOT_FOUND, FakeSandbox

FILES = sorted((Path(__file__).parents[1] / "acceptance" / "trajectories").glob("*.json"))
T1, T2, T3 = FILES


def lived(*files: Path, sandbox: FakeSandbox | None = None) -> list[Observation]:
    lives = [read(file) for file in files]
    return list(Replay(refusing(lives, sandbox or FakeSandbox()), lives, "en").observe())


def refusing(lives: list[Life], sandbox: FakeSandbox) -> FakeSandbox:
    """The same sandbox, told what the files want refused: its rules are not what is tested here."""
    for attempt in (attempt for life in lives for attempt in life.attempts):
        if attempt.body and attempt.status >= 400:
            sandbox.refused.setdefault(attempt.body["id"], (attempt.status, attempt.rule))
    return sandbox


def landed(observations: list[Observation], seq: int) -> EventLanded:
    return next(seen for seen in observations if isinstance(seen, EventLanded) and seen.seq == seq)


def test_three_lives_run_on_one_clock_without_a_surprise() -> None:
    observations = lived(*FILES)
    moments = [seen.at for seen in observations if isinstance(seen, EventLanded)]
    assert moments == sorted(moments)
    assert not [seen for seen in observations if isinstance(seen, Surprise)]
    summary = observations[-1]
    assert isinstance(summary, Summary)
    assert (summary.lives, summary.events, summary.platform_acts, summary.refusals) == (3, 120, 5, 8)
    assert summary.days == sum(isinstance(seen, DayBegan) for seen in observations)


def test_a_reader_without_the_class_of_a_field_is_told_without_it() -> None:
    readers = {reader.person.key: reader for reader in landed(lived(T1), 34).readers}
    assert (readers["joris"].sight, readers["joris"].told) == ("partial", True)
    assert readers["joris"].without == ("wage_gross_month_eur",)
    assert readers["mieke"].sight == "whole"
    assert "hetty" not in readers, "who wrote it is no reader"
    assert readers["sanne"].reason == Reason("expired", on="2025-03-01")


def test_health_is_never_for_an_employer() -> None:
    readers = {reader.person.key: reader for reader in landed(lived(T1), 33).readers}
    assert readers["hetty"].reason == Reason("employer_health")


def test_after_a_withdrawal_the_next_look_finds_nothing() -> None:
    observations = lived(T1)
    revoked = landed(observations, 31)
    notice = next(reader for reader in revoked.readers if reader.person.key == "hetty")
    assert (notice.sight, notice.told) == ("nothing", True)
    look = observations[observations.index(revoked) + 1]
    assert isinstance(look, Looked)
    assert (look.reader.person.key, look.reader.sight, look.occasion) == ("hetty", "nothing", "withdrawn")
    assert look.reader.reason == Reason("withdrawn", on="2025-05-22")
    assert look.event["type"] == "nl.dossier.self-manual.shared"


def test_the_clock_ends_an_access_and_the_next_look_finds_nothing() -> None:
    observations = lived(T2)
    acted = next(seen for seen in observations if isinstance(seen, PlatformActed))
    assert (acted.event["type"], acted.at.date().isoformat()) == ("nl.dossier.consent.expired", "2024-06-18")
    assert {person.key for person in acted.told} == {"anton", "bram"}
    look = observations[observations.index(acted) + 1]
    assert isinstance(look, Looked)
    assert (look.reader.person.key, look.reader.sight) == ("anton", "nothing")
    assert look.reader.reason == Reason("purpose_ended", on="2024-06-18")


def test_a_grant_of_the_whole_history_brings_what_came_before() -> None:
    caught_up = landed(lived(T2), 30).caught_up
    assert [(person.key, number > 10) for person, number in caught_up] == [("ursula", True)]


def test_what_is_sent_twice_is_observed_as_such() -> None:
    observations = lived(T2)
    assert landed(observations, 33).sent == 2
    assert [seen.person.key for seen in observations if isinstance(seen, SentAgain)] == ["bea"]


def test_a_refusal_names_its_rule() -> None:
    refused = [(seen.person.key, seen.status, seen.rule) for seen in lived(T1) if isinstance(seen, Refused)]
    assert refused == [
        ("noor", 400, "R-17"),
        ("hetty", 400, "R-02"),
        ("hetty", 403, None),
        ("mieke", 403, "R-27"),
        ("noor", 409, "R-11"),
    ]


def test_an_empty_list_is_an_answer() -> None:
    assert [(seen.status, seen.items) for seen in lived(T3) if isinstance(seen, Listed)] == [(200, 0)]


# What differs from the file


class Calling(FakeSandbox):
    """Raises two signals for Bram on one day, and one of the same kind a month later."""

    raised = ("2024-09-23T22:00:00+00:00", "2024-09-24T10:00:00+00:00", "2024-10-24T10:00:00+00:00")

    def _set(self, now: datetime) -> Answer:
        answer = super()._set(now)
        (dossier,) = self.dossiers
        for number, moment in enumerate(self.raised):
            known = any(event["id"] == f"s{number}" for _, event in self.dossiers[dossier].events)
            if datetime.fromisoformat(moment) <= now and not known:
                data = {"occurred_at": moment, "for_actor": "bram", "code": f"code_{number % 2}", "rule": "R-06"}
                event = {"id": f"s{number}", "type": "nl.dossier.signal.raised", "time": moment, "data": data}
                self._store(dossier, "platform", event | {"privacyclass": "work", "source": "urn:x"})
        return answer


def test_the_list_of_the_contact_person_is_opened_on_a_day_on_which_something_new_calls() -> None:
    sandbox = Calling()
    call = {"code": "contact_silence", "group": "c", "due_on": "2024-09-24", "numbers": {}, "acts": []}
    row = {"dossier": read(T2).dossier, "stage": "placement_early", "last_contact_on": "2024-08-12"}
    items = [row | {"signals": [call, call]}]
    sandbox.instead["GET", "/v1/caseload?asOf=2024-09-24", "bram"] = Answer(200, {"items": items, "next": "1"})
    observations = lived(T2, sandbox=sandbox)
    (seen,) = [each for each in observations if isinstance(each, ListOpened)]
    assert (seen.person.key, seen.day, len(seen.rows), seen.rows[0].more) == ("bram", date(2024, 9, 24), 1, 1)
    assert seen.rows[0].last_contact_on == date(2024, 8, 12)
    assert not [each for each in observations if isinstance(each, Surprise)]
    (told,) = record(seen)["rows"]
    assert told == {"life": read(T2).id, "code": "contact_silence", "more": 1}


def surprises(file: Path, sandbox: FakeSandbox) -> list[tuple[str, str, str]]:
    return [
        (seen.what, seen.expected, seen.came) for seen in lived(file, sandbox=sandbox) if isinstance(seen, Surprise)
    ]


def event_id(file: Path, seq: int) -> str:
    return read(file).row(seq).id


def test_a_look_that_should_have_succeeded_is_a_surprise() -> None:
    sandbox = FakeSandbox()
    sandbox.instead["GET", f"/events/{event_id(T1, 33)}", "pieter"] = NOT_FOUND
    assert surprises(T1, sandbox) == [("look at seq 33 nl.dossier.capacity.changed", "whole", "nothing")]


def test_a_leak_is_a_surprise() -> None:
    sandbox = FakeSandbox()
    leak = Answer(200, dict(read(T1).row(33).event))
    sandbox.instead["GET", f"/events/{event_id(T1, 33)}", "hetty"] = leak
    assert surprises(T1, sandbox) == [("look at seq 33 nl.dossier.capacity.changed", "nothing", "whole")]


def test_a_field_too_many_is_a_surprise() -> None:
    sandbox = FakeSandbox()
    whole = Answer(200, dict(read(T1).row(34).event))
    sandbox.instead["GET", f"/events/{event_id(T1, 34)}", "joris"] = whole
    expected = "partial, without wage_gross_month_eur"
    assert surprises(T1, sandbox) == [("look at seq 34 nl.dossier.placement.changed", expected, "whole")]


def test_an_access_that_outlives_its_end_is_a_surprise() -> None:
    sandbox = FakeSandbox()
    leak = Answer(200, dict(read(T2).row(13).event))
    sandbox.instead["GET", f"/events/{event_id(T2, 13)}", "anton"] = leak
    assert ("seq 13 after c3 ended", "404", "200: still there") in surprises(T2, sandbox)


def test_an_event_that_is_not_stored_is_a_surprise_and_the_story_goes_on() -> None:
    sandbox = FakeSandbox()
    sandbox.refused[event_id(T1, 40)] = (400, "R-16")
    assert surprises(T1, sandbox) == [("seq 40 nl.dossier.income-effect.observed", "201", "400 R-16 no")]


@pytest.mark.parametrize("answer", [(400, "R-03"), (403, "R-02")])
def test_a_refusal_by_another_rule_or_status_is_a_surprise(answer: tuple[int, str]) -> None:
    attempt = next(attempt for attempt in read(T1).attempts if attempt.rule == "R-02")
    sandbox = FakeSandbox()
    sandbox.refused[attempt.body["id"]] = answer
    assert [expected for _, expected, _ in surprises(T1, sandbox)] == ["400 R-02"]


def test_what_is_accepted_though_it_must_be_refused_is_a_surprise() -> None:
    lives = [read(T1)]
    sandbox = refusing(lives, FakeSandbox())
    attempt = next(attempt for attempt in lives[0].attempts if attempt.rule == "R-02")
    del sandbox.refused[attempt.body["id"]]
    seen = [seen for seen in Replay(sandbox, lives, "en").observe() if isinstance(seen, Surprise)]
    assert [surprise.expected for surprise in seen] == ["400 R-02"]


def test_an_answer_of_another_shape_is_a_surprise_and_no_crash() -> None:
    sandbox = FakeSandbox()
    sandbox.instead["GET", "/deliveries", "mieke"] = Answer(200, {"items": [{"odd": 1}], "next": None})
    assert surprises(T1, sandbox)[0][:2] == ("an answer of the sandbox", "the shape of the API")


# When it cannot be done


def test_a_clock_that_is_past_the_beginning_is_explained() -> None:
    sandbox = FakeSandbox()
    sandbox.now = datetime(2030, 1, 1, tzinfo=UTC)
    with pytest.raises(CannotReplay, match="Start a fresh one"):
        lived(T1, sandbox=sandbox)


def test_a_server_that_is_no_sandbox_is_explained() -> None:
    sandbox = FakeSandbox()
    sandbox.instead["GET", "/sandbox/clock", None] = NOT_FOUND
    with pytest.raises(CannotReplay, match="not a sandbox"):
        lived(T1, sandbox=sandbox)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a trajectory"),
        ('{"format": "other/1"}', "is unknown"),
        ('{"format": "dossier-trajectory/1"}', "organisations"),
    ],
)
def test_a_bad_file_is_explained(tmp_path: Path, content: str, sentence: str) -> None:
    file = tmp_path / "bad.json"
    file.write_text(content, "utf-8")
    with pytest.raises(NotATrajectory, match=sentence):
        read(file)


def test_a_missing_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(NotATrajectory, match="cannot be read"):
        read(tmp_path / "none.json")


# The whole command


class ClosableFake(FakeSandbox):
    def close(self) -> None:
        """Nothing to close."""


def command(monkeypatch: pytest.MonkeyPatch, sandbox: ClosableFake, out: Path | None = None) -> tuple[int, str]:
    monkeypatch.setattr(replay, "HttpApi", lambda url: refusing([read(T1)], sandbox))
    console = Console(width=80, record=True, force_terminal=False, color_system=None, file=None, quiet=False)
    with console.capture() as shown:
        status = replay.replay([T1], "http://x", console=console, speed=0, language="en", json_out=out)
    return status, shown.get()


def test_the_command_ends_well_and_writes_what_was_observed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    out = tmp_path / "seen.json"
    status, shown = command(monkeypatch, ClosableFake(), out)
    written = json.loads(out.read_text("utf-8"))
    assert status == 0
    assert "Everything went as the files say." in shown
    kinds = [seen["kind"] for seen in written["observations"]]
    assert (written["format"], kinds[0], kinds[-1]) == ("draad-replay/1", "Opened", "Summary")
    assert "Prikkelarm" not in out.read_text("utf-8"), "no body of an event in what is written"


def test_a_surprise_gives_exit_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = ClosableFake()
    sandbox.instead["GET", f"/events/{event_id(T1, 33)}", "pieter"] = NOT_FOUND
    status, shown = command(monkeypatch, sandbox)
    assert status == 1
    assert "SURPRISE" in shown


def test_no_sandbox_gives_exit_status_2_and_says_what_to_do() -> None:
    console = Console(width=200, color_system=None)
    with console.capture() as shown:
        status = replay.replay([T1], "http://127.0.0.1:1", console=console, speed=0)
    assert status == 2
    assert "draad sandbox" in shown.get()


def test_a_place_that_cannot_be_written_is_explained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    status, shown = command(monkeypatch, ClosableFake(), tmp_path / "none" / "seen.json")
    assert status == 2
    assert "cannot be written" in " ".join(shown.split())


def test_on_a_terminal_the_pace_is_kept_and_elsewhere_not() -> None:
    assert replay._pace(None, Console(force_terminal=False)) == 0
    assert replay._pace(None, Console(force_terminal=True)) == replay._pace(1, Console(force_terminal=False)) > 0
    assert replay._pace(0, Console(force_terminal=True)) == 0
    assert replay._pace(2, Console()) == replay._pace(1, Console()) / 2


def test_a_record_holds_keys_and_no_body() -> None:
    observed = record(landed(lived(T1), 5))
    assert observed["kind"] == "EventLanded"
    assert observed["life"] == "t1-noor-revoked-consent"
    assert set(observed["event"]) == {"id", "type", "time", "privacyclass"}
    assert observed["readers"][-1]["reason"] == {"code": "no_access", "on": None, "about": None}


# HTTP


def api(answers: list[httpx2.Response], asked: list[httpx2.Request]) -> HttpApi:
    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return answers.pop(0)

    return HttpApi("http://sandbox", transport=httpx2.MockTransport(answer))


def test_a_call_carries_its_token_and_type() -> None:
    asked: list[httpx2.Request] = []
    kind = {"Content-Type": "application/cloudevents+json"}
    answered = api([httpx2.Response(201, json={"id": "a"})], asked).send(
        "POST", "/v1/x?after=a%2Bb", token="t", body={"a": 1}, headers=kind
    )
    assert answered == Answer(201, {"id": "a"})
    assert asked[0].headers["authorization"] == "Bearer t"
    assert asked[0].headers["content-type"] == "application/cloudevents+json"
    assert str(asked[0].url) == "http://sandbox/v1/x?after=a%2Bb"


def test_a_busy_sandbox_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("services.sandbox.client.time.sleep", waited.append)
    asked: list[httpx2.Request] = []
    assert api([httpx2.Response(503), httpx2.Response(200, json={})], asked).send("GET", "/v1/x").status == 200
    assert len(waited) == 1


def test_an_answer_that_is_no_answer_is_a_sandbox_away() -> None:
    broken = httpx2.Response(200, headers={"content-type": "application/json"}, content=b"{")
    with pytest.raises(SandboxAway, match="draad sandbox"):
        api([broken], []).send("GET", "/v1/x")


# Reasons

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
COACH = Person("joris", "Joris Meeloop", "JC", "naastwerk", "Naastwerk", "jobcoach")
GRANT: dict[str, Any] = {
    "consent_id": "c1",
    "grantee_org": "naastwerk",
    "classes": ["work"],
    "event_types": ["nl.dossier.placement.*"],
    "history": "from_grant",
    "valid_from": "2024-05-01T00:00:00+00:00",
    "valid_until": "2024-12-01T00:00:00+00:00",
}
EVENT: dict[str, Any] = {
    "type": "nl.dossier.placement.started",
    "privacyclass": "work",
    "time": "2024-05-20T10:00:00+00:00",
    "data": {"occurred_at": "2024-05-20T10:00:00+00:00"},
}


def consent(verb: str, **data: Any) -> dict[str, Any]:
    return {"type": f"nl.dossier.consent.{verb}", "data": {"consent_id": "c1"} | data}


@pytest.mark.parametrize(
    ("grant", "event", "reason"),
    [
        ({"grantee_org": "other"}, {}, Reason("no_access")),
        ({"grantee_actor": "another"}, {}, Reason("another_person", about="another")),
        ({"valid_from": "2024-07-01T00:00:00+00:00"}, {}, Reason("not_yet", on="2024-07-01")),
        ({"valid_until": "2024-05-31T00:00:00+00:00"}, {}, Reason("expired", on="2024-05-31")),
        ({}, {"privacyclass": "income"}, Reason("class_not_given", about="income")),
        ({}, {"type": "nl.dossier.goal.set"}, Reason("type_not_given")),
        ({}, {"type": "nl.dossier.consent.granted"}, Reason("grants_are_private")),
        ({}, {"data": {"recipient_org": "library"}}, Reason("addressed_elsewhere", about="library")),
        ({}, {"data": {"occurred_at": "2024-04-01T00:00:00+00:00"}}, Reason("before_access", on="2024-05-01")),
        ({}, {}, Reason("unknown")),
    ],
)
def test_the_reason_is_what_the_grants_tell(grant: dict[str, Any], event: dict[str, Any], reason: Reason) -> None:
    grants = Grants()
    grants.learn(consent("granted", **(GRANT | grant)))
    assert grants.why(EVENT | event, COACH, NOW) == reason


def test_an_employer_is_told_no_more_than_its_own_relation() -> None:
    employer = replace(COACH, kind="pool")
    grants = Grants()
    grants.learn(consent("granted", **GRANT))
    assert grants.why(EVENT, employer, NOW) == Reason("employer_elsewhere")
    assert grants.why(EVENT | {"privacyclass": "income"}, employer, NOW) == Reason("employer_income")


def test_narrowing_takes_what_is_left_out() -> None:
    grants = Grants()
    grants.learn(consent("granted", **GRANT))
    narrowed = consent("narrowed", classes=["contact"], effective_at="2024-05-25T00:00:00+00:00")
    assert grants.learn(narrowed) is None
    assert grants.why(EVENT, COACH, NOW) == Reason("class_not_given", about="work")
