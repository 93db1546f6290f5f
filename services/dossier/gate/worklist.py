"""What a person or a team must act on: each told no more of it than they may read, and always whom to turn to."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from typing import Final
from uuid import UUID

from services.dossier.domain.numbers import Numbers
from services.dossier.gate import fence
from services.dossier.gate.decision import Prohibitions, Reader
from services.dossier.gate.looking import Look, Seen, Sights
from services.dossier.gate.overviews import MIGHT_KNOW
from services.dossier.gate.release import Json, standing
from services.dossier.gate.sight import Addressed, Question
from services.dossier.trajectory import tasks
from services.dossier.trajectory.acts import acts_for
from services.dossier.trajectory.tasks import Somebody
from services.foundation.database.connection import Connection, Database

# Of the dossiers that one might know, those in which somebody was asked or warned.
MIGHT_HAVE: Final = MIGHT_KNOW.replace(
    "order by d.number",
    """and exists (select from dossier.index_entries i where i.dossier_id = d.id
              and i.type in ('nl.dossier.signal.raised', 'nl.dossier.question.asked'))
order by d.number""",
)
ANSWER: Final = ("nl.dossier.question.answered",)
# The sequence of the entry from which it comes, and what tells it: only what is shown was told, and is logged.
Task = tuple[int, Callable[[], Json]]


class Worklist:
    def __init__(self, database: Database, sights: Sights, law: Prohibitions) -> None:
        self._database, self._sights, self._law = database, sights, law

    async def page(
        self, reader: Reader, after: tuple[int, int], limit: int, numbers: Numbers
    ) -> tuple[list[Json], tuple[int, int]]:
        """Dossier after dossier, in each in the order in which it came up; a row in the log for each that is shown.

        `after`: the number of a dossier, and a sequence in it.
        """
        look = Look(reader, numbers)
        items: list[Json] = []
        number, sequence = after
        while True:
            async with self._database.connection() as conn:
                rows = await conn.fetch(
                    MIGHT_HAVE, reader.person, reader.organisation, max(number - 1, 0), fence.MOST_FENCES
                )
            number_of = {UUID(int=row["id"].int): row["number"] for row in rows}
            for dossier_id, at in sorted(number_of.items(), key=lambda pair: pair[1]):
                begin = sequence if at == number else 0
                for last, item in await self._of_one(look, dossier_id, begin, limit - len(items)):
                    items.append(item)
                    after = at, last
                if len(items) >= limit:
                    return items, after
            if len(rows) < fence.MOST_FENCES:
                return items, after
            number, sequence = rows[-1]["number"] + 1, 0

    async def _of_one(self, look: Look, dossier_id: UUID, after: int, most: int) -> list[tuple[int, Json]]:
        found: list[tuple[int, Json]] = []

        async def show(_conn: Connection, several: Sequence[Seen]) -> Sequence[Seen]:
            for seen in several:
                left = sorted((task for task in self._tasks(look, seen) if task[0] > after), key=lambda task: task[0])
                found.extend((sequence, tell()) for sequence, tell in left[:most])
            return several if found else ()

        await self._sights.over(look, [dossier_id], show)
        return found

    def _tasks(self, look: Look, seen: Seen) -> Iterator[Task]:
        reader = standing(look.reader, seen.known)
        place = seen.known.place
        is_participant = place.is_owner or place.is_reading_delegate
        somebody = Somebody(reader.person, reader.organisation, reader.role, is_participant, place.is_contact_person)
        employer = reader.organisation if self._law.is_employer(reader.organisation_kind) else None
        for addressed in seen.sight.addressed():
            tell = _of_signal(seen, addressed, somebody)
            if tell is not None:
                raised = addressed.signal.raised
                yield raised.sequence, partial(_beside, _shared(seen, reader, employer, raised.for_actor), tell)
        for question in seen.sight.asked():
            if question.to_actor == reader.person:
                shared = _shared(seen, reader, employer, None)
                yield question.sequence, partial(_beside, shared, partial(_of_question, seen, question))


def _beside(shared: Json, tell: Callable[[], Json]) -> Json:
    return shared | tell()


def _shared(seen: Seen, reader: Reader, employer: str | None, for_actor: str | None) -> Json:
    """Nobody is left alone with a task: beside it stands who is there for it, where anybody is."""
    counterpart = seen.sight.counterpart(employer) or for_actor
    item: Json = {"dossier": str(seen.known.dossier_id)}
    return item if counterpart in (None, reader.person) else item | {"with": counterpart}


def _of_signal(seen: Seen, addressed: Addressed, somebody: Somebody) -> Callable[[], Json] | None:
    """What tells it, if there is anything to do about it for this reader."""
    raised, day = addressed.signal.raised, seen.day
    if tasks.is_first(raised, somebody, day):
        if not (addressed.is_open and raised.calls(day)):
            return None
        if not addressed.reads_signal:
            return partial(_nameless, "signal", raised.due_on)
        return partial(_whole, seen, addressed, raised.reminding.last(raised.raised_on, day))
    if not addressed.reads_cause or not tasks.is_warned(raised, somebody, day, seen.sight.task_days):
        return None
    # What became of it may rest on what is not readable: then it stands there until its day, whatever was done.
    if not (raised.calls(day) if addressed.signal.state == "open" else day <= raised.due_on):
        return None
    again = tasks.reminded_on(raised, day, seen.sight.task_days) if somebody.is_participant else None
    return partial(_whole, seen, addressed, again)


def _whole(seen: Seen, addressed: Addressed, reminded_on: date | None) -> Json:
    """In words that the right to read the cause permits; amounts are in no number of a signal."""
    signal, day = addressed.signal, seen.day
    raised = signal.raised
    if addressed.reads_signal:
        seen.sight.tell_signal(signal)
    elif raised.about is not None:
        seen.sight.tell(UUID(raised.about), signal.class_)  # a signal has the class of its cause
    item: Json = _nameless("signal", raised.due_on) | {
        "code": raised.code,
        "rule": raised.rule,
        "about": raised.about,
        "acts": list(acts_for(raised.code)),
        "numbers": dict(raised.numbers),
        "signal_id": raised.signal_id if addressed.reads_signal else None,
        "reminded_on": None if reminded_on is None else reminded_on.isoformat(),
        "from_participant": True if tasks.is_handed_over(raised, day, seen.sight.task_days) else None,
    }
    return {name: value for name, value in item.items() if value is not None}


def _of_question(seen: Seen, question: Question) -> Json:
    item = _nameless("question", question.due_on)
    if question.event_id is None:
        return item
    seen.sight.tell(UUID(question.event_id), question.class_)
    return item | {"about": question.event_id, "acts": list(ANSWER)}


def _nameless(kind: str, due_on: date) -> Json:
    """For whom it is and who may not read it: that something waits, until when, and whom to turn to."""
    return {"kind": kind, "due_on": due_on.isoformat()}
