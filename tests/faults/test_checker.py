"""The checker finds what it is there for: each test gives it what a broken sender would have brought about."""

from collections.abc import Sequence

import pytest

from tests.faults.checker import Verdict, of_received, of_withdrawn
from tests.faults.partner import Arrival

STORED = ("opened", "granted", "first", "second", "third")
CLEAN = Verdict(0)


def came(*events: str, renamed: Sequence[int] = (), numbers: Sequence[int] = ()) -> list[Arrival]:
    """In this order; a number goes with an event, and so does the id but for those at the places `renamed`."""
    numbered = numbers or [list(dict.fromkeys(events)).index(event) + 1 for event in events]
    return [
        Arrival("mieke1", f"msg_{event}{'_again' if place in renamed else ''}", event, "one", number)
        for place, (event, number) in enumerate(zip(events, numbered, strict=True))
    ]


def received(kept: Sequence[Arrival], *, replayed: str = "opened") -> Verdict:
    return of_received({"one": STORED}, kept, {replayed})


def test_each_once_and_what_a_grant_opened_behind_it_is_clean() -> None:
    assert received(came("granted", "opened", "first", "second", "third")) == CLEAN


def test_what_comes_again_under_its_id_is_dropped_however_late() -> None:
    again = ("granted", "opened", "first", "second", "first", "granted", "third", "third")
    assert received(came(*again)) == CLEAN


def test_what_was_never_kept_is_lost() -> None:
    assert received(came("granted", "opened", "first", "second")) == Verdict(0, lost=1)


def test_an_event_under_two_ids_is_doubled() -> None:
    twice = came("granted", "opened", "first", "second", "second", "third", renamed=[4])
    found = received(twice)
    assert found.doubled == 1
    assert found.disordered


def test_two_events_under_one_id_lose_the_second() -> None:
    sent = came("granted", "opened", "first", "second", "third")
    one_id = [Arrival("mieke1", "msg_same", one.event, "one", one.number) for one in sent]
    assert received(one_id).lost == 4


@pytest.mark.parametrize(
    ("events", "numbers"),
    [
        (("granted", "opened", "second", "first", "third"), (1, 2, 4, 3, 5)),
        (("granted", "opened", "second", "first", "third"), (1, 2, 3, 4, 5)),
        (("granted", "opened", "first", "second", "third"), (1, 2, 3, 5, 6)),
    ],
)
def test_another_order_or_a_gap_is_out_of_order(events: Sequence[str], numbers: Sequence[int]) -> None:
    assert received(came(*events, numbers=numbers)).disordered
    assert received(came(*events, numbers=numbers)).lost == 0


def test_another_dossier_has_numbers_of_its_own() -> None:
    other = [Arrival("mieke1", "msg_other", "other", "two", 1)]
    kept = came("granted", "opened", "first", "second", "third")
    assert of_received({"one": STORED, "two": ["other"]}, [*kept[:2], *other, *kept[2:]], {"opened"}) == CLEAN


ENDED = ("granted", "first", "revoked", "second")


def withdrawn(before: Sequence[str], after: Sequence[str]) -> Verdict:
    all_of_it = came(*before, *after)
    return of_withdrawn(ENDED, "revoked", all_of_it[: len(before)], all_of_it[len(before) :])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("granted", "first", "revoked"), ()),
        (("granted", "first"), ("revoked",)),
        (("granted", "first", "first"), ("revoked", "revoked")),
        (("granted",), ("revoked",)),
    ],
)
def test_until_the_withdrawal_and_its_notice_is_clean(before: Sequence[str], after: Sequence[str]) -> None:
    assert withdrawn(before, after) == CLEAN


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("granted", "first", "revoked", "second"), ()),
        (("granted", "first"), ("revoked", "second")),
        (("granted",), ("first", "revoked")),
        (("granted", "first"), ("first", "revoked")),
    ],
)
def test_what_follows_the_withdrawal_is_leaked_be_it_a_repeat(before: Sequence[str], after: Sequence[str]) -> None:
    assert withdrawn(before, after).leaked == 1


def test_a_withdrawal_of_which_no_notice_came_is_lost() -> None:
    assert withdrawn(("granted", "first"), ()) == Verdict(0, lost=1)
