"""Frozen values changed: put in, replaced where there is something to replace, a day read."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any, TypeVar

V = TypeVar("V")


def put(values: Mapping[str, V], key: str, value: V) -> dict[str, V]:
    return {**values, key: value}


def change(values: Mapping[str, V], key: str, **changes: Any) -> Mapping[str, V]:
    """Nothing to change where a retraction took away what this event is about."""
    known: Any = values.get(key)
    return values if known is None else {**values, key: replace(known, **changes)}


def day(data: Mapping[str, Any], name: str) -> date:
    """A required date field: the schema let nothing else in."""
    return date.fromisoformat(data[name])
