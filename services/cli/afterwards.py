"""What is said when the story has been told: where things are, and how to act as each person in it."""

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

if TYPE_CHECKING:
    from services.roots.demo import Stage


def say(console: Console, line: str, style: str = "") -> None:
    """One line, whatever its length: commands and addresses are there to be copied."""
    console.print(Text(line, style=style), soft_wrap=True)


def stays(console: Console, stage: "Stage") -> None:
    """Addresses, and for each person a line that asks as that person."""
    console.print()
    say(console, stage.say("stays_up", url=stage.url), "bold")
    for phrase, path in (
        ("stays_docs", "/docs"),
        ("stays_types", "/v1/event-types"),
        ("stays_health", "/health/ready"),
    ):
        say(console, f"  {stage.url + path:<{len(stage.url) + 16}}  {stage.say(phrase)}")
    console.print()
    say(console, stage.say("be_one"), "bold")
    console.print(Padding(Text(stage.say("be_one_how")), (0, 0, 1, 0)))
    for life, people in stage.acting():
        say(console, stage.whose(life), "bold")
        for person, file in people:
            say(console, stage.who(person))
            events = f"{stage.url}/v1/dossiers/{life.dossier}/events"
            _command(console, f"curl -H {_typed_header(file)}", events)
        console.print()
    draad, python, files = _runnable("draad"), _runnable("python"), _files(stage)
    say(console, stage.say("again_how"), "bold")
    _command(console, f"{draad} replay", files)
    say(console, stage.say("drive_how"), "bold")
    _command(console, f"{draad} sandbox --port 8701")
    drive = f"{python} tests/acceptance/drive.py --url http://127.0.0.1:8701"
    _command(console, drive, "--only access,attempts,lists,deliveries", files)
    console.print()
    say(console, stage.say("stop_how"), "dim")


def _command(console: Console, *parts: str) -> None:
    """To be copied whole: on one line where it fits, else broken as a shell takes it."""
    whole = f"  {' '.join(parts)}"
    say(console, whole if len(whole) < console.width else " \\\n".join(f"  {part}" for part in parts), "cyan")


def _typed_header(file: Path) -> str:
    return shlex.quote(f"@{file}")


def _typed(path: Path) -> str:
    """As one would type it here, whatever characters are in it."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def _files(stage: "Stage") -> str:
    from services.roots.demo import LIVES

    if list(stage.told) == sorted(LIVES.glob("*.json")):
        return f"{_typed(stage.told[0].parent)}/*.json"
    return " ".join(map(_typed, stage.told))


def _runnable(program: str) -> str:
    """By its name where that is enough, else the one beside this Python."""
    beside = Path(sys.executable).parent / program
    found = shutil.which(program)
    if beside.exists() and (found is None or not beside.samefile(found)):
        return _typed(beside)
    return program
