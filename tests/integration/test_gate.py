"""The gate on a real database: what leaves, what is written of it, and what is as if it had never been."""

from asyncio import timeout
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from services.dossier.domain.numbers import Numbers
from services.dossier.gate.release import Filter
from services.dossier.store.keyrings import StaleKeys
from services.dossier.writing.incoming import Incoming
from services.foundation.clock import advance
from services.foundation.database.connection import Connection, Database
from services.foundation.problems import CONFLICT, NOT_FOUND, UNAVAILABLE, Kind, Problem
from services.foundation.vault.keys import Keys
from tests.races.world import (
    CARLA,
    DOSSIER,
    HETTY,
    NOOR,
    NOW,
    PIETER,
    TANTE,
    KeysInMemory,
    World,
    an_event,
    delivered,
    granted,
    held,
    keys_in_memory,
    opened,
    reader,
    still,
    withdrawn,
    world_now,
    world_on,
)

pytestmark = pytest.mark.anyio

SHOWN = held().event_id


@pytest.fixture
async def world(database: Database) -> World:
    world = await world_now(database)
    await world.begin()
    return world


async def refused(kind: Kind, asked: Awaitable[Any]) -> Problem:
    with pytest.raises(Problem) as raised:
        await asked
    assert raised.value.kind == kind
    return raised.value


async def log(database: Database, actor: str) -> list[tuple[Any, ...]]:
    async with database.connection() as conn:
        rows = await conn.fetch(
            "select way, decision, reason, purpose, basis, event_ids, classes from dossier.ledger "
            "where actor = $1 and dossier_id = $2 order by id",
            actor,
            DOSSIER,
        )
    return [tuple(row) for row in rows]


async def do(database: Database, sql: str, *values: Any) -> Any:
    async with database.connection() as conn:
        return await conn.fetchval(sql, *values)


def timeline(world: World, who: Any, purpose: str | None = None, of: str | None = None) -> Awaitable[Any]:
    return world.gate.read_events(replace(reader(who), purpose=purpose), DOSSIER, Filter(of), 0, 50)


async def types(world: World, who: Any) -> list[str]:
    page = await timeline(world, who)
    return [event["type"].removeprefix("nl.dossier.") for event in page.items]


# Writing


async def test_a_batch_may_open_a_dossier_and_go_on(world: World) -> None:
    dossier_id = uuid4()
    batch = [opened(dossier_id), granted("c1", CARLA)]
    recorded = await world.handler.record(NOOR, dossier_id, batch)
    assert [event["sequence"] for event in recorded.events] == ["1", "2"]


async def test_in_a_batch_that_opens_a_dossier_all_are_stored_or_none(world: World) -> None:
    dossier_id = uuid4()
    await refused(CONFLICT, world.handler.record(NOOR, dossier_id, [opened(dossier_id), withdrawn("c1")]))
    await refused(NOT_FOUND, world.handler.record(NOOR, dossier_id, [withdrawn("c1")]))


# The access log


async def test_a_read_leaves_one_row_with_what_it_disclosed_and_on_which_ground(
    world: World, database: Database
) -> None:
    shown = await world.gate.read_event(reader(PIETER), DOSSIER, SHOWN)
    assert shown["data"]["private_note"] == "canary"
    assert await log(database, "pieter") == [
        ("read", "permit", "grant", "guidance", "consent", [SHOWN], ["health-sensitive", "work"])
    ]


async def test_a_list_leaves_one_row_with_what_it_showed(world: World, database: Database) -> None:
    page = await timeline(world, PIETER)
    rows = await log(database, "pieter")
    assert len(rows) == 1
    assert rows[0][:2] == ("list", "permit")
    assert [str(id_) for id_ in rows[0][5]] == [event["id"] for event in page.items]


async def test_a_list_for_a_purpose_names_no_other_purpose(world: World, database: Database) -> None:
    await world.handler.record(
        NOOR, DOSSIER, [granted("c3", PIETER, purpose="handover", classes=["evaluation"], history="from_grant")]
    )
    await timeline(world, PIETER, "handover")
    await timeline(world, PIETER, "handover", of="goal.set")
    assert [row[3] for row in await log(database, "pieter")] == ["handover", "handover"]


async def test_a_refused_single_read_stands_in_the_log_with_the_id_asked_for(world: World, database: Database) -> None:
    asked = uuid4()
    await refused(NOT_FOUND, world.gate.read_event(reader(HETTY), DOSSIER, SHOWN))
    await refused(NOT_FOUND, world.gate.read_event(reader(HETTY), DOSSIER, asked))
    assert [(row[0], row[1], row[5], row[6]) for row in await log(database, "hetty")] == [
        ("read", "deny", [SHOWN], []),
        ("read", "deny", [asked], []),
    ]


