"""A dossier begins with its opening; until then, and after its erasure, there is none."""

from uuid import uuid4

import pytest

from services.dossier.domain.admission import closing
from services.dossier.domain.decisions import DOSSIER
from services.dossier.domain.entries import Actor
from services.dossier.domain.evolution import evolve, fold
from services.dossier.domain.refusals import AgainstState, NotAllowed, RuleBroken, UnknownDossier
from services.dossier.domain.state import Erased, NotOpened, Open
from tests.unit.dossier.lives import (
    CARLA,
    HETTY,
    MIEKE,
    NOOR,
    OPENED,
    PLATFORM,
    SANNE,
    TANTE,
    command_of,
    event,
    given,
    grant,
    recorded,
)

ERASED = event("dossier.erased", PLATFORM, "2025-06-01")
CLOSED = event("dossier.closed", NOOR, "2025-06-01", reason="goal_reached")


@pytest.mark.parametrize("by", [NOOR, CARLA, MIEKE])
def test_a_participant_or_a_professional_with_the_role_opens_a_dossier(by: Actor) -> None:
    given().when(OPENED.by_whom(by)).then_recorded()


def test_opening_needs_the_role() -> None:
    given().when(OPENED.by_whom(HETTY)).then_refused(NotAllowed, None)


def test_opening_names_the_dossier_that_it_is_posted_to() -> None:
    given().when(OPENED.but(dossier_id=str(uuid4()))).then_refused(RuleBroken, None, "dossier_id")


@pytest.mark.parametrize("by", [NOOR, CARLA, SANNE, TANTE])
def test_a_used_id_is_refused_alike_whoever_asks(by: Actor) -> None:
    again = OPENED.but(channel="school").by_whom(by)
    given(OPENED).when(again).then_refused(AgainstState, None)
    given(OPENED, ERASED).when(again).then_refused(AgainstState, None)


def test_before_the_opening_and_after_the_erasure_there_is_no_dossier() -> None:
    goal = event("goal.set", NOOR, "2025-07-01")
    given().when(goal).then_refused(UnknownDossier, None)
    given(OPENED, ERASED).when(goal).then_refused(UnknownDossier, None)
    assert given(OPENED, ERASED, goal).dossier == Erased()
    assert given(OPENED, ERASED).when_the_clock_stands_at("2030-01-01") == ()
    assert given().when_the_clock_stands_at("2030-01-01") == ()


def test_a_history_that_begins_with_something_else_is_no_history() -> None:
    with pytest.raises(ValueError, match="begins with"):
        given(CLOSED).dossier  # noqa: B018 - folding is what is tried


def test_the_state_remembers_which_organisation_opened_it() -> None:
    assert given(OPENED).open.opened_by is None
    assert given(OPENED.by_whom(CARLA)).open.opened_by == "oosterlo"


def test_the_decider_is_made_of_these() -> None:
    entries = recorded([OPENED, grant("c1", "rwc")])
    assert DOSSIER.initial == NotOpened()
    assert DOSSIER.fold(entries) == fold(entries) == evolve(evolve(NotOpened(), entries[0]), entries[1])
    assert [new.type for new in DOSSIER.decide(command_of(OPENED), DOSSIER.initial)] == [OPENED.type]


def test_what_has_not_happened_yet_is_not_recorded() -> None:
    ahead = event("goal.set", NOOR, "2025-07-01").but(occurred_at="2025-07-01T10:00:01+00:00")
    given(OPENED).when(ahead).then_refused(RuleBroken, None, "occurred_at")


def test_r15_a_dossier_is_closed_once_for_a_listed_reason() -> None:
    given(OPENED).when(CLOSED).then_recorded()
    given(OPENED).when(CLOSED.but(reason="inactive")).then_refused(RuleBroken, "R-15", "reason")
    given(OPENED, CLOSED).when(CLOSED).then_refused(AgainstState, "R-15")
    assert given(OPENED, CLOSED).open.closed


def test_r15_the_platform_never_closes() -> None:
    given(OPENED).when(CLOSED.by_whom(PLATFORM)).then_refused(NotAllowed, "R-15")
    assert "inactive" not in closing.REASONS


def test_after_closing_news_still_comes_in() -> None:
    given(OPENED, CLOSED).when(event("goal.set", NOOR, "2025-07-01")).then_recorded()


def test_an_open_dossier_is_open() -> None:
    assert isinstance(given(OPENED).dossier, Open)
