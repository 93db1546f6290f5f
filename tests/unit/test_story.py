"""The story in the terminal: golden text at 80 and 120 columns, the same words with and without colour."""

import io
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from services.dossier.domain.numbers import SILENCE_WEEKS
from services.dossier.trajectory.acts import ANSWERS, GROUPS
from services.sandbox.lives import Life, Person, read
from services.sandbox.living import Replay
from services.sandbox.observed import (
    DayBegan,
    EventLanded,
    Listed,
    ListOpened,
    ListRow,
    Looked,
    Observation,
    Opened,
    PlatformActed,
    Reader,
    Refused,
    SentAgain,
    Summary,
    Surprise,
)
from services.sandbox.reasons import Reason
from services.sandbox.story import Story, complain
from services.sandbox.words import in_language, plain
from tests.unit.sandbox_fake import FakeSandbox

FILES = sorted((Path(__file__).parents[1] / "acceptance" / "trajectories").glob("*.json"))
NOOR = read(FILES[0])
MIEKE, HETTY, JORIS, SANNE = (NOOR.people[key] for key in ("mieke", "hetty", "joris", "sanne"))
TITLES = {
    "nl.dossier.placement.changed": "Placement changed",
    "nl.dossier.consent.revoked": "Consent withdrawn",
    "nl.dossier.consent.expired": "Consent expired",
    "nl.dossier.self-manual.shared": "Extract of the manual shared",
    "nl.dossier.trial-placement.requested": "Trial placement requested",
}
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def shown(*observations: Observation, width: int = 80, language: str = "en", **options: Any) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, **{"color_system": None, "force_terminal": False} | options)
    with Story(console, language) as story:
        for observation in observations:
            story.show(observation)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def scenes() -> list[Observation]:
    changed, shared, revoked = NOOR.row(34), NOOR.row(15), NOOR.row(31)
    trial = next(attempt for attempt in NOOR.attempts if attempt.rule == "R-02")
    return [
        Opened((NOOR,), TITLES),
        DayBegan(at("2025-05-22T20:15"), date(2025, 5, 22), 12),
        EventLanded(
            at("2025-05-22T20:15"),
            NOOR,
            NOOR.owner,
            31,
            revoked.event,
            (
                Reader(MIEKE, "whole", True),
                Reader(HETTY, "nothing", True, reason=Reason("grants_are_private")),
                Reader(JORIS, "nothing", False, reason=Reason("grants_are_private")),
                Reader(SANNE, "nothing", False, reason=Reason("expired", on="2025-03-01")),
            ),
        ),
        Looked(
            at("2025-05-22T20:15"),
            NOOR,
            Reader(HETTY, "nothing", False, reason=Reason("withdrawn", on="2025-05-22")),
            shared.event,
            "withdrawn",
        ),
        DayBegan(at("2025-06-03T10:00"), date(2025, 6, 3), 1),
        EventLanded(
            at("2025-06-03T10:00"),
            NOOR,
            HETTY,
            34,
            changed.event,
            (
                Reader(MIEKE, "whole", True),
                Reader(JORIS, "partial", False, ("wage_gross_month_eur",)),
                Reader(SANNE, "nothing", False, reason=Reason("no_access")),
            ),
            ((JORIS, 15),),
            2,
        ),
        Refused(at("2025-06-03T11:00"), NOOR, HETTY, trial.body, 400, "R-02"),
        PlatformActed(
            at("2025-06-03T22:00"), NOOR, {"type": "nl.dossier.consent.expired", "data": {"consent_id": "c3"}}, (SANNE,)
        ),
        Summary(1, 2, 3, 1, 1234, 5, 6, 7, 0),
    ]


