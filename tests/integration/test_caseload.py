"""The contact person's list on a real database: its order, its pages, what is logged, and what is kept sealed."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest

from services.dossier.domain.numbers import Numbers
from services.dossier.gate.caseload import Caseload
from services.dossier.gate.looking import Sights
from services.dossier.trajectory import outlook
from services.dossier.trajectory.rulebook import RULES, RuleFailed
from services.dossier.writing.incoming import Incoming
from services.foundation.callers import Caller
from services.foundation.database.connection import Database
from tests.races.world import (
    CARLA,
    DOSSIER,
    LAW,
    NOOR,
    NOW,
    PIETER,
    PORTAL,
    World,
    an_event,
    granted,
    opened,
    reader,
    withdrawn,
    world_now,
)

pytestmark = pytest.mark.anyio
DAY = timedelta(days=1)
QUIET, SILENT, URGENT = (uuid5(DOSSIER, name) for name in ("quiet", "silent", "urgent"))
ALL = ["identity", "contact", "health-sensitive", "income", "work", "evaluation"]
SYSTEM = Caller("platform", None, "platform", frozenset(("SYS",)), frozenset((PORTAL,)), ("test", "system"))
COLUMNS = "dossier_id, actor, way, decision, event_ids"


@pytest.fixture
async def world(database: Database) -> World:
    world = await world_now(database, RULES)
    for id_ in (QUIET, SILENT, URGENT):
        await begun(world, id_)
    urgent = an_event("concern.raised", CARLA, {"concern_id": "k1", "severity": 5}, occurred_at=NOW.isoformat())
    await world.handler.record(CARLA, URGENT, [urgent])
    await world.handler.record(CARLA, QUIET, [spoken()])
    return world


def spoken() -> Incoming:
    today = {"occurred_at": NOW.isoformat(), "held_on": NOW.date().isoformat(), "with": ["noor", "carla"]}
    return an_event("contact-moment.held", CARLA, today)


async def begun(world: World, dossier_id: UUID) -> None:
    """Opened by Noor, with Carla as the contact person."""
    appointed = {"person": "carla", "org": "oosterlo", "audience": "participant", "from_on": "2025-12-01"}
    await world.handler.record(NOOR, dossier_id, [opened(dossier_id), granted("c1", CARLA, classes=ALL)])
    await world.handler.record(CARLA, dossier_id, [an_event("contact-person.appointed", CARLA, appointed)])
    await world.handler.end_due(dossier_id)


async def page(
    world: World, database: Database, who: Any = CARLA, after: int = 0, limit: int = 25, **more: Any
) -> tuple[list[dict[str, Any]], int | None]:
    caseload = Caseload(database, Sights(database, world.keyrings, LAW))
    return await caseload.page(reader(who), more.get("before"), after, limit, Numbers())


def named(items: Sequence[dict[str, Any]]) -> list[UUID]:
    return [UUID(item["dossier"]) for item in items]


async def rows(database: Database, sql: str) -> list[Any]:
    async with database.connection() as conn:
        return list(await conn.fetch(sql))


async def test_who_calls_today_comes_first_then_who_is_overdue_then_everyone_else(
    world: World, database: Database
) -> None:
    items, _ = await page(world, database)
    assert named(items) == [URGENT, SILENT, QUIET]
    assert [[call["code"] for call in item["signals"]] for item in items] == [
        ["concern_urgent", "contact_silence"],
        ["contact_silence"],
        [],
    ]
    assert [call["group"] for call in items[0]["signals"]] == ["a", "b"]
    assert items[0]["signals"][0]["acts"][0] == "nl.dossier.contact-moment.held"
    assert {"stage", "next_due"} <= items[2].keys()


async def test_pages_of_one_are_the_list(world: World, database: Database) -> None:
    found: list[UUID] = []
    after = 0
    while True:
        items, last = await page(world, database, after=after, limit=1)
        if last is None:
            break
        found, after = found + named(items), last
    assert found == [URGENT, SILENT, QUIET]


async def test_only_the_contact_person_has_the_list_and_only_of_what_she_may_know(
    world: World, database: Database
) -> None:
    assert await page(world, database, NOOR) == ([], None)
    assert await page(world, database, PIETER) == ([], None)
    await world.handler.record(NOOR, URGENT, [withdrawn("c1")])
    assert named((await page(world, database))[0]) == [SILENT, QUIET]
    await world.handler.record(NOOR, SILENT, [opened_again := granted("c9", CARLA, classes=["contact"])])
    await world.handler.record(NOOR, SILENT, [withdrawn("c1")])
    assert opened_again.event_id
    silent = (await page(world, database))[0][-1]
    assert silent.keys() == {"dossier", "signals"}  # there, and every value rests on something of class work
    assert silent["signals"] == []


async def test_a_row_in_the_log_for_each_dossier_shown_and_for_no_other(world: World, database: Database) -> None:
    items, _ = await page(world, database, limit=1)
    logged = await rows(database, f"select {COLUMNS} from dossier.ledger where way = 'list'")
    assert [(UUID(int=row["dossier_id"].int), row["actor"], row["decision"]) for row in logged] == [
        (URGENT, "carla", "permit")
    ]
    told = {UUID(call[name]) for call in items[0]["signals"] for name in ("signal_id", "about")}
    assert told <= set(logged[0]["event_ids"])


async def test_of_many_dossiers_only_those_of_the_page_are_logged(world: World, database: Database) -> None:
    for number in range(30):
        await begun(world, uuid5(DOSSIER, f"more {number}"))
    items, _ = await page(world, database, limit=2)
    logged = await rows(database, "select dossier_id from dossier.ledger where way = 'list'")
    assert {UUID(int=row["dossier_id"].int) for row in logged} == set(named(items))
    assert named(items)[0] == URGENT
    assert len((await page(world, database, limit=100))[0]) == 33


async def test_an_outlook_is_kept_until_the_next_entry_and_wiped_with_the_dossier(
    world: World, database: Database
) -> None:
    async def kept() -> dict[UUID, tuple[int, bytes]]:
        found = await rows(database, "select dossier_id, sequence, sealed from dossier.outlooks")
        return {UUID(int=row["dossier_id"].int): (row["sequence"], row["sealed"]) for row in found}

    await page(world, database)
    first = await kept()
    assert first.keys() == {QUIET, SILENT, URGENT}
    await page(world, database)
    assert await kept() == first
    await world.handler.record(CARLA, SILENT, [spoken()])
    items, _ = await page(world, database)
    assert [call["code"] for item in items for call in item["signals"] if UUID(item["dossier"]) == SILENT] == []
    assert {id_ for id_, each in (await kept()).items() if first[id_] != each} == {SILENT}
    gone = an_event("dossier.erased", SYSTEM, {"erased_at": NOW.isoformat()}, occurred_at=NOW.isoformat())
    await world.handler.record(SYSTEM, SILENT, [gone])
    assert (await kept()).keys() == {QUIET, URGENT}


async def test_what_the_participant_reads_makes_no_entry_and_an_outlook_anew(world: World, database: Database) -> None:
    """R-26: until it is read, next is that somebody explains the decision."""
    decided = an_event("decision.communicated", CARLA, occurred_at=NOW.isoformat())
    await world.handler.record(CARLA, QUIET, [decided])

    async def next_codes() -> set[str]:
        items, _ = await page(world, database)
        return {item["next_due"]["code"] for item in items if UUID(item["dossier"]) == QUIET}

    assert await next_codes() == {"decision_unread"}
    assert await next_codes() == {"decision_unread"}
    await world.gate.read_event(reader(NOOR), QUIET, decided.event_id)
    assert await next_codes() == {"contact_silence"}


async def test_when_a_rule_throws_the_list_is_there_and_tells_no_more_than_is_known(
    world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def planted(*_: Any) -> Any:
        raise RuleFailed("planted")

    monkeypatch.setattr(outlook, "all_due", planted)
    items, _ = await page(world, database)
    assert named(items)[0] == URGENT
    assert all("next_due" not in item and "stage" in item for item in items)
    assert {call.get("state") for item in items for call in item["signals"]} == {None}


async def test_a_past_day_is_shown_as_it_had_happened_and_keeps_nothing(world: World, database: Database) -> None:
    await page(world, database)
    before = await rows(database, "select * from dossier.outlooks order by dossier_id")
    items, _ = await page(world, database, before=NOW - 20 * DAY)
    assert sorted(named(items)) == sorted((QUIET, SILENT, URGENT))
    assert [item["signals"] for item in items] == [[], [], []]
    assert await rows(database, "select * from dossier.outlooks order by dossier_id") == before
    assert (await page(world, database, before=NOW - 40 * DAY))[0] == []  # before she was appointed
