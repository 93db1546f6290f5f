"""R-06: one signal per silence, by the rhythm of the stage, what was agreed, and the cap."""

import pytest

from services.dossier.domain.entries import Entry
from services.dossier.domain.numbers import Parameters
from services.dossier.trajectory.rules.silence import contact_silence
from tests.rules.given import days, due, intake, left, met, on, opened, placed

OPENED, INTAKE = opened("2025-01-01"), intake("2025-01-02")


def appointment(day: str, id_: str = "a1", **data: str) -> Entry:
    return on("2025-01-11", "appointment.made", appointment_id=id_, at=f"{day}T10:00:00+02:00", **data)


@pytest.mark.parametrize(
    ("what", "entries", "expected"),
    [
        ("nobody since the opening: 3 weeks", [OPENED], ["2025-01-23"]),
        ("since the intake: 6 weeks", [OPENED, INTAKE], ["2025-02-14"]),
        ("a contact is the new beginning", [OPENED, INTAKE, met("2025-02-13")], ["2025-03-28"]),
        ("without the participant is no contact", [OPENED, INTAKE, met("2025-02-13", who="els")], ["2025-02-14"]),
        ("agreed, later than the rhythm", [OPENED, INTAKE, met("2025-01-10", next_on="2025-03-04")], ["2025-03-12"]),
        ("agreed, sooner than the rhythm", [OPENED, INTAKE, met("2025-01-10", next_on="2025-01-20")], ["2025-02-22"]),
        ("agreed too far ahead: the cap", [OPENED, INTAKE, met("2025-01-10", next_on="2026-01-10")], ["2025-07-19"]),
        (
            "a contact without an agreement clears the one before",
            [OPENED, INTAKE, met("2025-01-10", next_on="2025-03-04"), met("2025-01-11")],
            ["2025-02-23"],
        ),
        ("an appointment counts as agreed", [OPENED, met("2025-01-10"), appointment("2025-03-04")], ["2025-03-12"]),
        (
            "unless it was cancelled",
            [OPENED, INTAKE, appointment("2025-03-04"), on("2025-01-12", "appointment.cancelled", appointment_id="a1")],
            ["2025-02-14"],
        ),
        (
            "or replaced",
            [
                OPENED,
                INTAKE,
                appointment("2025-06-04"),
                appointment("2025-03-04", "a2", replaces_appointment_id="a1"),
            ],
            ["2025-03-12"],
        ),
        ("the stage on the day looked at", [OPENED, INTAKE, placed("2025-02-10")], ["2025-02-14"]),
        (
            "a longer rhythm later on",
            [OPENED, INTAKE, placed("2024-10-14", day="2025-01-03"), met("2025-01-04")],
            ["2025-04-06"],
        ),
        (
            "a shorter rhythm passes the limit at once",
            [OPENED, INTAKE, placed("2024-08-01", day="2025-01-03"), on("2025-03-01", "contact.lost")],
            ["2025-03-01"],
        ),
        (
            "an appointment counts while it stands",
            [
                OPENED,
                INTAKE,
                on("2025-01-11", "appointment.made", appointment_id="a1", at="2025-03-04T10:00:00+01:00"),
                placed("2025-02-20", kind="regular"),
                on("2025-02-21", "appointment.cancelled", appointment_id="a1"),
                on("2025-02-21", "contact.lost"),
            ],
            ["2025-02-21"],
        ),
        (
            "what was made after the limit had passed does not undo it",
            [OPENED, on("2025-02-01", "appointment.made", appointment_id="a1", at="2025-02-20T10:00:00+01:00")],
            ["2025-01-23"],
        ),
        (
            "a shorter rhythm before the closing, known after it",
            [
                OPENED,
                placed("2025-01-02"),
                left("2025-02-10"),
                on("2025-02-13", "dossier.closed"),
                on("2025-01-10", "retention-check.completed", recorded="2025-02-20"),
            ],
            ["2025-02-11"],
        ),
        ("closed: no more", [OPENED, INTAKE, on("2025-02-14", "dossier.closed")], []),
        ("closed too late", [OPENED, INTAKE, on("2025-02-15", "dossier.closed")], ["2025-02-14"]),
    ],
)
def test_silence(what: str, entries: list[Entry], expected: list[str]) -> None:
    assert days(contact_silence, *entries) == expected, what


def test_it_is_about_the_last_contact_or_the_opening() -> None:
    assert due(contact_silence, OPENED) == [("2025-01-23", "contact_silence", "dossier.opened")]
    assert due(contact_silence, OPENED, met("2025-01-03"))[0][2] == "contact-moment.held"


def test_the_parameters_decide() -> None:
    numbers = Parameters(silence_weeks={"preparation": 2}, next_on_grace_days=1, next_on_cap_weeks=4)
    assert days(contact_silence, OPENED, INTAKE, parameters=numbers) == ["2025-01-17"]
    agreed = met("2025-01-10", next_on="2025-01-30")
    assert days(contact_silence, OPENED, INTAKE, agreed, parameters=numbers) == ["2025-02-01"]
