"""Values that stand nowhere else, for every field of every type of event, and the search for them."""

import itertools
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from services.foundation.contract import EventType
from tests.lives import ACTORS, ALL_CLASSES, BEFORE, LATER, Life

Json = Any
# Fields that admission holds against each other or against the clock: here they are what a careful sender sends.
MOMENTS: Final = {"occurred_at": BEFORE, "valid_from": BEFORE, "effective_at": BEFORE, "valid_until": LATER}
BY_ROLE: Final = {role: actor for actor, (role, _) in reversed(ACTORS.items()) if actor != "tijn"}
PREFERRED: Final = ("P", "FC", "UWV", "MUN", "JC", "TRN", "EMP", "SYS")
# Whom an entry names: keys of parties, which may stand in clear; no canaries.
ORGANISATIONS: Final = {
    "grantee_org": "naastwerk",
    "employer_org": "shop",
    "host_org": "shop",
    "recipient_org": "shop",
    "to_org": "probeer",
    "of_org": "naastwerk",
    "provider_org": "probeer",
}
PEOPLE: Final = {"delegate": "tijn", "grantee_actor": "joris", "coach": "joris", "buddy": "klaas", "person": "mieke"}
# Opaque ids that a grant in `index_grants` keeps in clear: grants may (design §5).
GRANT_FIELDS: Final = ("consent_id", "referral_id", "event_types", "legal_ref")


@dataclass
class Canaries:
    """`planted`: value → the field that it was planted in."""

    life: Life
    planted: dict[str, str] = field(default_factory=dict)
    _stems: dict[str, str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def actor(self, type_: EventType) -> str:
        role = next((role for role in PREFERRED if role in type_.may_emit), None)
        assert role is not None, type_.name
        return BY_ROLE[role]

    def body(self, type_: EventType) -> dict[str, Json]:
        """Every field of the type, filled."""
        actor = self.actor(type_)
        return {name: self._field(type_, name, actor, rule) for name, rule in type_.schema["properties"].items()}

    def secret(self) -> list[str]:
        """All that may stand nowhere in clear."""
        return [value for value, where in self.planted.items() if where.rpartition("/")[2] not in GRANT_FIELDS]

    def nobody(self, type_: str, name: str) -> str:
        """In the place of a party's key: a word that is none."""
        return self._plant(f"cnry{next(self._numbers):05d}qz", f"{type_}/{name}")

    def _field(self, type_: EventType, name: str, actor: str, rule: Mapping[str, Json]) -> Json:
        where = f"{type_.name}/{name}"
        if rule.get("type") == "array":
            return self._list(where, name, actor, rule)
        return self._value(where, name, actor, rule)

    def _list(self, where: str, name: str, actor: str, rule: Mapping[str, Json]) -> list[Json]:
        items = rule["items"]
        if name == "classes":
            return list(ALL_CLASSES)
        if "enum" in items:
            return list(items["enum"])[: rule.get("maxItems", 99)]
        if "properties" in items:
            return [{key: self._value(f"{where}/{key}", key, actor, each) for key, each in items["properties"].items()}]
        return [self._value(where, name, actor, items) for _ in range(max(rule.get("minItems", 1), 1))]

    def _value(self, where: str, name: str, actor: str, rule: Mapping[str, Json]) -> Json:  # noqa: C901 - one line a kind
        number = next(self._numbers)
        match rule:
            case {"const": value}:
                return value
            case {"enum": values}:
                return self._choice(name, values)
            case {"x-ref": "org"}:
                return self.life.key(ORGANISATIONS.get(name, ACTORS[actor][1].replace("self", "rwc")))
            case {"x-ref": "actor"}:
                return self.life.key(PEOPLE.get(name, "mieke"))
            case {"format": "date-time"}:
                return MOMENTS.get(name) or self._plant(
                    f"{1900 + number % 60}-03-0{1 + number % 9}T01:02:03.{number:06d}Z", where
                )
            case {"format": "date"}:
                return "1999-12-31" if name.endswith("from_on") else "2001-12-31"
            case {"format": "uuid"}:
                return (
                    self.life.dossier
                    if name == "dossier_id"
                    else self._stem(name, f"ca9a0000-0000-4000-8000-{number:012d}", where)
                )
            case {"type": "boolean"}:
                return True
            case {"type": "integer"}:
                return min(rule.get("maximum", 3), max(rule.get("minimum", 1), 1))
            case {"type": "number", "multipleOf": _}:
                return float(self._plant(f"{7_331_000 + number}.07", where))
            case {"type": "number"}:
                return float(self._plant(f"0.7331{number:05d}1", where))
            case {"type": "object"}:
                return {self._plant(f"cnry{number:05d}qz", where): 3}
            case {"pattern": pattern} if "dossier" in pattern:
                return self._plant(f"nl.dossier.cnry-{''.join(chr(97 + int(d)) for d in str(number))}.*", where)
            case {"pattern": pattern} if "A-Za-z" in pattern:
                return self._plant(f"nl-cnry{number:04d}"[:11], where)
        if name.endswith(("_id", "_ref")) and "x-ref" not in rule:
            return self._stem(name, f"cnry{number:05d}qz", where)
        return self._plant(f"cnry{number:05d}qz", where)

    def _choice(self, name: str, values: Iterable[Json]) -> Json:
        wanted = {
            "basis": "consent",
            "purpose": "guidance",
            "history": "all",
            "reason": "goal_reached",
            "audience": "participant",
        }
        return wanted[name] if wanted.get(name) in values else next(iter(values))

    def _plant(self, value: str, where: str) -> str:
        self.planted[value] = where
        return value

    def _stem(self, name: str, value: str, where: str) -> str:
        """One id wherever the same thing is meant, so that entries can be about each other."""
        return self._stems.setdefault(name, self._plant(value, where)) if name not in self._stems else self._stems[name]


# All that is planted has one of these, so that a large file without any is passed over quickly.
MARKS: Final = (b"cnry", b"ca9a0000", b"7331", b"T01:02:03")


def finder(values: Iterable[str]) -> re.Pattern[bytes]:
    return re.compile(b"|".join(re.escape(value).encode() for value in values))


def shapes(raw: bytes) -> set[str]:
    """Everything that looks as if it was planted: for files too large to look for each value."""
    if not any(mark in raw for mark in MARKS):
        return set()
    return {found.decode() for found in SHAPE.findall(raw)}


SHAPE: Final = re.compile(
    rb"nl-cnry\d{4}|nl\.dossier\.cnry-[a-j]+\.\*|cnry\d{5}qz|ca9a0000-0000-4000-8000-\d{12}"
    rb"|7331\d{3}\.07|0\.7331\d{6}|19\d\d-03-0\dT01:02:03\.\d{6}Z"
)


def readings(raw: bytes) -> Iterator[bytes]:
    """As it is, and whatever of it may be read another way: by its percent signs, or as base64 from any character."""
    yield raw
    yield unquote_to_bytes(raw)
    for coded in BASE64.findall(raw):
        letters = coded.translate(URL_SAFE)
        yield from (b64decode(letters[at:][: (len(letters) - at) // 4 * 4]) for at in range(4))


BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]{12,}")
URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
