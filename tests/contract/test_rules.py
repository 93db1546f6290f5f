"""The rules are visible, whole, and each of them is named by a test."""

import re
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Final

import pytest

from services.dossier.domain.numbers import DEFAULTS, Numbers, Parameters
from services.dossier.explained import explained, rules

ROOT: Final = Path(__file__).resolve().parents[2]
# As in the page on the rules, and two that were parted from R-11.
IDS: Final = [f"R-{n:02}{part}" for n in range(1, 38) for part in (("", "b", "c") if n == 11 else ("",))]
RULES: Final = {rule["id"]: rule for rule in rules()}
TESTS: Final = "\n".join(
    path.read_text("utf-8") for path in sorted((ROOT / "tests").rglob("*.py")) if path != Path(__file__)
)


def test_each_rule_is_there_once_and_in_order() -> None:
    assert [rule["id"] for rule in rules()] == IDS
    assert len(IDS) == 39


@pytest.mark.parametrize("id_", IDS)
def test_each_rule_that_is_in_force_is_named_by_a_test(id_: str) -> None:
    """By its id, in the name of a test or in what it says; one that is not says so."""
    as_name = id_.lower().replace("-", "")
    named = re.search(rf"{id_}(?![0-9bc])|def test_\w*(?<![a-z0-9]){as_name}(?![0-9a-z])", TESTS)
    assert (named is not None) == RULES[id_]["in_force"]


@pytest.mark.parametrize("id_", IDS)
def test_each_rule_is_in_words_of_both_languages(id_: str) -> None:
    rule = RULES[id_]
    for words in (rule["title"], rule["says"]):
        assert set(words) == {"nl", "en"}
        assert all(words.values())
        assert words["nl"] != words["en"]
    assert all(text.endswith(".") for text in rule["says"].values())


def test_every_number_belongs_to_a_rule_and_has_a_unit() -> None:
    shown = [parameter["name"] for rule in rules() for parameter in rule["parameters"]]
    assert sorted(shown) == sorted(each.name for each in fields(Parameters))
    assert all(parameter["unit"] for rule in rules() for parameter in rule["parameters"])


def test_the_numbers_shown_are_those_that_hold() -> None:
    for rule in explained(Numbers(), None, date(2025, 3, 3)):
        for parameter in rule["parameters"]:
            value = getattr(DEFAULTS, parameter["name"])
            assert parameter["value"] == parameter["usual"] == (list(value) if isinstance(value, tuple) else value)


def test_every_code_that_a_rule_raises_is_shown_with_it() -> None:
    """As the code of the rules has them, and no other."""
    folder = ROOT / "services" / "dossier" / "trajectory" / "rules"
    raised = set()
    for path in folder.glob("*.py"):
        text = path.read_text("utf-8")
        own = re.search(r'^RULE = "(R-\w+)"', text, re.MULTILINE)
        for rule, code in re.findall(r'(?:on_day|at_once)\([^"]*?(RULE|"R-\w+"), "(\w+)"', text):
            raised.add((own[1] if rule == "RULE" and own else rule.strip('"'), code))
        for code in re.findall(r'_warnings\("(\w+)"', text):
            raised.add(("R-05", code))
    assert raised == {(rule["id"], code) for rule in rules() for code in rule["codes"]}
