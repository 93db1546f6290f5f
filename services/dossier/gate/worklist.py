"""What a person or a team must act on: each told no more of it than they may read, and always whom to turn to."""

from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from typing import Final
from uuid import UUID

from services.dossier.domain.numbers import Numbers
from services.dossier.envelopes import Json
from services.dossier.gate.decision import Prohibitions, Reader
from services.dossier.gate.looking import Listed, Look, Seen, Sights
from services.dossier.gate.overviews import MIGHT_KNOW
from services.dossier.gate.release import standing
from services.dossier.gate.sight import Addressed, Question
from services.dossier.trajectory import tasks
from services.dossier.trajectory.acts import acts_for
from services.dossier.trajectory.tasks import Somebody

# Of the dossiers that one might know, those in which somebody was asked or warned.
MIGHT_HAVE: Final = MIGHT_KNOW.replace(
    "order by d.number",
    """and exists (select from dossier.index_entries i where i.dossier_id = d.id
              and i.type in ('nl.dossier.signal.raised', 'nl.dossier.question.asked'))
order by d.number""",
)
ANSWER: Final = ("nl.dossier.question.answered",)


class Worklist:
    def __init__(self, sights: Sights, law: Prohibitions) -> None:
        self._sights, self._law = sights, law

    async def page(
        self, reader: Reader, after: tuple[int, int], limit: int, numbers: Numbers
    ) -> tuple[list[Json], tuple[int, int]]:
        """Dossier after dossier, in each in the order in which it came up; a row in the log for each that is shown.

        `after`: the number of a dossier, and a sequence in it.
        """
        look = Look(reader, numbers)
        return await self._sights.one_after_another(look, MIGHT_HAVE, partial(self._tasks, look), after, limit)

    def _tasks(self, look: Look, seen: Seen) -> Iterator[Listed]:
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
