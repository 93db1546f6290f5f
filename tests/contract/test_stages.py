"""The page on the stages is that of the machine by which they are decided."""

from services.dossier.domain.numbers import SILENCE_WEEKS
from services.dossier.trajectory.drawing import drawn
from services.dossier.trajectory.stage import STAGES
from services.roots.documents import STAGES as PAGE


def test_the_page_is_what_the_code_draws() -> None:
    assert PAGE.read_text("utf-8") == drawn(), "python -m services.roots.documents"


def test_every_stage_is_drawn_with_its_condition_and_leads_to_the_next_one() -> None:
    page = drawn()
    for name, _, words in STAGES:
        assert f'    {name}["{name}"]' in page
        assert f"| `{name}` | {words} |" in page
    assert page.count("-- yes -->") == page.count("-- no -->") == len(STAGES) - 1


def test_every_stage_has_a_rhythm_and_no_other_has() -> None:
    assert {name for name, _, _ in STAGES} == set(SILENCE_WEEKS)
