"""How many webhooks does one process send a second, and does one who has many waiting keep another waiting?

The real gate, real signatures and a receiver in a process of its own, on embedded PostgreSQL.
The baseline is the same requests over the same lines without anything decided or kept.
"""

import asyncio
import resource
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any
from uuid import UUID, uuid4

import orjson
import uvloop

from bench.served import DOSSIERS, HISTORY, SOURCE, populated
from services.foundation.database.embedded import KEYS, MAIN, embedded
from services.foundation.database.migrations import migrate
from services.foundation.vault.root_key import LocalRootKey
from services.notifications.webhooks import keys, standing
from services.notifications.webhooks.handshake import Agreement
from services.notifications.webhooks.keys import EndpointKeys
from services.notifications.webhooks.lines import Lines
from services.notifications.webhooks.messages import posted
from services.notifications.webhooks.outcomes import Outcome
from services.notifications.webhooks.signatures import SigningKey
from services.notifications.webhooks.walls import Target
from services.roots.house import House, built
from services.roots.outside import of_sandbox
from services.sandbox.issuer import DevelopmentIssuer

OF_ONE = 45  # subscriptions of the one who has many waiting
WATCHED = 15.0
_SUBSCRIBE = """
    insert into notifications.subscriptions (id, owner, organisation, person, roles, channel, types)
    values ($1, $2, 'werk', 'mieke', '{FC}', 'webhook', '{}')
"""
_WAIT = """
    with placed as (
        insert into notifications.deliveries (subscription_id, dossier_id, sequence, place)
        select $1, dossier_id, sequence, sequence from dossier.events where dossier_id = any($2::uuid[])
        returning dossier_id
    )
    insert into notifications.lanes (subscription_id, dossier_id, owner, is_waiting, way)
    select distinct $1::uuid, dossier_id, $3, true, 'webhook' from placed
"""
_WAITING = "select count(*) from notifications.deliveries where state = 'pending'"


async def receive() -> None:
    """Answers 204 to everything at once, and says on a line of its own where it listens."""

    class Receiver(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport: Any = transport  # uvloop's is no asyncio.Transport by its type

        def data_received(self, _data: bytes) -> None:
            self.transport.write(b"HTTP/1.1 204 -\r\n\r\n")  # each request comes in one piece

    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


@asynccontextmanager
async def receiving() -> AsyncIterator[Target]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.webhooks", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield Target(False, "127.0.0.1", int(await process.stdout.readline()), "/hook")
    finally:
        process.terminate()
        await process.wait()


@dataclass(frozen=True)
class Bench:
    house: House
    endpoint_keys: EndpointKeys
    target: Target
    dossiers: Sequence[UUID]

    async def subscribe(self, owner: str, dossiers: Sequence[UUID]) -> UUID:
        """With everything that ever happened there waiting."""
        id = uuid4()
        made = await self.endpoint_keys.made(id, ["v1a"])
        async with self.house.database.transaction() as conn:
            await conn.execute(_SUBSCRIBE, id, owner)
            await standing.create(conn, id, owner, f"http://{self.target.authority}/hook")
            await standing.agreed(conn, id, Agreement(Outcome(None, 200)))
            await keys.add(conn, made)
            await conn.execute(_WAIT, id, list(dossiers), owner)
        return id

    async def waiting(self, id: UUID | None = None) -> int:
        async with self.house.database.connection() as conn:
            if id is None:
                return int(await conn.fetchval(_WAITING))
            return int(await conn.fetchval(_WAITING + " and subscription_id = $1", id))


async def bare(lines: Lines, target: Target, count: int) -> float:
    """Requests a second, 64 at a time: connected, signed, written, answered."""
    key, body = (
        (SigningKey.fresh("v1a"),),
        orjson.dumps({"id": str(uuid4()), "dataref": "x" * 120, "subject": "y" * 80}),
    )
    left = iter(range(count))

    async def client() -> None:
        for number in left:
            line = await lines.to(target)
            await line.write(posted(target, key, f"msg_{number}", int(time.time()), body))
            await line.answer()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(64)))
    return count / (time.perf_counter() - began)


async def throughput(bench: Bench, lines: Lines) -> tuple[float, float, float]:
    """Ours and bare ones a second, and what one of ours costs this process: milliseconds of a core."""
    ours, theirs, costs = [], [], []
    for turn in range(4):
        await bench.subscribe("werk", bench.dossiers)
        count = await bench.waiting()
        began, busy = time.perf_counter(), time.process_time()
        await bench.house.webhooks.run_once()
        if turn:  # the first turn warms up
            ours.append(count / (time.perf_counter() - began))
            costs.append(1000 * (time.process_time() - busy) / count)
            theirs.append(await bare(lines, bench.target, count))
        assert await bench.waiting() == 0
    return median(ours), median(theirs), median(costs)


async def fairness(bench: Bench) -> tuple[int, float, float, float, float]:
    """With so many of one waiting: seconds until another has all of its own, alone and beside; the rate over many
    endpoints; and memory in MiB.
    """
    alone = await _seconds(bench, "klein")
    before = _memory()
    for _ in range(OF_ONE):
        await bench.subscribe("groot", bench.dossiers)
    many = await bench.waiting()
    began, serving = time.perf_counter(), asyncio.create_task(bench.house.webhooks.run())
    await asyncio.sleep(WATCHED)
    rate = (many - await bench.waiting()) / (time.perf_counter() - began)
    beside = await _seconds(bench, "klein")
    serving.cancel()
    return many, alone, beside, rate, _memory() - before


async def _seconds(bench: Bench, owner: str) -> float:
    serving = asyncio.create_task(bench.house.webhooks.run())
    began = time.perf_counter()
    id = await bench.subscribe(owner, bench.dossiers[:1])
    while await bench.waiting(id):  # noqa: ASYNC110 - the sender tells nobody
        await asyncio.sleep(0.01)
    took = time.perf_counter() - began
    serving.cancel()
    return took


def _memory() -> float:
    """The most this process ever took, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def run() -> str:
    outside = of_sandbox()
    async with embedded(None) as server, receiving() as target:
        await migrate(server.url(MAIN), server.url(KEYS))
        root = LocalRootKey(bytes(32))
        async with built(server.url(MAIN), server.url(KEYS), root, SOURCE, outside=outside) as house:
            await populated(house, DevelopmentIssuer("bench"), HISTORY, fed=False)
            async with house.database.connection() as conn:
                dossiers = [row["id"] for row in await conn.fetch("select id from dossier.dossiers")]
            assert len(dossiers) == DOSSIERS
            bench = Bench(house, EndpointKeys(root), target, dossiers)
            ours, theirs, cost = await throughput(bench, outside.lines)
            many, alone, beside, rate, grown = await fairness(bench)
    return (
        f"one process sends {ours:.0f}/s; bare requests {theirs:.0f}/s; ratio {ours / theirs:.2f}\n"
        f"one delivery costs the sender {cost:.2f} ms of a core\n"
        f"another's 22 deliveries take {alone:.2f} s alone, and {beside:.2f} s beside {many} waiting of one owner\n"
        f"over {OF_ONE} endpoints of that owner {rate:.0f}/s\n"
        f"memory grew by {grown:.1f} MiB while these waited"
    )


if __name__ == "__main__":
    uvloop.run(receive())