async def test_a_refused_list_stands_in_the_log_too(world: World, database: Database) -> None:
    await refused(NOT_FOUND, timeline(world, HETTY))
    await refused(NOT_FOUND, world.overviews.state(reader(HETTY), DOSSIER, None, None))
    await refused(NOT_FOUND, world.overviews.grants(reader(HETTY), DOSSIER))
    await refused(NOT_FOUND, world.overviews.access_log(reader(HETTY), DOSSIER, 0, 10))
    assert [row[:2] for row in await log(database, "hetty")] == [
        ("list", "deny"),
        ("read", "deny"),
        ("list", "deny"),
        ("list", "deny"),
    ]


async def test_only_the_dossiers_of_the_page_are_logged(world: World, database: Database) -> None:
    ids = [DOSSIER, *(uuid4() for _ in range(4))]
    for dossier_id in ids[1:]:
        await world.handler.record(NOOR, dossier_id, [opened(dossier_id), granted("c1", CARLA)])
    shown, _ = await world.listing.dossiers(reader(CARLA), 0, 2, Numbers())
    assert [UUID(one["id"]) for one in shown] == ids[:2]
    logged = await do(database, "select array_agg(dossier_id) from dossier.ledger where actor='carla' and way='list'")
    assert sorted(logged) == sorted(ids[:2])


async def test_pages_of_dossiers_give_each_once(world: World) -> None:
    ids = [DOSSIER, *(uuid4() for _ in range(60))]
    for dossier_id in ids[1:]:
        await world.handler.record(NOOR, dossier_id, [opened(dossier_id), granted("c1", CARLA)])
    found, at = [], 0
    while page := await world.listing.dossiers(reader(CARLA), at, 7, Numbers()):
        if not page[0]:
            break
        found += [UUID(one["id"]) for one in page[0]]
        at = page[1]
    assert found == ids


async def test_the_log_is_whole_while_others_are_reading(world: World, database: Database) -> None:
    """A row with a lower number that is committed later would be passed over by who reads on from a page."""
    async with world.delivery.transaction(DOSSIER) as slow:
        await delivered(world, slow, PIETER, 4)
        await world.gate.read_event(reader(CARLA), DOSSIER, SHOWN)
        with pytest.raises(TimeoutError):
            async with timeout(0.3):
                await world.overviews.access_log(reader(NOOR), DOSSIER, 0, 50)
    page, _ = await world.overviews.access_log(reader(NOOR), DOSSIER, 0, 50)
    assert {"delivery", "read"} <= {item["way"] for item in page}


async def test_looking_at_the_log_leaves_one_row_a_day(world: World, database: Database) -> None:
    for _ in range(3):
        page, _ = await world.overviews.access_log(reader(NOOR), DOSSIER, 0, 50)
    assert [item["reason"] for item in page if item["actor"] == "noor"].count("access_log") == 1
    async with database.connection() as conn:
        await advance(conn, NOW + timedelta(1))
    page, _ = await world.overviews.access_log(reader(NOOR), DOSSIER, 0, 50)
    assert [item["reason"] for item in page if item["actor"] == "noor"].count("access_log") == 2


# Denied does not exist


class Heard:
    """A database that remembers what is said to it."""

    def __init__(self, database: Database) -> None:
        self.said: list[str] = []
        self._pool = database._pool

    async def acquire(self) -> Any:
        heard, raw = self, await self._pool.acquire()

        class Listening:
            def __getattr__(self, name: str) -> Any:
                found = getattr(raw, name)
                if name in ("fetch", "execute", "fetchval", "fetchrow"):

                    async def saying(sql: str, *values: Any, **more: Any) -> Any:
                        heard.said.append(" ".join(word for word in sql.split() if not word.strip("();-").isdigit()))
                        return await found(sql, *values, **more)

                    return saying
                return found

        listening = Listening()
        listening.raw = raw  # type: ignore[attr-defined]  # only handed back
        return listening

    async def release(self, connection: Any) -> None:
        await self._pool.release(connection.raw)


