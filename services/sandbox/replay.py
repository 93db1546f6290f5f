"""`draad replay`: lives trajectory files through a running sandbox and shows the story as it unfolds."""

import json
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console

from services.sandbox.client import HttpApi, SandboxAway
from services.sandbox.conversation import CannotReplay
from services.sandbox.lives import NotATrajectory, read
from services.sandbox.living import Replay
from services.sandbox.observed import EventLanded, Looked, PlatformActed, Refused, Surprise, record
from services.sandbox.story import Story, complain

_PACE = 0.35  # seconds for each happening at speed 1: three lives of forty events take about a minute


def replay(
    files: Sequence[Path],
    url: str,
    *,
    console: Console,
    speed: float | None = None,
    language: str = "en",
    json_out: Path | None = None,
) -> int:
    """Live the files through the sandbox at `url` and show it; 0 as expected, 1 something differed, 2 not possible.

    `speed` 1 takes about a minute for three lives, 2 half of it, 0 goes as fast as it can; unset it is 1 on a
    terminal and 0 elsewhere. `json_out` receives `{"format", "language", "observations": [{"kind", …}, …]}`: what was
    observed in order, people and lives by their keys, events by envelope without body, the sums last.
    """
    seen: list[dict[str, Any]] = []
    try:
        lives = [read(Path(file)) for file in files]
        try:
            with closing(HttpApi(url)) as api:
                surprises = _show(Replay(api, lives, language), console, _pace(speed, console), language, seen)
        finally:
            if json_out is not None:
                _write(json_out, {"format": "draad-replay/1", "language": language, "observations": seen})
    except (NotATrajectory, CannotReplay, SandboxAway) as cannot:
        complain(console, str(cannot), language)
        return 2
    return int(surprises > 0)


def _write(path: Path, observed: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(observed, indent=1, ensure_ascii=False) + "\n", "utf-8")
    except OSError as unwritable:
        raise CannotReplay(
            f"{path}: cannot be written ({unwritable.strerror}). Give another place to --json."
        ) from None


def _pace(speed: float | None, console: Console) -> float:
    """Seconds for each event."""
    speed = float(console.is_terminal) if speed is None else speed
    return _PACE / speed if speed > 0 else 0.0


def _show(living: Replay, console: Console, pace: float, language: str, seen: list[dict[str, Any]]) -> int:
    surprises = 0
    with Story(console, language) as story:
        began = time.monotonic()
        for observation in living.observe():
            seen.append(record(observation))
            story.show(observation, living.progress)
            surprises += isinstance(observation, Surprise)
            if isinstance(observation, EventLanded | PlatformActed | Looked | Refused):
                time.sleep(max(0.0, pace - (time.monotonic() - began)))
                began = time.monotonic()
    return surprises