GOLDEN_80 = """\
Everybody and everything in this story is invented. It really happens, though:
in a running sandbox, over its API.

The dossier of Noor Voorbeeld
  Mieke Vastpunt   contact person  Regionaal Werkcentrum Rijn-Delta
  Pieter Uitvoer   UWV adviser     UWV-kantoor Rijn-Delta
  Sanne Lesgever   trainer         Opleidingshuis Probeer
  Hetty Personeel  employer        Bibliotheek De Proefpagina
  Joris Meeloop    jobcoach        Jobcoachbureau Naastwerk
  Noor always sees everything in this dossier. Everybody else sees only what the
  access they were given covers.

       … 12 quiet days

Thursday 22 May 2025 ───────────────────────────────────────────────────────────
22:15  Consent withdrawn · Noor Voorbeeld
       The access of Bibliotheek De Proefpagina, only to the shared manual
       extract, at once, and asks to erase copies
       ✓ told         Mieke Vastpunt (contact person)
       · notice only  Hetty Personeel (employer): that it was withdrawn; no
                      reason, no content
       ✗ not          Joris Meeloop (jobcoach): who was given access is nobody
                      else's business
       ✗ not          Sanne Lesgever (trainer): access ended on 1 March 2025

22:15  The next look. Hetty Personeel (employer) opens “Extract of the manual
       shared” of 10 December 2024 again
       ✗ finds nothing: access was withdrawn on 22 May 2025

       … one quiet day

Tuesday 3 June 2025 ────────────────────────────────────────────────────────────
12:00  Placement changed · Hetty Personeel, employer, Bibliotheek De Proefpagina
       Hours, 18 hours a week, from 3 June 2025
       ✓ told      Mieke Vastpunt (contact person)
       ✓ told      Joris Meeloop (jobcoach) also gets the 15 earlier entries
       ○ may read  Joris Meeloop (jobcoach), without the wage
       ✗ not       Sanne Lesgever: no access was given
       sent 2 times, stored once

13:00  Hetty Personeel (employer) tries to record: Trial placement requested
       At Bibliotheek De Proefpagina, 13 January 2025 to 12 March 2025, 20 hours
       a week, WITHOUT the intention to keep the person on, then 12 months
       ✗ refused (R-02): a trial placement comes with the promise to keep the
         person on, for at least six months. Nothing is stored.

00:00  Consent expired · The platform, by the clock
       The access of Opleidingshuis Probeer, only to training
       ✓ told  Sanne Lesgever (trainer)

The end ────────────────────────────────────────────────────────────────────────
  Lives                                   1
  Days on which something happened        2
  Events recorded                         3
  Done by the platform, by the clock      1
  Told to somebody                    1,234
  Looks that were allowed                 5
  Looks that found nothing                6
  Attempts refused by a rule              7
  Surprises                               0

Everything went as the files say.
"""

GOLDEN_120 = """\
Everybody and everything in this story is invented. It really happens, though: in a running sandbox, over its
API.

The dossier of Noor Voorbeeld
  Mieke Vastpunt   contact person  Regionaal Werkcentrum Rijn-Delta
  Pieter Uitvoer   UWV adviser     UWV-kantoor Rijn-Delta
  Sanne Lesgever   trainer         Opleidingshuis Probeer
  Hetty Personeel  employer        Bibliotheek De Proefpagina
  Joris Meeloop    jobcoach        Jobcoachbureau Naastwerk
  Noor always sees everything in this dossier. Everybody else sees only what the access they were given
  covers.

       … 12 quiet days

Thursday 22 May 2025 ─────────────────────────────────────────────────────────────────────────────────────────
22:15  Consent withdrawn · Noor Voorbeeld
       The access of Bibliotheek De Proefpagina, only to the shared manual extract, at once, and asks to erase
       copies
       ✓ told         Mieke Vastpunt (contact person)
       · notice only  Hetty Personeel (employer): that it was withdrawn; no reason, no content
       ✗ not          Joris Meeloop (jobcoach): who was given access is nobody else's business
       ✗ not          Sanne Lesgever (trainer): access ended on 1 March 2025

22:15  The next look. Hetty Personeel (employer) opens “Extract of the manual shared” of 10 December 2024
       again
       ✗ finds nothing: access was withdrawn on 22 May 2025

       … one quiet day

Tuesday 3 June 2025 ──────────────────────────────────────────────────────────────────────────────────────────
12:00  Placement changed · Hetty Personeel, employer, Bibliotheek De Proefpagina
       Hours, 18 hours a week, from 3 June 2025
       ✓ told      Mieke Vastpunt (contact person)
       ✓ told      Joris Meeloop (jobcoach) also gets the 15 earlier entries
       ○ may read  Joris Meeloop (jobcoach), without the wage
       ✗ not       Sanne Lesgever: no access was given
       sent 2 times, stored once

13:00  Hetty Personeel (employer) tries to record: Trial placement requested
       At Bibliotheek De Proefpagina, 13 January 2025 to 12 March 2025, 20 hours a week, WITHOUT the intention
       to keep the person on, then 12 months
       ✗ refused (R-02): a trial placement comes with the promise to keep the person on, for at least six
         months. Nothing is stored.

00:00  Consent expired · The platform, by the clock
       The access of Opleidingshuis Probeer, only to training
       ✓ told  Sanne Lesgever (trainer)

The end ──────────────────────────────────────────────────────────────────────────────────────────────────────
  Lives                                   1
  Days on which something happened        2
  Events recorded                         3
  Done by the platform, by the clock      1
  Told to somebody                    1,234
  Looks that were allowed                 5
  Looks that found nothing                6
  Attempts refused by a rule              7
  Surprises                               0

Everything went as the files say.
"""


