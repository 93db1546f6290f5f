"""`draad serve`, from an empty folder to a statutory grant that its participant can see, and what it refuses."""

import base64
import json
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.issuing import AUDIENCE, Provider, provider
from tests.end_to_end.processes import Ended, Running, draad, running, servers_on

SUITE = "urn:nld:oin:00000099990000000001:systeem:suite"
OPENING = {"channel": "municipality", "preferred_language": "nl", "region_code": "rijn-delta"}
SANDBOX_ROUTES = [
    ("POST", "/sandbox/scenes"),
    ("GET", "/sandbox/clock"),
    ("PUT", "/sandbox/clock"),
    ("POST", "/sandbox/faults"),
]


@dataclass(frozen=True)
class Installation:
    """Real people as a test has them: a provider of tokens, an embedded database, a root key in a file."""

    issuer: Provider
    data: Path
    folder: Path

    @property
    def given(self) -> dict[str, str]:
        return {
            "DRAAD_ISSUER": self.issuer.url,
            "DRAAD_AUDIENCE": AUDIENCE,
            "DRAAD_ROOT_KEY_FILE": str(self.folder / "root.key"),
        }

    def draad(self, *arguments: str | Path, **more: str) -> Ended:
        return draad(*arguments, "--data", self.data, given=self.given | more)

    def write(self, name: str, told: object) -> Path:
        path = self.folder / name
        path.write_text(json.dumps(told), encoding="utf-8")
        return path

    def parties(self) -> Path:
        organisation = {"key": "oosterlo", "kind": "municipality", "name": "Oosterlo", "sources": [SUITE]}
        carla = {"key": "carla", "organisation": "oosterlo", "roles": ["MUN"]}
        subjects = [{"iss": self.issuer.url, "sub": "c-1"}]
        return self.write(
            "parties.json",
            {
                "organisations": [organisation],
                "people": [carla | {"subjects": subjects}],
                "participant_issuers": [{"issuer": self.issuer.url, "sources": ["urn:nld:portal"]}],
            },
        )


def grant(dossier: str, **more: object) -> dict[str, object]:
    return {
        "dossier": dossier,
        "organisation": "oosterlo",
        "processing_activity": "https://register.example.org/12",
        "purpose": "guidance",
        "classes": ["identity", "contact", "work"],
        "operations": ["read", "emit", "subscribe"],
        "history": "all",
        "from": "2024-01-01T00:00:00+01:00",
        "until": "2190-01-01T00:00:00+01:00",
        **more,
    }


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    (folder / "root.key").touch(0o600)
    (folder / "root.key").write_bytes(base64.b64encode(bytes(range(32))))
    with provider() as issuer:
        yield Installation(issuer, folder / "data of real people", folder)


@pytest.fixture(scope="module")
def serving(installation: Installation) -> Iterator[Running]:
    """An installation in which nothing is prepared refuses to start, and says with what to begin."""
    behind = installation.draad("serve", "--port", "0")
    assert behind.status == 1
    assert "Run `draad migrate` first" in behind.complained
    assert installation.draad("migrate", "--check").status == 1
    assert installation.draad("migrate").status == 0
    assert installation.draad("migrate", "--check").status == 0
    with running("serve", "all", "--data", installation.data, given=installation.given) as process:
        yield process.ready()


def test_the_routes_of_the_sandbox_do_not_exist(serving: Running) -> None:
    for method, path in SANDBOX_ROUTES:
        assert serving.ask(method, path, json={}).status_code == 404, path
    paths = serving.ask("GET", "/v1/openapi.json").json()["paths"]
    assert not [path for path in paths if "sandbox" in path]


def test_an_operator_registers_parties_and_a_legal_task_beside_a_serving_process(
    installation: Installation, serving: Running
) -> None:
    participant = installation.issuer.headers("somebody")
    assert serving.ask("POST", "/v1/dossiers", headers=participant, json=OPENING).status_code == 401

    imported = installation.draad("parties", "import", installation.parties())
    assert imported.status == 0, imported
    assert "1 organisations, 1 people" in imported.said
    dossier = _opened(serving, participant)
    carla = installation.issuer.headers("c-1", "oosterlo", "MUN")
    assert serving.ask("GET", f"/v1/dossiers/{dossier}/events", headers=carla).status_code == 404

    unknown = "00000000-0000-4000-8000-000000000000"
    stranger = grant(dossier, organisation="nobody", article="Participatiewet art. 7")
    entries = [grant(dossier), grant(unknown), stranger, grant(dossier, purpose="fun")]
    file = installation.write("grants.json", {"grants": entries})
    registered = installation.draad("grants", "register", file)
    assert registered.status == 1, registered
    first, second, third, fourth, end = registered.said.splitlines()
    assert first.endswith(": registered")
    assert "there is no dossier" in second
    assert "/organisation: Name an organisation that is registered." in third
    assert "/purpose: Choose one of" in fourth
    assert end.startswith("3 of 4 refused")
    logged = [json.loads(line) for line in registered.complained.splitlines() if line.startswith("{")]
    assert [line["event"] for line in logged] == ["statutory_grant_registered"] + ["statutory_grant_refused"] * 3
    assert {line["code"] for line in logged} == {"https://register.example.org/12"}

    again = installation.draad("grants", "register", installation.write("grants.json", [grant(dossier)]))
    assert again.status == 0
    assert again.said.strip().endswith("was registered already")

    granted = serving.ask("GET", f"/v1/dossiers/{dossier}/grants", headers=participant).json()["items"]
    assert len(granted) == 1
    assert serving.ask("GET", f"/v1/dossiers/{dossier}/events", headers=carla).status_code == 200


