"""Runs a real Kafka on this machine alone, without Docker: one node or three, from jars that Maven brings.

    python deploy/kafka/broker.py                      one node on 127.0.0.1:9092, until Ctrl-C
    python deploy/kafka/broker.py --nodes 3 --port 0   three, on ports that are free
    python deploy/kafka/broker.py --prepare            only fetch and prepare what it needs

Needs Java 17 or newer and, the first time, Maven. For tests and for looking around: no TLS, no passwords.
"""

import argparse
import base64
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

HERE = Path(__file__).resolve().parent
POM = HERE / "pom.xml"
LOGGING = HERE / "log4j2.properties"
HOST = "127.0.0.1"
PATIENCE = 60.0
# Short-lived: the first compiler alone and the simplest collector start in a third of the time. Not for measuring.
JVM = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
HEAP = "-Xmx256m"


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


def prepared(folder: Path | None = None) -> Kit:
    """The kit in `folder`, made first if it is not there; two who ask at once get the same one."""
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
            _rehearse(found)
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
            *("mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"),
            *("-DincludeScope=runtime", f"-DoutputDirectory={unfinished}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NoBroker(f"mvn could not fetch Kafka:\n{(done.stdout + done.stderr)[-2000:]}")
    unfinished.rename(libraries)


def _rehearse(kit: Kit) -> None:
    """One run of a formatted node, which leaves the archive of its classes when it stops."""
    with Nodes(kit, 1, archive=False, formatted=True) as nodes:
        nodes.start()
        nodes.stop(0)
        shutil.copy(nodes.folder / "1" / "bootstrap.checkpoint", kit.checkpoint)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def _identifier() -> str:
    """As Kafka writes one; a leading dash would be read as an option."""
    while (found := base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")).startswith("-"):
        pass
    return found


class Nodes:
    """One cluster of combined nodes in a temporary folder; a node that was killed can be started again."""

    def __init__(
        self,
        kit: Kit,
        count: int = 1,
        *,
        port: int = 0,
        archive: bool = True,
        formatted: bool = False,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self._kit, self._archive, self._formatted = kit, archive, formatted
        self._settings = settings or {}
        ports = _free_ports(2 * count)
        self.ports = [port + number for number in range(count)] if port else ports[:count]
        self._controllers = ports[count:]
        self._cluster = _identifier()
        self.folder = Path(tempfile.mkdtemp(prefix="draad-kafka-"))
        self._running: dict[int, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Nodes":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def bootstrap(self) -> str:
        return ",".join(f"{HOST}:{port}" for port in self.ports)

    def start(self) -> None:
        for node in range(len(self.ports)):
            self._lay_out(node)
            self.start_node(node)
        for node in range(len(self.ports)):
            self.wait_for(node)

    def start_node(self, node: int) -> None:
        archive = f"-XX:{'SharedArchiveFile' if self._archive else 'ArchiveClassesAtExit'}={self._kit.archive}"
        use_archive = [archive] if not self._archive or self._kit.archive.is_file() else []
        command = [*("java", HEAP, *JVM, *use_archive, f"-Dlog4j2.configurationFile={LOGGING}")]
        with (self.folder / f"{node + 1}.log").open("ab") as log:
            self._running[node] = subprocess.Popen(
                [*command, "-cp", self._kit.class_path, "kafka.Kafka", str(self._properties(node))],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for this script, which stops its nodes itself
            )

    def wait_for(self, node: int) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if self._running[node].poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex((HOST, self.ports[node])) == 0:
                    return
            time.sleep(0.03)
        raise NoBroker(f"node {node + 1} does not start:\n{self._log(node)[-2000:]}")

    def kill(self, node: int) -> None:
        """At once, as when the machine dies."""
        process = self._running.pop(node)
        process.kill()
        process.wait()

    def stop(self, node: int) -> None:
        process = self._running.pop(node)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def wait(self) -> None:
        for process in list(self._running.values()):
            process.wait()

    def close(self) -> None:
        for node in list(self._running):
            self.kill(node)
        shutil.rmtree(self.folder, ignore_errors=True)

    def topic_files(self, topic: str) -> Sequence[Path]:
        """Where the nodes keep the bytes of a topic."""
        return sorted(self.folder.glob(f"[0-9]/{topic}-*/*.log"))

    def _log(self, node: int) -> str:
        return (self.folder / f"{node + 1}.log").read_text(errors="replace")

    def _properties(self, node: int) -> Path:
        return self.folder / f"{node + 1}.properties"

    def _lay_out(self, node: int) -> None:
        properties = {**self._usual(node), **self._settings}
        self._properties(node).write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
        folder = self.folder / str(node + 1)
        if self._formatted:
            self._format(node)
            return
        folder.mkdir()
        (folder / "meta.properties").write_text(
            f"version=1\ncluster.id={self._cluster}\nnode.id={node + 1}\ndirectory.id={_identifier()}\n"
        )
        shutil.copy(self._kit.checkpoint, folder / "bootstrap.checkpoint")

    def _format(self, node: int) -> None:
        """By Kafka's own formatter."""
        tool = ["java", "-Xmx128m", *JVM, "-cp", self._kit.class_path, "kafka.tools.StorageTool", "format"]
        options = ["-t", self._cluster, "-c", str(self._properties(node)), "--standalone"]
        done = subprocess.run([*tool, *options], capture_output=True, text=True, check=False)
        if done.returncode:
            raise NoBroker(f"Kafka's formatter refused:\n{(done.stdout + done.stderr)[-2000:]}")

    def _usual(self, node: int) -> dict[str, object]:
        copies = min(3, len(self.ports))
        controllers = [f"{HOST}:{port}" for port in self._controllers]
        voters = ",".join(f"{number}@{address}" for number, address in enumerate(controllers, start=1))
        quorum = (
            {"controller.quorum.bootstrap.servers": ",".join(controllers)}
            if self._formatted
            else {"controller.quorum.voters": voters}
        )
        return {
            "process.roles": "broker,controller",
            "node.id": node + 1,
            "listeners": f"PLAINTEXT://{HOST}:{self.ports[node]},CONTROLLER://{controllers[node]}",
            "controller.listener.names": "CONTROLLER",
            **quorum,
            "log.dirs": self.folder / str(node + 1),
            "default.replication.factor": copies,
            "min.insync.replicas": min(2, copies),
            "offsets.topic.replication.factor": copies,
            "offsets.topic.num.partitions": 3,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": min(2, copies),
            "transaction.state.log.num.partitions": 3,
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": min(2, copies),
            "auto.create.topics.enable": "false",
            # The usual 9 s is how long a killed node is waited for, also by itself when it is back.
            "broker.session.timeout.ms": 2000,
            "broker.heartbeat.interval.ms": 500,
        }


def main() -> None:
    arguments = argparse.ArgumentParser(description="A real Kafka on this machine alone, without Docker.")
    arguments.add_argument("--nodes", type=int, choices=(1, 3), default=1)
    arguments.add_argument("--port", type=int, default=9092, help="of the first node; 0 takes free ones")
    arguments.add_argument("--prepare", action="store_true", help="only fetch and prepare what a node needs")
    asked = arguments.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        kit = prepared()
        if asked.prepare:
            return
        with Nodes(kit, asked.nodes, port=asked.port) as nodes:
            nodes.start()
            sys.stdout.write(f"Kafka answers at {nodes.bootstrap}. Ctrl-C stops it and forgets everything.\n")
            sys.stdout.flush()
            nodes.wait()
    except NoBroker as reason:
        sys.exit(f"broker: {reason}")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
