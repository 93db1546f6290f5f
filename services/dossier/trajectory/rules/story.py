"""R-10: an intake asks as new what the dossier holds and the asker may read."""

from collections.abc import Iterator

from services.dossier.domain.days import months_after
from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.becoming import Becomes, at_once
from services.dossier.trajectory.history import History, day_of, place


def story_repeated(history: History, parameters: Parameters) -> Iterator[Becomes]:
    intakes = list(history.named("intake.completed"))
    for intake in intakes:
        if asked_again(history, intake, parameters):
            yield at_once("R-10", "story_repeated", intake)


def asked_again(history: History, intake: Entry, parameters: Parameters) -> set[str]:
    asked = set(intake.data["newly_asked"])
    found: set[str] = set()
    for earlier in history.named("intake.completed"):
        if place(earlier) >= place(intake):
            break
        again = asked & {*earlier.data["newly_asked"], *earlier.data["reused_fields"]}
        recent = months_after(day_of(earlier), parameters.story_months) >= day_of(intake)
        if again and recent and _may_read(history, intake, earlier):
            found |= again
    return found


def _may_read(history: History, asker: Entry, earlier: Entry) -> bool:
    """As it stood when the asker recorded: its own, or covered by a grant that it held then."""
    if asker.organisation is None:
        return True
    held = [
        grant
        for grant in history.grants
        if grant.is_held_by(asker.organisation, asker.person)
        and "read" in grant.operations
        and grant.is_live(asker.recorded_at)
    ]
    if earlier.organisation == asker.organisation:
        return bool(held)
    needs = {earlier.privacy_class, earlier.usual_class}
    return any(
        needs <= grant.classes and grant.covers_type(earlier.type) and grant.covers_history(earlier.occurred_at)
        for grant in held
    )
