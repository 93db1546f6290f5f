"""What do a gated read and an append over HTTP cost, beside a bare endpoint on the same database?"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from uuid import uuid4

import orjson

from bench.load import Round, get, measure, post
from bench.served import Told, running
from services.foundation.database.embedded import KEYS, MAIN, embedded
from services.foundation.database.migrations import migrate

ROUNDS = 7
REQUESTS = 600
CLIENTS = (1, 8)
TEXT = "Gesproken over vervoer en over de eerste werkdag. " * 6


@dataclass(frozen=True)
class Variant:
    name: str
    port: int
    request: Callable[[int], bytes]
    status: int
    before: Callable[[int], Sequence[bytes]] = lambda _: ()


@dataclass(frozen=True)
class Compared:
    """Ours beside the baseline, round by round in turn; the ratio is of requests a second, so 1 is as fast."""

    what: str
    clients: int
    ours: Round
    baseline: Round
    ratio: float
    lowest: float
    highest: float


async def run() -> list[Compared]:
    async with embedded(None) as server:
        await migrate(server.url(MAIN), server.url(KEYS))
        async with (
            running("bare", server.url(MAIN)) as bare,
            running("house", server.url(MAIN), server.url(KEYS)) as house,
        ):
            found = []
            for clients in CLIENTS:
                found.append(await compared("gated read", clients, _reads(house), _bare_reads(bare)))
                found.append(await compared("append", clients, _appends(house), _bare_writes(bare)))
            return found


async def run_rules() -> list[Compared]:
    """The same append, with rules over time and without: 1 would mean that they cost nothing."""
    async with embedded(None) as server, embedded(None) as other:
        for each in (server, other):
            await migrate(each.url(MAIN), each.url(KEYS))
        async with (
            running("house", server.url(MAIN), server.url(KEYS)) as house,
            running("unruled", other.url(MAIN), other.url(KEYS)) as unruled,
        ):
            return [
                await compared("append", clients, _appends(house), _appends(unruled, "append without rules"))
                for clients in CLIENTS
            ]


async def compared(what: str, clients: int, ours: Variant, baseline: Variant, requests: int = REQUESTS) -> Compared:
    rounds: dict[str, list[Round]] = {ours.name: [], baseline.name: []}
    for turn in range(ROUNDS + 1):
        for variant in (ours, baseline) if turn % 2 else (baseline, ours):
            done = await measure(variant.port, clients, requests, variant.request, variant.status, variant.before)
            if turn:  # the first turn warms up
                rounds[variant.name].append(done)
    pairs = list(zip(rounds[ours.name], rounds[baseline.name], strict=True))
    ratios = sorted(mine.per_second / theirs.per_second for mine, theirs in pairs)
    return Compared(
        what,
        clients,
        _middle(rounds[ours.name]),
        _middle(rounds[baseline.name]),
        median(ratios),
        ratios[0],
        ratios[-1],
    )


def _middle(rounds: list[Round]) -> Round:
    return Round(*(median(getattr(each, name) for each in rounds) for name in ("per_second", "p50", "p99")))


def _reads(house: Told) -> Variant:
    requests = [get(f"/v1/dossiers/{path}", house.token) for path in house.events]
    return Variant("gated read", house.port, lambda n: requests[n * 7 % len(requests)], 200)


def _bare_reads(bare: Told) -> Variant:
    requests = [get(f"/rows/{key}", "none") for key in bare.events]
    return Variant("bare read", bare.port, lambda n: requests[n * 7 % len(requests)], 200)


def _appends(house: Told, name: str = "append") -> Variant:
    def request(number: int) -> bytes:
        dossier = house.dossiers[number * 7 % len(house.dossiers)]
        return post(f"/v1/dossiers/{dossier}/events", event(dossier), house.token, "application/cloudevents+json")

    return Variant(name, house.port, request, 201)


def _bare_writes(bare: Told) -> Variant:
    body = event(str(uuid4()))
    return Variant("bare insert", bare.port, lambda n: post("/rows", body, "none", "application/json"), 201)


def event(dossier: str, id: str | None = None) -> bytes:
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": id or str(uuid4()),
            "source": "urn:nld:oin:00000099990000000002:systeem:bench",
            "type": "nl.dossier.contact-moment.held",
            "subject": f"dossier/{dossier}",
            "privacyclass": "work",
            "data": {
                "occurred_at": "2026-01-05T10:00:00+00:00",
                "moment_id": "m1",
                "held_on": "2026-01-05",
                "kind": "check_in",
                "channel": "phone",
                "with": ["person-1"],
                "summary": TEXT,
                "private_note": "Rustig beginnen",
            },
        }
    )


def table(found: list[Compared]) -> str:
    lines = [
        "| what | clients | ratio (lowest–highest) | req/s | p50 ms | p99 ms | baseline req/s | p50 ms | p99 ms |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in found:
        ours, base = each.ours, each.baseline
        lines.append(
            f"| {each.what} | {each.clients} | **{each.ratio:.2f}** ({each.lowest:.2f}–{each.highest:.2f}) "
            f"| {ours.per_second:.0f} | {ours.p50:.2f} | {ours.p99:.2f} "
            f"| {base.per_second:.0f} | {base.p50:.2f} | {base.p99:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(asyncio.run(run())))  # noqa: T201 - the table is what this program is for
