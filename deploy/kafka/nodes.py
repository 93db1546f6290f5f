"""Nodes of one Kafka cluster on this machine alone: laid out, started, killed, started again, and forgotten."""

import base64
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from deploy.kafka.kit import HERE, PATIENCE, Kit, NoBroker, prepared
from deploy.kafka.secured import Secured

LOGGING = HERE / "log4j2.properties"
HOST = "127.0.0.1"
PREFIX = "draad-kafka-"
OWNER = "owner"
# Short-lived: the first compiler alone and the simplest collector start in a third of the time. Not for measuring.
JVM = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
HEAP = "-Xmx256m"
HEAP_TO_MEASURE = "-Xmx512m"


def kit() -> Kit:
    return prepared(_rehearse)


def _rehearse(kit: Kit) -> None:
    """One run of a formatted node, which leaves the archive of its classes when it stops."""
    with Nodes(kit, archive=False, formatted=True) as nodes:
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
        secured: bool = False,
        measuring: bool = False,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        clear_orphans()
        self._kit, self._archive, self._formatted = kit, archive, formatted
        self._java = (HEAP_TO_MEASURE,) if measuring else (HEAP, *JVM)
        ports = _free_ports(2 * count)
        self.ports = [port + number for number in range(count)] if port else ports[:count]
        self._controllers = ports[count:]
        self._cluster = _identifier()
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._owner = _owning(self.folder)
        self.secured = Secured.in_folder(self.folder / "secured") if secured else None
        self._settings = {**(self.secured.settings if self.secured else {}), **(settings or {})}
        self._checkpoint = kit.checkpoint
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
        if self.secured is not None:
            self._checkpoint = self._with_users(self.secured)
        for node in range(len(self.ports)):
            self._lay_out(node)
            self.start_node(node)
        for node in range(len(self.ports)):
            self.wait_for(node)

    def start_node(self, node: int) -> None:
        archive = f"-XX:{'SharedArchiveFile' if self._archive else 'ArchiveClassesAtExit'}={self._kit.archive}"
        use_archive = [archive] if not self._archive or self._kit.archive.is_file() else []
        command = [*("java", *self._java, *use_archive, f"-Dlog4j2.configurationFile={LOGGING}")]
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
        self._owner.close()

    def freeze(self, node: int) -> None:
        """As when the machine swaps, or its network is away: it holds its connections, and says nothing."""
        self._running[node].send_signal(signal.SIGSTOP)

    def thaw(self, node: int) -> None:
        self._running[node].send_signal(signal.SIGCONT)

    def topic_files(self, topic: str) -> Sequence[Path]:
        """Where the nodes keep the bytes of a topic."""
        return sorted(self.folder.glob(f"[0-9]/{topic}-*/*.log"))

    def _log(self, node: int) -> str:
        return (self.folder / f"{node + 1}.log").read_text(errors="replace")

    def _properties(self, node: int) -> Path:
        return self.folder / f"{node + 1}.properties"

    def _lay_out(self, node: int) -> None:
        self._write_properties(node)
        folder = self.folder / str(node + 1)
        if self._formatted:
            self._format(node, "--standalone")
            return
        folder.mkdir()
        (folder / "meta.properties").write_text(
            f"version=1\ncluster.id={self._cluster}\nnode.id={node + 1}\ndirectory.id={_identifier()}\n"
        )
        shutil.copy(self._checkpoint, folder / "bootstrap.checkpoint")

    def _write_properties(self, node: int) -> None:
        properties = {**self._usual(node), **self._settings}
        self._properties(node).touch(0o600)
        self._properties(node).write_text("".join(f"{name}={value}\n" for name, value in properties.items()))

    def _with_users(self, secured: Secured) -> Path:
        """The features and the users: Kafka's formatter writes both into one checkpoint, which all nodes get."""
        self._write_properties(0)
        self._format(0, *secured.users())
        made = self.folder / "users.checkpoint"
        (self.folder / "1" / "bootstrap.checkpoint").rename(made)
        shutil.rmtree(self.folder / "1")
        return made

    def _format(self, node: int, *more: str) -> None:
        """By Kafka's own formatter."""
        tool = ["java", "-Xmx128m", *JVM, "-cp", self._kit.class_path, "kafka.tools.StorageTool", "format"]
        options = ["-t", self._cluster, "-c", str(self._properties(node)), *more]
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
            "listeners": f"CLIENTS://{HOST}:{self.ports[node]},CONTROLLER://{controllers[node]}",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,CLIENTS:PLAINTEXT",
            "inter.broker.listener.name": "CLIENTS",
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


def clear_orphans() -> None:
    """Nodes whose owner was killed would go on for ever: whoever starts next ends them, and forgets what they kept."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError), (folder / OWNER).open("r+") as lock:  # OSError: not ours, or its owner lives
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for process in Path("/proc").glob("[0-9]*"):
                if _is_node_in(folder, process):
                    os.kill(int(process.name), signal.SIGKILL)
            shutil.rmtree(folder)


def _is_node_in(folder: Path, process: Path) -> bool:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"kafka.Kafka" in words and any(word.startswith(bytes(folder) + b"/") for word in words)


def _owning(folder: Path) -> IO[bytes]:
    """A lock that dies with this process. Locked before it has its name, so that nobody finds it free meanwhile."""
    lock = (folder / "unnamed").open("wb")
    fcntl.flock(lock, fcntl.LOCK_EX)
    (folder / "unnamed").rename(folder / OWNER)
    return lock
