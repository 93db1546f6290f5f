"""The rules as anyone may read them: their words, and their numbers as they hold on a day in a region."""

import json
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

from services.dossier.domain.numbers import Change, Numbers
from services.dossier.envelopes import Json

FILE: Final = Path(__file__).with_name("trajectory") / "rules.json"


@cache
def rules() -> tuple[Mapping[str, Any], ...]:
    return tuple(json.loads(FILE.read_text("utf-8"))["rules"])


def explained(numbers: Numbers, region: str | None, day: date) -> list[Json]:
    in_force = numbers.of(region).on(day)
    changes = sorted(numbers.regions.get(region or "", ()), key=lambda change: change.from_on)
    return [
        {
            **rule,
            "parameters": [
                {
                    **parameter,
                    "value": _plain(getattr(in_force, parameter["name"])),
                    "usual": _plain(getattr(numbers.beginning, parameter["name"])),
                    **_since(changes, parameter["name"], day),
                }
                for parameter in rule["parameters"]
            ],
        }
        for rule in rules()
    ]


def _since(changes: list[Change], name: str, day: date) -> Json:
    """Since when and why it is what it is, where the region decided; and what it has decided for later."""
    about = [change for change in changes if name in change.values]
    past = [change for change in about if change.from_on <= day]
    coming = [
        {"value": change.values[name], "from_on": change.from_on.isoformat(), "reason": change.reason}
        for change in about
        if change.from_on > day
    ]
    told: Json = {"since": past[-1].from_on.isoformat(), "reason": past[-1].reason} if past else {}
    return told | ({"coming": coming} if coming else {})


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
