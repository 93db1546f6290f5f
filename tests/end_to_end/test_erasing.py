"""An erased dossier does not exist any more: not for its participant, not in an index, not for who holds a backup."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from services.foundation.database.embedded import KEYS, MAIN
from tests import lives, sandboxes
from tests.end_to_end import in_clear
from tests.lives import BEFORE, Life, but_for_instance, opening
from tests.sandboxes import Api, Sandbox

ERASING = {"erased_at": BEFORE, "ground": "court_order", "decided_by": "rechtbank"}


@pytest.fixture(scope="module")
def kept() -> Iterator[Sandbox]:
    with sandboxes.running() as sandbox:
        yield sandbox


@pytest.fixture
def erased(kept: Sandbox) -> Iterator[Life]:
    api = Api(kept.url)
    life = lives.opened(api)
    life.grant("rwc")
    life.goal()
    life.say("system", "dossier.erased", ERASING)
    yield life
    api.close()


def test_it_is_for_everybody_what_an_unknown_one_is(erased: Life) -> None:
    for actor in ("noor", "mieke", "system", "hetty"):
        for path in (erased.path, erased.events, f"{erased.path}/grants", f"{erased.path}/access-log"):
            assert but_for_instance(erased.get(path, actor)) == erased.unknown(actor)
        assert erased.get("/v1/dossiers", actor).json()["items"] == []
    goal = {"goal_id": "g2", "text": "Werken", "set_by": "participant"}
    for actor in ("noor", "mieke"):
        assert but_for_instance(erased.post(actor, erased.event(actor, "goal.set", goal))) == erased.unknown(actor)
    assert erased.post("system", erased.event("system", "dossier.erased", ERASING)).status_code == 404


def test_nothing_of_it_is_told_any_more(erased: Life) -> None:
    subscription = erased.call("POST", "/v1/subscriptions", "mieke", {"channel": "pull"}).json()["id"]
    erased.api.clock()
    assert erased.get(f"/v1/subscriptions/{subscription}/deliveries", "mieke").json()["items"] == []
    assert erased.get("/v1/feed", "mieke").json()["items"] == []


def test_its_id_stays_used_and_tells_nothing(erased: Life) -> None:
    other = Life(erased.api, erased.number).enter()
    other.open()
    again = erased.post("noor", erased.event("noor", "dossier.opened", opening(erased.dossier)))
    used = other.post("noor", other.event("noor", "dossier.opened", opening(other.dossier)))
    assert again.status_code == 409
    assert but_for_instance(again) == but_for_instance(used)


def test_its_keys_are_gone_and_what_could_be_rebuilt_is_wiped(kept: Sandbox, erased: Life) -> None:
    erased.api.clock()

    async def counts() -> tuple[dict[str, int], int, int, int]:
        main, keys = await asyncpg.connect(kept.database_url(MAIN)), await asyncpg.connect(kept.database_url(KEYS))
        try:
            left = {
                table: await main.fetchval(f"select count(*) from {table} where dossier_id = $1", erased.dossier)
                for table in in_clear.MAIN
                if "dossier_id" in in_clear.MAIN[table]
            }
            wrapped = await keys.fetchval(
                "select count(*) from keys.dossier_keys where dossier_id = $1", erased.dossier
            )
            classes = await keys.fetchval("select count(*) from keys.class_keys where dossier_id = $1", erased.dossier)
            gone = await keys.fetchval("select count(*) from keys.destroyed where dossier_id = $1", erased.dossier)
            return left, wrapped, classes, gone
        finally:
            await main.close()
            await keys.close()

    left, wrapped, classes, gone = asyncio.run(counts())
    stays = {"dossier.events", "dossier.outbox", "dossier.ledger", "notifications.streams"}
    assert {table for table, count in left.items() if count} <= stays | {
        "notifications.lanes",
        "notifications.deliveries",
    }
    assert left["dossier.ledger"] > 0
    assert (wrapped, classes, gone) == (0, 0, 1)
