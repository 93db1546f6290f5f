"""What holds of any life whatever: snapshots, prefixes, refusals, and ends that stay ends."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.dossier.domain.commands import AboutEntry, Command, EndDue, Record
from services.dossier.domain.days import civil_day, days_after, months_after
from services.dossier.domain.decisions import CHECKS, decide
from services.dossier.domain.ends import with_ends
from services.dossier.domain.entries import Actor, Entry, NewEntry
from services.dossier.domain.evolution import APPLIED, evolve, fold, needs_whole_history
from services.dossier.domain.plain import from_plain
from services.dossier.domain.refusals import Refusal
from services.dossier.domain.state import Dossier, Erased, NotOpened, Open, OtherVersion, from_json, to_json
from tests.unit.dossier.lives import (
    ALL,
    EMPLOYERS,
    KINDS,
    NOOR,
    OPENED,
    PEOPLE,
    PLATFORM,
    ROLES,
    TANTE,
    Happening,
    command_of,
    contract,
    grant,
    professional,
    recorded,
)

START = datetime(2024, 9, 10, 10, tzinfo=UTC)
EVERYBODY = [NOOR, TANTE, PLATFORM, *(professional(key) for key in ROLES)]
SMALL_IDS = st.sampled_from(["1", "2"])
ORGANISATIONS = st.sampled_from([*KINDS, "proefpagina", "proefpagina", "stranger"])
PERSONS = st.sampled_from([*PEOPLE, "stranger"])
IDS = (
    *("request_id", "referral_id", "handover_id", "recall_id", "decision_id"),
    *("trial_id", "placement_id", "context_id", "opportunity_ref", "manual_id"),
)
OWN = ("requester_org", "from_org", "org", "by_org", "to_org", "of_org", "applicant_org", "employer_org")
TYPES = sorted(contract().types)
RULED = sorted(f"nl.dossier.{name}" for name in {*CHECKS, *APPLIED} if name != "dossier.erased")
ACCESS = [name for name in RULED if name.split(".")[2] in ("consent", "placement", "referral", "entry")]
BEGUN = (
    OPENED,
    *(grant(f"g-{key}", key, classes=ALL) for key in ("rwc", "oosterlo", "uwv", "naastwerk", "terugval")),
    grant("g-proefpagina", "proefpagina", purpose="placement"),
)


def _values(name: str, value: Any, ref: str | None, by: Actor, now: datetime) -> st.SearchStrategy[Any]:
    """Other values of the same shape: ids that meet, parties that exist, moments around now."""
    if name == "consent_id":
        return st.sampled_from(["1", "2", "g-proefpagina", "g-naastwerk"])
    if name in IDS:
        return SMALL_IDS
    if ref == "org":
        return st.just(by.organisation or "proefpagina") | ORGANISATIONS if name in OWN else ORGANISATIONS
    if ref == "actor" and isinstance(value, str):
        return st.just(by.person or "mieke") | PERSONS
    if isinstance(value, bool):
        return st.booleans()
    if name in ("effective_at", "expired_at"):
        return st.sampled_from([0, 0, 1, -1]).map(lambda days: (now - timedelta(days)).isoformat())
    if isinstance(value, str) and name.endswith("_on"):
        return st.integers(-60, 60).map(lambda days: str(civil_day(now + timedelta(days))))
    return st.just(value)


def _grant(draw: st.DrawFn, data: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Mostly one that may be given: to an employer for a placement, by the participant, for a while."""
    valid_from = now + timedelta(days=draw(st.integers(-3, 3)))
    valid_until = valid_from + timedelta(days=draw(st.sampled_from([1, 30, 300, 600, -1])))
    window = {"valid_from": valid_from.isoformat(), "valid_until": valid_until.isoformat()}
    if draw(st.booleans()):
        return data | window
    plain = {name: value for name, value in data.items() if name not in ("grantee_actor", "request_id", "referral_id")}
    employer = draw(st.sampled_from(["proefpagina", "pool", "nepdoos"]))
    return plain | window | {"purpose": "placement", "grantee_org": employer, "classes": ["work"], "basis": "consent"}


@st.composite
def lives(draw: st.DrawFn) -> list[Happening]:
    """A row of things that someone tries, some days apart."""
    now, row = START, []
    for _ in range(draw(st.integers(0, 25))):
        now += timedelta(hours=draw(st.integers(0, 24 * 15)))
        type_ = contract().types[draw(st.sampled_from(ACCESS) | st.sampled_from(RULED) | st.sampled_from(TYPES))]
        allowed = [actor for actor in EVERYBODY if actor.roles & type_.may_emit]
        by = draw(st.sampled_from(allowed) | st.sampled_from(allowed) | st.sampled_from(EVERYBODY))
        data = dict(draw(st.sampled_from(type_.examples)))
        data = {name: draw(_values(name, value, type_.refs.get(name), by, now)) for name, value in data.items()}
        data["occurred_at"] = (now - timedelta(days=draw(st.sampled_from([0, 0, 0, 10])))).isoformat()
        if type_.name == "nl.dossier.consent.granted":
            data = _grant(draw, data, now)
        raised = draw(st.sampled_from([None, None, None, None, "health-sensitive", "work"]))
        row.append(Happening(type_.name.removeprefix("nl.dossier."), by, now, data, raised))
    return row


