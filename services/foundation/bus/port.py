"""The bus as its users see it: records in order per key, offsets that belong to whoever reads."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

PARTITIONS = 12
RETENTION = timedelta(days=14)
"""So long a bus keeps a record; a reader that stays away longer is told that it missed some."""


@dataclass(frozen=True)
class Record:
    key: str
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Received(Record):
    """Whoever applied it goes on at `offset + 1`. Offsets of a partition ascend; a bus may leave some out."""

    partition: int
    offset: int


class BusClosed(Exception):
    """This bus or consumer was closed."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class OffsetOutOfRange(Exception):
    """What stands at this offset is forgotten, or was never there: going on would skip records unseen."""

    def __init__(self, partition: int, asked: int, first: int, end: int) -> None:
        super().__init__(f"{self.__doc__} Partition {partition}: {asked} asked, {first} up to {end} held.")
        self.partition, self.asked, self.first, self.end = partition, asked, first, end


class Consumer(Protocol):
    """Reads all partitions of one topic, for one task at a time; consumers know nothing of each other."""

    async def seek(self, offsets: Mapping[int, int]) -> None:
        """Go on from these offsets, as kept in the reader's own database; the other partitions stay where they are.

        A partition that was never sought is read from the first record that the bus holds.
        """

    async def poll(self, limit: int, timeout: float) -> list[Received]:  # noqa: ASYNC109 - ends with [], not cancelled
        """At most `limit` records, in order within a partition and fair over them; waits until there is one.

        Empty when nothing came within `timeout` seconds, or when the consumer was closed meanwhile. Raises
        OffsetOutOfRange rather than skip, and BusClosed when it was closed before.
        """

    async def end(self) -> Mapping[int, int]:
        """For every partition the offset that follows the last record that can be read now."""

    async def close(self) -> None: ...


class Bus(Protocol):
    async def publish(self, topic: str, records: Sequence[Record]) -> None:
        """All of them or none, in this order; returns when they are kept for good.

        When it raises they may be kept all the same: publish the same again, readers drop what they applied already.
        """

    async def consumer(self, topic: str) -> Consumer: ...

    async def close(self) -> None:
        """Closes its consumers too; polls that are waiting return."""


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key: the same in every process and on every bus."""
    return zlib.crc32(key.encode()) % partitions
