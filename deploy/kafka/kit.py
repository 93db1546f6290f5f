"""What a Kafka node is started from: jars that Maven brings, an archive of their classes, a list of features."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
POM = HERE / "pom.xml"
PATIENCE = 60.0


class NoBroker(Exception):
    """A broker cannot be had here; the message says what to do."""


@dataclass(frozen=True)
class Kit:
    """What a node is started from; made once for this pom and this Java, then kept.

    `checkpoint` is the list of features as Kafka's own formatter writes it: with it a node needs no formatter.
    """

    class_path: str
    archive: Path
    checkpoint: Path


def prepared(rehearse: Callable[[Kit], None], folder: Path | None = None) -> Kit:
    """The kit in `folder`, made first if it is not there; two who ask at once get the same one.

    `rehearse` runs a formatted node once, which leaves the checkpoint, and the archive when it stops.
    """
    java = _java_version()
    made_of = hashlib.sha256(POM.read_bytes() + java).hexdigest()[:12]
    kit = (folder or Path(os.environ.get("DRAAD_KAFKA_KIT") or HERE / ".kit")) / made_of
    kit.mkdir(parents=True, exist_ok=True)
    with _alone(kit / "lock"):
        libraries = kit / "libraries"
        if not libraries.is_dir():
            _resolve(kit, libraries)
        # The archive fits only the same jars in the same order.
        class_path = ":".join(str(jar) for jar in sorted(libraries.glob("*.jar")))
        found = Kit(class_path, kit / "classes.jsa", kit / "bootstrap.checkpoint")
        if not found.checkpoint.is_file():
            rehearse(found)
    return found


def _java_version() -> bytes:
    if shutil.which("java") is None:
        raise NoBroker("there is no java: install Java 17 or newer (Debian, Ubuntu: default-jre-headless)")
    said = subprocess.run(["java", "-version"], capture_output=True, check=True, timeout=PATIENCE)
    return said.stderr


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _resolve(kit: Path, libraries: Path) -> None:
    if shutil.which("mvn") is None:
        raise NoBroker("there is no mvn, which fetches Kafka: install Maven (Debian, Ubuntu: maven)")
    unfinished = kit / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    done = subprocess.run(
        [
            # Java takes the home of the list of users, which need not be the one that HOME names, or be there at all.
            *("mvn", "-q", "-B", f"-Duser.home={Path.home()}", "-f", str(POM), "dependency:copy-dependencies"),
            *("-DincludeScope=runtime", f"-DoutputDirectory={unfinished}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NoBroker(f"mvn could not fetch Kafka:\n{(done.stdout + done.stderr)[-2000:]}")
    unfinished.rename(libraries)
