"""The schema files keep their promises: complete, in two languages, without a field that must not exist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from services.dossier.gate.law import FILE as LAW_FILE
from services.foundation.contract import SCHEMAS, Contract, EventType, load

ROOT = Path(__file__).resolve().parents[2]
TRAJECTORIES = sorted((ROOT / "tests" / "acceptance" / "trajectories").glob("*.json"))
CONTRACT = load()
EVERY_TYPE = [*CONTRACT.types.values(), *CONTRACT.regional.values()]
FILES = sorted(SCHEMAS.glob("events/*.json")) + sorted(SCHEMAS.glob("regional/*.json"))
CLASSES = {"identity", "contact", "health-sensitive", "income", "work", "evaluation"}
ROLES = {"P", "DEL", "FC", "MUN", "UWV", "EMP", "JC", "TRN", "RIB", "WSP", "DSK", "BUD", "RCC", "RES", "SYS"}

AUTHORISING = {
    "nl.dossier.consent.requested",
    "nl.dossier.consent.granted",
    "nl.dossier.consent.declined",
    "nl.dossier.consent.narrowed",
    "nl.dossier.consent.revoked",
    "nl.dossier.consent.expired",
    "nl.dossier.delegate.appointed",
    "nl.dossier.delegate.withdrawn",
    "nl.dossier.contact-person.appointed",
    "nl.dossier.professional.assigned",
    "nl.dossier.professional.unassigned",
    "nl.dossier.trial-placement.started",
    "nl.dossier.trial-placement.ended",
    "nl.dossier.placement.started",
    "nl.dossier.placement.changed",
    "nl.dossier.placement.ended",
    "nl.dossier.entry.retracted",
    "nl.dossier.referral.made",
    "nl.dossier.referral.answered",
    "nl.dossier.referral.completed",
    "nl.dossier.referral.withdrawn",
    "nl.dossier.dossier.erased",
}

# What a dossier never asks for, in names, titles and descriptions of fields and in the values to choose from.
NEVER_A_FIELD = re.compile(
    r"diagnos|disease|illness|sickness|disorder|syndrom|medication|medicine|treatment|therap|symptom|disabilit|handicap"
    r"|psychiatr|autis|patient|(?<![a-z])bsn|citizen.?service|social.?security.?number|national.?id|passport"
    r"|ziekte(?!wet)|aandoening|stoornis|beperking(?!en)|medicijn|medicatie|behandel|klacht|verslaving|addict"
    r"|(?<![a-z])arts(?![a-z])|burgerservicenummer|sofinummer|paspoort|rijksregister",
    re.IGNORECASE,
)

# Every type that the pages on the domain name: rules, state, stories, metrics, instruments.
NAMED_BY_RULES_AND_STORIES = (Path(__file__).with_name("named_types.txt")).read_text(encoding="utf-8").splitlines()


def fields_of(schema: dict[str, Any], where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every named field of a schema, nested ones too, with its path."""
    for name, field in schema.get("properties", {}).items():
        yield f"{where}/{name}", field
        yield from fields_of(field, f"{where}/{name}")
        yield from fields_of(field.get("items", {}), f"{where}/{name}")


def by_name(type_: EventType) -> str:
    return type_.name


each_type = pytest.mark.parametrize("type_", EVERY_TYPE, ids=by_name)


@pytest.fixture(scope="module")
def contract() -> Contract:
    return CONTRACT


def test_the_catalogue_has_96_dossier_types_and_6_regional_ones_and_a_way_to_set_numbers_in_each() -> None:
    assert (len(CONTRACT.types), len(CONTRACT.regional)) == (97, 7)
    assert "nl.dossier.rule-parameters.overridden" in CONTRACT.types
    assert "nl.regio.rule-parameters.set" in CONTRACT.regional
    assert len(FILES) == 104


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_file_is_called_after_its_type_and_version(file: Path) -> None:
    schema = json.loads(file.read_text(encoding="utf-8"))
    family = "nl.dossier" if file.parent.name == "events" else "nl.regio"
    name = f"{family}.{file.name.removesuffix('.v1.json')}"
    assert (schema["x-type"], schema["x-version"]) == (name, 1)
    assert schema["$id"] == f"https://dossier.example.org/schema/{name}/v1"
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@each_type
def test_every_example_validates(type_: EventType, contract: Contract) -> None:
    full, minimal = type_.examples
    assert [contract.faults(type_.name, example) for example in type_.examples] == [[], []]
    assert set(full) == set(type_.schema["properties"])
    assert set(minimal) == set(type_.schema["required"])
    assert full != minimal


