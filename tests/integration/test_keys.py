"""Keys of dossiers in the key database: whole or not at all, bound to their dossier, and destroyed for good."""

import asyncio
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.foundation.database.connection import Database, Lock, advisory_key
from services.foundation.vault import tombstones
from services.foundation.vault.keys import Keys, KeysDestroyed, WrongRootKey
from services.foundation.vault.root_key import DoesNotOpen, LocalRootKey
from services.foundation.vault.sealing import CLASSES, Binding, KeyRing
from tests.database import Databases
from tests.waiting import HOW_MANY_WAIT_FOR_A_FENCE

pytestmark = pytest.mark.anyio

ROOT = LocalRootKey(b"r" * 32)


@pytest.fixture
def key_database(databases: Databases) -> Database:
    return databases.keys


@pytest.fixture
def keys(key_database: Database) -> Keys:
    return Keys(key_database, ROOT)


def binding(dossier_id: UUID, class_: str = "work") -> Binding:
    return Binding(dossier_id, "item", "type", class_, 1)


async def count(database: Database, table: str, dossier_id: UUID) -> int:
    async with database.connection() as connection:
        number = await connection.fetchval(f"select count(*) from keys.{table} where dossier_id = $1", dossier_id)
        return int(number)


async def test_what_the_maker_seals_the_fetcher_opens_in_every_class(keys: Keys) -> None:
    dossier_id = uuid4()
    made = await keys.create(dossier_id)
    fetched = await keys.fetch(dossier_id)
    assert fetched is not None
    assert fetched is not made
    for class_ in CLASSES:
        sealed = made.seal(class_, class_.encode(), binding(dossier_id, class_))
        assert fetched.open(class_, sealed, binding(dossier_id, class_)) == class_.encode()
    assert fetched.mac(b"data") == made.mac(b"data")


async def test_every_class_has_a_key_of_its_own(keys: Keys, key_database: Database) -> None:
    dossier_id = uuid4()
    ring = await keys.create(dossier_id)
    sealed = ring.seal("work", b"text", binding(dossier_id))
    async with key_database.connection() as connection:
        wrapped = await connection.fetch("select wrapped from keys.class_keys where dossier_id = $1", dossier_id)
    assert len({bytes(row["wrapped"]) for row in wrapped}) == len(CLASSES)
    with pytest.raises(DoesNotOpen):
        ring.open("income", sealed, binding(dossier_id, "income"))


async def test_an_unknown_dossier_has_no_keys(keys: Keys) -> None:
    assert await keys.fetch(uuid4()) is None


async def test_several_are_fetched_at_once_and_the_unknown_are_absent(keys: Keys) -> None:
    known = [uuid4(), uuid4()]
    for dossier_id in known:
        await keys.create(dossier_id)
    assert set(await keys.fetch_many([*known, uuid4()])) == set(known)
    assert await keys.fetch_many([]) == {}


async def test_making_again_gives_the_same_keys(keys: Keys) -> None:
    dossier_id = uuid4()
    sealed = (await keys.create(dossier_id)).seal("work", b"text", binding(dossier_id))
    assert (await keys.create(dossier_id)).open("work", sealed, binding(dossier_id)) == b"text"


async def test_made_by_many_at_once_there_is_one_set_of_keys(keys: Keys, key_database: Database) -> None:
    dossier_id = uuid4()
    rings = await asyncio.gather(*(keys.create(dossier_id) for _ in range(8)))
    sealed = rings[0].seal("work", b"text", binding(dossier_id))
    assert {ring.open("work", sealed, binding(dossier_id)) for ring in rings} == {b"text"}
    assert await count(key_database, "dossier_keys", dossier_id) == 1
    assert await count(key_database, "class_keys", dossier_id) == len(CLASSES)


async def test_destroyed_keys_are_gone_and_never_made_again(keys: Keys, key_database: Database) -> None:
    dossier_id, other = uuid4(), uuid4()
    await keys.create(dossier_id)
    await keys.create(other)
    await keys.destroy(dossier_id)
    await keys.destroy(dossier_id)
    assert await keys.fetch(dossier_id) is None
    assert await keys.fetch(other) is not None
    assert await count(key_database, "dossier_keys", dossier_id) == 0
    assert await count(key_database, "class_keys", dossier_id) == 0
    assert [entry.dossier_id for entry in await tombstones.destroyed(key_database)] == [dossier_id]
    with pytest.raises(KeysDestroyed):
        await keys.create(dossier_id)


async def test_a_dossier_destroyed_before_it_had_keys_never_gets_them(keys: Keys) -> None:
    dossier_id = uuid4()
    await keys.destroy(dossier_id)
    with pytest.raises(KeysDestroyed):
        await keys.create(dossier_id)


async def waiting_for_locks(database: Database, number: int) -> None:
    async with database.connection() as connection, asyncio.timeout(5):
        while await connection.fetchval(HOW_MANY_WAIT_FOR_A_FENCE) < number:  # noqa: ASYNC110 - the database has no event to wait for
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("destroyed_first", [True, False])
async def test_making_and_destroying_take_turns(keys: Keys, key_database: Database, destroyed_first: bool) -> None:
    dossier_id = uuid4()
    async with key_database.transaction(Lock(advisory_key("keys", dossier_id))):
        calls = [keys.destroy(dossier_id), keys.create(dossier_id)]
        tasks = []
        for number, call in enumerate(calls if destroyed_first else reversed(calls), 1):
            tasks.append(asyncio.ensure_future(call))
            await waiting_for_locks(key_database, number)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [
        KeysDestroyed if destroyed_first else KeyRing
    ]
    assert await keys.fetch(dossier_id) is None


