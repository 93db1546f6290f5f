"""What does the relay cost over Kafka, beside a bare transactional producer of the same client on the same broker?"""

import asyncio
import time
from statistics import median
from uuid import uuid4

import orjson
from kafka import KafkaProducer

from deploy.kafka.nodes import Nodes, kit
from services.events.relay import BATCH, TOPIC, Relay
from services.foundation.bus.kafka.bus import KafkaBus
from services.foundation.bus.kafka.cluster import Cluster
from services.foundation.bus.kafka.producer import SETTINGS
from services.foundation.bus.port import PARTITIONS
from services.foundation.database.connection import Database
from services.foundation.database.embedded import KEYS, MAIN, embedded
from services.foundation.database.migrations import migrate

ROUNDS = 5
EVENTS = 10_000
DOSSIERS = 200
BARE = "bench.bare"
OUTGOING = (
    "insert into dossier.outbox (dossier_id, sequence, event) select * from unnest($1::uuid[], $2::int[], $3::bytea[])"
)


async def run() -> str:
    """Rounds in turn, the first of each to warm up; events a second."""
    with Nodes(kit(), measuring=True) as nodes:
        await asyncio.to_thread(nodes.start)
        bus = KafkaBus(Cluster((nodes.bootstrap,)))
        await bus.make(TOPIC, BARE)
        bare = await asyncio.to_thread(_bare, nodes.bootstrap)
        async with embedded(None) as server:
            await migrate(server.url(MAIN), server.url(KEYS))
            database = await Database.open(server.url(MAIN), size=4)
            relay = Relay(database, bus)
            pairs = []
            for turn in range(ROUNDS + 1):
                events = _events()
                theirs = await asyncio.to_thread(_publish, bare, events)
                ours = await _relayed(database, relay, events)
                if turn:
                    pairs.append((ours, theirs))
            await relay.close()
            await database.close()
        bare._sender.force_close()
        await bus.close()
    ratios = sorted(ours / theirs for ours, theirs in pairs)
    ours, theirs = (median(column) for column in zip(*pairs, strict=True))
    return f"relay over Kafka: {ours:.0f} events/s, the bare producer {theirs:.0f}: {median(ratios):.2f} of it, " + (
        f"from {ratios[0]:.2f} to {ratios[-1]:.2f}, in {ROUNDS} rounds of {EVENTS} in turn"
    )


def _events() -> list[tuple[str, int, bytes]]:
    dossiers = [str(uuid4()) for _ in range(DOSSIERS)]
    return [
        (dossier, number, _thin(dossier, number)) for number in range(1, EVENTS // DOSSIERS + 1) for dossier in dossiers
    ]


def _thin(dossier: str, sequence: int) -> bytes:
    event_id = str(uuid4())
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": event_id,
            "source": "urn:nld:oin:00000099990000000002:systeem:bench",
            "type": "nl.dossier.contact-moment.held",
            "subject": f"dossier/{dossier}",
            "time": "2026-01-05T10:00:00.000000Z",
            "sequence": str(sequence),
            "sequencetype": "Integer",
            "dataref": f"/v1/dossiers/{dossier}/events/{event_id}",
        }
    )


async def _relayed(database: Database, relay: Relay, events: list[tuple[str, int, bytes]]) -> float:
    async with database.connection() as conn:
        await conn.execute(OUTGOING, *(list(column) for column in zip(*events, strict=True)))
        await conn.execute("analyze dossier.outbox")
    began = time.perf_counter()
    published = await relay.run_once()
    took = time.perf_counter() - began
    assert published == len(events)
    return published / took


def _bare(bootstrap: str) -> KafkaProducer:
    producer = KafkaProducer(bootstrap_servers=[bootstrap], transactional_id="bench.bare", **SETTINGS)
    producer.init_transactions()
    return producer


def _publish(producer: KafkaProducer, events: list[tuple[str, int, bytes]]) -> float:
    """As many in a transaction as the relay has, with the same key, value and header, and every answer looked at."""
    assert len(producer.partitions_for(BARE)) == PARTITIONS
    began = time.perf_counter()
    for start in range(0, len(events), BATCH):
        producer.begin_transaction()
        sent = [
            producer.send(BARE, key=dossier.encode(), value=event, headers=[("position", b"1")])
            for dossier, _, event in events[start : start + BATCH]
        ]
        producer.flush(timeout=30)
        assert all(each.succeeded() for each in sent)
        producer.commit_transaction()
    return len(events) / (time.perf_counter() - began)