@each_type
def test_a_body_is_closed_and_says_when_it_happened(type_: EventType, contract: Contract) -> None:
    assert "occurred_at" in type_.schema["required"]
    assert type_.schema["unevaluatedProperties"] is False
    stranger = {**type_.examples[0], "unheard_of": 1}
    assert [fault.pointer for fault in contract.faults(type_.name, stranger)] == ["/unheard_of"]


@each_type
def test_titles_and_descriptions_stand_in_both_languages_and_are_not_the_name(type_: EventType) -> None:
    for where, described in [(type_.name, dict(type_.schema)), *fields_of(dict(type_.schema))]:
        name = where.rpartition("/")[2].replace("_", " ").lower()
        for key in ("title", "x-title-nl", "description", "x-description-nl"):
            words = described.get(key, "")
            assert words.strip(), f"{where} lacks {key}"
            assert words.lower() not in (name, where), f"{where}: {key} repeats the name"
        for key in ("description", "x-description-nl"):
            assert described[key].endswith("."), f"{where}: {key} is no sentence"
            assert described[key] != described["title"]
        assert described["description"] != described["x-description-nl"]


@each_type
def test_no_field_asks_for_a_diagnosis_or_a_citizen_service_number(type_: EventType) -> None:
    for where, field in fields_of(dict(type_.schema)):
        values = field.get("enum", []) + field.get("items", {}).get("enum", [])
        texts = [where, field["title"], field["x-title-nl"], field["description"], field["x-description-nl"], *values]
        assert [text for text in texts if NEVER_A_FIELD.search(text)] == []


@pytest.mark.parametrize(
    "name", ["diagnosis", "diagnose", "bsn", "burgerservicenummer", "employee_bsn", "soort_ziekte", "medication"]
)
def test_the_word_list_finds_what_must_not_exist(name: str) -> None:
    assert NEVER_A_FIELD.search(name)


@pytest.mark.parametrize("type_", CONTRACT.types.values(), ids=by_name)
def test_the_class_of_a_field_differs_from_that_of_its_event(type_: EventType) -> None:
    assert type_.privacy_class in CLASSES
    assert set(type_.field_classes.values()) <= CLASSES - {type_.privacy_class}
    nested = {where for where, field in fields_of(dict(type_.schema)) if "x-privacy-class" in field}
    assert nested == {f"/{name}" for name in type_.field_classes}, "only a field of the event itself can be left out"


def test_regional_types_are_about_no_person() -> None:
    for type_ in CONTRACT.regional.values():
        assert (type_.privacy_class, dict(type_.field_classes), type_.authorises) == ("", {}, False)


@each_type
def test_emitters_and_subscribers_are_known_roles(type_: EventType) -> None:
    assert type_.may_emit
    assert type_.may_emit <= ROLES
    assert set(type_.subscribers) <= ROLES


def test_exactly_the_types_that_change_who_may_read_take_the_fence() -> None:
    assert {name for name, type_ in CONTRACT.types.items() if type_.authorises} == AUTHORISING


def test_a_class_that_follows_another_event_names_the_field_that_points_to_it() -> None:
    following = {name: type_.class_of for name, type_ in CONTRACT.types.items() if type_.class_of}
    assert following == {
        "nl.dossier.signal.raised": "about_event_id",
        "nl.dossier.entry.retracted": "event_id",
        "nl.dossier.correction.requested": "event_id",
    }
    assert all(field in CONTRACT.types[name].schema["properties"] for name, field in following.items())


