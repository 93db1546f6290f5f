"""Opened keys that were used lately, each good for one authorisation epoch of its dossier only."""

from collections import OrderedDict
from uuid import UUID

from services.foundation.vault.sealing import KeyRing


class KeyCache:
    """Bounded; what was used longest ago goes first. For one event loop."""

    def __init__(self, capacity: int = 4096) -> None:
        if capacity < 1:
            raise ValueError("a cache holds at least one ring")
        self._capacity = capacity
        self._rings: OrderedDict[UUID, tuple[int, KeyRing]] = OrderedDict()

    def get(self, dossier_id: UUID, epoch: int) -> KeyRing | None:
        """`epoch`: the one read under the fence. A ring of any other epoch is not given, and is dropped."""
        held = self._rings.get(dossier_id)
        if held is None:
            return None
        if held[0] != epoch:
            del self._rings[dossier_id]
            return None
        self._rings.move_to_end(dossier_id)
        return held[1]

    def put(self, ring: KeyRing, epoch: int) -> None:
        """`epoch`: one read *before* the keys were fetched.

        Erasure destroys keys and raises the epoch under the exclusive fence; an epoch read after the fetch could be the
        raised one, and would make keys that are already destroyed look fresh.
        """
        self._rings[ring.dossier_id] = (epoch, ring)
        self._rings.move_to_end(ring.dossier_id)
        if len(self._rings) > self._capacity:
            self._rings.popitem(last=False)

    def drop(self, dossier_id: UUID) -> None:
        self._rings.pop(dossier_id, None)

    def __len__(self) -> int:
        return len(self._rings)
