"""What the contract says about a body: every fault at once, at its place, with its rule, and never a value of it."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from services.foundation.contract import Contract, Fault, load

CANARY = "kanarie-7c1f"
STARTED = "nl.dossier.placement.started"


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load()


def example(contract: Contract, name: str = STARTED, **changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(dict(contract.types[name].examples[0])), **changes}


def without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def test_a_good_body_has_no_faults(contract: Contract) -> None:
    assert contract.faults(STARTED, example(contract)) == []


def test_all_faults_come_at_once_each_at_its_place(contract: Contract) -> None:
    body = without(
        example(contract, kind="other", starts_on="2024-02-30", hours_per_week=169, unheard_of=1), "employer_org"
    )
    assert [fault.pointer for fault in contract.faults(STARTED, body)] == [
        "/employer_org",
        "/hours_per_week",
        "/kind",
        "/starts_on",
        "/unheard_of",
    ]


def test_a_fault_teaches_what_to_give(contract: Contract) -> None:
    body = without(example(contract, kind="other", hours_per_week=169), "placement_id")
    assert {fault.pointer: fault.message for fault in contract.faults(STARTED, body)} == {
        "/hours_per_week": "Give at most 168 (h/wk).",
        "/kind": "Choose one of: regular, subsidised, sheltered, work_experience, pool.",
        "/placement_id": "This field is required. The reference of this placement, used until it ends.",
    }


def test_thousands_of_strange_names_get_an_answer_of_bounded_length(contract: Contract) -> None:
    assert len(contract.faults(STARTED, {f"x{n}": n for n in range(5000)})) == 100


def test_names_in_a_pointer_are_escaped(contract: Contract) -> None:
    faults = contract.faults(STARTED, {**example(contract), "a/b~c": 1})
    assert [fault.pointer for fault in faults] == ["/a~1b~0c"]


def test_a_pointer_leads_into_lists_and_objects(contract: Contract) -> None:
    name = "nl.dossier.development-plan.agreed"
    steps = [{"what": "Bellen", "who": "petra", "by_on": "2025-04-01"}, {"what": "", "who": "petra", "extra": 1}]
    faults = contract.faults(name, example(contract, name, steps=steps))
    assert [fault.pointer for fault in faults] == ["/steps/1/by_on", "/steps/1/extra", "/steps/1/what"]


@pytest.mark.parametrize("body", [None, [], "text", 1, True])
def test_a_body_that_is_no_object_is_one_fault(contract: Contract, body: object) -> None:
    assert contract.faults(STARTED, body) == [Fault("", "Give an object with fields.", None)]


def test_an_unknown_type_is_a_fault_and_a_regional_one_is_no_dossier_type(contract: Contract) -> None:
    assert [fault.pointer for fault in contract.faults("nl.dossier.handover.returned", {})] == [""]
    assert contract.get("nl.dossier.handover.returned") is None
    assert contract.get("nl.regio.radar.scored") is None
    assert "nl.regio.radar.scored" in contract.regional


@pytest.mark.parametrize(
    "day", ["2024-02-30", "2025-2-1", "0000-01-01", "1024-01-01", "2025-01-01T00:00:00Z", "", 20250101]
)
def test_a_day_that_does_not_exist_is_refused(contract: Contract, day: object) -> None:
    assert [fault.pointer for fault in contract.faults(STARTED, example(contract, starts_on=day))] == ["/starts_on"]


@pytest.mark.parametrize(
    "moment",
    [
        "2024-02-30T10:00:00Z",
        "2025-03-01T10:00:00",
        "2025-03-01 10:00:00Z",
        "2025-03-01t10:00:00z",
        "2025-03-01T24:00:00Z",
        "2016-12-31T23:59:60Z",
        "2025-03-01T10:00:00+25:00",
        "0000-03-01T10:00:00Z",
        "2025-03-01",
    ],
)
def test_a_moment_without_offset_or_that_no_clock_shows_is_refused(contract: Contract, moment: str) -> None:
    faults = contract.faults(STARTED, example(contract, occurred_at=moment))
    assert [fault.pointer for fault in faults] == ["/occurred_at"]


@pytest.mark.parametrize(
    "moment", ["2024-02-29T10:00:00Z", "2025-03-01T10:00:00.123456+01:00", "2025-03-01T10:00:00-00:00"]
)
def test_any_offset_is_accepted(contract: Contract, moment: str) -> None:
    assert contract.faults(STARTED, example(contract, occurred_at=moment)) == []


@pytest.mark.parametrize(
    ("name", "changes", "pointer"),
    [
        ("placement.started", {"wage_gross_month_eur": 1390.001}, "/wage_gross_month_eur"),
        ("placement.started", {"wage_gross_month_eur": "1390.00"}, "/wage_gross_month_eur"),
        ("placement.started", {"hours_per_week": -1}, "/hours_per_week"),
        ("handover.accepted", {"completeness": 1.1}, "/completeness"),
        ("concern.raised", {"severity": 6}, "/severity"),
        ("life-domain.noted", {"impact": 0}, "/impact"),
        ("self-manual.published", {"version": 0}, "/version"),
        ("training.progressed", {"missed_in_a_row": -1}, "/missed_in_a_row"),
        ("survey.answered", {"answers": {"zin": 6}}, "/answers/zin"),
        ("dossier.opened", {"dossier_id": "1234"}, "/dossier_id"),
        ("dossier.opened", {"preferred_language": "Nederlands, graag"}, "/preferred_language"),
        ("consent.granted", {"event_types": ["placement.*"]}, "/event_types/0"),
        ("consent.granted", {"event_types": ["nl.dossier.*"]}, "/event_types/0"),
        ("consent.granted", {"classes": ["work", "medical"]}, "/classes/1"),
        ("consent.granted", {"classes": []}, "/classes"),
        ("consent.granted", {"operations": ["read", "read"]}, "/operations"),
    ],
)
def test_what_lies_outside_its_range_is_refused(
    contract: Contract, name: str, changes: dict[str, Any], pointer: str
) -> None:
    name = f"nl.dossier.{name}"
    assert [fault.pointer for fault in contract.faults(name, example(contract, name, **changes))] == [pointer]


Change = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.mark.parametrize(
    ("name", "change", "fault"),
    [
        ("scheme.decided", lambda body: {**body, "reason": "form_version"}, ("/reason", "R-08")),
        ("dossier.closed", lambda body: {**body, "reason": "inactivity"}, ("/reason", "R-15")),
        ("dossier.closed", lambda body: without(body, "reason"), ("/reason", "R-15")),
        ("decision.communicated", lambda body: without(body, "plain_summary"), ("/plain_summary", "R-26")),
        ("decision.communicated", lambda body: {**body, "plain_summary": ""}, ("/plain_summary", "R-26")),
        ("decision.communicated", lambda body: without(body, "ask_whom"), ("/ask_whom", "R-26")),
        ("decision.communicated", lambda body: without(body, "consequences"), ("/consequences", "R-26")),
        ("trial-placement.requested", lambda body: without(body, "intent_to_retain"), ("/intent_to_retain", "R-02")),
        ("trial-placement.requested", lambda body: without(body, "decision_id"), ("/decision_id", "R-28")),
        ("trial-placement.decided", lambda body: without(body, "reason"), ("/reason", "R-03")),
        ("copy-recall.answered", lambda body: without(body, "legal_ref"), ("/legal_ref", "R-37")),
        ("placement.started", lambda body: without(body, "kind"), ("/kind", None)),
    ],
)
def test_a_fault_names_the_rule_that_it_breaks(
    contract: Contract, name: str, change: Change, fault: tuple[str, str | None]
) -> None:
    name = f"nl.dossier.{name}"
    assert [(f.pointer, f.rule) for f in contract.faults(name, change(example(contract, name)))] == [fault]


def test_a_reason_is_asked_only_where_the_outcome_needs_one(contract: Contract) -> None:
    refused = without(example(contract, "nl.dossier.trial-placement.decided", outcome="refused"), "reason")
    erased = without(example(contract, "nl.dossier.copy-recall.answered", outcome="erased"), "legal_ref")
    assert contract.faults("nl.dossier.trial-placement.decided", refused) == []
    assert contract.faults("nl.dossier.copy-recall.answered", erased) == []


def test_no_message_ever_holds_a_value_of_the_body(contract: Contract) -> None:
    spoilt: list[Any] = [CANARY * 500, [CANARY] * 101, {CANARY: CANARY}, [{CANARY: CANARY}], [[CANARY]], 7654321.987]
    for name, type_ in {**contract.types, **contract.regional}.items():
        for field in type_.schema["properties"]:
            for value in spoilt:
                body = {**type_.examples[0], field: value}
                said = json.dumps([[fault.message, fault.rule] for fault in contract.faults(name, body)])
                assert CANARY not in said
                assert "7654321" not in said


def test_what_a_type_tells_about_itself(contract: Contract) -> None:
    type_ = contract.types[STARTED]
    assert (type_.name, type_.version, type_.phase, type_.privacy_class) == (STARTED, 1, "placement", "work")
    assert type_.field_classes == {"wage_gross_month_eur": "income"}
    assert type_.may_emit == {"EMP", "FC", "RIB"}
    assert type_.refs == {"employer_org": "org", "host_org": "org"}
    assert type_.titles == {"nl": "Er is een plaatsing begonnen", "en": "A placement began"}
    assert type_.authorises


def test_a_refused_emitter_hears_the_rule(contract: Contract) -> None:
    named = {name: type_.may_emit_rule for name, type_ in contract.types.items() if type_.may_emit_rule}
    assert named == {
        "nl.dossier.self-manual.published": "R-27",
        "nl.dossier.self-manual.shared": "R-27",
        "nl.dossier.dossier.closed": "R-15",
    }
