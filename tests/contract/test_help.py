"""Every command teaches: what it does, what it needs, and an example that can be typed."""

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from services.cli import app
from services.foundation.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = [
    *(("sandbox",), ("demo",), ("replay",), ("serve",), ("migrate",)),
    *(("parties", "import"), ("grants", "register"), ("erasures", "export"), ("erasures", "replay")),
    *(("rules", "rehearse"), ("rules", "parked"), ("rules", "resume")),
    *(("deliveries", "parked"), ("deliveries", "resume"), ("deliveries", "webhooks")),
]


def helped(*command: str, columns: int = 80) -> str:
    answer = CliRunner(env={"COLUMNS": str(columns), "NO_COLOR": "1", "TERM": "dumb"}).invoke(app, [*command, "--help"])
    assert answer.exit_code == 0
    return answer.output


def commands(group: typer.Typer, *path: str) -> set[tuple[str, ...]]:
    own = {(*path, each.name or each.callback.__name__) for each in group.registered_commands if each.callback}
    return own.union(
        *(commands(sub.typer_instance, *path, sub.name or "") for sub in group.registered_groups if sub.typer_instance)
    )


def test_every_command_is_looked_at_here() -> None:
    assert commands(app) == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_needs_and_shows_an_example(command: tuple[str, ...]) -> None:
    shown = helped(*command)

    assert "Example" in shown
    assert f"draad {' '.join(command)}" in shown.split("Example", 1)[1]
    assert "eeds" in shown or "needs" in shown or command == ("replay",)
    assert all(len(line) <= 80 for line in shown.splitlines())


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_option_is_explained(command: tuple[str, ...]) -> None:
    found: Any = typer.main.get_command(app)
    for name in command:
        found = found.commands[name]

    assert [each.name for each in found.params if not getattr(each, "help", None)] == []


def test_the_first_page_names_the_ways_in() -> None:
    shown = helped()

    assert all(name in shown for name in ("draad demo", "draad sandbox", "draad serve"))


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(app, ["--version"]).output.startswith("draad")


def test_the_page_of_settings_is_that_of_the_code() -> None:
    rows = [line.strip() for line in (Settings.__doc__ or "").splitlines() if line.strip().startswith("|")]
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")

    assert len(rows) > 2
    assert [line for line in page.splitlines() if line.startswith("|")] == rows