def test_a_dossier_that_a_backup_brought_back_is_erased_again(installation: Installation, serving: Running) -> None:
    """As it stands after a restore: the databases know nothing of the erasure, the list kept elsewhere does."""
    installation.draad("parties", "import", installation.parties())
    participant = installation.issuer.headers("somebody erased")
    dossier = _opened(serving, participant)
    kept = installation.folder / "erasures.jsonl"
    kept.write_text(json.dumps({"dossier": dossier, "destroyed_at": "2026-01-01T00:00:00+00:00"}) + "\n", "utf-8")

    replayed = installation.draad("erasures", "replay", kept)
    assert replayed.status == 0, replayed
    assert "the keys of 1 had come back, and the rest of 1" in " ".join(replayed.said.split())
    assert serving.ask("GET", f"/v1/dossiers/{dossier}/events", headers=participant).status_code == 404
    assert serving.ask("GET", "/v1/dossiers", headers=participant).json()["items"] == []

    exported = installation.draad("erasures", "export")
    assert [json.loads(line)["dossier"] for line in exported.said.splitlines()] == [dossier]
    again = installation.draad("erasures", "replay")
    assert "the keys of 0 had come back, and the rest of 0" in " ".join(again.said.split())


def test_an_operator_rehearses_other_numbers_and_sees_to_what_waits(
    installation: Installation, serving: Running
) -> None:
    """A dossier that was opened just now gets a signal in four days when nobody becomes its contact person (R-14)."""
    installation.draad("parties", "import", installation.parties())
    _opened(serving, installation.issuer.headers("somebody"))
    change = {"region_code": "rijn-delta", "parameters": {"appointment_days": 60}}
    rehearsed = installation.draad("rules", "rehearse", installation.write("change.json", change))
    assert rehearsed.status == 0, rehearsed
    (row,) = [line.split() for line in rehearsed.said.splitlines() if "contact_person_gap" in line]
    counts = [int(word) for word in row if word.isdigit()]
    assert counts[0] > 0
    assert counts[1] == 0

    wrong = installation.write("wrong.json", change | {"parameters": {"appointment_days": "soon", "no": 1}})
    refused = installation.draad("rules", "rehearse", wrong)
    assert refused.status == 1
    assert "parameters.appointment_days: This must be a whole number" in refused.complained
    assert "parameters.no" in refused.complained
    assert installation.draad("rules", "rehearse", wrong.with_name("nowhere.json")).status == 1
    assert installation.draad("rules", "rehearse", installation.write("change.json", [])).status == 1

    waiting = installation.draad("rules", "parked")
    assert (waiting.status, waiting.said.strip()) == (0, "None.")
    assert installation.draad("rules", "resume").said.startswith("0 tried again")


def test_what_does_not_fit_a_running_installation_is_refused(installation: Installation, serving: Running) -> None:
    owned = installation.draad("serve", "--port", "0")
    assert owned.status == 1
    assert f"in use by process {serving.pid}" in " ".join(owned.complained.split())

    assert installation.draad("parties", "import", installation.write("bad.json", {"people": 1})).status == 1
    bad = installation.draad("grants", "register", installation.write("bad.json", [grant("x"), {"dossier": 1}]))
    assert bad.status == 1
    assert "/grants/0/dossier" in bad.complained
    assert "/grants/1/organisation" in bad.complained
    keyless = installation.draad("grants", "register", installation.parties(), DRAAD_ROOT_KEY_FILE="")
    assert keyless.status == 1


def test_it_stops_when_told_and_starts_with_the_right_root_key_only(
    installation: Installation, serving: Running
) -> None:
    installation.draad("parties", "import", installation.parties())
    _opened(serving, installation.issuer.headers("somebody else"))
    ended = serving.told(signal.SIGTERM)
    assert ended.status == 0
    assert "Traceback" not in ended.complained
    assert servers_on(installation.data) == []

    other = base64.b64encode(bytes(32)).decode()
    wrong = installation.draad("serve", "--port", "0", DRAAD_ROOT_KEY_FILE="", DRAAD_ROOT_KEY=other)
    assert wrong.status == 1
    assert "another root key" in wrong.complained
    sandbox = draad("sandbox", "--port", "0", "--data", installation.data)
    assert sandbox.status == 1
    assert "holds the data of `draad serve`" in sandbox.complained
    with running("serve", "--data", installation.data, given=installation.given) as right:
        right.ready()


def _opened(serving: Running, participant: dict[str, str]) -> str:
    """Parties that were imported are known within seconds."""
    for _ in range(100):
        answer = serving.ask("POST", "/v1/dossiers", headers=participant, json=OPENING)
        if answer.status_code != 401:
            break
        time.sleep(0.1)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])
