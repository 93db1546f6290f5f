"""A real Kafka for tests: the one that is named, one in a container, or one of our own; and one with TLS and users."""

import gc
import os
import shutil
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.kafka.kit import NoBroker
from deploy.kafka.nodes import Nodes, kit
from services.foundation.bus.kafka.cluster import Cluster

PLAIN = pytest.StashKey[Cluster]()
SECURED = pytest.StashKey[Nodes]()


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> Cluster:
    """One for all tests of a session, kept with the session: a fixture is another one in each folder that imports it.

    A missing one is a failure where CI=true; elsewhere only Java or Maven may be missing.
    """
    stash = request.config.stash
    if PLAIN not in stash:
        bootstrap, end = _started()
        request.config.add_cleanup(_forget_sockets)
        request.config.add_cleanup(end)
        stash[PLAIN] = Cluster(tuple(bootstrap.split(",")))
    return stash[PLAIN]


@pytest.fixture(scope="session")
def secured_nodes(request: pytest.FixtureRequest) -> Nodes:
    """Three nodes with TLS, users and rights."""
    stash = request.config.stash
    if SECURED not in stash:
        nodes = own_nodes(3, secured=True)
        request.config.add_cleanup(_forget_sockets)
        request.config.add_cleanup(nodes.close)
        nodes.start()
        assert nodes.secured is not None
        nodes.secured.give_rights(nodes.bootstrap)
        stash[SECURED] = nodes
    return stash[SECURED]


def is_long() -> bool:
    """`make faults` runs what is too long for every day."""
    return os.environ.get("DRAAD_FAULTS") == "long"


def as_user(nodes: Nodes, user: str) -> Cluster:
    assert nodes.secured is not None
    return Cluster(tuple(nodes.bootstrap.split(",")), nodes.secured.ca_file, user, nodes.secured.passwords[user])


def own_nodes(count: int = 1, *, secured: bool = False) -> Nodes:
    """Nodes that this test may kill; not started yet."""
    missing = [program for program in ("java", "mvn") if shutil.which(program) is None]
    if missing and os.environ.get("CI") != "true":
        pytest.skip(f"no Kafka here: {' and '.join(missing)} missing, DRAAD_KAFKA_BOOTSTRAP not set; CI has it")
    try:
        return Nodes(kit(), count, secured=secured)
    except NoBroker as reason:
        pytest.fail(f"no Kafka: {reason}")


def prefix() -> str:
    """Topics and transactions of one test alone."""
    return f"t{uuid4().hex[:12]}."


def _forget_sockets() -> None:
    """The client leaves a socket that was refused to the collector: nothing of it can be closed by anybody."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def _started() -> tuple[str, Callable[[], None]]:
    """Where it answers, and how it ends."""
    if given := os.environ.get("DRAAD_KAFKA_BOOTSTRAP"):
        return given, lambda: None
    if docker_answers():
        with suppress(Exception):  # no image to be had: there is the other way
            return _in_a_container()
    nodes = own_nodes()
    nodes.start()
    return nodes.bootstrap, nodes.close


def docker_answers(socket: Path = Path("/var/run/docker.sock")) -> bool:
    """Whether there is a Docker to ask; none is needed."""
    if not (socket.exists() or os.environ.get("DOCKER_HOST")):
        return False
    try:
        import docker

        docker.from_env(timeout=2).ping()
    except Exception:  # whatever is in the way, there is the other way
        return False
    return True


def _in_a_container() -> tuple[str, Callable[[], None]]:
    from testcontainers.community.kafka import KafkaContainer

    container = KafkaContainer().with_kraft()
    for name in ("REPLICATION_FACTOR", "MIN_ISR"):  # Kafka would wait for three nodes before the first transaction
        container.with_env(f"KAFKA_TRANSACTION_STATE_LOG_{name}", "1")
    container.start()
    return container.get_bootstrap_server(), container.stop
