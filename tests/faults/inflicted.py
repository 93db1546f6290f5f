"""What goes wrong, each as one function that hurts a running system, mends it, and tells from when it could go on."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from kafka.admin import KafkaAdminClient

from services.events.relay import TOPIC
from services.foundation.bus.port import PARTITIONS, partition_of
from tests.faults.checker import Verdict, verdict
from tests.faults.system import System, asking, part_of, places, until
from tests.faults.told import Told, told

AWAY = 10.0
FROZEN = 15.0


@dataclass(frozen=True)
class Fault:
    """`inflict` gives the moment at which whatever failed was there again, or had to be done without."""

    name: str
    inflict: Callable[[Told], float]
    needs_nodes: bool = False


@dataclass(frozen=True)
class Survived:
    fault: str
    times: int
    verdict: Verdict
    seconds: tuple[float, ...]


def survived(fault: Fault, system: System, times: int) -> Survived:
    whole, seconds = Verdict(0), []
    with asking(system) as api:
        for _ in range(times):
            these = told(system, api)
            with these.being_written():
                until(lambda these=these: min(map(len, these.acknowledged.values())) > 3)  # type: ignore[misc]
                since = fault.inflict(these)
                these.seconds_until_told()
                seconds.append(time.monotonic() - since)
            whole += verdict(these)
    return Survived(fault.name, times, whole, tuple(seconds))


def survived_together(faults: Sequence[Fault], system: System) -> Verdict:
    """One after another on the same dossiers, with one verdict at the end."""
    with asking(system) as api:
        these = told(system, api)
        with these.being_written():
            until(lambda: min(map(len, these.acknowledged.values())) > 3)
            for fault in faults:
                fault.inflict(these)
                these.seconds_until_told()
        return verdict(these)


def dies_at(place: str, these: Told) -> float:
    """It is started so that it dies there, does, and is started again."""
    system, part = these.system, part_of(place)
    system.kill(part)
    system.start(part, failpoint=place)
    assert system.died(part) == -9
    system.start(part)
    return time.monotonic()


def is_killed(part: str, these: Told) -> float:
    these.system.kill(part)
    these.system.start(part)
    return time.monotonic()


def database_dies(these: Told) -> float:
    these.system.server.kill()
    these.system.server.start()
    return time.monotonic()


def database_dies_in_mid_publication(these: Told) -> float:
    with these.system.relay_held():
        return database_dies(these)


def database_dies_in_mid_delivery(these: Told) -> float:
    """The lanes have been away, so there is much to deliver; it dies as soon as they have begun."""
    system = these.system
    system.freeze("lanes")
    before = min(map(len, these.acknowledged.values()))
    until(lambda: min(map(len, these.acknowledged.values())) > before + 15)
    delivered = len(these.delivered(these.reader, these.subscription))
    system.thaw("lanes")
    until(lambda: len(these.delivered(these.reader, these.subscription)) > delivered)
    return database_dies(these)


def notifier_stops_past_its_session(these: Told) -> float:
    """A second one takes over meanwhile; then the first wakes, and believes that it is still its turn."""
    system = these.system
    system.freeze("notifier")
    second = system.start_second("notifier")
    time.sleep(FROZEN)
    system.thaw("notifier")
    woken = time.monotonic()
    time.sleep(1.0)
    second.kill()
    second.wait()
    return woken


def leader_dies_in_mid_transaction(these: Told) -> float:
    nodes = these.system.nodes
    assert nodes is not None
    with these.system.relay_held():
        leader = _leader(nodes.bootstrap, partition_of(these.reader.dossier, PARTITIONS))
        nodes.kill(leader)
        died = time.monotonic()
    these.seconds_until_told()
    told_again = time.monotonic() - died
    nodes.start_node(leader)
    nodes.wait_for(leader)
    _until_in_sync(nodes.bootstrap, len(nodes.ports))
    return time.monotonic() - told_again


def two_nodes_are_away(these: Told) -> float:
    nodes = these.system.nodes
    assert nodes is not None
    nodes.kill(0)
    nodes.kill(1)
    time.sleep(AWAY)
    for node in (0, 1):
        nodes.start_node(node)
    back = time.monotonic()
    for node in (0, 1):
        nodes.wait_for(node)
    these.seconds_until_told()
    told_again = time.monotonic() - back
    _until_in_sync(nodes.bootstrap, len(nodes.ports))
    return time.monotonic() - told_again


def _leader(bootstrap: str, partition: int) -> int:
    """As the nodes are counted here, from 0."""
    found = next(one["leader_id"] for one in _partitions(bootstrap) if one["partition_index"] == partition)
    return int(found) - 1


def _until_in_sync(bootstrap: str, nodes: int) -> None:
    until(lambda: all(len(one["isr_nodes"]) == nodes for one in _partitions(bootstrap)))


def _partitions(bootstrap: str) -> list[dict[str, Any]]:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","))
    try:
        return list(admin.describe_topics([TOPIC])[0]["partitions"])
    finally:
        admin.close()


# The receivers' faults (hang, reset, 200 and dies, a byte a second, away for 60 s) take their place here, as functions
# of the same shape; what a receiver got goes into `checker.verdict`.
EVERY: tuple[Fault, ...] = (
    *(Fault(f"SIGKILL at {place}", partial(dies_at, place)) for place in places()),
    *(Fault(f"SIGKILL of {part} at any moment", partial(is_killed, part)) for part in ("relay", "notifier", "serve")),
    Fault("PostgreSQL killed during append", database_dies),
    Fault("PostgreSQL killed during relay", database_dies_in_mid_publication),
    Fault("PostgreSQL killed during delivery", database_dies_in_mid_delivery),
    Fault(f"notifier stopped for {FROZEN:.0f} s, another beside it", notifier_stops_past_its_session),
    Fault("Kafka: leader killed in mid-transaction", leader_dies_in_mid_transaction, needs_nodes=True),
    Fault(f"Kafka: two of three nodes away for {AWAY:.0f} s", two_nodes_are_away, needs_nodes=True),
)
