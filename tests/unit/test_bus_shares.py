"""How much of each partition a reader takes at once."""

from hypothesis import given
from hypothesis import strategies as st

from services.foundation.bus.shares import fair_shares


@given(st.dictionaries(st.integers(0, 11), st.integers(0, 50)), st.integers(1, 60), st.integers(0, 12))
def test_shares_are_fair_and_use_the_limit(backlog: dict[int, int], limit: int, turn: int) -> None:
    shares = fair_shares(backlog, limit, turn)
    assert sum(shares.values()) == min(limit, sum(backlog.values()))
    assert all(0 < share <= backlog[partition] for partition, share in shares.items())
    cut_short = [shares.get(partition, 0) for partition in backlog if shares.get(partition, 0) < backlog[partition]]
    assert all(share <= min(cut_short, default=share) + 1 for share in shares.values())
