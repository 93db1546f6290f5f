"""JSON as a stranger may send it: one reading only, or a refusal that says what is wrong and never the value."""

import json
import re
from typing import Any, Final, NoReturn

from services.foundation.problems import BAD_REQUEST, Problem

DEEPEST: Final = 32
LARGEST_INTEGER: Final = 2**53 - 1  # RFC 7493 section 2.2: beyond it two readers may read two numbers
_DIGITS: Final = len(str(LARGEST_INTEGER)) + 1
_UNSPEAKABLE: Final = re.compile("[\x00\ud800-\udfff]")


def parse(raw: bytes) -> object:
    """Raises Problem (400) for anything that two readers might read differently, or that cannot be stored."""
    if raw.startswith(b"\xef\xbb\xbf"):
        _refuse("The body starts with a byte order mark.")
    try:
        value = _decoder.decode(raw.decode())
    except UnicodeDecodeError:
        _refuse("The body is not UTF-8.")
    except RecursionError:
        _refuse_depth()
    except ValueError:
        _refuse("The body is not JSON.")
    if raw.count(b"[") + raw.count(b"{") > DEEPEST:
        _check_depth(value)
    if b"\\u" in raw:  # only an escape can bring what UTF-8 and JSON refuse by themselves
        _check_texts(value)
    return value


def _refuse(what: str) -> NoReturn:
    raise Problem(BAD_REQUEST, what) from None


def _refuse_depth() -> NoReturn:
    _refuse(f"The body is nested deeper than {DEEPEST}.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        _refuse("An object in the body has the same key twice.")
    return found


def _integer(digits: str) -> int:
    number = int(digits) if len(digits) <= _DIGITS else LARGEST_INTEGER + 1
    if abs(number) > LARGEST_INTEGER:
        _refuse("A whole number in the body is too large.")
    return number


def _float(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        _refuse("A number in the body is too large.")
    return number


def _constant(_name: str) -> NoReturn:
    _refuse("NaN and Infinity are not JSON.")


_decoder: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)


def _check_depth(value: object) -> None:
    level: list[object] = [value]
    for _ in range(DEEPEST):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    if any(isinstance(child, dict | list) for child in level):
        _refuse_depth()


def _children(value: object) -> list[object]:
    match value:
        case dict():
            return list(value.values())
        case list():
            return value
        case _:
            return []


def _check_texts(value: object) -> None:
    match value:
        case str():
            if _UNSPEAKABLE.search(value):
                _refuse("A text in the body has a NUL or half a character (a lone surrogate).")
        case dict():
            for key, child in value.items():
                _check_texts(key)
                _check_texts(child)
        case list():
            for child in value:
                _check_texts(child)
