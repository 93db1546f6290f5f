"""An outlook tells a reader a value only where all that decided it is readable: few subjects stand for all of them."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from services.dossier.gate.decision import Permit, Place, Reader, Subject, decide
from services.dossier.gate.outlooks import ANY, Subjects, id_of, subject_of
from services.dossier.gate.sight import Sight
from tests.unit.dossier.gate.cases import LAW, an_entry
from tests.unit.dossier.gate.test_decision_properties import MOMENTS, PLACES, READERS, SUBJECTS, looking_at

ALIKE = st.tuples(SUBJECTS, st.lists(MOMENTS, min_size=1, max_size=3)).map(
    lambda pair: [replace(pair[0], occurred_at=moment) for moment in pair[1]]
)
SEVERAL = st.lists(ALIKE, min_size=1, max_size=3).map(lambda groups: [each for group in groups for each in group])


@given(reader=READERS, place=PLACES, several=SEVERAL, now=MOMENTS)
@looking_at(600)
def test_who_may_read_the_earliest_of_each_kind_may_read_all(
    reader: Reader, place: Place, several: list[Subject], now: datetime
) -> None:
    subjects = Subjects(dict(enumerate(several)))
    places = subjects.earliest(range(len(several)))
    standing_for = [subject_of(orjson.loads(orjson.dumps(subjects.plain[place_]))) for place_ in places]

    def may(subject: Subject) -> bool:
        return isinstance(decide(reader, place, subject, now, LAW), Permit)

    assert all(may(each) for each in standing_for) == all(may(each) for each in several)


@given(subject=SUBJECTS, about=st.none() | SUBJECTS)
@looking_at(100)
def test_a_subject_is_the_same_after_it_was_sealed(subject: Subject, about: Subject | None) -> None:
    whole = replace(subject, about=about)
    subjects = Subjects({1: whole})
    subjects.of(1)
    (told,) = orjson.loads(orjson.dumps(subjects.plain))
    unnamed = replace(whole, event_id=ANY, about=None if about is None else replace(about, event_id=ANY))
    assert (id_of(told), subject_of(told)) == (str(whole.event_id), unnamed)


def plain(**values: Any) -> dict[str, Any]:
    subjects = Subjects({1: an_entry("intake.completed"), 2: an_entry("scheme.decided", privacy_class="income")})
    both = subjects.earliest((1, 2))
    usual: dict[str, Any] = {
        "stages": [["intake", "2025-01-01"], ["preparation", "2025-02-01"]],
        "staged": [subjects.earliest((1,)), [subjects.id(1)]],
        "contact": ["2025-01-05", subjects.of(1)],
        "contact_person": ["mieke", subjects.of(1)],
        "employer_contacts": {},
        "responsible": [["oosterlo", None, [subjects.of(1)]], ["uwv", "2025-03-01", both]],
        "due": [["2025-03-01T00:00:00+00:00", "R-06", "contact_silence", "2025-03-01", subjects.id(1)]],
        "watched": both,
        "signalled": both,
        "granted": [],
        "signals": [],
        "asked": [],
        "unread": [],
        "task_days": [3, 7],
        "subjects": subjects.plain,
    }
    return usual | values


def of_work(subject: Subject) -> bool:
    return subject.privacy_class == "work"


def test_a_value_is_absent_when_one_source_is_unreadable_and_the_others_are_there() -> None:
    sight = Sight(plain(), of_work)
    day = date(2025, 2, 3)
    assert (sight.stage(day), sight.last_contact(), sight.responsible(day)) == ("preparation", "2025-01-05", "oosterlo")
    assert sight.next_due(datetime(2025, 2, 3, tzinfo=UTC)) is None
    assert sight.responsible(date(2025, 3, 1)) is None  # never the one before instead
    whole = Sight(plain(), lambda _: True)
    assert whole.responsible(date(2025, 3, 1)) == "uwv"
    assert whole.next_due(datetime(2025, 2, 3, tzinfo=UTC)) is not None


def test_what_was_not_told_is_not_logged() -> None:
    silent, sight = Sight(plain(), of_work), Sight(plain(), of_work)
    sight.responsible(date(2025, 3, 1))
    assert (silent.told, sight.told) == (([], set()), ([], set()))
    sight.stage(date(2025, 2, 3))
    assert sight.told == ([an_entry("intake.completed").event_id], {"work"})
