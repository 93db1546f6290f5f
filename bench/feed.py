"""How fast does a reader that was away catch up with its feed, beside one that pages through a bare table?"""

import time
from statistics import median

import httpx2

from bench.served import DOSSIERS, Told, running
from services.foundation.database.embedded import KEYS, MAIN, embedded
from services.foundation.database.migrations import migrate

ROUNDS = 3
PAGE = 100


async def run(events: int) -> str:
    history = max(1, events // DOSSIERS - 2)  # an opening and a grant come before it
    async with embedded(None) as server:
        main, keys = server.url(MAIN), server.url(KEYS)
        await migrate(main, keys)
        count = str(DOSSIERS * (history + 2))
        async with running("paged", main, count) as bare, running("fed", main, keys, str(history)) as house:
            pairs = [(await _catch_up(house, "/v1/feed"), await _catch_up(bare, "/items")) for _ in range(ROUNDS)]
    ratios = sorted(ours / theirs for ours, theirs in pairs)
    ours, theirs = (median(column) for column in zip(*pairs, strict=True))
    return f"feed catch-up: {ours:.0f} events/s, a bare table {theirs:.0f}: {median(ratios):.2f} of it, " + (
        f"from {ratios[0]:.2f} to {ratios[-1]:.2f}, in {ROUNDS} rounds of {count} in turn"
    )


async def _catch_up(told: Told, path: str) -> float:
    """One client, one page after another, from the first to the last."""
    read, after = 0, {} if path.startswith("/v1") else {"after": "0"}
    headers = {"Authorization": f"Bearer {told.token}"}
    address = f"http://127.0.0.1:{told.port}{path}"
    async with httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
        began = time.perf_counter()
        while True:
            page = (await http.get(address, params={"limit": str(PAGE)} | after)).json()
            if not page["items"]:
                return read / (time.perf_counter() - began)
            read, after = read + len(page["items"]), {"after": page["next"]}