async def test_an_unknown_id_takes_the_same_path_and_statements(world: World, database: Database) -> None:
    heard = Heard(database)
    listening = world_on(Database(database.url, heard), keys_in_memory())
    asked: list[Callable[[UUID], Awaitable[Any]]] = [
        lambda id_: listening.gate.read_event(reader(HETTY), id_, SHOWN),
        lambda id_: listening.gate.read_events(reader(HETTY), id_, Filter(), 0, 10),
        lambda id_: listening.overviews.state(reader(HETTY), id_, None, None),
        lambda id_: listening.overviews.grants(reader(HETTY), id_),
        lambda id_: listening.overviews.access_log(reader(HETTY), id_, 0, 10),
    ]
    for ask in asked:
        said = []
        for id_ in (DOSSIER, uuid4()):
            heard.said.clear()
            problem = await refused(NOT_FOUND, ask(id_))
            said.append(([s.split("(")[0].replace("ledger", "refusals") for s in heard.said], problem.detail))
        assert said[0] == said[1]
    assert await do(database, "select count(*) from dossier.refusals where actor = 'hetty'") == len(asked)


async def test_nothing_of_an_erased_dossier_is_found_by_anybody(world: World, database: Database) -> None:
    await do(database, "update dossier.dossiers set erased_at = foundation.now() where id = $1", DOSSIER)
    for who in (NOOR, CARLA):
        await refused(NOT_FOUND, world.gate.read_event(reader(who), DOSSIER, SHOWN))
        await refused(NOT_FOUND, timeline(world, who))
        await refused(NOT_FOUND, world.overviews.state(reader(who), DOSSIER, None, None))
        await refused(NOT_FOUND, world.overviews.grants(reader(who), DOSSIER))
        await refused(NOT_FOUND, world.overviews.access_log(reader(who), DOSSIER, 0, 10))
        await refused(NOT_FOUND, world.handler.record(who, DOSSIER, [held(moment_id="m9")]))
        await refused(NOT_FOUND, world.handler.record(who, DOSSIER, [held()]))
        assert await world.listing.dossiers(reader(who), 0, 10, Numbers()) == ([], 0)
    async with world.delivery.transaction(DOSSIER) as conn:
        assert await delivered(world, conn, CARLA, 4) is None
        assert await still(world, conn, CARLA, 4) is None
    assert await world.handler.end_due(DOSSIER) == 0
    assert await do(database, "select count(*) from dossier.ledger where decision='permit' and way<>'read'") == 0


# Who


async def test_a_purpose_that_is_named_narrows_to_its_grants(world: World) -> None:
    assert await world.gate.read_event(replace(reader(PIETER), purpose="guidance"), DOSSIER, SHOWN)
    await refused(NOT_FOUND, world.gate.read_event(replace(reader(PIETER), purpose="handover"), DOSSIER, SHOWN))
    await refused(NOT_FOUND, timeline(world, PIETER, "handover"))


def delegation(*powers: str, until: str = "2026-06-01") -> Incoming:
    return an_event(
        "delegate.appointed", NOOR, {"delegate": "tante", "powers": powers, "from_on": "2025-12-01", "until_on": until}
    )


async def test_a_delegate_who_may_read_reads_whole_and_is_one_in_the_log(world: World, database: Database) -> None:
    await world.handler.record(NOOR, DOSSIER, [delegation("read")])
    event = await world.gate.read_event(reader(TANTE), DOSSIER, SHOWN)
    assert event["sequence"] == "4"
    assert await types(world, TANTE) == await types(world, NOOR)
    assert await do(database, "select role from dossier.ledger where actor = 'tante' limit 1") == "DEL"


async def test_a_delegate_without_the_power_to_read_reads_nothing_not_even_what_it_wrote(world: World) -> None:
    await world.handler.record(NOOR, DOSSIER, [delegation("consent")])
    await refused(NOT_FOUND, world.gate.read_event(reader(TANTE), DOSSIER, SHOWN))
    revoked = replace(withdrawn("c2"), source=min(TANTE.sources))
    for _ in range(2):  # as it is stored, and as it is repeated
        recorded = await world.handler.record(TANTE, DOSSIER, [revoked])
        assert "data" not in recorded.events[0]
        assert "sequence" not in recorded.events[0]


async def test_a_delegation_ends_with_its_last_day(world: World, database: Database) -> None:
    await world.handler.record(NOOR, DOSSIER, [delegation("read", until="2026-01-02")])
    assert await world.gate.read_event(reader(TANTE), DOSSIER, SHOWN)
    async with database.connection() as conn:
        await advance(conn, datetime.fromisoformat("2026-01-02T22:59:59+00:00"))
        assert await world.gate.read_event(reader(TANTE), DOSSIER, SHOWN)
        await advance(conn, datetime.fromisoformat("2026-01-02T23:00:00+00:00"))
    await refused(NOT_FOUND, world.gate.read_event(reader(TANTE), DOSSIER, SHOWN))


