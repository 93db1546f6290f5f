"""What a replay observes, one small fact at a time; how it looks is somebody else's."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any, Literal

from services.sandbox.lives import Life, Person
from services.sandbox.reasons import Reason

Sight = Literal["whole", "partial", "nothing"]
Occasion = Literal["check", "withdrawn", "ended"]


@dataclass(frozen=True)
class Opened:
    """The lives that will be told, and how the sandbox calls each type in the reader's language."""

    lives: tuple[Life, ...]
    titles: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class DayBegan:
    """A day on which something happens, after so many on which nothing did."""

    at: datetime
    day: date
    quiet_days: int


@dataclass(frozen=True)
class Reader:
    """What one party may see of one event, and whether it was told by itself."""

    person: Person
    sight: Sight
    told: bool
    without: tuple[str, ...] = ()
    reason: Reason | None = None


@dataclass(frozen=True)
class EventLanded:
    """An event was stored; `caught_up` are the parties that now got so many earlier ones."""

    at: datetime
    life: Life
    actor: Person
    seq: int
    event: Mapping[str, Any] = field(repr=False)
    readers: tuple[Reader, ...] = ()
    caught_up: tuple[tuple[Person, int], ...] = ()
    sent: int = 1


@dataclass(frozen=True)
class Looked:
    """Somebody looked at one event again: on the file's word, or right after their access ended."""

    at: datetime
    life: Life
    reader: Reader
    event: Mapping[str, Any] = field(repr=False)
    occasion: Occasion


@dataclass(frozen=True)
class Listed:
    """Somebody asked for a list, and got so many entries."""

    at: datetime
    life: Life
    person: Person
    status: int
    items: int


@dataclass(frozen=True)
class ListRow:
    """A line of a contact person's list: whose dossier, and what calls first there, with how many more."""

    life: Life
    stage: str | None
    last_contact_on: date | None
    call: Mapping[str, Any] | None = field(default=None, repr=False)
    more: int = 0


@dataclass(frozen=True)
class ListOpened:
    """A contact person looked who needs them, on a day on which something new called."""

    at: datetime
    life: Life
    person: Person
    day: date
    rows: tuple[ListRow, ...]


@dataclass(frozen=True)
class Refused:
    """Somebody tried what is not allowed; nothing was stored."""

    at: datetime
    life: Life
    person: Person
    event: Mapping[str, Any] = field(repr=False)
    status: int
    rule: str | None


@dataclass(frozen=True)
class SentAgain:
    """Somebody sent what was known already: acknowledged, not stored twice."""

    at: datetime
    life: Life
    person: Person
    event: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class PlatformActed:
    """The clock made the platform record something by itself."""

    at: datetime
    life: Life
    event: Mapping[str, Any] = field(repr=False)
    told: tuple[Person, ...] = ()


@dataclass(frozen=True)
class Surprise:
    """Something differed from what the file says must come."""

    at: datetime
    life: Life
    person: Person | None
    what: str
    expected: str
    came: str


@dataclass(frozen=True)
class Summary:
    """How it went, in figures."""

    lives: int
    days: int
    events: int
    platform_acts: int
    deliveries: int
    reads_allowed: int
    reads_refused: int
    refusals: int
    surprises: int


Happening = EventLanded | Looked | Listed | ListOpened | Refused | SentAgain | PlatformActed | Surprise
Observation = Opened | DayBegan | Happening | Summary

# An event's body stays out of what is written: the file tells who may know what, and is no second copy of the lives.
_ENVELOPE = ("id", "type", "time", "privacyclass")


def record(observation: Observation) -> dict[str, Any]:
    """One observation as plain JSON: `kind`, then its fields; people and lives by their keys, events without body."""
    return {"kind": type(observation).__name__} | {
        each.name: _plain(each.name, getattr(observation, each.name))
        for each in fields(observation)
        if each.name != "titles"
    }


def _plain(name: str, value: Any) -> Any:
    if name == "event":
        return {key: value[key] for key in _ENVELOPE if key in value}
    match value:
        case Life():
            return value.id
        case Person():
            return value.key
        case datetime() | date():
            return value.isoformat()
        case ListRow():
            return {"life": value.life.id, "code": value.call["code"] if value.call else None, "more": value.more}
        case Reader() | Reason():
            return {each.name: _plain(each.name, getattr(value, each.name)) for each in fields(value)}
        case tuple() | list():
            return [_plain("", item) for item in value]
        case _:
            return dict(value) if isinstance(value, Mapping) else value
