"""Pairs of databases in which nothing was ever done: used ones are emptied, since to make one takes longer than most
tests do."""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from services.foundation.database.embedded import Server

TEMPLATES: Final = ("template_main", "template_keys")
BESIDE: Final = 2  # one that a test uses, and one that is emptied meanwhile

_OTHERS_END = """
    select pg_terminate_backend(pid, 10000) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()
"""
_OURS = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
_TABLES = f"""
    select c.oid::regclass::text as name, c.relname = 'alembic_version' as is_version, pg_relation_size(c.oid) as size
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and {_OURS} order by 1
"""
_FROM_THE_START = """
    select setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    from pg_sequences where last_value is not null
"""
# Whatever a test may have changed of the tables themselves; each change of a row of a catalogue gives it another xmin.
_SHAPE = f"""
    select 'relation', c.oid::text, c.relname::text, c.reloptions::text
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where {_OURS}
    union all select 'column', a.attrelid::text, a.attname::text, a.xmin::text
    from pg_attribute a join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = c.relnamespace where {_OURS}
    union all select 'function', p.oid::text, p.proname::text, p.xmin::text
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace where {_OURS}
    union all select 'trigger', oid::text, tgname::text, xmin::text from pg_trigger
    union all select 'constraint', oid::text, conname::text, xmin::text from pg_constraint
    union all select 'schema', oid::text, nspname::text, xmin::text from pg_namespace n where {_OURS}
    order by 1, 2, 3
"""
Shape = list[Any]


@dataclass(frozen=True)
class Urls:
    """Where a fresh, migrated pair of databases stands."""

    main: str
    keys: str


class Pairs:
    """Copies of the templates, given out one after another; what is done to them is done beside the tests."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._worker = ThreadPoolExecutor(1)
        self._shapes = self._worker.submit(lambda: [asyncio.run(_shape(server.url(each))) for each in TEMPLATES])
        self._ready: deque[Future[Urls]] = deque(self._worker.submit(self._made) for _ in range(BESIDE))

    def take(self) -> Urls:
        if not self._ready:
            self._ready.append(self._worker.submit(self._made))
        return self._ready.popleft().result()

    def give_back(self, pair: Urls) -> None:
        self._ready.append(self._worker.submit(self._fresh_again, pair))

    def close(self) -> None:
        self._worker.shutdown()

    def _made(self) -> Urls:
        name = f"test_{secrets.token_hex(6)}"
        fresh = [f"{name}_{template.removeprefix('template_')}" for template in TEMPLATES]
        make = (
            f'create database "{new}" template "{template}"' for new, template in zip(fresh, TEMPLATES, strict=True)
        )
        asyncio.run(administer(self._server, *make))
        return Urls(*(self._server.url(new) for new in fresh))

    def _fresh_again(self, pair: Urls) -> Urls:
        """Emptied; or, where a test changed more than rows, dropped, and another one made."""
        both = zip((pair.main, pair.keys), self._shapes.result(), strict=True)
        if all([asyncio.run(_emptied(url, shape)) for url, shape in both]):
            return pair
        asyncio.run(administer(self._server, *(_drop(url) for url in (pair.main, pair.keys))))
        return self._made()


async def administer(server: Server, *statements: str) -> None:
    connection = await asyncpg.connect(server.url("postgres"))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _emptied(url: str, shape: Shape) -> bool:
    """Whether it is again what its template is; ends everybody who is still in it."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_OTHERS_END)
        touched = [row["name"] for row in await connection.fetch(_TABLES) if row["size"] and not row["is_version"]]
        if touched:
            await connection.execute("set session_replication_role = replica")  # triggers that forbid it, too
            await connection.execute(f"truncate {', '.join(touched)} restart identity cascade")
        await connection.execute(_FROM_THE_START)
        return await _shape_in(connection) == shape
    finally:
        await connection.close()


async def _shape(url: str) -> Shape:
    connection = await asyncpg.connect(url)
    try:
        return await _shape_in(connection)
    finally:
        await connection.close()


async def _shape_in(connection: "asyncpg.Connection[Any]") -> Shape:
    """All but the rows of the tables; the versions that they are migrated to are part of it."""
    shape = [tuple(row) for row in await connection.fetch(_SHAPE)]
    for table in await connection.fetch(_TABLES):
        if table["is_version"]:
            shape += [(table["name"], *row) for row in await connection.fetch(f"select * from {table['name']}")]
    return shape


@asynccontextmanager
async def shut(server: Server, url: str) -> AsyncIterator[None]:
    """Nobody gets into this database, and who was in it is out."""
    others_end = f"select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = '{_name(url)}'"
    await administer(server, f'alter database "{_name(url)}" allow_connections false', others_end)
    try:
        yield
    finally:
        await administer(server, f'alter database "{_name(url)}" allow_connections true')


def _drop(url: str) -> str:
    return f'drop database "{_name(url)}" with (force)'


def _name(url: str) -> str:
    return url.rpartition("@/")[2].partition("?")[0]
