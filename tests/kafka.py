"""A real Kafka for tests: the one that is named, or one of our own for the session."""

import os
import shutil
from collections.abc import Iterator

import pytest

from deploy.kafka.broker import NoBroker, Nodes, prepared


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Where it answers. A missing one is a failure where CI=true; elsewhere only Java or Maven may be missing."""
    if given := os.environ.get("DRAAD_KAFKA_BOOTSTRAP"):
        yield given
        return
    with own_nodes() as nodes:
        nodes.start()
        yield nodes.bootstrap


def own_nodes(count: int = 1) -> Nodes:
    """Nodes that this test may kill; not started yet."""
    missing = [program for program in ("java", "mvn") if shutil.which(program) is None]
    if missing and os.environ.get("CI") != "true":
        pytest.skip(f"no Kafka here: {' and '.join(missing)} missing, DRAAD_KAFKA_BOOTSTRAP not set; CI has it")
    try:
        return Nodes(prepared(), count)
    except NoBroker as reason:
        pytest.fail(f"no Kafka: {reason}")
