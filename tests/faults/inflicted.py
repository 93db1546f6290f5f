"""What goes wrong, each as one function that hurts a running system, mends it, and tells from when it could go on."""

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from kafka.admin import KafkaAdminClient

from services.events.relay import TOPIC
from services.foundation.bus.port import PARTITIONS, partition_of
from tests.faults import at_receivers
from tests.faults.checker import Verdict, verdict
from tests.faults.system import PARTS, System, asking, part_of, places, until
from tests.faults.told import Told, told

AWAY = 10.0
FROZEN = 15.0


@dataclass(frozen=True)
class Fault:
    """`inflict` gives the moment at which whatever failed was there again, or had to be done without.

    `recovered` waits until an event that is posted then came where the fault was felt. For one that `lasts` lanes are
    claimed as in service, for half a minute or a whole one: it is inflicted once, however often the others are.
    """

    name: str
    inflict: Callable[[Told], float]
    recovered: Callable[[Told], float] = Told.seconds_until_told
    lasts: bool = False


@dataclass(frozen=True)
class Survived:
    fault: str
    times: int
    verdict: Verdict
    seconds: tuple[float, ...]


def survived(fault: Fault, system: System, times: int) -> Survived:
    whole, seconds = Verdict(0), []
    with asking(system) as api, system.claiming_as_in_service() if fault.lasts else nullcontext():
        for _ in range(1 if fault.lasts else times):
            these = told(system, api)
            with these.being_written():
                these.until_all_hear()
                these.hurt.set()
                since = fault.inflict(these)
                fault.recovered(these)
                seconds.append(time.monotonic() - since)
            whole += verdict(these)
    return Survived(fault.name, len(seconds), whole, tuple(seconds))


def survived_together(faults: Sequence[Fault], system: System) -> Verdict:
    """One after another on the same dossiers, with one verdict at the end."""
    with asking(system) as api:
        these = told(system, api)
        with these.being_written():
            these.until_all_hear()
            these.hurt.set()
            for fault in faults:
                fault.inflict(these)
                fault.recovered(these)
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


def database_dies_in_mid_webhook(these: Told) -> float:
    """The partner has them, and nobody knows yet that it has."""
    partner = these.system.partner
    partner.holds_its_answers()
    arrived = len(partner.arrived)
    until(lambda: len(partner.arrived) > arrived)
    back = database_dies(these)
    partner.is_well()
    return back


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


def _felt_at(part: str) -> Callable[[Told], float]:
    return RECEIVED if part == "webhooks" else Told.seconds_until_told


RECEIVED: Final = Told.seconds_until_received
EVERY: tuple[Fault, ...] = (
    *(Fault(f"SIGKILL at {place}", partial(dies_at, place), _felt_at(part_of(place))) for place in places()),
    *(Fault(f"SIGKILL of {part} at any moment", partial(is_killed, part), _felt_at(part)) for part in PARTS),
    Fault("PostgreSQL killed during append", database_dies),
    Fault("PostgreSQL killed during relay", database_dies_in_mid_publication),
    Fault("PostgreSQL killed during delivery", database_dies_in_mid_delivery),
    Fault("PostgreSQL killed during a webhook", database_dies_in_mid_webhook, RECEIVED, lasts=True),
    Fault("receiver resets", at_receivers.resets, RECEIVED),
    Fault("receiver answers 200 and dies", at_receivers.answers_and_dies, RECEIVED),
    Fault("receiver answers 200, dies and forgets; replay", at_receivers.answers_and_forgets, RECEIVED),
    Fault("receiver hangs", at_receivers.hangs, RECEIVED, lasts=True),
    Fault("receiver drips a byte a second", at_receivers.drips, RECEIVED, lasts=True),
    Fault(f"receiver away for {at_receivers.AWAY:.0f} s", at_receivers.is_away, RECEIVED, lasts=True),
    Fault(f"notifier stopped for {FROZEN:.0f} s, another beside it", notifier_stops_past_its_session),
    Fault("Kafka: leader killed in mid-transaction", leader_dies_in_mid_transaction),
    Fault(f"Kafka: two of three nodes away for {AWAY:.0f} s", two_nodes_are_away),
)
