"""What was read from a topic and nobody took yet, partition by partition; two threads touch it, so it has a lock."""

import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from services.foundation.bus.port import OffsetOutOfRange, Received
from services.foundation.bus.shares import fair_shares


class Waiting:
    """Whoever reads puts in, or says why nothing comes any more; whoever takes gets it in fair shares, or is told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[int, deque[Received]] = {}
        self._out_of_range: dict[int, OffsetOutOfRange] = {}
        self._failure: Exception | None = None
        self._reads = self._reads_before = self._turn = 0

    @property
    def partitions(self) -> Sequence[int]:
        return tuple(self._records)

    def expect(self, partitions: Iterable[int]) -> None:
        with self._lock:
            self._records = {partition: deque() for partition in sorted(partitions)}

    def put(self, received: Mapping[int, Iterable[Received]]) -> None:
        with self._lock:
            self._reads += 1
            for partition, records in received.items():
                self._records[partition].extend(records)

    def refuse(self, refusals: Mapping[int, OffsetOutOfRange]) -> None:
        with self._lock:
            self._out_of_range |= refusals

    def fail(self, failure: Exception) -> None:
        with self._lock:
            self._failure = failure

    def forget(self, partition: int) -> None:
        """It is read from elsewhere now."""
        with self._lock:
            self._records[partition].clear()
            self._out_of_range.pop(partition, None)

    def full(self, enough: int) -> frozenset[int]:
        """The partitions that need no more for now, or give none."""
        with self._lock:
            full = {partition for partition, waiting in self._records.items() if len(waiting) >= enough}
            return frozenset(full | self._out_of_range.keys())

    def is_one_alone(self) -> bool:
        """Whether one partition alone has something, and nothing was read since this was asked last."""
        with self._lock:
            one_alone = sum(map(bool, self._records.values())) == 1 < len(self._records)
            is_same = self._reads == self._reads_before and self._failure is None
            self._reads_before = self._reads
        return one_alone and is_same

    def take(self, limit: int) -> list[Received]:
        with self._lock:
            if self._failure is not None:
                raise self._failure
            for refusal in self._out_of_range.values():
                raise refusal
            backlog = {partition: len(waiting) for partition, waiting in self._records.items()}
            shares = fair_shares(backlog, limit, self._turn)
            if shares:
                *_, last = shares
                self._turn = last + 1
            return [self._records[partition].popleft() for partition, share in shares.items() for _ in range(share)]
