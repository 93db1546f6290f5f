"""Strict JSON: one reading only, or a 400 that never quotes what was sent."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.foundation.problems import BAD_REQUEST, Problem
from services.foundation.strict_json import LARGEST_INTEGER, parse


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"'a'",
        b'{"a": 1, "a": 1}',
        b'{"a": {"b": 1, "\\u0062": 2}}',
        b'"a\x00b"',
        b'"a\\u0000b"',
        b'{"\\u0000": 1}',
        b'"\\ud800"',
        b'["\\uDFFF"]',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e999",
        b"-1e999",
        str(LARGEST_INTEGER + 1).encode(),
        b"-" + b"9" * 5000,
        b"[" * 33 + b"]" * 33,
        b'{"a":' * 33 + b"1" + b"}" * 33,
        b"[" * 60_000,
        b"[" * 60_000 + b"]" * 60_000,
        b"{} {}",
        b'"tab\tinside"',
        b"01",
    ],
)
def test_what_two_readers_might_read_differently_is_refused(raw: bytes) -> None:
    with pytest.raises(Problem) as refused:
        parse(raw)
    assert refused.value.kind is BAD_REQUEST


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 32 + b"]" * 32,
        b"[" + b",".join([b"{}"] * 200) + b"]",
        b'"\\ud83d\\ude00"',
        b'"\\\\u0000"',
        b'"\\\\ud800"',
        str(LARGEST_INTEGER).encode(),
        str(-LARGEST_INTEGER).encode(),
        b' {"a": [1, 2.5, -0.0, 1e3, true, false, null, "\xc3\xa9"]} ',
    ],
)
def test_what_has_one_reading_is_read(raw: bytes) -> None:
    assert parse(raw) == json.loads(raw)


def test_a_refusal_does_not_quote_the_body() -> None:
    for raw in (b'{"geheim": 1, "geheim": 2}', b'{"geheim": NaN}', b'{"geheim": 99999999999999999999}', b"geheim"):
        with pytest.raises(Problem) as refused:
            parse(raw)
        assert "geheim" not in refused.value.detail
        assert "9999" not in refused.value.detail


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=40,
)


@given(value=values, ascii_only=st.booleans())
def test_any_value_is_read_as_it_is_or_refused(value: object, ascii_only: bool) -> None:
    _same_or_refused(json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))


@given(raw=st.binary() | st.text(alphabet='{}[]",:\\u0d8eE+-.1 \x00nultrefasNI').map(str.encode))
def test_any_bytes_are_read_as_they_are_or_refused(raw: bytes) -> None:
    _same_or_refused(raw)


def _same_or_refused(raw: bytes) -> None:
    try:
        found = parse(raw)
    except Problem:
        return
    assert found == json.loads(raw)
    assert not any(isinstance(leaf, float) and not math.isfinite(leaf) for leaf in _leaves(found))


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict | list):
        children = value.values() if isinstance(value, dict) else value
        return [leaf for child in children for leaf in _leaves(child)]
    return [value]
