"""Looks at several dossiers at once: under their fences, at what is kept of them or made anew, each look logged."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from uuid import UUID

from services.dossier.domain.days import civil_day
from services.dossier.domain.numbers import Numbers
from services.dossier.envelopes import Json
from services.dossier.gate import facts, fence, ledger, outlooks
from services.dossier.gate.decision import Permit, Prohibitions, Reader, Subject, decide, live_grants
from services.dossier.gate.facts import Known
from services.dossier.gate.overviews import last_moment
from services.dossier.gate.release import MOST_TRIES, may_know, standing
from services.dossier.gate.sight import Sight
from services.dossier.store.keyrings import Keyrings, StaleKeys
from services.foundation.database.connection import Connection, Database
from services.foundation.problems import UNAVAILABLE, Problem


@dataclass(frozen=True)
class Seen:
    """A dossier that the reader may know, with what it may know of it at a moment."""

    known: Known
    at: datetime
    sight: Sight

    @cached_property
    def day(self) -> date:
        return civil_day(self.at)


# Picks, in the transaction that decides, what is shown of what may be.
Show = Callable[[Connection, Sequence[Seen]], Awaitable[Sequence[Seen]]]
# The sequence of an entry that an item of a list comes from, and what tells it: only what is shown was told.
Listed = tuple[int, Callable[[], Json]]


@dataclass(frozen=True)
class Look:
    """Who looks, by which numbers of the rules, and until when it counts what happened; absent: until now."""

    reader: Reader
    numbers: Numbers
    occurred_before: datetime | None = None

    @cached_property
    def made_by(self) -> int:
        return outlooks.maker(self.numbers)


class Sights:
    def __init__(self, database: Database, keyrings: Keyrings, law: Prohibitions) -> None:
        self._database, self._keyrings, self._law = database, keyrings, law

    async def over(self, look: Look, dossier_ids: Iterable[UUID], show: Show) -> list[Seen]:
        """Of those that the reader may know, what `show` picks: of these alone something was told, and is logged.

        Fences in ascending order of id, at most 25 a transaction. What this gives was decided under them.
        """
        found: list[Seen] = []
        ids = sorted(dossier_ids)
        for begin in range(0, len(ids), fence.MOST_FENCES):
            found += await self._chunk(look, ids[begin : begin + fence.MOST_FENCES], show)
        return found

    async def one_after_another(
        self, look: Look, might: str, listed: Callable[[Seen], Iterable[Listed]], after: tuple[int, int], limit: int
    ) -> tuple[list[Json], tuple[int, int]]:
        """Items of all dossiers that the reader may know, dossier after dossier, in each in the order of its entries.

        `might`: which those may be, in the order of their numbers (as `MIGHT_KNOW`). `after`: the number of a dossier,
        and a sequence in it; given back is that of the last item. A row in the log for each dossier that is shown.
        """
        who = look.reader.person, look.reader.organisation
        items: list[Json] = []
        number, sequence = after
        while True:
            async with self._database.connection() as conn:
                rows = await conn.fetch(might, *who, max(number - 1, 0), fence.MOST_FENCES)
            for row in rows:
                begin = sequence if row["number"] == number else 0
                for last, item in await self._of_one(look, UUID(int=row["id"].int), listed, begin, limit - len(items)):
                    items.append(item)
                    after = row["number"], last
                if len(items) >= limit:
                    return items, after
            if len(rows) < fence.MOST_FENCES:
                return items, after
            number, sequence = rows[-1]["number"] + 1, 0

    async def _of_one(
        self, look: Look, dossier_id: UUID, listed: Callable[[Seen], Iterable[Listed]], after: int, most: int
    ) -> list[tuple[int, Json]]:
        """Of a dossier that the list leads to: what it may not know is not there, and was not asked for."""
        found: list[tuple[int, Json]] = []

        async def show(_conn: Connection, several: Sequence[Seen]) -> Sequence[Seen]:
            for seen in several:
                left = sorted((each for each in listed(seen) if each[0] > after), key=lambda each: each[0])
                found.extend((sequence, tell()) for sequence, tell in left[:most])
            return several if found else ()

        await self.over(look, [dossier_id], show)
        return found

    async def _chunk(self, look: Look, ids: Sequence[UUID], show: Show) -> list[Seen]:
        for _ in range(MOST_TRIES):
            missing: list[UUID] = []
            async with self._database.transaction(*(fence.shared(id_) for id_ in ids)) as conn:
                seen = await self._seen(conn, look, ids, missing)
                if not missing:
                    shown = await show(conn, seen)
                    await ledger.permitted_each(conn, [logged(look.reader, each) for each in shown])
            if not missing:
                return list(shown)
            await self._keyrings.fetch_many(missing)
        raise Problem(UNAVAILABLE, "Access to a dossier is changing, or its keys cannot be had now; ask again.")

    async def _seen(self, conn: Connection, look: Look, ids: Sequence[UUID], missing: list[UUID]) -> list[Seen]:
        """`missing` takes the dossiers whose keys are not at hand: they are fetched outside the fence."""
        reader = look.reader
        may = {known.dossier_id: known for known in await facts.places(conn, ids, reader) if may_know(reader, known)}
        for id_, known in may.items():
            try:
                self._keyrings.at_hand(id_, known.epoch)
            except StaleKeys:
                missing.append(id_)
        if missing:
            return []
        return await self.within(conn, look, list(may.values()))

    async def within(self, conn: Connection, look: Look, several: Sequence[Known]) -> list[Seen]:
        """In a transaction that holds their fences; of dossiers that the reader may know. Raises `StaleKeys`."""
        kept = await outlooks.kept(conn, [known.dossier_id for known in several], look.made_by)
        found: list[Seen] = []
        fresh: list[outlooks.Made] = []
        for known in several:
            id_, ring = known.dossier_id, self._keyrings.at_hand(known.dossier_id, known.epoch)
            at = last_moment(known.now, look.occurred_before)
            sequence, sealed = kept.get(id_, (0, b""))
            plain = {}
            if at == known.now and sequence == known.head:
                plain = outlooks.opened(ring, id_, sequence, sealed)
            if not plain or await outlooks.is_told_now(conn, id_, plain):
                made = await outlooks.make(conn, id_, ring, at, look.numbers)
                plain = made.plain
                if at == known.now:
                    fresh.append(made)
            found.append(Seen(known, at, Sight(plain, self._may(look.reader, known))))
        rings = {each.dossier_id: self._keyrings.at_hand(each.dossier_id, each.epoch) for each in several}
        await outlooks.keep(conn, rings.__getitem__, look.made_by, fresh)
        return found

    def _may(self, reader: Reader, known: Known) -> Callable[[Subject], bool]:
        return lambda subject: isinstance(decide(reader, known.place, subject, known.now, self._law), Permit)


def logged(reader: Reader, seen: Seen) -> ledger.Row:
    known = seen.known
    event_ids, classes = seen.sight.told
    return ledger.Row(
        known.dossier_id,
        standing(reader, known),
        known.now,
        "list",
        event_ids,
        classes,
        live_grants(reader, known.place, known.now, "read"),
        ledger.reason_of(known.place),
    )
