"""How many records each partition gives to one poll, so that a busy one does not keep the others waiting."""

from collections.abc import Mapping


def fair_shares(backlog: Mapping[int, int], limit: int, turn: int) -> dict[int, int]:
    """How many records each partition may give, the one whose turn it is first; what one cannot use the others get."""
    waiting = {partition: count for partition, count in backlog.items() if count > 0}
    order = sorted(waiting, key=lambda partition: (partition < turn, partition))
    shares: dict[int, int] = {}
    left = limit
    while left > 0 and order:
        each = max(1, left // len(order))
        for partition in order[:left]:
            share = min(each, waiting[partition] - shares.get(partition, 0), left)
            shares[partition] = shares.get(partition, 0) + share
            left -= share
        order = [partition for partition in order if shares.get(partition, 0) < waiting[partition]]
    return shares
