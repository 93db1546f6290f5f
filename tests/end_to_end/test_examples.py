"""The examples for partners, as they stand in the repository, against a real sandbox."""

import importlib.util
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.lives import Life

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FOLLOW = EXAMPLES / "follow" / "follow.sh"
CATCH_UP = EXAMPLES / "catch-up" / "catch_up.py"
RECEIVER = EXAMPLES / "webhook" / "receiver.py"

needs_curl_and_jq = pytest.mark.skipif(
    os.environ.get("CI") != "true" and not (shutil.which("curl") and shutil.which("jq")),
    reason="curl and jq are not here; where CI=true that is a failure",
)


@pytest.fixture
def mieke(life: Life) -> Life:
    """A contact person with a grant, and two goals that she may read."""
    life.grant("rwc", consent_id="c1")
    life.goal("Eerst")
    life.goal("Daarna")
    life.api.clock()
    return life


def header(life: Life, folder: Path, token: str | None = None) -> Path:
    """As the sandbox of `make run` writes it for each person."""
    file = folder / "header"
    file.write_text(f"Authorization: Bearer {token or life.api.tokens[life.key('mieke')]}\n")
    return file


def environment(life: Life, folder: Path) -> dict[str, str]:
    place = {"DRAAD_INBOX": str(folder / "inbox"), "DRAAD_DATABASE": str(folder / "caught-up.sqlite")}
    asks = {"DRAAD_URL": str(life.api.http.base_url).rstrip("/"), "DRAAD_HEADER": str(folder / "header")}
    return {"PATH": os.environ["PATH"], "TMPDIR": str(folder)} | place | asks


def run(command: list[str], given: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=False)