@each_type
def test_everything_a_body_can_hold_is_bounded(type_: EventType) -> None:
    for where, field in fields_of(dict(type_.schema)):
        for part in (field, field.get("items", {})):
            match part.get("type"):
                case "string":
                    assert "maxLength" in part or "format" in part, where
                case "array":
                    assert part["maxItems"] <= 100, where
                case "integer" | "number":
                    assert {"minimum", "maximum"} <= set(part), where
                case "object":
                    assert "maxProperties" in part or part["unevaluatedProperties"] is False, where


@pytest.mark.parametrize("file", TRAJECTORIES, ids=lambda file: file.stem)
def test_every_event_of_a_trajectory_validates(file: Path, contract: Contract) -> None:
    events = [row["event"] for row in json.loads(file.read_text(encoding="utf-8"))["events"]]
    assert {event["id"]: found for event in events if (found := contract.faults(event["type"], event["data"]))} == {}
    for event in events:
        type_ = contract.types[event["type"]]
        assert event["dataschema"] == type_.schema["$id"]
        assert event["privacyclass"] in (type_.privacy_class, "health-sensitive") or type_.class_of


@pytest.mark.parametrize("file", TRAJECTORIES, ids=lambda file: file.stem)
def test_every_type_that_a_trajectory_names_exists(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    named = set(re.findall(r"\bnl\.dossier\.[a-z-]+\.[a-z-]+", text))
    assert named - set(CONTRACT.types) <= {"nl.dossier.handover.returned"}, "only what deliberately does not exist"


def test_every_type_that_a_rule_or_a_story_names_exists() -> None:
    assert [name for name in NAMED_BY_RULES_AND_STORIES if CONTRACT.get(f"nl.dossier.{name}") is None] == []


def test_what_deliberately_does_not_exist_does_not() -> None:
    assert CONTRACT.get("nl.dossier.handover.returned") is None
    assert CONTRACT.get("nl.dossier.form.rejected") is None
    assert CONTRACT.get(CONTRACT.neutral_type) is None, "nobody sends the neutral type"


def test_every_type_in_the_prohibitions_exists() -> None:
    patterns = json.loads(LAW_FILE.read_text(encoding="utf-8"))["employer_prohibition"]["may_read"]
    for pattern in patterns:
        assert any(name == pattern or name.startswith(pattern.removesuffix("*")) for name in CONTRACT.types), pattern


def test_the_law_file_follows_its_schema() -> None:
    schema = json.loads((SCHEMAS / "law.schema.json").read_text(encoding="utf-8"))
    law = json.loads(LAW_FILE.read_text(encoding="utf-8"))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(law)] == []
    assert {law["reviewed_by"], *(grant["reviewed_by"] for grant in law["statutory_grants"])} == {""}


def test_the_glossary_explains_every_class_role_purpose_basis_and_operation() -> None:
    terms = json.loads((SCHEMAS / "glossary.json").read_text(encoding="utf-8"))["terms"]
    for term in terms:
        assert set(term) == {"group", "key", "nl", "en", "meaning"}
        assert all([term["nl"], term["en"], term["meaning"]["nl"], term["meaning"]["en"]])
    keys = {group: {term["key"] for term in terms if term["group"] == group} for group in ("class", "role")}
    assert keys == {"class": CLASSES, "role": ROLES}
    granted = CONTRACT.types["nl.dossier.consent.granted"].schema["properties"]
    for group, values in {
        "purpose": granted["purpose"]["enum"],
        "basis": granted["basis"]["enum"],
        "operation": granted["operations"]["items"]["enum"],
    }.items():
        assert {term["key"] for term in terms if term["group"] == group} == set(values)
    assert len({(term["group"], term["key"]) for term in terms}) == len(terms)


def test_every_keyword_of_ours_is_explained() -> None:
    used = {key for file in FILES for key in re.findall(r'"(x-[a-z-]+)":', file.read_text(encoding="utf-8"))}
    explained = set(re.findall(r"`(x-[a-z-]+)`", (SCHEMAS / "README.md").read_text(encoding="utf-8")))
    assert used == explained
