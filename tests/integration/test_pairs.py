"""The databases that tests get are new to them, whatever the test before did to them."""

import asyncpg
import pytest

from services.foundation.database.embedded import Server
from tests.pairs import Pairs, Urls

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("done", "is_kept"),
    [
        ("insert into foundation.sandbox_clock (now) values (now())", True),
        ("select nextval('dossier.outbox_pos_seq')", True),
        ("begin; lock table dossier.events", True),
        ("alter table foundation.sandbox_clock add column zone text", False),
        ("create table kept (word text)", False),
        ("create function planted() returns int language sql as 'select 1'", False),
        ("update foundation.alembic_version set version_num = 'none'", False),
        ("alter table dossier.events disable trigger user", True),  # it has none
    ],
)
async def test_what_was_done_to_a_pair_is_undone_or_it_is_given_to_nobody_again(
    server: Server, done: str, is_kept: bool
) -> None:
    pairs = Pairs(server)
    first, second = pairs.take(), pairs.take()
    before = await _seen(second)
    left_open = await asyncpg.connect(first.main)
    await left_open.execute(done)
    pairs.give_back(first)
    again = pairs.take()
    pairs.close()
    assert (again == first) == is_kept
    assert await _seen(again) == before
    left_open.terminate()


async def test_keys_that_were_destroyed_are_as_if_they_never_were(server: Server) -> None:
    """Triggers forbid that for everybody else."""
    pairs = Pairs(server)
    pair = pairs.take()
    connection = await asyncpg.connect(pair.keys)
    columns = "dossier_id, destroyed_at"
    await connection.execute(f"insert into keys.destroyed ({columns}) values (gen_random_uuid(), now())")
    await connection.close()
    pairs.give_back(pair)
    pairs.close()
    connection = await asyncpg.connect(pair.keys)
    assert await connection.fetchval("select count(*) from keys.destroyed") == 0
    await connection.close()


async def _seen(pair: Urls) -> list[object]:
    """Rows, the next of a sequence, and columns."""
    connection = await asyncpg.connect(pair.main)
    try:
        return [
            await connection.fetchval("select count(*) from foundation.sandbox_clock"),
            await connection.fetchval("select last_value from pg_sequences where sequencename = 'outbox_pos_seq'"),
            await connection.fetchval("select version_num from foundation.alembic_version"),
            await connection.fetchval(
                "select count(*) from information_schema.columns where table_schema <> 'pg_catalog'"
            ),
            await connection.fetchval("select count(*) from pg_proc where proname = 'planted'"),
        ]
    finally:
        await connection.close()
