"""Subscriptions over HTTP: one's own alone, and deliveries that go on where one was and show what is permitted now."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest

from services.foundation.database.connection import Database
from services.notifications import placing, shelf, subscriptions
from tests.desk import Desk, open_desk

pytestmark = pytest.mark.anyio

SPACE = UUID("00000000-0000-4000-8000-000000000005")
ONE, TWO = uuid5(SPACE, "one"), uuid5(SPACE, "two")
KARIN = "gemeente/karin"
THIN = {"specversion", "id", "source", "type", "subject", "time", "sequence", "sequencetype", "dataref"}


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    async with open_desk(database) as desk:
        yield desk


async def subscribed(desk: Desk, who: str = KARIN, **body: Any) -> str:
    answer = await desk.call("POST", "/v1/subscriptions", who, {"channel": "pull"} | body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/subscriptions/{answer.json()['id']}"
    return f"/v1/subscriptions/{answer.json()['id']}"


async def test_one_has_ones_own_subscriptions_and_anothers_do_not_exist(desk: Desk) -> None:
    own = await subscribed(desk, types=["placement.*", "nl.dossier.goal.set"])
    shown = (await desk.call("GET", own, KARIN)).json()
    assert (shown["types"], shown["dossiers"]) == (["nl.dossier.placement.*", "nl.dossier.goal.set"], None)
    items, _ = await desk.pages("/v1/subscriptions", KARIN)
    assert items == [shown]
    for stranger in ("gemeente/bob", "gemeente/", "uwv/karin", "/karin", "!draad/"):
        for method, path, body in (
            ("GET", own, None),
            ("PATCH", own, {"types": []}),
            ("DELETE", own, None),
            ("GET", f"{own}/deliveries", None),
            ("POST", f"{own}/replays", None),
        ):
            answer = await desk.call(method, path, stranger, body)
            unknown = await desk.call(method, path.replace(own, f"/v1/subscriptions/{uuid4()}"), stranger, body)
            assert answer.status_code == unknown.status_code == 404
            assert answer.json() | {"instance": ""} == unknown.json() | {"instance": ""}
        assert (await desk.pages("/v1/subscriptions", stranger))[0] == []
    assert (await desk.call("GET", own, "")).status_code == 401


async def test_a_subscription_changes_and_ends(desk: Desk) -> None:
    own = await subscribed(desk, dossiers=[str(ONE)])
    changed = await desk.call("PATCH", own, KARIN, {"types": ["goal.set"]})
    assert (changed.json()["types"], changed.json()["dossiers"]) == (["nl.dossier.goal.set"], [str(ONE)])
    assert (await desk.call("PATCH", own, KARIN, {"dossiers": None})).json()["dossiers"] is None
    assert (await desk.call("PATCH", own, KARIN, {"types": None})).json()["types"] == []
    assert (await desk.call("DELETE", own, KARIN)).status_code == 204
    assert (await desk.call("GET", own, KARIN)).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"channel": "email"}, "/channel"),
        ({"channel": "pigeon"}, "/channel"),
        ({}, "/channel"),
        ({"channel": "pull", "types": ["Nl Dossier"]}, "/types/0"),
        ({"channel": "pull", "types": ["goal"]}, "/types/0"),
        ({"channel": "pull", "dossiers": ["42"]}, "/dossiers/0"),
        ({"channel": "pull", "colour": "red"}, "/colour"),
    ],
)
async def test_what_cannot_be_subscribed_to_is_said_by_field(desk: Desk, body: Any, pointer: str) -> None:
    answer = await desk.call("POST", "/v1/subscriptions", KARIN, body)
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_the_platform_has_nothing_to_subscribe_to(desk: Desk) -> None:
    assert (await desk.call("POST", "/v1/subscriptions", "!draad/", {"channel": "pull"})).status_code == 403


async def test_reading_goes_on_where_it_was(desk: Desk) -> None:
    own = await subscribed(desk)
    await desk.dossiers.allow(ONE, "gemeente")
    nothing, at = await desk.pages(f"{own}/deliveries", KARIN)
    assert nothing == []
    for _ in range(3):
        await desk.append(ONE)
    items, at = await desk.pages(f"{own}/deliveries", KARIN, after=at, limit="2")
    assert [(set(item), set(item["event"]), item["state"]) for item in items] == [
        ({"event", "state"}, THIN, "delivered")
    ] * 3
    assert [item["event"]["sequence"] for item in items] == ["1", "2", "3"]
    await desk.append(ONE)
    items, _ = await desk.pages(f"{own}/deliveries", KARIN, after=at)
    assert [item["event"]["sequence"] for item in items] == ["4"]
    foreign = await desk.call("GET", f"{own}/deliveries?after={at}&state=delivered", KARIN)
    assert foreign.status_code == 400, "a cursor serves the list it came from"


async def test_what_is_no_longer_permitted_is_left_out_and_the_rest_keeps_its_number(desk: Desk) -> None:
    own = await subscribed(desk)
    for dossier in (ONE, TWO, ONE, TWO):
        await desk.dossiers.allow(dossier, "gemeente")
        await desk.append(dossier)
    await desk.dossiers.withdraw(ONE, "gemeente")
    items, at = await desk.pages(f"{own}/deliveries", KARIN, limit="1")
    assert [(item["event"]["subject"], item["event"]["sequence"]) for item in items] == [
        (f"dossier/{TWO}", "1"),
        (f"dossier/{TWO}", "2"),
    ]
    await desk.dossiers.withdraw(TWO, "gemeente")
    empty = (await desk.call("GET", f"{own}/deliveries?after={at}", KARIN)).json()
    assert empty == {"items": [], "next": at}
    await desk.dossiers.allow(ONE, "gemeente")
    assert len((await desk.pages(f"{own}/deliveries", KARIN))[0]) == 2


async def test_more_dossiers_than_one_may_fence_at_once_are_one_list(desk: Desk) -> None:
    own = await subscribed(desk)
    for number in range(60):
        await desk.dossiers.allow(uuid5(SPACE, str(number)), "gemeente")
        await desk.dossiers.append(uuid5(SPACE, str(number)))
    await desk.settle()
    items, _ = await desk.pages(f"{own}/deliveries", KARIN, limit="100")
    assert len({item["event"]["subject"] for item in items}) == len(items) == 60


async def test_a_replay_makes_nothing_new(desk: Desk) -> None:
    own = await subscribed(desk)
    await desk.dossiers.allow(ONE, "gemeente")
    await desk.append(ONE)
    before, _ = await desk.pages(f"{own}/deliveries", KARIN)
    assert (await desk.call("POST", f"{own}/replays", KARIN)).status_code == 202
    pending, _ = await desk.pages(f"{own}/deliveries", KARIN, state="pending")
    assert pending == [before[0] | {"state": "pending"}]
    await desk.settle()
    assert (await desk.pages(f"{own}/deliveries", KARIN))[0] == before
    again = await desk.call("POST", f"{own}/replays", KARIN, {"dossiers": [str(TWO)]})
    assert again.status_code == 202
    assert (await desk.pages(f"{own}/deliveries", KARIN, state="pending"))[0] == []


async def test_entries_that_a_grant_opens_say_replay(desk: Desk) -> None:
    own = await subscribed(desk)
    await desk.append(ONE)
    await desk.dossiers.allow(ONE, "gemeente")
    await desk.append(ONE, history_to="gemeente")
    items, _ = await desk.pages(f"{own}/deliveries", KARIN)
    assert [(item["event"]["sequence"], item.get("replay")) for item in items] == [("1", None), ("2", True)]


async def test_ones_own_are_found_without_looking_at_those_of_others(desk: Desk) -> None:
    """As many as a region has; what is asked for at each read is answered by an index."""
    async with desk.database.connection() as conn:
        await conn.execute(
            """insert into notifications.subscriptions (id, owner, organisation, person, roles, channel, types)
            select gen_random_uuid(), 'o' || n % 50, 'o' || n % 50, 'p' || n, '{}', 'pull', '{}'
            from generate_series(1, 20000) as n"""
        )
        await conn.execute("analyze notifications.subscriptions")
        for statement, values in (
            (subscriptions._COUNT, ("o7", "")),
            (subscriptions._LIST, ("o7", "p7", 0, 25)),
            (subscriptions._FIND, ("o7", "p7", ONE)),
            (shelf._FEED, ("o7", "p7")),
            (shelf._HEADS, (["o7"], ["p7"])),
            (placing._PLACE, (["o7"], ONE, 1)),
        ):
            plan = await conn.fetch(f"explain {statement}", *values)
            assert "Seq Scan on subscriptions" not in str(plan), plan
