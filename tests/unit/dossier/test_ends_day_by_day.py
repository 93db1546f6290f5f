"""R-11b against a clock that walks: what `ends` says at once is what day after day shows, late news and all."""

from dataclasses import dataclass
from datetime import date, timedelta

from hypothesis import given as whatever
from hypothesis import settings
from hypothesis import strategies as st

from services.dossier.domain.ends import with_ends
from tests.unit.dossier.lives import EMPLOYERS, HETTY, OPENED, Happening, event, given, grant, moment

BEGIN = date(2024, 9, 3)
GRANT = grant("c5", "proefpagina", str(BEGIN), purpose="placement", valid_until="2030-01-01T00:00:00Z")


@dataclass
class Work:
    """One placement as the walker knows it."""

    starts_on: date
    ended_on: date | None = None


@st.composite
def employments(draw: st.DrawFn) -> list[Happening]:
    """Placements with one employer that start and end, told on the day, ahead, or late."""
    told: list[Happening] = []
    running: list[str] = []
    day = BEGIN
    for number in range(draw(st.integers(1, 6))):
        day += timedelta(days=draw(st.integers(0, 25)))
        on = str(day + timedelta(days=draw(st.sampled_from([0, 0, -20, 20, -3, 3]))))
        does_one_end = draw(st.booleans())
        if running and does_one_end:
            id_ = running.pop(draw(st.integers(0, len(running) - 1)))
            told.append(event("placement.ended", HETTY, str(day), placement_id=id_, ended_on=on, reason="moved_on"))
        else:
            id_ = f"p{number}"
            running.append(id_)
            started = {"placement_id": id_, "employer_org": "proefpagina", "starts_on": on}
            told.append(event("placement.started", HETTY, str(day), **started))
    return told


def is_over(works: dict[str, Work], today: date) -> bool:
    """The rule as state.md writes it, on one day."""
    known = [w for w in works.values() if w.ended_on is None or w.ended_on >= BEGIN]
    runs = any(w.starts_on <= today and (w.ended_on is None or today <= w.ended_on) for w in known)
    past = [w.ended_on for w in known if w.ended_on is not None and w.ended_on < today]
    return bool(past) and not runs and today >= max(past) + timedelta(15)


@settings(deadline=None, derandomize=True, max_examples=60)
@whatever(employments())
def test_r11b_walking_and_jumping_the_clock_show_the_same(told: list[Happening]) -> None:
    works: dict[str, Work] = {}
    has_ended = False
    for number in range(180):
        today = BEGIN + timedelta(number)
        has_ended = has_ended or is_over(works, today)
        news = [happening for happening in told if happening.at.date() == today]
        for happening in news:
            if happening.name == "placement.started":
                works[happening.data["placement_id"]] = Work(date.fromisoformat(happening.data["starts_on"]))
            else:
                works[happening.data["placement_id"]].ended_on = date.fromisoformat(happening.data["ended_on"])
            has_ended = has_ended or is_over(works, today)
        life = given(OPENED, GRANT, *(h for h in told if h.at.date() <= today)).open
        held = with_ends(life.grants["c5"], life, EMPLOYERS)
        assert held.is_live(moment(f"{today}T12:00:00+00:00")) is not has_ended
