"""The outlook of a dossier, kept sealed until its next entry, with what decides who may know each of its values."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson

from services.dossier.domain.evolution import numbered
from services.dossier.domain.numbers import Numbers
from services.dossier.domain.state import timeline_of
from services.dossier.envelopes import Json
from services.dossier.gate import facts, ledger
from services.dossier.gate.decision import Subject
from services.dossier.gate.past import past_of
from services.dossier.trajectory import rulebook
from services.dossier.trajectory.becoming import Becomes
from services.dossier.trajectory.outlook import Outlook, outlook
from services.dossier.trajectory.raised import Addressee, Raised, Reminding
from services.foundation.database.connection import Connection
from services.foundation.vault.sealing import DERIVED, Binding, KeyRing

VERSION: Final = 1  # of the form in which it is sealed
ITEM: Final = "outlook"
ANY: Final = UUID(int=0)
_ID: Final = 1

# With whose dossier it is: a claim changes that, and makes no entry.
KEPT: Final = """
select k.dossier_id, k.sequence, k.sealed from dossier.outlooks k
left join dossier.owners o on o.dossier_id = k.dossier_id
where k.dossier_id = any($1::uuid[]) and k.made_by = $2 and k.owner is not distinct from o.person
"""

KEEP: Final = """
insert into dossier.outlooks as k (dossier_id, sequence, made_by, owner, sealed) values ($1, $2, $3, $4, $5)
on conflict (dossier_id) do update set sequence = $2, made_by = $3, owner = $4, sealed = $5 where k.sequence <= $2
"""

SUBJECTS: Final = f"""
select {facts.SUBJECT_COLUMNS} from dossier.events e
join dossier.index_entries i on i.dossier_id = e.dossier_id and i.sequence = e.sequence
{facts.ABOUT}
where e.dossier_id = $1
"""


@cache
def _code() -> bytes:
    """Of the rules, and of what is made of them here: whoever mends one need not remember to say so."""
    files = [Path(__file__), *Path(rulebook.__file__).parent.rglob("*.py")]
    return hashlib.blake2b(b"".join(file.read_bytes() for file in sorted(files)), digest_size=16).digest()


def maker(numbers: Numbers) -> int:
    """Which code and which numbers of the rules made an outlook: of others it is made anew."""
    told = repr((numbers.beginning, sorted(numbers.regions.items()))).encode()
    return int.from_bytes(hashlib.blake2b(_code() + told, digest_size=8).digest(), "big", signed=True)


@dataclass(frozen=True)
class Made:
    """An outlook in plain, at a sequence."""

    dossier_id: UUID
    sequence: int
    owner: str | None
    plain: Json


async def kept(conn: Connection, dossier_ids: Sequence[UUID], made_by: int) -> Mapping[UUID, tuple[int, bytes]]:
    """By dossier: the sequence after which it was made, and the sealed outlook."""
    rows = await conn.fetch(KEPT, dossier_ids, made_by)
    return {UUID(int=row["dossier_id"].int): (row["sequence"], row["sealed"]) for row in rows}


async def keep(conn: Connection, ring_of: Callable[[UUID], KeyRing], made_by: int, made: Iterable[Made]) -> None:
    """In ascending order of id, so that two readers who keep the same ones do not wait for each other in a circle."""
    rows = [
        (
            each.dossier_id,
            each.sequence,
            made_by,
            each.owner,
            ring_of(each.dossier_id).seal(DERIVED, orjson.dumps(each.plain), _binding(each.dossier_id, each.sequence)),
        )
        for each in sorted(made, key=lambda each: each.dossier_id)
    ]
    if rows:
        await conn.executemany(KEEP, rows)


async def is_told_now(conn: Connection, dossier_id: UUID, plain: Json) -> bool:
    """Whether the participant has read since what they had not: that stands in the ledger and makes no entry."""
    unread = [UUID(id_) for id_ in plain["unread"]]
    return bool(unread and await ledger.first_reads_of(conn, dossier_id, unread))


def opened(ring: KeyRing, dossier_id: UUID, sequence: int, sealed: bytes) -> Json:
    plain: Json = orjson.loads(ring.open(DERIVED, sealed, _binding(dossier_id, sequence)))
    return plain


def _binding(dossier_id: UUID, sequence: int) -> Binding:
    return Binding(dossier_id, f"{ITEM}:{sequence}", ITEM, DERIVED, VERSION)


async def make(conn: Connection, dossier_id: UUID, ring: KeyRing, at: datetime, numbers: Numbers) -> Made:
    """From the whole history, as it had happened by that moment."""
    whole = await past_of(conn, dossier_id, ring)
    history = whole.history(at)
    rows = map(facts.row_of, await conn.fetch(SUBJECTS, dossier_id))
    subjects = {row.subject.sequence: row.subject for row in rows}
    timeline = timeline_of(numbered(history.entries), numbers)
    told = orjson.dumps(_plain(outlook(history, dossier_id, timeline), subjects, at))
    return Made(dossier_id, whole.entries[-1].sequence, whole.owner, orjson.loads(told))


# In plain: values, and for each the places, in a list of subjects, of those that have to be readable


class Subjects:
    """Each kind of subject once: of several that differ in when they occurred, who may read the earliest may read all.

    `decide` looks at that moment for the history of a grant alone, which reaches back to some moment or to the first.
    """

    def __init__(self, by_sequence: Mapping[int, Subject]) -> None:
        self._by_sequence = by_sequence
        self._places: dict[str, int] = {}
        self.plain: list[list[Any]] = []

    def place(self, subject: Subject) -> int:
        told = _told(subject)
        mark = orjson.dumps(told).decode()
        if mark not in self._places:
            self._places[mark] = len(self.plain)
            self.plain.append(told)
        return self._places[mark]

    def of(self, sequence: int) -> int:
        return self.place(self._by_sequence[sequence])

    def earliest(self, sequences: Iterable[int]) -> list[int]:
        found: dict[tuple[Any, ...], Subject] = {}
        for subject in (self._by_sequence[sequence] for sequence in sequences):
            kind = _kind(subject)
            if kind not in found or subject.occurred_at < found[kind].occurred_at:
                found[kind] = subject
        return sorted(self.place(subject) for subject in found.values())

    def id(self, sequence: int) -> str:
        return str(self._by_sequence[sequence].event_id)


def _kind(subject: Subject) -> tuple[Any, ...]:
    """All that `decide` looks at but the moment."""
    return (
        subject.type,
        subject.privacy_class,
        subject.usual_class,
        subject.classes,
        subject.organisation,
        subject.relation,
        subject.addressee,
        subject.party,
        subject.party_person,
        subject.applicant,
        subject.offered_to,
        subject.offer_is_open,
        subject.is_withheld,
    )


def _plain(found: Outlook, by_sequence: Mapping[int, Subject], at: datetime) -> Json:
    subjects = Subjects(by_sequence)
    return {
        "stages": [[span.stage, span.from_on.isoformat()] for span in found.stages],
        "staged": [subjects.earliest(found.staged), [subjects.id(sequence) for sequence in sorted(found.staged)]],
        "contact": None
        if found.last_contact is None
        else [found.last_contact[0].isoformat(), subjects.of(found.last_contact[1])],
        "contact_person": None
        if found.contact_person is None
        else [found.contact_person[0], subjects.of(found.contact_person[1])],
        "employer_contacts": dict(found.employer_contacts),
        "responsible": [
            [r.organisation, r.from_on and r.from_on.isoformat(), [subjects.of(s) for s in sorted(r.decided_by)]]
            for r in found.responsible
        ],
        "due": None if found.due is None else [_due(each) for each in found.due if each.at > at],
        "unread": [str(id_) for id_ in found.unread],
        "task_days": [found.numbers.task_reminder_days, found.numbers.task_handover_days],
        "watched": subjects.earliest(found.watched),
        "signalled": subjects.earliest(found.signalled),
        "granted": subjects.earliest(found.granted),
        "signals": [_signal(raised, subjects) for raised in found.signals],
        "asked": [[subjects.of(a.sequence), a.to_actor, a.due_on.isoformat()] for a in found.asked],
        "subjects": subjects.plain,
    }


def _due(due: Becomes) -> list[str]:
    return [due.at.isoformat(), due.rule, due.code, due.day.isoformat(), str(due.about.event_id)]


def _signal(raised: Raised, subjects: Subjects) -> Json:
    told = asdict(raised)
    told["subject"] = subjects.of(told.pop("sequence"))
    handled_in = told.pop("handled_in")
    return told | {"handled": None if handled_in is None else subjects.of(handled_in)}


def _told(subject: Subject) -> list[Any]:
    """Its fields in their order."""
    return [_word(value) for value in vars(subject).values()]


def _word(value: Any) -> Any:
    match value:
        case frozenset():
            return sorted(value)
        case Subject():
            return _told(value)
    return str(value) if isinstance(value, UUID | datetime) else value


def id_of(told: Sequence[Any]) -> str:
    """Of the entry that a subject in plain is."""
    return str(told[_ID])


def subject_of(told: Sequence[Any]) -> Subject:
    """For `decide`, which looks at no id: that costs more to make than all the rest."""
    fields = list(told)
    fields[_ID], fields[5], fields[6] = ANY, frozenset(told[5]), datetime.fromisoformat(told[6])
    fields[8] = None if told[8] is None else frozenset(told[8])
    fields[16] = None if told[16] is None else subject_of(told[16])
    return Subject(*fields)


def raised_of(told: Json, sequence: int) -> Raised:
    reminding = told["reminding"]
    return Raised(
        sequence=sequence,
        signal_id=told["signal_id"],
        rule=told["rule"],
        code=told["code"],
        raised_on=date.fromisoformat(told["raised_on"]),
        due_on=date.fromisoformat(told["due_on"]),
        severity=told["severity"],
        for_actor=told["for_actor"],
        about=told["about"],
        numbers=told["numbers"],
        follows=told["follows"],
        handled_in=None,
        answered_on=_day(told["answered_on"]),
        is_last=told["is_last"],
        reminding=Reminding(
            reminding["every"], _day(reminding["until_on"]), _day(reminding["goes_on_at"]), reminding["goes_on_to"]
        ),
        others=tuple(Addressee(**other) for other in told["others"]),
        organisations=tuple(told["organisations"]),
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
