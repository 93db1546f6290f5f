"""An operator sees what stands still on its way out and which webhooks fail, and lets it go on beside what runs."""

import asyncio
import re
from uuid import UUID, uuid5

from services.events.relay import Relay
from services.foundation.bus.port import Record
from services.foundation.bus.postgres import PostgresBus
from services.foundation.clock import now
from services.foundation.database.connection import Database
from services.notifications import subscriptions
from services.notifications.lanes import Lanes
from services.notifications.notifier import TOPIC, Notifier
from services.notifications.ports import Reader
from services.notifications.webhooks import standing
from services.notifications.webhooks.handshake import Agreement
from services.notifications.webhooks.outcomes import answered
from tests.desk import open_desk
from tests.dossiers import Dossiers, subscribe
from tests.end_to_end.processes import draad, running
from tests.end_to_end.test_parts import installation
from tests.pairs import Urls
from tests.sandboxes import Api
from tests.webhooks import allowed

SPACE = UUID("00000000-0000-4000-8000-000000000013")
LANE, POISONED, GONE, ENDED, WAITS = (uuid5(SPACE, name) for name in ("lane", "poisoned", "gone", "ended", "waits"))
KARIN, NOOR = Reader("oosterlo", "karin", frozenset()), Reader(None, "noor", frozenset())
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")


async def prepared(url: str) -> UUID:
    """A lane that met a fault, two entries behind one that cannot be applied, another behind a gap, and a stray record.

    Of dossiers that the real audience and the real gate do not know, so that they tell nobody of them.
    """
    database = await Database.open(url, size=4)
    try:
        dossiers, bus = await Dossiers.begin(database), PostgresBus(database)
        relay, notifier = Relay(database, bus), Notifier(database, bus, dossiers)
        subscription = await subscribe(database, "oosterlo")
        await dossiers.allow(LANE, "oosterlo")
        dossiers.broken.add((LANE, 1))
        dossiers.poison.add((POISONED, 1))
        for dossier_id in (LANE, POISONED, POISONED, GONE):
            await dossiers.append(dossier_id)
        async with database.connection() as conn:
            await conn.execute("delete from dossier.outbox where dossier_id = $1", GONE)
        await dossiers.append(GONE)
        await relay.run_once()
        await bus.publish(TOPIC, [Record("nobody", b"{")])
        await notifier.run_once()
        await Lanes(database, dossiers).run_once()
        for each in (relay, notifier, bus):
            await each.close()
    finally:
        await database.close()
    return subscription


def test_what_stands_still_is_listed_by_ids_and_goes_on(urls: Urls) -> None:
    given = installation(urls, "https://login.example.org")
    none = draad("deliveries", "parked", given=given)
    assert (none.status, none.said.strip()) == (0, "Nothing stands still.")

    subscription = asyncio.run(prepared(urls.main))
    listed = draad("deliveries", "parked", given=given)
    assert listed.status == 1, listed
    lines = [MOMENT.sub("THEN", line) for line in listed.said.splitlines()]
    of_gone, of_poisoned = (
        f"dossier {GONE}: since THEN, gap, 1 parked from sequence 2",
        f"dossier {POISONED}: since THEN, poison, 2 parked from sequence 1",
    )
    assert lines[0] == f"lane of subscription {subscription} in dossier {LANE}: since THEN, LookupError"
    assert sorted(lines[1:3]) == sorted([of_gone, of_poisoned])
    assert re.fullmatch(r"record that is no entry: partition \d+, offset \d+, since THEN, undecodable", lines[3])
    assert len(lines) == 4

    elsewhere = draad("deliveries", "resume", str(uuid5(SPACE, "elsewhere")), given=given)
    assert elsewhere.status == 0
    assert elsewhere.said.splitlines() == [
        "Dossiers at the notifier: 0 went on, 0 stand still again.",
        "Lanes: 0 went on, 0 stand still again.",
    ]

    one = draad("deliveries", "resume", str(POISONED), given=given)
    assert (one.status, one.said.splitlines()[0]) == (0, "Dossiers at the notifier: 1 went on, 0 stand still again.")

    with running("serve", "lanes", given=given) as serving:
        assert serving.process.stdout is not None
        assert "draad lanes works" in serving.process.stdout.readline()
        all_ = draad("deliveries", "resume", given=given)
    assert all_.status == 1, "nothing fills the gap"
    assert all_.said.splitlines() == [
        "Dossiers at the notifier: 0 went on, 1 stand still again.",
        "Lanes: 1 went on, 0 stand still again.",
    ]
    rest = draad("deliveries", "parked", given=given).said.splitlines()
    assert [line.partition(":")[0] for line in rest] == [f"dossier {GONE}", "record that is no entry"]


def test_a_lane_that_nobody_serves_is_told_as_not_tried(urls: Urls) -> None:
    given = installation(urls, "https://login.example.org")
    asyncio.run(prepared(urls.main))
    resumed = draad("deliveries", "resume", str(LANE), given=given)
    assert resumed.status == 0, resumed
    assert "Lanes: 0 went on, 0 stand still again, 1 not tried yet (do `draad serve lanes`" in resumed.said


async def with_webhooks(url: str) -> None:
    """One that its receiver ended, with something that waits for it; and one that has yet to agree."""
    database = await Database.open(url, size=2)
    try:
        async with database.transaction() as conn:
            for id_, reader in ((ENDED, KARIN), (WAITS, NOOR)):
                await subscriptions.create(conn, id_, reader, "webhook", (), None)
                await standing.create(conn, id_, reader.owner, "https://hooks.example.org/not-told")
            await standing.agreed(conn, ENDED, Agreement(answered(204)))
        async with open_desk(database) as desk:
            await allowed(desk, LANE, to="oosterlo")
            await desk.place(LANE)
        async with database.transaction() as conn:
            await standing.after(conn, ENDED, answered(410), await now(conn))
    finally:
        await database.close()


def test_webhooks_that_fail_are_listed_with_whom_to_tell(urls: Urls) -> None:
    given = installation(urls, "https://login.example.org")
    none = draad("deliveries", "webhooks", given=given)
    assert (none.status, none.said.strip()) == (0, "All webhooks go.")
    asyncio.run(with_webhooks(urls.main))
    listed = draad("deliveries", "webhooks", given=given)
    assert listed.status == 1, listed
    assert [MOMENT.sub("THEN", line) for line in listed.said.splitlines()] == [
        f"webhook of subscription {ENDED} at hooks.example.org: retired since THEN, gone; 1 dossier waits; "
        "organisation oosterlo, person karin",
        f"webhook of subscription {WAITS} at hooks.example.org: pending; 0 dossiers wait; person noor",
    ]


def test_what_waits_is_at_metrics(api: Api) -> None:
    told = api.call("GET", "/metrics", None).text
    for line in ("draad_lanes_parked 0.0", "draad_entries_parked 0.0", 'draad_webhooks{status="paused"} 0.0'):
        assert line in told.splitlines()
    for name in ("draad_outbox_unpublished", "draad_outbox_oldest_seconds", "draad_lanes_waiting"):
        assert re.search(rf"^{name} \d", told, re.MULTILINE)