async def test_made_and_destroyed_at_once_leaves_no_keys(keys: Keys, key_database: Database) -> None:
    for _ in range(10):
        dossier_id = uuid4()
        await asyncio.gather(
            *(keys.create(dossier_id) for _ in range(3)), keys.destroy(dossier_id), return_exceptions=True
        )
        assert await keys.fetch(dossier_id) is None
        assert await count(key_database, "dossier_keys", dossier_id) == 0


@pytest.mark.parametrize(
    "change",
    [
        "update keys.destroyed set destroyed_at = now()",
        "delete from keys.destroyed",
        "truncate keys.destroyed",
        "insert into keys.dossier_keys (dossier_id, version, wrapped) select dossier_id, 1, '' from keys.destroyed",
    ],
)
async def test_the_database_itself_keeps_destroyed_destroyed(keys: Keys, key_database: Database, change: str) -> None:
    await keys.destroy(uuid4())
    async with key_database.connection() as connection:
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute(change)
    assert len(await tombstones.destroyed(key_database)) == 1


async def test_a_backup_brings_no_destroyed_key_back(keys: Keys, key_database: Database) -> None:
    here, elsewhere, living, unknown = uuid4(), uuid4(), uuid4(), uuid4()
    for dossier_id in (here, elsewhere, living):
        await keys.create(dossier_id)
    async with key_database.connection() as connection:
        # As a backup restores them: rows without triggers, the keys of `here` beside its tombstone.
        await connection.execute("alter table keys.dossier_keys disable trigger user")
        await connection.execute("insert into keys.destroyed (dossier_id) values ($1)", here)
    assert await keys.fetch(here) is None
    assert set(await tombstones.replay(key_database, [elsewhere, unknown])) == {here, elsewhere}
    assert await tombstones.replay(key_database, [elsewhere, unknown]) == []
    for dossier_id in (here, elsewhere):
        assert await keys.fetch(dossier_id) is None
        assert await count(key_database, "dossier_keys", dossier_id) == 0
    assert await keys.fetch(living) is not None
    assert {entry.dossier_id for entry in await tombstones.destroyed(key_database)} == {here, elsewhere, unknown}


async def test_keys_moved_to_another_dossier_do_not_open(keys: Keys, key_database: Database) -> None:
    one, other = uuid4(), uuid4()
    await keys.create(one)
    await keys.create(other)
    async with key_database.connection() as connection:
        await connection.execute(
            """update keys.class_keys set wrapped =
                (select wrapped from keys.class_keys where dossier_id = $1 and class = 'work')
                where dossier_id = $2 and class = 'work'""",
            one,
            other,
        )
    with pytest.raises(DoesNotOpen):
        await keys.fetch(other)
    async with key_database.connection() as connection:  # the whole family of keys, moved together
        await connection.execute(
            """update keys.dossier_keys set wrapped = (select wrapped from keys.dossier_keys where dossier_id = $1)
                where dossier_id = $2""",
            one,
            other,
        )
        await connection.execute(
            """update keys.class_keys c set wrapped = o.wrapped from keys.class_keys o
                where o.dossier_id = $1 and c.dossier_id = $2 and c.class = o.class""",
            one,
            other,
        )
    with pytest.raises(DoesNotOpen):
        await keys.fetch(other)
    assert await keys.fetch(one) is not None


async def test_keys_moved_to_another_class_do_not_open(keys: Keys, key_database: Database) -> None:
    dossier_id = uuid4()
    await keys.create(dossier_id)
    async with key_database.connection() as connection:
        await connection.execute(
            """update keys.class_keys set wrapped =
                (select wrapped from keys.class_keys where dossier_id = $1 and class = 'income')
                where dossier_id = $1 and class = 'work'""",
            dossier_id,
        )
    with pytest.raises(DoesNotOpen):
        await keys.fetch(dossier_id)


async def test_under_another_root_key_nothing_opens(keys: Keys, key_database: Database) -> None:
    dossier_id = uuid4()
    others = Keys(key_database, LocalRootKey(b"s" * 32))
    await others.demand_root_key()  # nothing is wrapped yet
    await keys.create(dossier_id)
    await keys.demand_root_key()
    with pytest.raises(WrongRootKey):
        await others.demand_root_key()
    with pytest.raises(DoesNotOpen):
        await others.fetch(dossier_id)


async def test_no_key_stands_in_the_database_unwrapped(key_database: Database) -> None:
    class Witness(LocalRootKey):
        seen: list[bytes] = []

        async def wrap(self, key: bytes, context: bytes) -> bytes:
            self.seen.append(key)
            return await super().wrap(key, context)

    await Keys(key_database, Witness(b"r" * 32)).create(uuid4())
    async with key_database.connection() as connection:
        rows = await connection.fetch(
            "select wrapped from keys.dossier_keys union all select wrapped from keys.class_keys"
        )
    assert len(Witness.seen) == 1
    assert not any(Witness.seen[0] in bytes(row["wrapped"]) for row in rows)
