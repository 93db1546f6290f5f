"""A webhook as its owner makes it, sees it and reads its log; and the time that passes meanwhile."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from services.foundation.clock import advance
from tests.desk import Desk
from tests.receivers import Receiver

SPACE = UUID("00000000-0000-4000-8000-000000000009")
ONE, TWO = uuid5(SPACE, "one"), uuid5(SPACE, "two")
KARIN = "gemeente/karin"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def time_passes(desk: Desk, **time: float) -> None:
    async with desk.database.connection() as conn:
        await advance(conn, await conn.fetchval("select foundation.now()") + timedelta(**time))
    await desk.settle()


async def webhook(desk: Desk, receiver: Receiver, *schemes: str, who: str = KARIN, **more: Any) -> dict[str, Any]:
    body = {"channel": "webhook", "endpoint": receiver.url, "signatures": list(schemes) or ["v1a"]} | more
    answer = await desk.call("POST", "/v1/subscriptions", who, body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def shown(desk: Desk, made: dict[str, Any], who: str = KARIN) -> dict[str, Any]:
    answer = await desk.call("GET", f"/v1/subscriptions/{made['id']}", who)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()["webhook"]
    return found


async def log_of(desk: Desk, made: dict[str, Any], **query: str) -> list[dict[str, Any]]:
    return (await desk.pages(f"/v1/subscriptions/{made['id']}/deliveries", KARIN, **query))[0]


async def allowed(desk: Desk, *dossiers: UUID, to: str = "gemeente") -> None:
    for dossier in dossiers:
        await desk.dossiers.allow(dossier, to)


async def troubled(desk: Desk, receiver: Receiver, dossiers: Sequence[UUID]) -> dict[str, Any]:
    """Something of each of these failed, and is to be tried again later."""
    made = await webhook(desk, receiver)
    await allowed(desk, *dossiers)
    for dossier in dossiers:
        await desk.dossiers.append(dossier)
    await desk.settle()
    assert (await shown(desk, made))["state"] == "degraded"
    return made
