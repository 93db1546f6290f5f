"""The words of the story: a language's sentences, and values of events put into them."""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from services.sandbox.lives import CIVIL, Life, Person
from services.sandbox.reasons import Reason

LANGUAGES = ("en", "nl")
_DATE = re.compile(r"\d{4}-\d\d-\d\d$")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT")
_SLOT = re.compile(r"\{(\w+)\}")
_ONLY_IF = re.compile(r"\[(\w+)(!?=)([\w-]+)\] ")
# Fields that hold the key of a person or an organisation, beside those that end in `_org`.
_PARTIES = frozenset(
    {"org", "person", "coach", "buddy", "delegate", "with", "participants", "parties", "attendees", "grantee_actor"}
    | {"to_actor", "ask_whom", "for_actor", "written_with", "replaces"}
)


@cache
def in_language(language: str) -> "Words":
    """The words of one language: "en" or "nl"."""
    if language not in LANGUAGES:
        raise ValueError(f"no words in {language!r}; there are {', '.join(LANGUAGES)}")
    told = json.loads(Path(__file__).with_name(f"words.{language}.json").read_text("utf-8"))
    return Words(language, told)


def plain(text: str) -> str:
    """One line without control characters: a value of an event cannot steer the terminal."""
    return " ".join("".join(c if unicodedata.category(c)[0] != "C" else " " for c in text).split())


@dataclass(frozen=True, eq=False)
class Words:
    """What a language says, by heading; a word that it lacks is shown as it is in the data."""

    language: str
    told: Mapping[str, Any]

    def say(self, phrase: str, /, **values: object) -> str:
        return str(self.told["phrases"][phrase]).format(**values)

    def role(self, person: Person) -> str:
        return str(self.told["roles"].get(person.role, person.role))

    def who(self, person: Person) -> str:
        """Name and role: "Mieke Vastpunt (contact person)"."""
        return plain(person.name) if person.is_owner else f"{plain(person.name)} ({self.role(person)})"

    def who_in_full(self, person: Person) -> str:
        """Name, role and organisation; the one whose dossier it is needs no more than a name."""
        return (
            self.who(person)
            if person.is_owner
            else plain(f"{person.name}, {self.role(person)}, {person.organisation_name}")
        )

    def day(self, day: date) -> str:
        months: list[str] = self.told["months"]
        return f"{day.day} {months[day.month - 1]} {day.year}"

    def weekday(self, day: date) -> str:
        named = f"{self.told['days'][day.weekday()]} {self.day(day)}"
        return named[0].upper() + named[1:]

    def rule(self, rule: str | None, status: int) -> str:
        """A rule in words; one rule may say another thing with another status."""
        rules = self.told["rules"]
        known = rules.get(f"{rule} {status}") or rules.get(rule)
        return str(known or self.told["statuses"].get(str(status), self.told["reasons"]["unknown"]))

    def reason(self, reason: Reason | None, life: Life) -> str:
        if reason is None:
            return str(self.told["reasons"]["unknown"])
        about = reason.about or ""
        named = life.names.get(about) or self.told["classes"].get(about, about)
        on = self.day(date.fromisoformat(reason.on)) if reason.on else ""
        return str(self.told["reasons"][reason.code]).format(on=on, about=plain(named))

    def stage(self, stage: str) -> str:
        return str(self.told["stages"].get(stage, stage))

    def group(self, group: str) -> str:
        return str(self.told["groups"].get(group, group))

    def call(self, call: Mapping[str, Any], life: Life) -> str:
        """What calls, in a sentence with its numbers; a code without words as it is."""
        values = {"due_on": call["due_on"], **call.get("numbers", {})}
        told = {name: self._value(name if name != "organisation" else "by_org", v, life) for name, v in values.items()}
        sentence = self.told["calls"].get(call["code"])
        if sentence is None or any(name not in told for name in _SLOT.findall(sentence)):
            return plain(str(call["code"]).replace("_", " "))
        return plain(sentence.format(**told))

    def without(self, names: Iterable[str]) -> str:
        fields = [str(self.told["fields"].get(name, name.replace("_", " "))) for name in names]
        return self.say("without", fields=self._series(fields))

    def title(self, type_: str, titles: Mapping[str, str]) -> str:
        """What the catalogue calls a type; else the type in its own words."""
        return plain(titles.get(type_) or _short(type_).replace(".", " ").replace("-", " ").capitalize())

    def detail(self, event: Mapping[str, Any], life: Life) -> str:
        """The event in a few words, from the values it has; empty where there is nothing to add."""
        data = dict(event.get("data") or {})
        if given := _given(data.get("consent_id"), life):
            data |= {"consent_id_org": given["grantee_org"], "consent_id_types": given.get("event_types")}
        clauses = (self._clause(clause, data, life) for clause in self.told["details"].get(_short(event["type"]), ()))
        told = ", ".join(clause for clause in clauses if clause)
        return told[:1].upper() + told[1:]

    def _clause(self, clause: str, data: Mapping[str, Any], life: Life) -> str:
        if only_if := _ONLY_IF.match(clause):
            name, equals, wanted = only_if.groups()
            if (str(data.get(name)).lower() == wanted) != (equals == "="):
                return ""
            clause = clause[only_if.end() :]
        if any(data.get(name) in (None, [], "") for name in _SLOT.findall(clause)):
            return ""
        return _SLOT.sub(lambda slot: self._value(slot[1], data[slot[1]], life), clause)

    def _value(self, name: str, value: Any, life: Life) -> str:
        if isinstance(value, list):
            return self._series([self._value(name, item, life) for item in value])
        if isinstance(value, bool):
            return self.say("yes" if value else "no")
        if isinstance(value, int | float):
            return self._money(value) if name.endswith("_eur") else self.number(value)
        text = str(value)
        if name.endswith("_org") or name in _PARTIES:
            return plain(life.names.get(text, text))
        if name in ("classes", "operations", "purpose"):
            return str(self.told[name if name != "purpose" else "purposes"].get(text, text))
        if name in ("event_types", "consent_id_types"):
            noun = _short(text).split(".")[0]
            return str(self.told["nouns"].get(noun, noun.replace("-", " ")))
        if _DATE.match(text):
            return self.day(date.fromisoformat(text))
        if _MOMENT.match(text):
            return self.day(datetime.fromisoformat(text).astimezone(CIVIL).date())
        known = self.told["values"].get(text)
        return str(known) if known else plain(text.replace("_", " ") if text.islower() and " " not in text else text)

    def number(self, number: float) -> str:
        shown = f"{number:,.2f}".rstrip("0").rstrip(".")
        return shown.translate(str.maketrans(",.", ".,")) if self.language == "nl" else shown

    def _money(self, amount: float) -> str:
        return f"{'-' if amount < 0 else ''}€ {self.number(abs(amount))}"

    def _series(self, items: list[str]) -> str:
        items = list(dict.fromkeys(items))
        return f" {self.say('and')} ".join(part for part in (", ".join(items[:-1]), items[-1]) if part) if items else ""


def _short(type_: str) -> str:
    return type_.removeprefix("nl.dossier.")


def _given(consent_id: object, life: Life) -> Mapping[str, Any] | None:
    """The grant that a consent event is about: the events that end it repeat neither party nor extent."""
    given = (row.event["data"] for row in life.rows if row.event["type"].endswith("consent.granted"))
    return next((data for data in given if consent_id and data["consent_id"] == consent_id), None)
