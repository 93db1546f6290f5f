"""Who has something to do about a signal on a day, and since when it is somebody else's (R-15)."""

from dataclasses import dataclass
from datetime import date, timedelta

from services.dossier.trajectory.acts import NOT_IN_THE_LIST
from services.dossier.trajectory.raised import Addressee, Raised

PARTICIPANT = Addressee("participant")


@dataclass(frozen=True)
class TaskDays:
    """After the day on which it was due."""

    reminder: int
    handover: int


@dataclass(frozen=True)
class Somebody:
    """As a dossier knows a reader: by keys, by role, as the participant (or a delegate), or as the contact person."""

    person: str | None
    organisation: str | None
    role: str
    is_participant: bool
    is_contact_person: bool

    def is_named(self, other: Addressee) -> bool:
        match other.kind:
            case "person":
                return other.key == self.person
            case "organisation":
                return other.key == self.organisation
            case "role":
                return other.key == self.role and not self.is_participant
            case "participant":
                return self.is_participant


def is_first(raised: Raised, somebody: Somebody, day: date) -> bool:
    """Whether it is for this reader, or for the team to which it went on; a later contact person takes it over."""
    own = raised.for_actor in (somebody.person, somebody.organisation)
    taken_over = somebody.is_contact_person and raised.code not in NOT_IN_THE_LIST
    return (
        own
        or taken_over
        or (somebody.organisation is not None and raised.reminding.organisation(day) == somebody.organisation)
    )


def is_warned(raised: Raised, somebody: Somebody, day: date, days: TaskDays) -> bool:
    """Whether the rule warns this reader besides; a participant only until the task moved to the professional."""
    if somebody.is_participant:
        return PARTICIPANT in raised.others and not is_handed_over(raised, day, days)
    return any(somebody.is_named(other) for other in raised.others)


def reminded_on(raised: Raised, day: date, days: TaskDays) -> date | None:
    """Of a participant's task: the day on which it was asked again."""
    again = raised.due_on + timedelta(days.reminder)
    return again if again <= day else None


def is_handed_over(raised: Raised, day: date, days: TaskDays) -> bool:
    """Not on the individual's shoulders: what the participant did not do is the professional's from then on."""
    return PARTICIPANT in raised.others and day >= raised.due_on + timedelta(days.handover)
