"""`draad replay`: a client of a running sandbox, or of one that it starts for itself."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from services.roots.sandbox import Progress, beside
from services.sandbox.lives import read
from services.sandbox.replay import replay


@dataclass(frozen=True)
class Telling:
    """Which lives, and how their story is told."""

    files: Sequence[Path]
    console: Console
    speed: float | None
    language: str
    json_out: Path | None = None

    def check(self) -> None:
        """Raises NotATrajectory before anything is started."""
        for file in self.files:
            read(file)


async def replay_alone(telling: Telling, progress: Progress) -> int:
    """In a sandbox of its own, which goes with the story."""
    telling.check()
    async with beside(0, progress) as (sandbox, _):
        return await told(telling, sandbox.url)


def replay_at(telling: Telling, url: str) -> int:
    return replay(
        telling.files,
        url,
        console=telling.console,
        speed=telling.speed,
        language=telling.language,
        json_out=telling.json_out,
    )


async def told(telling: Telling, url: str) -> int:
    """The story beside its sandbox. Told to stop, it falls silent at once; its end is waited for with the process."""
    try:
        return await asyncio.to_thread(replay_at, telling, url)
    except asyncio.CancelledError:
        telling.console.show_cursor(True)
        telling.console.quiet = True
        raise
