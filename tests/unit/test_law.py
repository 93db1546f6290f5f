"""The law as data: statutory articles, and the ceiling over whatever an employer was granted."""

import pytest

from services.dossier.gate.law import Law, load


@pytest.fixture(scope="module")
def law() -> Law:
    return load()


@pytest.mark.parametrize("kind", ["municipality", "uwv"])
@pytest.mark.parametrize("purpose", ["guidance", "scheme_decision", "handover"])
def test_a_public_body_has_an_article_for_its_task(law: Law, kind: str, purpose: str) -> None:
    assert law.article(kind, purpose)


@pytest.mark.parametrize(
    ("kind", "purpose"),
    [("employer", "placement"), ("trainer", "guidance"), ("work_centre", "guidance"), ("uwv", "matching"), ("", "")],
)
def test_where_no_law_gives_a_task_there_is_no_article(law: Law, kind: str, purpose: str) -> None:
    assert law.article(kind, purpose) is None


def test_employer_is_who_is_of_that_kind(law: Law) -> None:
    assert law.is_employer("employer")
    assert law.is_employer("pool")
    assert not law.is_employer("learn_work")
    assert not law.is_employer("")


@pytest.mark.parametrize(
    "name",
    ["self-manual.shared", "placement.started", "trial-placement.evaluated", "scheme.decided", "jobcoach.assigned"],
)
def test_an_employer_may_read_working_life(law: Law, name: str) -> None:
    assert law.employer_may_read(f"nl.dossier.{name}")


@pytest.mark.parametrize(
    "name",
    [
        "self-manual.published",
        "training.started",
        "intake.completed",
        "capacity.changed",
        "credential-phase.entered",
        "jobfolio-item.addedx",
        "placementx.started",
        "consent.granted",
        "safe-haven.entered",
        "question.asked",
    ],
)
def test_an_employer_reads_nothing_else(law: Law, name: str) -> None:
    assert not law.employer_may_read(f"nl.dossier.{name}")


def test_an_unknown_or_neutral_type_is_closed_to_an_employer(law: Law) -> None:
    assert not law.employer_may_read("nl.dossier.entry.recorded")
    assert not law.employer_may_read("placement.started")
    assert not law.employer_may_read("")


def test_an_employer_never_gets_health_or_income(law: Law) -> None:
    assert law.forbidden_classes == {"health-sensitive", "income"}


def test_an_employer_sends_no_need_no_health_remark_and_no_person_part(law: Law) -> None:
    data = {"need": "rust", "solution": "quiet_place", "health_remark": "x", "person_part_ref": "d1"}
    assert law.forbidden_in_emission(data) == ["/need", "/health_remark", "/person_part_ref"]


def test_an_employer_names_no_health_as_a_reason(law: Law) -> None:
    assert law.forbidden_in_emission({"reason": "health", "placement_id": "p1"}) == ["/reason"]


def test_other_values_of_a_health_sensitive_field_and_a_wage_are_accepted(law: Law) -> None:
    assert law.forbidden_in_emission({"reason": "contract_expired", "wage_gross_month_eur": 1390.0}) == []
    assert law.forbidden_in_emission({"reason": None}) == []
