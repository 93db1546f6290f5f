"""The lanes of a webhook: each in order, none held up by another, none sent what may no longer be known."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

import pytest

from services.foundation.clock import advance
from services.foundation.database.connection import AWAY, Connection
from services.foundation.database.embedded import Server
from services.notifications import trouble
from services.notifications.parked import resume_lanes
from services.notifications.placing import Placing
from services.notifications.ports import Candidates, Thin
from services.notifications.webhooks import courier
from services.notifications.webhooks.deliverer import Deliverer
from tests.desk import Desk
from tests.pairs import shut
from tests.receivers import Behaviour, hang, held_answer, in_turn, receiving, status
from tests.waiting import HOW_MANY_WAIT
from tests.webhooks import KARIN, NOW, ONE, TWO, allowed, log_of, shown, time_passes, webhook

pytestmark = pytest.mark.anyio


async def test_what_may_no_longer_be_known_is_not_sent_again(desk: Desk) -> None:
    async with receiving(in_turn(status(500), status(204))) as receiver:
        made = await webhook(desk, receiver)
        await allowed(desk, ONE)
        for _ in range(2):
            await desk.append(ONE)
        await desk.dossiers.withdraw(ONE, "gemeente")
        await time_passes(desk, days=1)
        assert len(receiver.got) == 1
        assert await log_of(desk, made) == []
        async with desk.database.connection() as conn:
            rows = await conn.fetch("select sequence, state, number from notifications.deliveries order by sequence")
            assert await conn.fetchval("select count(*) from fake.ledger") == 1
        assert [tuple(row) for row in rows] == [(1, "dropped", 1), (2, "dropped", None)]
        await allowed(desk, ONE)
        await desk.append(ONE)
        assert receiver.sequences == [1, 2], "a number that may have been seen is never another's"


async def test_a_replay_comes_under_the_same_id_and_number(desk: Desk) -> None:
    async with receiving() as receiver:
        made = await webhook(desk, receiver)
        await allowed(desk, ONE)
        for _ in range(2):
            await desk.append(ONE)
        first = [(got.id, got.body) for got in receiver.got]
        await desk.call("POST", f"/v1/subscriptions/{made['id']}/replays", KARIN)
        await desk.settle()
        assert [(got.id, got.body) for got in receiver.got] == first * 2
        await desk.dossiers.withdraw(ONE, "gemeente")
        await desk.call("POST", f"/v1/subscriptions/{made['id']}/replays", KARIN)
        await desk.settle()
        assert len(receiver.got) == 4


async def test_one_that_hangs_holds_up_nobody_else(desk: Desk) -> None:
    async with receiving(hang) as slow, receiving() as quick:
        await webhook(desk, slow, who="traag/")
        await webhook(desk, quick, who="vlug/")
        await allowed(desk, ONE, to="traag")
        await desk.place(ONE)
        turn = desk.start(desk.deliverer.run_once())
        await desk.until(lambda: len(slow.got) == 1)
        await allowed(desk, TWO, to="vlug")
        await desk.place(TWO)
        await desk.until(lambda: len(quick.got) == 1)
        assert not turn.done()
        slow.released.set()
        await turn


async def test_what_comes_while_an_answer_is_written_down_is_sent_too(desk: Desk) -> None:
    """Whoever puts it in the lane holds the lane's row: who completes has to look after that, not before."""
    async with receiving(in_turn(held_answer, status(204))) as receiver:
        await webhook(desk, receiver)
        await allowed(desk, ONE)
        await desk.place(ONE)
        turn = desk.start(desk.deliverer.run_once())
        await desk.until(lambda: len(receiver.got) == 1)
        await desk.dossiers.append(ONE)
        async with desk.database.transaction() as conn:
            placing = Placing(conn, desk.dossiers)
            placing.touch(await placing.place(ONE, 2))
            await placing.finish()
            receiver.released.set()
            await desk.until_async(lambda: desk.fetchval(HOW_MANY_WAIT))
        await turn
        await desk.deliverer.run_once()
        assert receiver.sequences == [1, 2]