@pytest.mark.parametrize(("width", "golden"), [(80, GOLDEN_80), (120, GOLDEN_120)])
def test_the_story_reads_well(width: int, golden: str) -> None:
    assert shown(*scenes(), width=width).strip().splitlines() == golden.strip().splitlines()


def test_colour_changes_no_word() -> None:
    coloured = shown(*scenes(), color_system="truecolor", force_terminal=False)
    assert ANSI.sub("", coloured).split() == shown(*scenes()).split()


def test_colour_is_there_where_it_can_be_and_not_where_it_is_unwanted(monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"color_system": "auto", "force_terminal": True}
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[32m" in shown(*scenes(), **options)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in shown(*scenes(), **options)


def test_a_progress_bar_stands_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "%" in shown(*scenes(), force_terminal=True)
    assert "%" not in shown(*scenes())


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_three_lives_keep_within_the_width(language: str, width: int) -> None:
    told = shown(*three_lives(), width=width, language=language)
    assert max(len(line) for line in told.splitlines()) <= width
    assert "{" not in told
    assert "None" not in told


@cache
def three_lives() -> tuple[Observation, ...]:
    return tuple(Replay(FakeSandbox(), [read(file) for file in FILES], "en").observe())


def test_among_several_lives_each_entry_says_whose_it_is() -> None:
    opened = Opened((NOOR, replace(NOOR, id="other")), {})
    assert re.search(r"^13:00  Noor  Hetty", shown(opened, scenes_look("whole")), re.MULTILINE)
    assert re.search(r"^13:00  Hetty", shown(scenes_look("whole")), re.MULTILINE)


def scenes_look(sight: Any, *without: str) -> Looked:
    reader = Reader(HETTY, sight, False, without, Reason("employer_health") if sight == "nothing" else None)
    return Looked(at("2024-12-11T12:00"), NOOR, reader, NOOR.row(15).event, "check")


@pytest.mark.parametrize(
    ("seen", "line"),
    [
        (scenes_look("whole"), "✓ sees all of it"),
        (scenes_look("partial", "health_remark"), "✓ sees it, without the remark about health"),
        (scenes_look("nothing"), "✗ finds nothing: an employer never sees health"),
        (Listed(at("2025-01-01T00:00"), NOOR, HETTY, 200, 0), "✓ gets an empty list: nothing that may be known"),
        (Listed(at("2025-01-01T00:00"), NOOR, HETTY, 200, 3), "✓ gets 3 entries"),
        (Listed(at("2025-01-01T00:00"), NOOR, HETTY, 404, 0), "✗ does not exist for them"),
        (SentAgain(at("2025-01-01T00:00"), NOOR, HETTY, NOOR.row(34).event), "✓ known already: acknowledged, and"),
        (
            Refused(at("2025-01-01T00:00"), NOOR, HETTY, {"type": "nl.dossier.goal.set", "data": {}}, 403, None),
            "✗ refused: this party may not do this. Nothing is stored.",
        ),
        (Surprise(at("2025-01-01T00:00"), NOOR, HETTY, "look", "404", "200"), "expected 404; came 200"),
    ],
)
def test_what_came_of_it_is_said_in_words(seen: Observation, line: str) -> None:
    assert line in shown(seen)


CALL: dict[str, Any] = {
    "code": "contact_silence",
    "group": "b",
    "due_on": "2024-09-24",
    "numbers": {"since": "2024-08-12", "weeks": 6},
    "acts": ["nl.dossier.contact-moment.held", "nl.dossier.outreach.attempted"],
}
LIST = ListOpened(
    at("2024-09-23T22:00"),
    NOOR,
    MIEKE,
    date(2024, 9, 24),
    (
        ListRow(NOOR, "placement_early", date(2024, 8, 12), CALL, 1),
        ListRow(replace(NOOR, id="other"), "between_jobs", None, CALL | {"code": "new_code", "group": "d"}, 2),
        ListRow(replace(NOOR, id="third"), None, None),
    ),
)
LIST_80 = """\
00:00  Mieke Vastpunt (contact person) opens the list of 24 September 2024
       1  Noor  overdue: not spoken since 12 August 2024; agreed: every 6 weeks
                (and one more)
                answered by: Contact moment held, Outreach attempted
                just at work · last spoken 12 August 2024
       2  Noor  by date: new code (and 2 more)
                answered by: Contact moment held, Outreach attempted
                between jobs · not spoken yet
       3  Noor  nothing calls
                not spoken yet
"""
LIST_120 = """\
00:00  Mieke Vastpunt (contact person) opens the list of 24 September 2024
       1  Noor  overdue: not spoken since 12 August 2024; agreed: every 6 weeks (and one more)
                answered by: Contact moment held, Outreach attempted
                just at work · last spoken 12 August 2024
       2  Noor  by date: new code (and 2 more)
                answered by: Contact moment held, Outreach attempted
                between jobs · not spoken yet
       3  Noor  nothing calls
                not spoken yet
"""


@pytest.mark.parametrize(("width", "golden"), [(80, LIST_80), (120, LIST_120)])
def test_the_day_of_the_contact_person_reads_well(width: int, golden: str) -> None:
    assert shown(LIST, width=width).strip().splitlines() == golden.strip().splitlines()


def test_the_day_of_the_contact_person_in_dutch() -> None:
    told = shown(LIST, width=120, language="nl")
    assert "te laat: niet gesproken sinds 12 augustus 2024; afgesproken: elke 6 weken (en nog één)" in told
    assert "net aan het werk · laatst gesproken 12 augustus 2024" in told


@pytest.mark.parametrize("language", ["en", "nl"])
def test_every_code_stage_and_group_has_its_words(language: str) -> None:
    told = in_language(language).told
    assert told["calls"].keys() == ANSWERS.keys()
    assert list(told["stages"]) == list(SILENCE_WEEKS)
    assert list(told["groups"]) == list(GROUPS)


def test_a_type_that_does_not_exist_is_said_to_be_so() -> None:
    odd = Refused(at("2025-01-01T00:00"), NOOR, HETTY, {"type": "nl.dossier.handover.returned", "data": {}}, 400, None)
    assert "refused: no such event exists" in shown(Opened((NOOR,), TITLES), odd)


def test_without_unicode_the_marks_are_plain() -> None:
    class Ascii(io.StringIO):
        encoding = "ascii"

    file = Ascii()
    with Story(Console(file=file, width=80, color_system=None), "en") as story:
        story.show(scenes_look("whole"))
    assert "+ sees all of it" in file.getvalue()


def test_a_value_cannot_steer_the_terminal() -> None:
    event = {"type": "nl.dossier.goal.set", "data": {"text": "a\x1b[2Jb\nc [bold]d[/bold]"}}
    told = shown(EventLanded(at("2025-01-01T00:00"), NOOR, NOOR.owner, 1, event))
    assert "\x1b" not in told
    assert "[bold]d[/bold]" in told
    assert plain("a\x07b\r\nc") == "a b c"


def test_the_two_languages_say_the_same_things() -> None:
    english, dutch = in_language("en").told, in_language("nl").told
    assert english.keys() == dutch.keys()
    for heading in english.keys() - {"days", "months"}:
        assert english[heading].keys() == dutch[heading].keys(), heading
    slots = re.compile(r"\{\w+\}|\[\w+=\w+\]")
    for heading in ("phrases", "reasons", "details"):
        for key in english[heading]:
            assert slots.findall(str(english[heading][key])) == slots.findall(str(dutch[heading][key])), key


def test_dutch_is_dutch() -> None:
    words = in_language("nl")
    assert words.weekday(date(2025, 3, 1)) == "Zaterdag 1 maart 2025"
    assert words.reason(Reason("class_not_given", about="income"), NOOR) == "geen toegang tot inkomen"
    event = {"type": "nl.dossier.income-effect.observed", "data": {"net_change_month_eur": -1356.5, "clawback_eur": 0}}
    assert words.detail(event, NOOR).startswith("In werkelijkheid -€ 1.356,5 netto per maand")


def test_a_language_without_words_is_refused() -> None:
    with pytest.raises(ValueError, match="en, nl"):
        in_language("fr")


def test_a_complaint_says_what_to_do() -> None:
    console = Console(width=80, color_system=None)
    with console.capture() as told:
        complain(console, "No sandbox. Start one.", "nl")
    assert told.get().strip() == "Kan niet naspelen: No sandbox. Start one."


def test_a_person_is_named_with_role_and_organisation() -> None:
    words = in_language("en")
    unknown = Person("x", "X", "ZZZ", "o", "O", "other")
    assert words.who(MIEKE) == "Mieke Vastpunt (contact person)"
    assert words.who_in_full(MIEKE) == "Mieke Vastpunt, contact person, Regionaal Werkcentrum Rijn-Delta"
    assert words.who(NOOR.owner) == "Noor Voorbeeld"
    assert words.who(unknown) == "X (ZZZ)"


def test_a_life_is_read_whole() -> None:
    assert isinstance(NOOR, Life)
    assert (NOOR.first_name, len(NOOR.rows), len(NOOR.checks), len(NOOR.attempts)) == ("Noor", 40, 17, 6)
