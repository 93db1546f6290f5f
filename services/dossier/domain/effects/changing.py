"""Frozen values changed: put in, or replaced where there is something to replace."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

V = TypeVar("V")


def put(values: Mapping[str, V], key: str, value: V) -> dict[str, V]:
    return {**values, key: value}


def change(values: Mapping[str, V], key: str, **changes: Any) -> Mapping[str, V]:
    """Nothing to change where a retraction took away what this event is about."""
    known: Any = values.get(key)
    return values if known is None else {**values, key: replace(known, **changes)}
