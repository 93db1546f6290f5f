"""Frozen dataclasses to plain JSON values and back, by their annotations."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from functools import cache
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

T = TypeVar("T")
SCALARS = (str, int, bool, float)


def to_plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date):  # a datetime is a date too
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(to_plain(item) for item in value)
    if isinstance(value, tuple):
        return [to_plain(item) for item in value]
    if is_dataclass(value):
        return {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}
    return value


def from_plain(wanted: Callable[..., T], value: Any) -> T:
    """`wanted` is a class; mypy takes its constructor for it."""
    restored: T = _reader(wanted)(value)
    return restored


@cache
def _reader(wanted: Any) -> Callable[[Any], Any]:
    if is_dataclass(wanted) and isinstance(wanted, type):
        return _dataclass_reader(wanted)
    origin, args = get_origin(wanted), get_args(wanted)
    if origin in (Union, UnionType):
        return _optional(_reader(next(arg for arg in args if arg is not type(None))))
    if origin is frozenset:
        return _many(frozenset, _reader(args[0]))
    if origin is tuple:
        return _many(tuple, _reader(args[0]))
    if origin is not None and _is_mapping(origin):
        return _mapping(_reader(args[1]))
    if wanted is Any:
        return _same
    if wanted is UUID:
        return UUID
    if wanted in (datetime, date):
        return _moment if wanted is datetime else date.fromisoformat
    if origin is Literal or wanted in SCALARS:
        return _same
    raise TypeError(f"no plain form for {wanted}")


def _is_mapping(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _dataclass_reader(wanted: type) -> Callable[[Any], Any]:
    hints = get_type_hints(wanted)
    readers = [(f.name, _reader(hints[f.name])) for f in fields(wanted)]
    return lambda value: wanted(**{name: read(value[name]) for name, read in readers})


def _optional(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


def _many(make: Callable[[Any], Any], read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: make(read(item) for item in value)


def _mapping(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: {key: read(item) for key, item in value.items()}


def _moment(value: str) -> datetime:
    return datetime.fromisoformat(value)


def _same(value: Any) -> Any:
    return value