def _command(happening: Happening, entries: list[Entry]) -> Record:
    """What points at an entry points at one that exists."""
    command = command_of(happening)
    if "event_id" not in command.data:
        return command
    entry = entries[len(str(happening.data)) % len(entries)]
    found = AboutEntry(
        event_id=entry.event_id,
        type=entry.type,
        privacy_class=entry.privacy_class,
        organisation=entry.organisation,
        sequence=entry.sequence,
    )
    to = {"to_org": entry.organisation} if "to_org" in command.data and entry.organisation else {}
    data = {**command.data, **to, "event_id": str(entry.event_id)}
    return replace(command, data=data, facts=replace(command.facts, about=found))


def _entry(new: NewEntry, number: int, now: datetime) -> Entry:
    return Entry(
        sequence=number,
        event_id=UUID(int=number),
        source="urn:nld:kvknr:99990000:systeem:test",
        type=new.type,
        privacy_class=new.privacy_class,
        usual_class=new.usual_class,
        recorded_at=now,
        occurred_at=datetime.fromisoformat(new.data["occurred_at"]),
        person=new.by.person,
        organisation=None if new.by.standing in ("participant", "delegate") else new.by.organisation,
        data=new.data,
    )


def _tried(command: Command, dossier: Dossier) -> tuple[tuple[NewEntry, ...], str]:
    try:
        return decide(command, dossier), ""
    except Refusal as refusal:
        return (), str(refusal)


def live(row: list[Happening]) -> list[Entry]:
    """What is recorded of it; anything but a refusal would rise."""
    entries = list(recorded(BEGUN))
    for happening in row:
        dossier = fold(entries)
        for command in (EndDue(now=happening.at, by=PLATFORM, employers=EMPLOYERS), _command(happening, entries)):
            news, refusal = _tried(command, dossier)
            assert not [v for v in happening.data.values() if isinstance(v, str) and " " in v and v in refusal]
            entries += [_entry(new, len(entries) + 1 + i, happening.at) for i, new in enumerate(news)]
            dossier = fold(entries)
    return entries


@settings(deadline=None, derandomize=True, max_examples=60)
@given(lives())
def test_whatever_is_tried_is_recorded_or_refused_and_every_state_can_be_kept(row: list[Happening]) -> None:
    entries = live(row)
    dossier: Dossier = NotOpened()
    for number, entry in enumerate(entries, start=1):
        dossier = fold(entries[:number]) if needs_whole_history([entry]) else evolve(dossier, entry)
        dossier = from_json(json.loads(json.dumps(to_json(dossier))))
        assert dossier == fold(entries[:number])


@settings(deadline=None, derandomize=True, max_examples=60)
@given(lives())
def test_an_ended_grant_never_revives(row: list[Happening]) -> None:
    ended: dict[str, datetime] = {}
    entries = live(row)
    for number, entry in enumerate(entries, start=1):
        dossier = fold(entries[:number])
        now = entry.recorded_at
        if not isinstance(dossier, Open):
            continue
        for id_ in ended:
            assert id_ in dossier.grants
            assert not with_ends(dossier.grants[id_], dossier, EMPLOYERS).is_live(now)
        ended |= {id_: now for id_, held in dossier.grants.items() if held.ended_at is not None}


@settings(deadline=None, derandomize=True, max_examples=60)
@given(lives())
def test_the_clock_records_each_end_once(row: list[Happening]) -> None:
    entries = live(row)
    far = datetime(2040, 1, 1, tzinfo=UTC)
    for _ in range(2):
        news = decide(EndDue(now=far, by=PLATFORM, employers=EMPLOYERS), fold(entries))
        entries += [_entry(new, len(entries) + 1 + i, far) for i, new in enumerate(news)]
    expired = [entry.data["consent_id"] for entry in entries if entry.name == "consent.expired"]
    assert len(expired) == len(set(expired))
    state = fold(entries)
    assert not isinstance(state, Open) or all(held.ended_at for held in state.grants.values())


@pytest.mark.parametrize("dossier", [NotOpened(), Erased(), Open(opened_by="rwc")])
def test_each_state_comes_back_as_it_was(dossier: Dossier) -> None:
    assert from_json(json.loads(json.dumps(to_json(dossier)))) == dossier


@pytest.mark.parametrize("value", [None, {}, {"version": 0, "is": "open"}, {"version": 1, "is": "else"}])
def test_a_snapshot_of_other_code_is_not_read(value: Any) -> None:
    with pytest.raises(OtherVersion):
        from_json(value)


def test_what_has_no_plain_form_is_said_at_once() -> None:
    with pytest.raises(TypeError, match="no plain form"):
        from_plain(complex, 1)


def test_days_stop_at_the_end_of_the_calendar() -> None:
    last = date.max
    assert days_after(last - timedelta(1), 2) == months_after(last, 1) == last
    assert str(months_after(date(2024, 1, 31), 1)) == "2024-02-29"


def test_a_refusal_without_fields_points_nowhere() -> None:
    assert Refusal("Say what to do.").pointer is None
    assert Refusal("Say what to do.", pointers=("/data/a", "/data/b")).pointer == "/data/a"
