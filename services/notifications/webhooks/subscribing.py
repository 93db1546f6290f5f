"""What an owner does with a webhook: make it, see how it stands, open it, replace its keys, try it out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson

from services.foundation.database.connection import Connection, Database
from services.foundation.problems import BAD_REQUEST, CONFLICT, FieldError, Problem
from services.notifications.webhooks import keys, standing
from services.notifications.webhooks.handshake import agreed
from services.notifications.webhooks.keys import EndpointKeys, Live, Made
from services.notifications.webhooks.lines import Lines, NoAnswer
from services.notifications.webhooks.messages import message_id, posted
from services.notifications.webhooks.outcomes import Outcome, answered
from services.notifications.webhooks.signatures import Scheme
from services.notifications.webhooks.walls import NoEndpoint, Walls

Json = dict[str, Any]
TESTED = "nl.dossier.subscription.tested"


@dataclass(frozen=True)
class Webhooks:
    """`origin`: who we are in the handshake, a host name; `source`: of the event in a test delivery."""

    database: Database
    walls: Walls
    lines: Lines
    keys: EndpointKeys
    origin: str
    source: str

    async def prepared(self, id: UUID, url: str | None, schemes: Sequence[Scheme]) -> list[Made]:
        """New keys for an endpoint that may be one; Problem 400."""
        try:
            self.walls.target(url or "")
        except NoEndpoint as refused:
            raise Problem(BAD_REQUEST, errors=[FieldError("/endpoint", str(refused))]) from None
        return await self.keys.made(id, tuple(dict.fromkeys(schemes)))

    async def shake_hands(self, id: UUID) -> None:
        """In no transaction but its own last one; how it went stands in the endpoint's row."""
        async with self.database.connection() as conn:
            endpoint = await standing.find(conn, id)
        if endpoint is not None:
            agreement = await agreed(self.lines, self.walls, endpoint.url, self.origin)
            async with self.database.transaction() as conn:
                await standing.agreed(conn, id, agreement)

    async def rotate(self, id: UUID, overlap: timedelta) -> list[Json]:
        """New keys of the kinds there are; all that sign from now on."""
        async with self.database.connection() as conn:
            before = await keys.live(conn, id)
        made = await self.keys.made(id, sorted({key.scheme for key in before}, reverse=True))
        async with self.database.transaction() as conn:
            await keys.replace_by(conn, id, made, overlap)
            return [_key(key, made) for key in await keys.live(conn, id)]

    async def try_out(self, id: UUID) -> Json:
        """A signed event about nobody, sent now; Problem 409 before the receiver agreed to anything."""
        async with self.database.connection() as conn:
            endpoint = await standing.find(conn, id)
            live = await keys.live(conn, id)
        if endpoint is None or endpoint.health.state == "pending":
            says = "Open it first: PATCH it with state active, and answer the handshake."
            raise Problem(CONFLICT, says if endpoint else "Nothing is sent on this channel: fetch its deliveries.")
        event = self._test_event(id)
        named = message_id(id, event["id"])
        outcome = await self._sent(id, endpoint.url, live, named, event)
        told: Json = {"state": "accepted" if outcome.is_accepted else "failed", "webhook_id": named}
        return told | _told(status=outcome.status, reason=outcome.reason)

    async def shown(self, conn: Connection, id: UUID, made: Sequence[Made] = ()) -> Json | None:
        """How it stands, with its keys; `made` just now are shown whole."""
        endpoint = await standing.find(conn, id)
        if endpoint is None:
            return None
        health = endpoint.health
        shown: Json = {"endpoint": endpoint.url, "state": health.state}
        shown |= _told(reason=health.reason, failing_since=health.failing_since, rate=endpoint.rate)
        return shown | {"keys": [_key(key, made) for key in await keys.live(conn, id)]}

    async def _sent(self, id: UUID, url: str, live: Sequence[Live], named: str, event: Json) -> Outcome:
        signing = await self.keys.signing(id, live)
        try:
            target = self.walls.target(url)
            line = await self.lines.to(target)
            now = int(datetime.now(UTC).timestamp())
            await line.write(posted(target, signing, named, now, orjson.dumps(event)))
            answer = await line.answer()
        except NoEndpoint:
            return Outcome("unsafe")
        except NoAnswer as none:
            return Outcome(none.reason)
        return answered(answer.status)

    def _test_event(self, id: UUID) -> Json:
        return {
            "specversion": "1.0",
            "id": str(uuid4()),
            "source": self.source,
            "type": TESTED,
            "subject": f"subscription/{id}",
            "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        }


def _key(key: Live, made: Sequence[Made]) -> Json:
    secret = next((one.shared for one in made if one.id == key.id), None)
    shown: Json = {"id": str(key.id), "scheme": key.scheme, "created_at": key.created_at}
    return shown | _told(public_key=key.public, secret=secret, ends_at=key.ends_at)


def _told(**facts: Any) -> Json:
    return {name: value for name, value in facts.items() if value is not None}