# Withdrawn is withdrawn


async def test_withdrawn_stays_withdrawn_when_the_clock_goes_back(world: World, database: Database) -> None:
    """As when another server takes over whose clock is behind: the dossier's own time does not go back."""
    await world.handler.record(NOOR, DOSSIER, [withdrawn("c2")])
    await refused(NOT_FOUND, world.gate.read_event(reader(PIETER), DOSSIER, SHOWN))
    await do(database, "update foundation.sandbox_clock set now = now - interval '5 seconds'")
    await refused(NOT_FOUND, world.gate.read_event(reader(PIETER), DOSSIER, SHOWN))
    await refused(NOT_FOUND, timeline(world, PIETER))
    async with world.delivery.transaction(DOSSIER) as conn:
        assert await delivered(world, conn, PIETER, 4) is None


async def test_what_is_withdrawn_while_the_clock_is_behind_is_withdrawn_at_once(
    world: World, database: Database
) -> None:
    await do(database, "update foundation.sandbox_clock set now = now - interval '1 hour'")
    await world.handler.record(NOOR, DOSSIER, [withdrawn("c2")])
    await refused(NOT_FOUND, world.gate.read_event(reader(PIETER), DOSSIER, SHOWN))


async def test_a_grant_that_is_over_ends_at_its_moment_before_any_clock_comes_by(
    world: World, database: Database
) -> None:
    ends = NOW + timedelta(hours=1)
    await world.handler.record(NOOR, DOSSIER, [granted("c3", HETTY, valid_until=ends.isoformat(), classes=["work"])])
    async with database.connection() as conn:
        await advance(conn, ends - timedelta(microseconds=1))
        assert await types(world, HETTY) == ["consent.granted"]
        await advance(conn, ends + timedelta(days=3))
    await refused(NOT_FOUND, timeline(world, HETTY))
    assert await world.handler.end_due(DOSSIER) == 1
    assert await world.handler.end_due(DOSSIER) == 0
    last = (await timeline(world, NOOR)).items[-1]
    assert last["type"] == "nl.dossier.consent.expired"
    assert datetime.fromisoformat(last["data"]["expired_at"]) == ends


# Retraction


def retraction(by: Any, of: UUID, ground: str = "wrong_fact") -> Incoming:
    return an_event("entry.retracted", by, {"event_id": str(of), "ground": ground, "retracted_on": "2025-12-02"})


async def everything(database: Database, table: str) -> list[Any]:
    async with database.connection() as conn:
        return [dict(row) for row in await conn.fetch(f"select * from dossier.{table} where dossier_id = $1", DOSSIER)]


async def test_what_was_retracted_counts_for_nothing_in_state_grants_and_contacts(
    world: World, database: Database
) -> None:
    before = [await everything(database, table) for table in ("index_grants", "index_contacts", "index_delegates")]
    state = await world.overviews.state(reader(NOOR), DOSSIER, None, None)
    appointed = an_event(
        "contact-person.appointed",
        CARLA,
        {"person": "carla", "org": "oosterlo", "audience": "participant", "from_on": "2025-12-01"},
    )
    await world.handler.record(CARLA, DOSSIER, [appointed])
    assert await everything(database, "index_contacts")
    await world.handler.record(CARLA, DOSSIER, [retraction(CARLA, appointed.event_id)])
    after = [await everything(database, table) for table in ("index_grants", "index_contacts", "index_delegates")]
    assert after == before
    assert await world.overviews.state(reader(NOOR), DOSSIER, None, None) == state
    assert await do(database, "select sequence from dossier.snapshots where dossier_id = $1", DOSSIER) == 6


async def test_what_is_about_the_wrong_person_is_closed_to_all_but_the_participant(world: World) -> None:
    await world.handler.record(NOOR, DOSSIER, [delegation("read")])
    await world.handler.record(CARLA, DOSSIER, [retraction(CARLA, SHOWN, "wrong_person")])
    assert await world.gate.read_event(reader(NOOR), DOSSIER, SHOWN)
    assert await world.gate.read_event(reader(TANTE), DOSSIER, SHOWN)
    for who in (CARLA, PIETER):
        await refused(NOT_FOUND, world.gate.read_event(reader(who), DOSSIER, SHOWN))
        assert "contact-moment.held" not in await types(world, who)
        async with world.delivery.transaction(DOSSIER) as conn:
            assert await delivered(world, conn, who, 4) is None


