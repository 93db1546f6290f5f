"""The three public lives, lived through fresh sandboxes by the acceptance driver: nothing fails."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from services.foundation.bus.kafka.cluster import Cluster
from tests import sandboxes
from tests.acceptance import drive
from tests.kafka import kafka
from tests.long import IS_LONG, given_time
from tests.sandboxes import Sandbox

__all__ = ["kafka"]

HERE = Path(__file__).parent
LIVES = sorted((HERE / "trajectories").glob("*.json"))
KINDS = frozenset(drive.KINDS) - {"events"}

pytestmark = given_time


@pytest.fixture
def sandbox_on_kafka(kafka: Cluster) -> Iterator[Sandbox]:
    with sandboxes.running(kafka=",".join(kafka.servers)) as running:
        yield running


@pytest.fixture
def sandbox_after_a_crash() -> Iterator[Sandbox]:
    """The one before was killed while it served, and left its database server behind."""
    with sandboxes.running(fresh=True) as killed:
        killed.kill()
    with sandboxes.running(fresh=True) as running:
        yield running


def live(sandbox: Sandbox, lives: Sequence[Path] = LIVES) -> drive.Drive:
    driven = drive.Drive(drive.Api(sandbox.url), [drive.Story(path, None) for path in lives], set(KINDS))
    driven.run()
    return driven


def assert_nothing_failed(driven: drive.Drive) -> None:
    assert not driven.failures
    checked = {kind for _, kind, _ in driven.table}
    assert checked >= KINDS | {"events"}


def test_a_public_life_passes_over_kafka(sandbox_on_kafka: Sandbox) -> None:
    """One of them; `drive.py --url` does all three on a sandbox that was started with --kafka."""
    assert_nothing_failed(live(sandbox_on_kafka, LIVES[:1]))


def test_the_public_lives_pass_right_after_a_crash(sandbox_after_a_crash: Sandbox) -> None:
    assert len(LIVES) == 3
    assert_nothing_failed(live(sandbox_after_a_crash, LIVES if IS_LONG else LIVES[:2]))
