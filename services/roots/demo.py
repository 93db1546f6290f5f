"""`draad demo`: a sandbox in which invented lives are lived before your eyes, and that then stays up."""

import asyncio
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.roots.replay import Telling, told
from services.roots.sandbox import Progress, Sandbox, beside
from services.sandbox.client import HttpApi, SandboxAway
from services.sandbox.conversation import CannotReplay
from services.sandbox.lives import Life, NotATrajectory, Person, read
from services.sandbox.words import Words, in_language, plain

LIVES: Final = Path(__file__).resolve().parents[2] / "tests" / "acceptance" / "trajectories"
PEOPLE: Final = "people"
_FILE_NAME: Final = re.compile(r"\w[\w.-]{0,63}")  # keys come from a file that anybody may have written


class NoLives(Exception):
    """The lives that come with the source are not here; the message says what to do."""

    def __init__(self) -> None:
        super().__init__(
            "The three lives of tests/acceptance/trajectories are not beside this program: "
            "give trajectory files, `draad demo FILE...`, or run it from a clone."
        )


EXPECTED: Final = (CannotReplay, NoLives, NotATrajectory, SandboxAway)
"""What may stand in the way here beside `services.roots.trouble`: each says what to do."""


@dataclass(frozen=True)
class Stage:
    """What stands after the story: where, whose lives, and a file with the token of each person."""

    url: str
    lives: Sequence[Life]
    files: Mapping[str, Path]
    told: Sequence[Path]
    words: Words

    def say(self, phrase: str, **values: str) -> str:
        return self.words.say(phrase, **values)

    def whose(self, life: Life) -> str:
        return self.words.say("dossier_of", name=plain(life.owner.name))

    def who(self, person: Person) -> str:
        return plain(self.words.who_in_full(person))

    def acting(self) -> list[tuple[Life, list[tuple[Person, Path]]]]:
        """Who can be acted as, life by life; somebody of several lives stands with the first."""
        shown: set[str] = set()
        stage = []
        for life in self.lives:
            people = [each for key, each in life.people.items() if key in self.files and key not in shown]
            shown.update(each.key for each in people)
            stage.append((life, [(each, self.files[each.key]) for each in people]))
        return stage


def usual_lives() -> list[Path]:
    files = sorted(LIVES.glob("*.json"))
    if not files:
        raise NoLives
    return files


async def demo(port: int, telling: Telling, stays: Callable[[Stage], None], progress: Progress) -> int:
    """Until it is told to stop; `stays` is called when the story has been told. Gives what the replay gave."""
    telling.check()
    async with beside(port, progress) as (sandbox, running):
        outcome = await told(telling, sandbox.url)
        stays(await asyncio.to_thread(_staged, sandbox, telling))
        await running
        return outcome


def _staged(sandbox: Sandbox, telling: Telling) -> Stage:
    """Entering a scene again registers nobody twice and gives tokens: each goes into a file that only we may read."""
    folder = sandbox.folder / PEOPLE
    folder.mkdir(mode=0o700, exist_ok=True)
    lives = [read(file) for file in telling.files]
    written: dict[str, Path] = {}
    with closing(HttpApi(sandbox.url)) as api:
        for life in lives:
            scene = api.send("POST", "/sandbox/scenes", body=dict(life.scene))
            for key, token in scene.body["tokens"].items():
                if key not in written and not life.people[key].is_platform and _FILE_NAME.fullmatch(key):
                    written[key] = _private(folder / key, f"Authorization: Bearer {token}\n")
    return Stage(sandbox.url, lives, written, telling.files, in_language(telling.language))


def _private(path: Path, content: str) -> Path:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as file:
        file.write(content)
    return path