async def test_what_is_wrong_otherwise_stays_readable(world: World) -> None:
    await world.handler.record(CARLA, DOSSIER, [retraction(CARLA, SHOWN)])
    assert await world.gate.read_event(reader(PIETER), DOSSIER, SHOWN)


async def test_nobody_takes_back_what_another_wrote_by_using_its_id(world: World) -> None:
    """Ids are unique per source: with the id of another's entry one retracts one's own, never the other's."""
    mine = replace(held(PIETER, moment_id="m2"), event_id=SHOWN)
    await world.handler.record(PIETER, DOSSIER, [mine])
    await world.handler.record(PIETER, DOSSIER, [retraction(PIETER, SHOWN, "wrong_person")])
    async with world.delivery.transaction(DOSSIER) as conn:
        assert await delivered(world, conn, CARLA, 4)
        assert await delivered(world, conn, CARLA, 5) is None


async def test_nobody_takes_back_a_withdrawal_by_using_its_id(world: World) -> None:
    """UWV knows the id of the withdrawal from its notice, and may still write that it tried to reach someone."""
    desk = replace(PIETER, roles=frozenset(("DSK",)))
    revoked = withdrawn("c2")
    await world.handler.record(NOOR, DOSSIER, [revoked])
    same_id = replace(an_event("outreach.attempted", desk), event_id=revoked.event_id)
    await world.handler.record(desk, DOSSIER, [same_id])
    await world.handler.record(desk, DOSSIER, [retraction(desk, revoked.event_id)])
    await refused(NOT_FOUND, world.gate.read_event(reader(PIETER), DOSSIER, SHOWN))
    await refused(NOT_FOUND, timeline(world, PIETER))


# Keys


async def test_keys_cached_before_access_changed_are_not_used_after(world: World, database: Database) -> None:
    other = world_on(database, keys_in_memory())
    await other.handler.record(NOOR, DOSSIER, [granted("c3", HETTY, classes=["work"])])
    epoch = await do(database, "select authz_epoch from dossier.dossiers where id = $1", DOSSIER)
    with pytest.raises(StaleKeys):
        world.keyrings.at_hand(DOSSIER, epoch)
    assert await world.gate.read_event(reader(NOOR), DOSSIER, SHOWN)
    assert world.keyrings.at_hand(DOSSIER, epoch)


async def test_keys_are_not_kept_for_an_epoch_that_never_came(world: World, database: Database) -> None:
    async def fails(_: Connection) -> None:
        raise ZeroDivisionError

    epoch = await do(database, "select authz_epoch from dossier.dossiers where id = $1", DOSSIER)
    with pytest.raises(ZeroDivisionError):
        await world.handler.record(NOOR, DOSSIER, [withdrawn("c2")], fails)
    with pytest.raises(StaleKeys):
        world.keyrings.at_hand(DOSSIER, epoch + 1)


async def test_without_keys_nothing_is_read_and_nothing_stored(world: World, database: Database) -> None:
    class Gone(KeysInMemory):
        async def fetch(self, dossier_id: UUID) -> None:
            return None

    without = world_on(database, cast(Keys, Gone()))
    await refused(UNAVAILABLE, without.gate.read_event(reader(NOOR), DOSSIER, SHOWN))
    await refused(UNAVAILABLE, without.handler.record(NOOR, DOSSIER, [withdrawn("c2")]))
    await refused(NOT_FOUND, without.gate.read_event(reader(HETTY), DOSSIER, SHOWN))
    assert await do(database, "select head from dossier.dossiers where id = $1", DOSSIER) == 4


# The same again


async def test_the_same_id_in_another_case_is_the_same_event_and_no_fault_of_ours(world: World) -> None:
    one = held(moment_id="m2")
    recorded = await world.handler.record(CARLA, DOSSIER, [one, one])
    assert [event["id"] for event in recorded.events] == [str(one.event_id)] * 2
    other = replace(held(moment_id="m3"), event_id=one.event_id)
    await refused(CONFLICT, world.handler.record(CARLA, DOSSIER, [other]))
    third = held(moment_id="m4")
    clash = replace(held(moment_id="m5"), event_id=third.event_id)
    await refused(CONFLICT, world.handler.record(CARLA, DOSSIER, [third, clash]))


async def test_a_repeat_is_shown_as_its_writer_may_read_it_now(world: World) -> None:
    recorded = await world.handler.record(CARLA, DOSSIER, [held()])
    assert not recorded.is_new
    assert recorded.events[0]["data"]["summary"] == "canary"
    await world.handler.record(NOOR, DOSSIER, [withdrawn("c1")])
    await refused(NOT_FOUND, world.handler.record(CARLA, DOSSIER, [held()]))
