"""Which bus an installation has: Kafka where it is set, the PostgreSQL table where it is not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from services.events.relay import TOPIC
from services.foundation.bus.kafka.bus import KafkaBus
from services.foundation.bus.kafka.cluster import Cluster
from services.foundation.bus.kafka.trouble import KafkaTrouble, TopicMissing
from services.foundation.database.connection import Database
from services.foundation.settings import Settings

TOPICS: Final = (TOPIC,)
PUBLISH: Final = ("all", "relay")
READ: Final = ("all", "notifier")


def of_installation(settings: Settings) -> KafkaBus | None:
    """None: the bus is a table of the main database. Nothing is asked of Kafka yet."""
    if not settings.kafka:
        return None
    return KafkaBus(Cluster(settings.kafka, settings.kafka_ca_file, settings.kafka_user, settings.kafka_password))


async def demand_bus(bus: KafkaBus | None, part: str) -> None:
    """Raises KafkaTrouble, in words, unless this part can do with the bus what it has to.

    Of a part that has nothing to do with it nothing is asked: events are taken also while Kafka is away.
    """
    publishes, reads = part in PUBLISH, part in READ
    if bus is not None and (publishes or reads):
        await bus.demand(*TOPICS, publishes=publishes, reads=reads)


async def make_topics(settings: Settings) -> None:
    if (bus := of_installation(settings)) is not None:
        await bus.make(*TOPICS)


async def lacks_topics(settings: Settings) -> bool:
    bus = of_installation(settings)
    try:
        if bus is not None:
            await bus.demand(*TOPICS)
    except TopicMissing:
        return True
    return False


@asynccontextmanager
async def of_sandbox(kafka: tuple[str, ...], database: Database, *, keep: bool) -> AsyncIterator[KafkaBus | None]:
    """On topics of this sandbox alone: those of another hold people that its database does not know."""
    if not kafka:
        yield None
        return
    async with database.connection() as conn:
        mark = await conn.fetchval("select system_identifier from pg_control_system()")
    bus = KafkaBus(Cluster(kafka), prefix=f"sandbox-{mark:x}.")
    await bus.make(*TOPICS)
    try:
        yield bus
    finally:
        await bus.close()
        if not keep:
            with suppress(KafkaTrouble):  # it may have gone before us, and took them along
                await bus.remove(*TOPICS)
