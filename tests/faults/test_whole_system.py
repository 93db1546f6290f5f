"""Whatever dies, and when: what was acknowledged is stored, travels, and reaches its reader once and in order (V1)."""

from collections.abc import Iterator

import pytest

from tests.faults.inflicted import EVERY, survived_together
from tests.faults.system import PART_OF, PARTS, System, places, system
from tests.long import IS_LONG, given_time

pytestmark = given_time


@pytest.fixture(scope="module")
def whole() -> Iterator[System]:
    """On the bus in PostgreSQL; `make faults` does these and more on three nodes of Kafka, each by itself."""
    with system(None) as running:
        yield running


PLACES = ("relay", "append", "notifier") if IS_LONG else ("relay.before_mark", "append.after", "notifier.before")
KINDS = [
    tuple(f"SIGKILL at {place}" for place in PLACES),
    ("PostgreSQL" if IS_LONG else "PostgreSQL killed during delivery",),
    ("receiver resets", "receiver answers 200 and dies"),
]


@pytest.mark.parametrize("kinds", KINDS)
def test_nothing_is_lost_doubled_or_leaked(whole: System, kinds: tuple[str, ...]) -> None:
    faults = [fault for fault in EVERY if fault.name.startswith(kinds)]
    assert len(faults) >= len(kinds)
    outcome = survived_together(faults, whole)
    assert outcome.is_clean, outcome
    assert outcome.events > 30


def test_every_named_place_has_a_process_that_comes_there() -> None:
    assert len(places()) >= 13
    assert {PART_OF.get(place.partition(".")[0], place.partition(".")[0]) for place in places()} <= set(PARTS)
