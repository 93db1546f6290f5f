"""Pages: a cursor serves only who got it, for the list it came from, and tells nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.foundation.paging import Cursors
from services.foundation.problems import BAD_REQUEST, Problem

CURSORS = Cursors(bytes(range(32)))
POSITIONS = st.integers(min_value=-(2**63), max_value=2**63 - 1)


@given(position=POSITIONS, caller=st.text(), filter=st.text())
def test_a_cursor_opens_for_whom_and_what_it_was_sealed(position: int, caller: str, filter: str) -> None:
    text = CURSORS.seal(position, caller=caller, filter=filter)
    assert CURSORS.open(text, caller=caller, filter=filter) == position


@given(position=POSITIONS)
def test_a_cursor_is_as_long_whatever_the_position(position: int) -> None:
    assert len(CURSORS.seal(position, caller="mieke", filter="")) == 48


def test_the_same_position_looks_different_each_time() -> None:
    assert CURSORS.seal(7, caller="mieke", filter="") != CURSORS.seal(7, caller="mieke", filter="")


@pytest.mark.parametrize(
    ("caller", "filter"), [("pieter", "type=a"), ("mieke", "type=b"), ("miek", "etype=a"), ("", "miekettype=a")]
)
def test_a_cursor_of_another_is_refused(caller: str, filter: str) -> None:
    text = CURSORS.seal(7, caller="mieke", filter="type=a")
    _is_refused(text, caller, filter)


@given(text=st.text(max_size=60) | st.text(alphabet="Aa0-_=+/", min_size=48, max_size=48))
def test_no_text_is_a_cursor_by_chance(text: str) -> None:
    _is_refused(text, "mieke", "")


def test_a_changed_cursor_is_refused() -> None:
    text = CURSORS.seal(7, caller="mieke", filter="")
    for place in range(len(text)):
        _is_refused(text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :], "mieke", "")


def test_a_cursor_under_another_key_is_refused() -> None:
    _is_refused(Cursors(bytes(32)).seal(7, caller="mieke", filter=""), "mieke", "")


def _is_refused(text: str, caller: str, filter: str) -> None:
    with pytest.raises(Problem) as refused:
        CURSORS.open(text, caller=caller, filter=filter)
    assert refused.value.kind is BAD_REQUEST
