"""`draad` on the command line: whatever is in the way, it says what to do; whatever it started, it stops."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.end_to_end.processes import PATIENCE, ROOT, draad, free_port, running, servers_on, started

LIFE = ROOT / "tests" / "acceptance" / "trajectories" / "t1-noor-revoked-consent.json"
REAL = {"DRAAD_ISSUER": "https://login.example.org", "DRAAD_AUDIENCE": "draad", "DRAAD_ROOT_KEY": "A" * 43 + "="}
NOBODY_LISTENS = {
    "DRAAD_DATABASE_URL": "postgresql://draad@127.0.0.1:1/draad",
    "DRAAD_KEYS_DATABASE_URL": "postgresql://draad@127.0.0.1:1/keys",
}


@pytest.mark.parametrize(
    ("arguments", "given", "says"),
    [
        (["serve"], {}, ["DRAAD_ISSUER", "draad sandbox"]),
        (["serve"], REAL | {"DRAAD_ISSUER": "login.example.org"}, ["DRAAD_ISSUER is not an https:// URL"]),
        (["serve"], REAL | {"DRAAD_ROOT_KEY": "short"}, ["DRAAD_ROOT_KEY", "openssl rand"]),
        (["serve"], REAL | {"DRAAD_ROOT_KEY": "", "DRAAD_ROOT_KEY_FILE": "/nowhere"}, ["cannot be read"]),
        (["serve"], REAL | {"DRAAD_KAFKA": "broker"}, ["DRAAD_KAFKA", "host:port"]),
        (["sandbox"], {"DRAAD_KAFKA": "broker:9092"}, ["DRAAD_KAFKA", "--kafka"]),
        (["serve", "--port", "0"], REAL | NOBODY_LISTENS, ["database does not answer", "URL"]),
        (["serve", "--host", "192.0.2.1"], REAL, ["no address of this machine", "--host"]),
        (["serve"], REAL | {"DRAAD_FAILPOINT": "relay.before_mark"}, ["unset it", "DRAAD_ALLOW_FAILPOINTS"]),
        (["serve", "relay"], REAL, ["DRAAD_DATABASE_URL", "draad serve all"]),
        (["serve", "--port", "0", "--data", "x"], REAL | NOBODY_LISTENS, ["--data", "DRAAD_DATABASE_URL"]),
        (["migrate"], NOBODY_LISTENS, ["database does not answer"]),
        (["migrate"], {"DRAAD_DATABASE_URL": "postgresql://localhost/draad"}, ["DRAAD_KEYS_DATABASE_URL"]),
        (["sandbox"], {"DRAAD_ISSUER": "https://login.example.org"}, ["DRAAD_ISSUER", "draad serve"]),
        (["sandbox"], NOBODY_LISTENS, ["DRAAD_DATABASE_URL", "draad serve"]),
        (["sandbox", "--port", "0", "--kafka", "127.0.0.1:1"], {}, ["No Kafka answers", "--kafka"]),
        (["sandbox", "--port", "0", "--data", "/proc/nowhere"], {}, ["/proc/nowhere cannot be used"]),
        (["demo", "nowhere.json"], {}, ["nowhere.json", "cannot be read"]),
        (["replay", "README.md"], {}, ["README.md", "is not JSON"]),
        (["replay", "pyproject.toml", str(LIFE)], {}, ["pyproject.toml", "is not JSON"]),
        (["replay", "docs/adr"], {}, ["docs/adr", "cannot be read"]),
        (["parties", "import", "nowhere.json"], {}, ["nowhere.json cannot be read"]),
        (["parties", "import", str(LIFE)], {}, ["/format"]),
        (["grants", "register", "README.md"], {}, ["README.md is not JSON"]),
        (["grants", "register", str(LIFE)], {}, ["holds no grants"]),
        (["erasures", "replay", "README.md"], {}, ["README.md, line 1", "nothing was done"]),
        (["erasures", "replay", "nowhere.jsonl"], {}, ["nowhere.jsonl cannot be read"]),
    ],
)
def test_wrong_use_is_answered_with_what_to_do(arguments: list[str], given: dict[str, str], says: list[str]) -> None:
    ended = draad(*arguments, given=given)

    assert ended.status == 1, ended
    assert ended.is_a_sentence()
    assert all(each in " ".join(ended.complained.split()) for each in says), ended.complained


@pytest.mark.parametrize(
    "arguments",
    [
        ["sandbox", "--colour", "red"],
        ["sandbox", "--port", "70000"],
        ["sandbox", "--port", "http"],
        ["serve", "everything"],
        ["demo", "--lang", "fr"],
        ["demo", "--speed", "-1"],
        ["replay"],
        ["parties", "export"],
        ["sing"],
    ],
)
def test_an_unknown_word_is_named(arguments: list[str]) -> None:
    ended = draad(*arguments)

    assert ended.status == 2
    assert ended.is_a_sentence()
    assert "Usage: draad" in ended.complained
    assert "--help" in ended.complained or "-h" in ended.complained


def test_a_replay_without_a_sandbox_says_how_to_start_one() -> None:
    ended = draad("replay", LIFE, "--url", f"http://127.0.0.1:{free_port()}")

    assert ended.status == 2
    assert ended.is_a_sentence()
    assert "draad sandbox" in " ".join(ended.said.split())


def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = draad("sandbox", "--port", str(port), "--data", tmp_path / "data")

    assert ended.status == 1
    assert f"Port {port}" in ended.complained
    assert "--port" in ended.complained
    assert not (tmp_path / "data").exists()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")

    ended = draad("sandbox", "--port", "0", "--data", tmp_path)

    assert ended.status == 1
    assert "choose an empty or a new folder" in " ".join(ended.complained.split())
    assert os.listdir(tmp_path) == ["letter.txt"]


def test_a_sandbox_keeps_its_data_survives_a_kill_and_stops_when_told(tmp_path: Path) -> None:
    data = tmp_path / "a folder" / "data"
    data.mkdir(parents=True)  # it may exist and be empty
    with running("sandbox", "--data", data) as first:
        first.ready()
        moved = first.ask("PUT", "/sandbox/clock", json={"now": "2024-05-01T12:00:00Z"})
        assert moved.status_code == 200
        second = draad("sandbox", "--port", "0", "--data", data)
        assert second.status == 1
        assert f"in use by process {first.pid}" in " ".join(second.complained.split())
        first.told(signal.SIGKILL)
    assert servers_on(data), "a killed owner leaves its server behind: else this test proves nothing"
    with running("sandbox", "--data", data) as again:
        again.ready()
        assert again.ask("GET", "/sandbox/clock").json() == {"now": "2024-05-01T12:00:00Z"}
        ended = again.told(signal.SIGTERM)
    assert ended.status == 0
    assert ended.is_a_sentence()
    assert servers_on(data) == []

    real = draad("serve", "--port", "0", "--data", data, given=REAL)
    assert real.status == 1
    assert "This database is a sandbox" in real.complained


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_told_to_stop_while_it_starts_it_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    data = tmp_path / "data"
    with running("sandbox", "--data", data) as starting:
        while not (data / "postgres").exists() or not servers_on(data):
            assert starting.process.poll() is None
        ended = starting.told(number)

    assert ended.status == 0
    assert "Traceback" not in ended.complained
    assert servers_on(data) == []


def test_the_demo_stays_up_gives_everyone_a_private_token_and_stops_quietly(tmp_path: Path) -> None:
    life = json.loads(LIFE.read_text("utf-8"))
    life["events"], life["access_checks"], life["attempts"] = life["events"][:3], [], []
    short = tmp_path / "a short life.json"
    short.write_text(json.dumps(life))
    with running("demo", short, "--lang", "en") as shown:
        assert shown.process.stdout is not None
        lines = []
        for line in shown.process.stdout:
            lines.append(line.rstrip())
            if line.startswith("Ctrl-C"):
                break
        said = "\n".join(lines)
        commands = [line for line in said.replace(" \\\n", " ").splitlines() if line.startswith("  curl")]
        tokens = [Path(command.split("@")[1].split()[0]) for command in commands]
        as_noor = shown.ask("GET", f"/v1/dossiers/{life['dossier_id']}/events", headers=_header(tokens[0]))
        ended = shown.told(signal.SIGINT)

    assert len(set(tokens)) == 6
    assert "Bearer" not in said
    assert "'" + str(short) + "'" in said
    assert as_noor.json()["items"][0]["actor"] == "noor"
    assert ended.status == 0
    assert ended.complained.count("draad:") == 0
    assert not tokens[0].exists()


@pytest.fixture
def interrupts() -> Iterator[None]:
    """What a shell starts in the background ignores Ctrl-C, and so would what is started here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
@pytest.mark.parametrize("of_its_own", [False, True], ids=["--url", "alone"])
def test_a_replay_that_is_interrupted_says_so_and_is_no_success(of_its_own: bool) -> None:
    with ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))  # takes a question and never answers
        where = [] if of_its_own else ["--url", f"http://127.0.0.1:{silent.getsockname()[1]}"]
        process = stack.enter_context(started("replay", LIFE, *where))
        stack.callback(process.kill)
        if of_its_own:
            assert process.stderr is not None
            assert process.stderr.readline()  # its sandbox is being started
        else:
            stack.enter_context(silent.accept()[0])
        process.send_signal(signal.SIGINT)
        _, complained = process.communicate(timeout=PATIENCE)

    assert process.returncode == 130, complained
    assert complained.splitlines()[-1].startswith("draad: Stopped before the end of the story."), complained
    assert "Traceback" not in complained


def _header(file: Path) -> dict[str, str]:
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0
    name, _, value = file.read_text().strip().partition(": ")
    return {name: value}
