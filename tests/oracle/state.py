"""The state on a day: who is in work, the stage, the last contact, who is responsible (state.md §1, §2, §3, §5)."""

from collections.abc import Iterator
from datetime import date

from tests.oracle.dates import weeks
from tests.oracle.told import COUNTED, Event, Told


def end_of(told: Told, placement: Event) -> Event | None:
    for ended in told.all("placement.ended"):
        if ended["placement_id"] == placement["placement_id"]:
            return ended
    return None


def placement_of(told: Told, event: Event) -> Event | None:
    for placement in told.all("placement.started"):
        if placement["placement_id"] == event["placement_id"]:
            return placement
    return None


def is_active(told: Told, placement: Event, day: date) -> bool:
    """From `starts_on` to `ended_on`, both included; `ends_on` is a plan."""
    if day < placement.on("starts_on"):
        return False
    ended = end_of(told, placement)
    return ended is None or day <= ended.on("ended_on")


def is_counted(placement: Event) -> bool:
    return placement["kind"] in COUNTED


def active(told: Told, day: date) -> list[Event]:
    return [placement for placement in told.all("placement.started") if is_active(told, placement, day)]


def is_in_counted_work(told: Told, day: date) -> bool:
    return any(is_counted(placement) for placement in active(told, day))


def running_trials(told: Told, day: date) -> Iterator[Event]:
    ended = {event["trial_id"] for event in told.until(day, "trial-placement.ended")}
    for started in told.until(day, "trial-placement.started"):
        if started["trial_id"] not in ended:
            yield started


def stage(told: Told, day: date) -> str:
    """§2: the first that holds, over the events up to and including the day."""
    if day not in told.stages:
        told.stages[day] = _stage(told, day)
    return told.stages[day]


def _stage(told: Told, day: date) -> str:
    closed = told.all("dossier.closed")
    if closed and day >= closed[0].day:
        return stage(told, date.fromordinal(closed[0].day.toordinal() - 1))
    if is_since(told, day, "contact.lost", "contact.restored"):
        return "out_of_sight"
    if is_since(told, day, "trajectory.dropped-out", "trajectory.reentered"):
        return "dropped_out"
    if is_since(told, day, "trajectory.interrupted", "trajectory.reentered"):
        return "interrupted"
    if any(running_trials(told, day)):
        return "trial"
    at_work = active(told, day)
    if at_work:
        latest = max(placement.on("starts_on") for placement in at_work)
        return "placement_early" if day < latest + weeks(told.numbers["early_weeks"]) else "placement"
    if ever_lost_work(told, day):
        return "between_jobs"
    if any(told.until(day, "intake.completed")):
        return "preparation"
    return "intake"


def is_since(told: Told, day: date, event: str, ending: str) -> bool:
    """Whether one such event lies after the last event that ends it."""
    began = told.last(event, until=day)
    ended = told.last(ending, until=day)
    return began is not None and (ended is None or ended.is_before(began))


def ever_lost_work(told: Told, day: date) -> bool:
    for ended in told.until(day, "placement.ended"):
        placement = placement_of(told, ended)
        if placement is not None and is_counted(placement):
            return True
    return any(ended["outcome"] != "retained" for ended in told.until(day, "trial-placement.ended"))


def last_contact_on(told: Told, day: date) -> date | None:
    return max((contact.day for contact in told.contacts if contact.day <= day), default=None)


def active_placements(told: Told, day: date) -> list[str]:
    return [placement["placement_id"] for placement in active(told, day)]


def open_concerns(told: Told, day: date) -> list[str]:
    resolved = {event["concern_id"] for event in told.until(day, "concern.resolved")}
    raised = [event["concern_id"] for event in told.until(day, "concern.raised")]
    return [concern for concern in raised if concern not in resolved]


def contact_person(told: Told, day: date) -> str | None:
    """The last appointed with audience participant."""
    appointed = [e["person"] for e in told.until(day, "contact-person.appointed") if e["audience"] == "participant"]
    return appointed[-1] if appointed else None


def responsible_organisation(told: Told, day: date) -> str | None:
    initiated = {event["handover_id"]: event["to_org"] for event in told.all("handover.initiated")}
    accepted = [e for e in told.until(day, "handover.accepted") if e.on("responsible_from") <= day]
    if accepted:
        return str(initiated[accepted[-1]["handover_id"]])
    (opened,) = told.all("dossier.opened")
    if opened.organisation is not None:
        return opened.organisation
    intakes = list(told.until(day, "intake.completed"))
    return str(intakes[0]["by_org"]) if intakes else None
