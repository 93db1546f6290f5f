"""The commands for invented people: sandbox, demo, replay."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.text import Text

from services.cli.afterwards import say, stays

if TYPE_CHECKING:
    from services.roots.sandbox import Sandbox

INTERRUPTED = 130  # 128 and the number of SIGINT, as shells have it
Language = Literal["en", "nl"]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Where to listen on 127.0.0.1; 0 takes a free one.")]
Speed = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="1 takes about a minute for three lives, 2 half of it, 0 as fast as it goes. "
        "Without it: 1 on a terminal, else 0.",
    ),
]
Lang = Annotated[
    Language | None, typer.Option("--lang", help="Language of the story. Without it: that of your terminal.")
]


def add_to(app: typer.Typer) -> None:
    for command in (sandbox, demo, replay):
        app.command()(command)


def sandbox(
    port: Port = 8700,
    data: Annotated[
        Path | None, typer.Option(help="Keep the data in this folder (new, empty or an earlier sandbox's).")
    ] = None,
    kafka: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Use this Kafka as the bus, on topics of its own.")
    ] = None,
) -> None:
    """Run the whole system with invented people and a clock that can be set.

    For integrators and testers. Needs nothing: it brings its own database, its own issuer of tokens, and forgets
    everything when it stops unless --data is given. It listens on this machine alone. Ctrl-C stops it.

    The people come by POST /sandbox/scenes, with a trajectory file as body; the answer holds a token for each.

    Example:

        draad sandbox --port 8700 --data ./my-sandbox
        draad replay FILE... --url http://127.0.0.1:8700
    """
    from services.roots import running
    from services.roots import sandbox as root

    console = _console()
    _guarded()
    brokers = _brokers(kafka)

    def ready(found: "Sandbox") -> None:
        say(console, f"The sandbox answers at {found.url}", "bold")
        say(console, f"  its pages          {found.url}/docs")
        say(
            console,
            f"  bring people       curl -H 'Content-Type: application/json' -d @FILE {found.url}/sandbox/scenes",
        )
        say(console, f"  see a story        draad replay FILE... --url {found.url}")
        say(console, f"  its data           {data or 'in a temporary folder; gone when it stops'}")
        say(console, "Ctrl-C stops it.")

    running.until_told(lambda: root.sandbox(port, data, ready, _progress(console), brokers))


def demo(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Trajectory files; without: the three of this clone."),
    ] = None,
    port: Port = 8700,
    lang: Lang = None,
    speed: Speed = None,
) -> None:
    """Watch three invented lives, then be one of the people in them. This is `make run`.

    Starts a sandbox, tells the story as it unfolds (who is told, who is not, and why), and stays up: it prints the
    addresses and, for each person, a command that asks as that person. Needs nothing. Ctrl-C stops it.

    Example:

        draad demo --lang nl --speed 2
    """
    from services.roots import demo as root
    from services.roots import running
    from services.roots.replay import Telling

    console, language = _console(), _language(lang)
    _guarded()
    telling = Telling(files or root.usual_lives(), console, speed, language)
    running.until_told(lambda: root.demo(port, telling, lambda stage: stays(console, stage), _progress(console)))


def replay(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Trajectory files, lived on one clock.")],
    url: Annotated[
        str | None, typer.Option(help="A running, fresh sandbox. Without it one is started and stopped with the story.")
    ] = None,
    json_out: Annotated[Path | None, typer.Option("--json", help="Write what was observed to this file.")] = None,
    speed: Speed = None,
    lang: Lang = None,
) -> None:
    """Live trajectory files through a sandbox and show the story.

    Posts every event as the person who did it, moves the clock, looks as each reader, and shows who is told, who is
    not, and what the clock brings. Ends with 1 when something went differently from what the files say, with 130 when
    it was stopped. A sandbox can be lived through once, because its clock only goes forward.

    Example:

        draad replay tests/acceptance/trajectories/*.json --speed 2
    """
    from services.roots import replay as root
    from services.roots import running

    console = _console()
    telling = root.Telling(files, console, speed, _language(lang), json_out)
    if url is None:
        _guarded()
        status = running.until_told(lambda: root.replay_alone(telling, _progress(console)))
    else:
        status = _unless_interrupted(lambda: root.replay_at(telling, url))
    if status is None:
        says = "draad: Stopped before the end of the story. To see it whole, give it a fresh sandbox: draad sandbox."
        say(Console(stderr=True, highlight=False), says)
    raise typer.Exit(INTERRUPTED if status is None else status)


def _unless_interrupted(work: Callable[[], int]) -> int | None:
    """None: Ctrl-C came first."""
    try:
        return work()
    except KeyboardInterrupt:
        return None


def _guarded() -> None:
    """Logs on, settings read, and nothing that real people have within reach."""
    from services.foundation import telemetry
    from services.foundation.settings import Settings
    from services.roots import guard
    from services.roots.sandbox import HOST

    settings = Settings.from_environment()
    said = settings.log_level if os.environ.get("DRAAD_LOG_LEVEL", "").strip() else "warning"
    telemetry.configure(level=logging.getLevelNamesMapping()[said.upper()])
    guard.demand_sandbox(settings, HOST)


def _console() -> Console:
    return Console(highlight=False)


def _brokers(kafka: str | None) -> tuple[str, ...]:
    from services.foundation.settings import Settings, SettingsFault

    try:
        return Settings.from_environment({"DRAAD_KAFKA": kafka or ""}).kafka
    except SettingsFault as fault:
        raise typer.BadParameter("write host:port, parted by commas", param_hint="--kafka") from fault


class _progress:
    """Steps of a start, on one line each; they go to standard error, because they are not what was asked for."""

    def __init__(self, console: Console) -> None:
        self._console = Console(stderr=True, highlight=False) if not console.is_terminal else console

    def __call__(self, step: str) -> None:
        self._console.print(Text(f"{step} …" if not self._console.options.ascii_only else f"{step} ...", style="dim"))


def _language(lang: Language | None) -> str:
    spoken = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return lang or ("nl" if spoken.lower().startswith("nl") else "en")
