"""Stories of meeting: who speaks with whom, loses sight of whom, and waits for an answer."""

from datetime import date
from typing import Any
from uuid import uuid5

from tests.oracle.dates import days
from tests.oracle.stories.composer import HELPERS, PARTICIPANT, PEOPLE, SPACE, Composer, stamp

NAMES = ("work_history", "wishes", "housing", "school", "travel")


def intake(c: Composer, day: date) -> None:
    by = c.rng.choice(HELPERS)
    regime = c.rng.choice(("participatiewet", "participatiewet", "wia", "ww", "none", "nug"))
    names = c.rng.sample(NAMES, 3)
    asked, reused = names[: c.rng.randint(0, 2)], names[2:]
    told = {"intake_id": c.new("i"), "by_org": by, "held_on": str(day), "legal_regime": regime}
    c.tell("intake.completed", day, by=by, newly_asked=asked, reused_fields=reused, **told)


def contact_people(c: Composer) -> None:
    day = c.opened_on + days(c.rng.choice((0, 0, 1, 3, 4, 6, 20)))
    people = c.rng.sample(sorted(PEOPLE), 4)
    c.begin()
    for number in range(c.rng.randint(0, 4)):
        person = PEOPLE[people[number]]
        more: dict[str, Any] = {"from_on": str(day + days(c.rng.choice((0, 0, 0, 5))))}
        if number and c.chance(0.4):
            more["overlap_until_on"] = str(day + days(c.rng.randint(0, 40)))
        c.tell("contact-person.appointed", day, person=person, org=people[number], audience="participant", **more)
        gone_on = day + days(c.rng.choice((3, 8, 12, 20, 60)))
        if c.chance(0.6):
            c.tell("professional.unassigned", gone_on, person=person, org=people[number], until_on=str(gone_on))
        if number and c.chance(0.3):
            who, left_on = people[number - 1], gone_on + days(c.rng.choice((0, 1, 5)))
            c.tell("professional.unassigned", left_on, person=PEOPLE[who], org=who, until_on=str(left_on))
        day = gone_on + days(c.rng.choice((-2, 0, 1, 2, 4, 30)))


def contacts(c: Composer) -> None:
    day = c.opened_on + days(c.rng.randint(0, 25))
    while day <= c.until:
        c.begin()
        contact(c, day)
        day += days(c.rng.choice((0, 5, 12, 21, 22, 28, 29, 45, 60, 95)))


def contact(c: Composer, day: date) -> None:
    name = c.rng.choice(
        ("contact-moment.held",) * 5 + ("employability.reviewed", "joint-decision.recorded", "match.agreed")
    )
    if name == "contact-moment.held":
        who = [PARTICIPANT, "carla"] if c.chance(0.85) else ["carla", "anton"]
        agreed = str(day + days(c.rng.choice((0, 10, 30, 60, 100, 190, 200)))) if c.chance(0.35) else None
        told: dict[str, Any] = {"with": who, "next_on": agreed}
        c.tell(name, day, moment_id=c.new("m"), held_on=str(day), **told)
    else:
        fields = {"employability.reviewed": "reviewed_on", "match.agreed": "agreed_on"}
        told = {fields[name]: str(day)} if name in fields else {"decision_id": c.new("d")}
        c.tell(name, day, **told)


def appointments(c: Composer) -> None:
    c.begin()
    day, previous = c.some_day(), None
    for _ in range(c.rng.randint(1, 3)):
        id_, at = c.new("a"), day + days(c.rng.choice((3, 14, 30, 70, 200)))
        told: dict[str, Any] = {"appointment_id": id_, "at": stamp(at), "with": [PARTICIPANT, "carla"]}
        told["replaces_appointment_id"] = previous if c.chance(0.6) else None
        c.tell("appointment.made", day, **told)
        day += days(c.rng.choice((0, 2, 15, 40)))
        previous = id_
        if c.chance(0.3):
            c.tell("appointment.cancelled", day, appointment_id=id_, cancelled_on=str(day))
            previous = None


def out_of_sight(c: Composer) -> None:
    c.begin()
    day = c.some_day(before_end=50)
    for _ in range(c.rng.randint(0, 3)):
        attempt(c, day)
        day += days(c.rng.choice((1, 7, 14, 30)))
    c.tell("contact.lost", day, since_on=str(day), last_contact_on=str(day))
    for _ in range(c.rng.randint(0, 3)):
        day += days(c.rng.choice((0, 10, 27, 28, 29, 35)))
        attempt(c, day)
    if c.chance(0.6):
        day += days(c.rng.choice((0, 5, 28, 29, 40)))
        c.tell("contact.restored", day, restored_on=str(day))


def attempt(c: Composer, day: date) -> None:
    outcome = c.rng.choice(("no_answer", "no_answer", "refused", "reached", "wrong_details"))
    c.tell("outreach.attempted", day, attempt_id=c.new("o"), attempted_on=str(day), outcome=outcome)


def away(c: Composer) -> None:
    c.begin()
    day = c.some_day()
    if c.chance(0.5):
        c.tell("trajectory.interrupted", day, interrupted_on=str(day))
    else:
        c.tell("trajectory.dropped-out", day, dropped_out_on=str(day))
    if c.chance(0.7):
        day += days(c.rng.choice((0, 20, 60)))
        c.tell("trajectory.reentered", day, reentered_on=str(day))


def concern(c: Composer) -> None:
    c.begin()
    id_, day = c.new("k"), c.some_day()
    c.tell("concern.raised", day, concern_id=id_, severity=c.rng.randint(1, 5))
    if c.chance(0.7):
        day += days(c.rng.choice((0, 6, 13, 14, 15, 30)))
        c.tell("concern.resolved", day, concern_id=id_, resolved_on=str(day))


def question(c: Composer) -> None:
    c.begin()
    id_, day = c.new("q"), c.some_day()
    due = day + days(c.rng.choice((3, 10)))
    c.tell("question.asked", day, by=None, question_id=id_, asked_on=str(day), due_on=str(due))
    if c.chance(0.6):
        day = due + days(c.rng.choice((0, 2, 4, 5, 6, 7)))
        c.tell("question.answered", day, question_id=id_, answered_on=str(day))


def correction(c: Composer) -> None:
    c.begin()
    id_, day = c.new("cr"), c.some_day()
    told = {"request_id": id_, "requested_on": str(day), "event_id": str(uuid5(SPACE, "nothing")), "to_org": "uwv"}
    c.tell("correction.requested", day, by=None, **told)
    if c.chance(0.5):
        day += days(c.rng.choice((10, 28, 29, 40)))
        c.tell("correction.answered", day, by="uwv", request_id=id_, outcome="noted_beside_it", answered_on=str(day))


def noise(c: Composer) -> None:
    """What no rule looks at."""
    c.begin()
    day = c.some_day()
    names = {"safe-haven.entered": "entered_on", "success.recorded": "recorded_on", "goal.set": "target_on"}
    name = c.rng.choice(sorted(names))
    c.tell(name, day, **{names[name]: str(day)})