def follow(life: Life, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return run(["sh", str(FOLLOW), "--once"], environment(life, folder) | more)


def inbox(folder: Path) -> dict[str, Any]:
    return {file.stem: json.loads(file.read_text("utf-8")) for file in (folder / "inbox").glob("*.json")}


def readable(life: Life) -> dict[str, Any]:
    """What the feed tells of and the gate gives, asked plainly."""
    told = [item["event"] for item in life.get("/v1/feed", "mieke", limit="100").json()["items"]]
    answers = {event["id"]: life.get(event["dataref"], "mieke") for event in told}
    return {id_: answer.json() for id_, answer in answers.items() if answer.status_code == 200}


def set_database(life: Life, state: str) -> None:
    life.api.call("POST", "/sandbox/faults", body={"database": state})


# curl and jq


@needs_curl_and_jq
def test_following_gets_what_is_new_and_what_it_says(mieke: Life, tmp_path: Path) -> None:
    header(mieke, tmp_path)
    first = follow(mieke, tmp_path)
    assert (first.returncode, first.stdout) == (0, ""), first.stderr
    assert inbox(tmp_path) == readable(mieke)
    assert len(inbox(tmp_path)) >= 3
    place = (tmp_path / "inbox" / ".place").read_text()
    assert follow(mieke, tmp_path).stderr == ""
    assert (tmp_path / "inbox" / ".place").read_text() == place
    goal = mieke.goal("Nieuw")
    mieke.api.clock()
    assert follow(mieke, tmp_path).stderr == f"follow: got {goal['id']}\n"
    assert inbox(tmp_path) == readable(mieke)


@needs_curl_and_jq
def test_following_keeps_its_place_only_after_the_work(mieke: Life, tmp_path: Path) -> None:
    header(mieke, tmp_path)
    stub(tmp_path, "mv", 'case "$2" in */inbox/.arriving) exit 1;; esac; exec /bin/mv "$@"')  # the disk is full
    broken = follow(mieke, tmp_path, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert broken.returncode != 0
    assert not (tmp_path / "inbox" / ".place").exists()
    assert follow(mieke, tmp_path).returncode == 0
    assert inbox(tmp_path) == readable(mieke)


@needs_curl_and_jq
def test_following_survives_a_withdrawal(mieke: Life, tmp_path: Path) -> None:
    header(mieke, tmp_path)
    follow(mieke, tmp_path)
    revoked = mieke.revoke("c1").json()["id"]
    mieke.goal("Niet voor haar")
    mieke.api.clock()
    told = follow(mieke, tmp_path)
    assert (told.returncode, told.stderr) == (0, f"follow: {revoked} is not for you (any more): nothing to keep\n")


@needs_curl_and_jq
def test_following_stops_at_a_bad_token_and_says_so(mieke: Life, tmp_path: Path) -> None:
    header(mieke, tmp_path, "no.good.token")
    refused = follow(mieke, tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.startswith("follow: 401: ")
    assert not (tmp_path / "inbox" / ".place").exists()


@needs_curl_and_jq
def test_following_with_the_place_of_another_says_what_is_wrong(mieke: Life, tmp_path: Path) -> None:
    header(mieke, tmp_path)
    follow(mieke, tmp_path)
    header(mieke, tmp_path, mieke.api.tokens[mieke.key("pieter")])
    refused = follow(mieke, tmp_path)
    assert refused.returncode == 1
    assert refused.stderr.startswith("follow: 400: ")


@needs_curl_and_jq
def test_following_waits_as_long_as_it_is_told(mieke: Life, tmp_path: Path) -> None:
    header(mieke, tmp_path)
    up = f"{environment(mieke, tmp_path)['DRAAD_URL']}/sandbox/faults"
    given_back = """curl -s -o /dev/null -H 'Content-Type: application/json' -d '{"database": "up"}'"""
    stub(tmp_path, "sleep", f"echo \"$1\" >>'{tmp_path}/waited'; {given_back} {up}")
    set_database(mieke, "down")
    try:
        waited = follow(mieke, tmp_path, PATH=f"{tmp_path}:{os.environ['PATH']}")
    finally:
        set_database(mieke, "up")
    assert waited.returncode == 0, waited.stderr
    assert (tmp_path / "waited").read_text() == "5\n"
    assert waited.stderr.startswith("follow: 503: again in 5 s\n")
    assert inbox(tmp_path) == readable(mieke)


def stub(folder: Path, program: str, text: str) -> None:
    file = folder / program
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o700)


# Python, alone


@pytest.fixture(scope="module")
def catching() -> Any:
    spec = importlib.util.spec_from_file_location("catch_up", CATCH_UP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def caught(life: Life, folder: Path, catching: Any, pause: Callable[[float], None] | None = None) -> int:
    given = environment(life, folder)
    with closing(sqlite3.connect(given["DRAAD_DATABASE"])) as database:
        line = Path(given["DRAAD_HEADER"]).read_text().strip()
        count: int = catching.catch_up(given["DRAAD_URL"], line, database, pause or pytest.fail)
        return count


def kept(folder: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(folder / "caught-up.sqlite")) as database:
        return {id_: json.loads(body) for id_, body in database.execute("select id, body from events")}


def test_catching_up_after_a_day_away(mieke: Life, tmp_path: Path, catching: Any) -> None:
    header(mieke, tmp_path)
    assert caught(mieke, tmp_path, catching) == len(readable(mieke))
    for number in range(101):  # more than a page
        mieke.goal(f"Doel {number}")
    secret = mieke.goal("Gezond blijven", privacyclass="health-sensitive")
    mieke.api.clock()
    assert caught(mieke, tmp_path, catching) == 102
    assert caught(mieke, tmp_path, catching) == 0
    assert kept(tmp_path)[secret["id"]]["type"] == "nl.dossier.goal.set"  # neutral in the feed, true behind the gate
    assert len(kept(tmp_path)) >= 104


def test_what_was_withdrawn_while_away_is_absent_and_no_fault(mieke: Life, tmp_path: Path, catching: Any) -> None:
    header(mieke, tmp_path)
    before = caught(mieke, tmp_path, catching)
    goal = mieke.goal("Onderweg")
    mieke.api.clock()
    mieke.revoke("c1")
    mieke.api.clock()
    assert caught(mieke, tmp_path, catching) == 0
    assert goal["id"] not in kept(tmp_path)
    assert len(kept(tmp_path)) == before


def test_content_and_place_are_kept_together_or_not_at_all(mieke: Life, tmp_path: Path, catching: Any) -> None:
    header(mieke, tmp_path)
    with closing(sqlite3.connect(tmp_path / "caught-up.sqlite")) as database:
        database.executescript(catching.TABLES)
        database.execute("create trigger full before insert on place begin select raise(abort, 'disk full'); end")
        database.commit()
    with pytest.raises(sqlite3.IntegrityError, match="disk full"):
        caught(mieke, tmp_path, catching)
    assert kept(tmp_path) == {}
    with closing(sqlite3.connect(tmp_path / "caught-up.sqlite")) as database:
        database.execute("drop trigger full")
    assert caught(mieke, tmp_path, catching) == len(readable(mieke))
    assert kept(tmp_path) == readable(mieke)


def test_catching_up_waits_as_long_as_it_is_told(mieke: Life, tmp_path: Path, catching: Any) -> None:
    header(mieke, tmp_path)
    waited: list[float] = []

    def pause(seconds: float) -> None:
        waited.append(seconds)
        set_database(mieke, "up")

    set_database(mieke, "down")
    try:
        assert caught(mieke, tmp_path, catching, pause) == len(readable(mieke))
    finally:
        set_database(mieke, "up")
    assert waited == [5.0]


def test_catching_up_is_one_command(mieke: Life, tmp_path: Path) -> None:
    header(mieke, tmp_path)
    command = [sys.executable, "-W", "error", str(CATCH_UP)]
    done = run(command, environment(mieke, tmp_path))
    assert (done.returncode, done.stderr, done.stdout) == (0, "", f"{len(readable(mieke))} new events\n")
    header(mieke, tmp_path, "no.good.token")
    refused = run(command, environment(mieke, tmp_path))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("401: ")
    unset = run(command, {"PATH": os.environ["PATH"]})
    assert (unset.returncode, unset.stderr) == (1, "set DRAAD_URL\n")


# Webhooks


@pytest.fixture
def receiver(mieke: Life, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Subscribed as the page says, and running: the subscription and the address of the receiver."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    address = f"http://127.0.0.1:{port}/"
    asks = {"channel": "webhook", "endpoint": address, "signatures": ["v1"]}
    made = mieke.call("POST", "/v1/subscriptions", "mieke", asks)
    assert made.status_code == 201, made.text
    secret = {"DRAAD_SECRET": made.json()["webhook"]["keys"][0]["secret"]}
    command = [sys.executable, "-W", "error", str(RECEIVER), str(port)]
    with subprocess.Popen(command, env=environment(mieke, tmp_path) | secret, stderr=subprocess.DEVNULL) as process:
        try:
            until_listening(process, port)
            path = f"/v1/subscriptions/{made.json()['id']}"
            merge = {"Content-Type": "application/merge-patch+json"}
            agreed = mieke.call("PATCH", path, "mieke", {"state": "active"}, headers=merge)
            assert agreed.json()["webhook"]["state"] == "active", agreed.text
            yield path, address
        finally:
            process.kill()


def until_listening(process: "subprocess.Popen[bytes]", port: int) -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the receiver ended")


def to_fetch(folder: Path) -> dict[str, str | None]:
    with closing(sqlite3.connect(folder / "caught-up.sqlite")) as database:
        return dict(database.execute("select type, dataref from to_fetch"))


def test_a_receiver_gets_what_is_sent_once_and_can_fetch_it(
    mieke: Life, tmp_path: Path, receiver: tuple[str, str]
) -> None:
    path, _ = receiver
    goal = mieke.goal("Nieuw")
    mieke.api.clock()
    dataref = to_fetch(tmp_path)["nl.dossier.goal.set"]
    assert dataref == f"{mieke.events}/{goal['id']}"
    assert mieke.get(dataref, "mieke").json()["data"]["text"] == "Nieuw"
    before = to_fetch(tmp_path)
    assert mieke.call("POST", f"{path}/replays", "mieke", {}).status_code == 202
    mieke.api.clock()
    assert to_fetch(tmp_path) == before
    tried = mieke.call("POST", f"{path}/tests", "mieke")
    assert tried.json()["state"] == "accepted", tried.text
    assert to_fetch(tmp_path) == before | {"nl.dossier.subscription.tested": None}


def test_a_receiver_takes_nothing_that_is_not_signed(mieke: Life, tmp_path: Path, receiver: tuple[str, str]) -> None:
    _, address = receiver
    before = to_fetch(tmp_path)
    for headers in ({}, {"webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}):
        assert httpx2.post(address, content=b"{}", headers=headers, trust_env=False).status_code == 401
    assert to_fetch(tmp_path) == before
