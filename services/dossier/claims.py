"""The one-time code by which a participant makes theirs a dossier that a professional opened (api.md §1)."""

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from services.dossier.domain.days import civil_day
from services.dossier.store import streams
from services.dossier.store.append import write_owner
from services.dossier.store.keyrings import Keyrings
from services.foundation.callers import Caller
from services.foundation.clock import now as business_now
from services.foundation.database.connection import Connection, Database
from services.foundation.problems import CONFLICT, FORBIDDEN, TOO_MANY_REQUESTS, Problem, not_found

DAYS: Final = 14
TRIES: Final = 5
# Without letters and digits that are mistaken for each other when read aloud.
ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
GROUPS, LENGTH = 5, 5


def new_code() -> str:
    """125 bits, in groups that can be read aloud."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(LENGTH)) for _ in range(GROUPS))


def hash_of(code: str) -> bytes:
    """A plain hash suffices: the code is random and long, and lives for two weeks."""
    return hashlib.sha256(code.replace("-", "").replace(" ", "").upper().encode()).digest()


def day_of(moment: datetime) -> str:
    return civil_day(moment).isoformat()


class Claims:
    def __init__(self, database: Database, keyrings: Keyrings) -> None:
        self._database, self._keyrings = database, keyrings

    async def now(self) -> datetime:
        async with self._database.connection() as conn:
            return await business_now(conn)

    def keeping(self, dossier_id: UUID, code: str) -> Callable[[Connection], Awaitable[None]]:
        """Stores the hash in the transaction that opens the dossier."""

        async def keep(conn: Connection) -> None:
            await conn.execute(
                "insert into dossier.claims (code_hash, dossier_id, expires_at) values ($1, $2, foundation.now() + $3)",
                hash_of(code),
                dossier_id,
                timedelta(days=DAYS),
            )

        return keep

    async def opened_before(self, dossier_id: UUID, event_id: UUID, told: Mapping[str, Any]) -> bool:
        """Whether this event opened it already; told otherwise, it is another event under a used id."""
        ring = await self._keyrings.fetch(dossier_id)
        if ring is None:
            return False
        async with self._database.connection() as conn:
            opening = await streams.first(conn, dossier_id, ring)
        if opening is None or opening.event_id != event_id:
            return False
        if any(opening.data[name] != value for name, value in told.items()):
            raise Problem(CONFLICT, "This key was used before for another opening; give a new one a new key.")
        return True

    async def renew(self, dossier_id: UUID, code: str) -> bool:
        """Another code in place of one that may never have arrived, as long as that was not redeemed."""
        async with self._database.connection() as conn:
            done = await conn.execute(
                "update dossier.claims set code_hash = $2 where dossier_id = $1 and redeemed_at is null",
                dossier_id,
                hash_of(code),
            )
        return bool(done == "UPDATE 1")

    async def redeem(self, caller: Caller, code: str) -> UUID:
        """Once, within 14 days, by a participant, who has five wrong tries a day."""
        if caller.kind != "participant" or caller.person is None:
            raise Problem(FORBIDDEN, "A code is redeemed by the participant, not by a professional.")
        async with self._database.transaction() as conn:
            dossier_id = await self._redeem(conn, caller.person, code)
        if dossier_id is None:
            raise not_found()
        return dossier_id

    async def _redeem(self, conn: Connection, person: str, code: str) -> UUID | None:
        """A wrong try is counted and committed before it is refused."""
        day = day_of(await business_now(conn))
        failed = await conn.fetchval(
            """insert into dossier.claim_tries (person, day, failed) values ($1, $2, 0)
               on conflict (person, day) do update set failed = claim_tries.failed returning failed""",
            person,
            day,
        )
        if failed >= TRIES:
            raise Problem(TOO_MANY_REQUESTS, "Too many wrong codes today; try again tomorrow.", retry_after=3600)
        claimed = await conn.fetchval(
            """update dossier.claims set redeemed_at = foundation.now()
               where code_hash = $1 and redeemed_at is null and expires_at > foundation.now() returning dossier_id""",
            hash_of(code),
        )
        if claimed is None:
            await conn.execute(
                "update dossier.claim_tries set failed = failed + 1 where person = $1 and day = $2", person, day
            )
            return None
        dossier_id = UUID(int=claimed.int)
        await write_owner(conn, dossier_id, person)
        return dossier_id