@pytest.mark.parametrize("behave", [held_answer, hang])
async def test_an_answer_that_comes_while_the_database_is_away_is_written_down_when_it_is_back(
    desk: Desk, server: Server, monkeypatch: pytest.MonkeyPatch, behave: Behaviour
) -> None:
    """Without waiting for a lease, and without sending again what was accepted."""
    troubles = list[Exception]()

    def passes(error: Exception) -> bool:
        troubles.append(error)
        return trouble.passes(error)

    monkeypatch.setattr(courier, "passes", passes)
    async with receiving(in_turn(behave, status(204))) as receiver:
        made = await webhook(desk, receiver)
        await allowed(desk, ONE)
        await desk.place(*[ONE] * 2)
        turn = desk.start(desk.deliverer.run_once())
        await desk.until(lambda: len(receiver.got) == 1)
        async with shut(server, desk.database.url):
            receiver.released.set()
            await desk.until(lambda: len(troubles) > 1)
            with pytest.raises(AWAY):
                await turn
        await desk.deliverer.run_once()
        async with desk.database.connection() as conn:
            await advance(conn, NOW + timedelta(minutes=1))
        await desk.deliverer.run_once()
        assert receiver.sequences == ([1, 2] if behave is held_answer else [1, 1, 2])
        assert [item["state"] for item in await log_of(desk, made)] == ["delivered"] * 2


async def test_whoever_places_what_comes_next_waits_for_no_decision(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    deciding, decide = asyncio.Event(), asyncio.Event()
    delivered = desk.dossiers.delivered

    async def slowly(conn: Connection, one: Candidates) -> Mapping[int, Thin]:
        deciding.set()
        await decide.wait()
        return await delivered(conn, one)

    monkeypatch.setattr(desk.dossiers, "delivered", slowly)
    async with receiving() as receiver:
        await webhook(desk, receiver)
        await allowed(desk, ONE)
        await desk.place(ONE)
        turn = desk.start(desk.deliverer.run_once())
        await deciding.wait()
        await desk.dossiers.append(ONE)
        await desk.relay.run_once()
        assert await desk.notifier.run_once() == 1
        decide.set()
        await turn
        assert receiver.sequences == [1, 2]


async def test_one_that_cannot_be_decided_stands_still_alone_and_goes_on_in_order(desk: Desk) -> None:
    """Also where it is decided together with others: of the same receiver, and of the same dossier."""
    async with receiving() as receiver, receiving() as other:
        await webhook(desk, receiver)
        await webhook(desk, other, who="vlug/")
        await allowed(desk, ONE, TWO)
        await allowed(desk, ONE, to="vlug")
        desk.dossiers.broken.add((ONE, 2))
        for dossier in (ONE, TWO, ONE, TWO, ONE, TWO):
            await desk.dossiers.append(dossier)
        await desk.settle()

        def got_of(dossier: UUID) -> list[int]:
            return [int(g.event["sequence"]) for g in receiver.got if g.event["subject"] == f"dossier/{dossier}"]

        assert (got_of(ONE), got_of(TWO), other.sequences) == ([1], [1, 2, 3], [1])
        parked = "select count(*) from notifications.lanes where parked_at is not null and reason = 'LookupError'"
        assert await desk.fetchval(parked) == 2
        desk.dossiers.broken.clear()
        await desk.settle()
        assert got_of(ONE) == [1], "nothing goes on by itself"
        async with desk.database.connection() as conn:
            assert len(await resume_lanes(conn, {ONE})) == 2
        await desk.settle()
        assert (got_of(ONE), other.sequences) == ([1, 2, 3], [1, 2, 3])


async def test_a_sender_that_comes_back_after_its_lease_changes_nothing(desk: Desk) -> None:
    async with receiving(in_turn(hang, status(204))) as receiver:
        made = await webhook(desk, receiver)
        await allowed(desk, ONE)
        await desk.place(*[ONE] * 2)
        turn = desk.start(Deliverer(desk.database, desk.deliverer._courier, lease=1.0).run_once())
        await desk.until(lambda: len(receiver.got) == 3)
        receiver.released.set()
        await turn
        assert receiver.sequences == [1, 1, 2]
        log = await log_of(desk, made)
        assert [(item["state"], item["sending"].get("reason")) for item in log] == [("delivered", None)] * 2
        assert "failing_since" not in await shown(desk, made), "its failure is nobody's any more"


async def test_a_receiver_gets_no_more_a_minute_than_it_allowed(desk: Desk) -> None:
    async with receiving() as receiver:
        receiver.rate = "2"
        made = await webhook(desk, receiver)
        assert made["webhook"]["rate"] == 2
        await allowed(desk, ONE, TWO)
        for dossier in (ONE, TWO, ONE):
            await desk.append(dossier)
        assert len(receiver.got) == 1
