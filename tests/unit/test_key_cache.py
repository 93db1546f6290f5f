"""A cached key is used only in the epoch it was cached at."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.foundation.vault.cache import KeyCache
from services.foundation.vault.sealing import KeyRing


def ring(number: int) -> KeyRing:
    return KeyRing(UUID(int=number), {}, b"")


def test_a_ring_is_given_in_its_own_epoch_only() -> None:
    cache, one = KeyCache(), ring(1)
    cache.put(one, 7)
    assert cache.get(one.dossier_id, 7) is one
    assert cache.get(one.dossier_id, 8) is None
    assert cache.get(one.dossier_id, 7) is None  # an epoch passed is passed


def test_an_unknown_dossier_has_no_ring() -> None:
    assert KeyCache().get(UUID(int=1), 0) is None


def test_what_was_used_longest_ago_goes_first() -> None:
    cache = KeyCache(2)
    cache.put(ring(1), 0)
    cache.put(ring(2), 0)
    assert cache.get(UUID(int=1), 0) is not None
    cache.put(ring(3), 0)
    assert cache.get(UUID(int=2), 0) is None
    assert cache.get(UUID(int=1), 0) is not None
    assert cache.get(UUID(int=3), 0) is not None


def test_a_dropped_ring_is_gone() -> None:
    cache = KeyCache()
    cache.put(ring(1), 0)
    cache.drop(UUID(int=1))
    cache.drop(UUID(int=1))
    assert cache.get(UUID(int=1), 0) is None


def test_a_cache_holds_something() -> None:
    with pytest.raises(ValueError, match="at least one"):
        KeyCache(0)


@given(st.lists(st.tuples(st.sampled_from(["put", "get"]), st.integers(0, 5), st.integers(0, 3)), max_size=60))
def test_never_more_than_its_capacity_and_never_another_epoch(steps: list[tuple[str, int, int]]) -> None:
    cache = KeyCache(3)
    latest: dict[int, tuple[int, KeyRing]] = {}
    for step, number, epoch in steps:
        if step == "put":
            latest[number] = (epoch, ring(number))
            cache.put(latest[number][1], epoch)
        else:
            given_ = cache.get(UUID(int=number), epoch)
            assert given_ is None or (epoch, given_) == latest[number]
        assert len(cache) <= 3
