"""The list of the dossiers that one may know: a line for each, and a row in its log for each that is shown."""

from collections.abc import Sequence
from uuid import UUID

from services.dossier.domain.numbers import Numbers
from services.dossier.envelopes import Json, utc
from services.dossier.gate import facts, fence
from services.dossier.gate.decision import Permit, Prohibitions, Reader, decide
from services.dossier.gate.facts import Row
from services.dossier.gate.looking import Look, Seen, Sights
from services.dossier.gate.overviews import MIGHT_KNOW
from services.dossier.gate.release import CHUNK
from services.foundation.database.connection import Connection, Database


class Listing:
    def __init__(self, database: Database, sights: Sights, law: Prohibitions) -> None:
        self._database, self._sights, self._law = database, sights, law

    async def dossiers(self, reader: Reader, after: int, limit: int, numbers: Numbers) -> tuple[list[Json], int]:
        """A page, and where reading goes on: after the last one shown, never after one that is not."""
        look = Look(reader, numbers)
        found: list[tuple[int, Json]] = []
        at = after
        while len(found) < limit:
            most = min(fence.MOST_FENCES, limit - len(found))  # what is decided is logged, and no more than is shown
            async with self._database.connection() as conn:
                rows = await conn.fetch(MIGHT_KNOW, reader.person, reader.organisation, at, most)
            number_of = {UUID(int=row["id"].int): row["number"] for row in rows}
            items: dict[UUID, Json] = {}

            async def show(
                conn: Connection, several: Sequence[Seen], items: dict[UUID, Json] = items
            ) -> Sequence[Seen]:
                for seen in several:
                    items[seen.known.dossier_id] = await self._item(conn, reader, seen)
                return several

            await self._sights.over(look, number_of, show)
            found += sorted(((number_of[id_], item) for id_, item in items.items()), key=lambda pair: pair[0])
            if len(rows) < most:
                break
            at = rows[-1]["number"]
        return [item for _, item in found], found[-1][0] if found else after

    async def _item(self, conn: Connection, reader: Reader, seen: Seen) -> Json:
        latest = await self._latest(conn, reader, seen)
        if latest is not None:
            seen.sight.tell(latest.subject.event_id, latest.subject.privacy_class)
        item: Json = {
            "id": str(seen.known.dossier_id),
            "stage": seen.sight.stage(seen.day),
            "contact_person": seen.sight.contact_person(),
            "last_event_at": None if latest is None else utc(latest.recorded_at),
        }
        return {name: value for name, value in item.items() if value is not None}

    async def _latest(self, conn: Connection, reader: Reader, seen: Seen) -> Row | None:
        """The last entry that the reader may read."""
        known = seen.known
        before = known.head + 1
        while rows := await conn.fetch(facts.LATEST, known.dossier_id, before, CHUNK):
            for row in map(facts.row_of, rows):
                if isinstance(decide(reader, known.place, row.subject, known.now, self._law), Permit):
                    return row
            before = rows[-1]["sequence"]
        return None
