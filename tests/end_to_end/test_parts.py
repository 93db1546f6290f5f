"""Each part of `draad serve` as a process of its own, on databases that all of them reach."""

import base64
import json
import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from deploy.kafka.nodes import Nodes
from tests.end_to_end.issuing import AUDIENCE, provider
from tests.end_to_end.processes import draad, running
from tests.pairs import Urls

WORKERS = ("relay", "notifier", "lanes", "webhooks", "clock")
GRANT = {
    "organisation": "oosterlo",
    "processing_activity": "https://register.example.org/12",
    "purpose": "guidance",
    "classes": ["identity", "contact", "work"],
    "operations": ["read", "subscribe"],
    "history": "all",
    "from": "2024-01-01T00:00:00+01:00",
    "until": "2190-01-01T00:00:00+01:00",
}


def test_what_one_process_records_reaches_its_reader_through_all_the_others(urls: Urls, tmp_path: Path) -> None:
    """On the bus in PostgreSQL."""
    _through_all_the_others(urls, tmp_path, {part: {} for part in ("api", *WORKERS)})


def test_the_same_over_a_kafka_with_tls_passwords_and_rights(urls: Urls, tmp_path: Path, secured_nodes: Nodes) -> None:
    """Each part with no more rights than it needs; of the others Kafka is not even named rightly."""
    relay, notifier = (_as(secured_nodes, user) for user in ("relay", "notifier"))
    nowhere = relay | {"DRAAD_KAFKA": "127.0.0.1:1"}
    databases = {"DRAAD_DATABASE_URL": urls.main, "DRAAD_KEYS_DATABASE_URL": urls.keys}

    migrated = draad("migrate", given=databases | _as(secured_nodes, "migrate"))
    assert migrated.status == 0, migrated
    assert draad("migrate", "--check", given=databases | relay).status == 0

    given = {part: nowhere for part in ("api", *WORKERS)} | {"relay": relay, "notifier": notifier}
    _through_all_the_others(urls, tmp_path, given)

    password = tmp_path / "wrong"
    password.write_text("4-wrong-secret")
    for part, wrong, words in (
        ("relay", notifier, "It lacks WRITE on topic draad.entries"),
        ("relay", relay | {"DRAAD_KAFKA_PASSWORD_FILE": str(password)}, "refuses this user and password"),
    ):
        refused = draad("serve", part, "--port", "0", given=installation(urls, "https://login.example.org") | wrong)
        assert refused.status == 1
        assert words in " ".join(refused.complained.split())
        assert refused.is_a_sentence()
        assert "4-wrong-secret" not in refused.complained + refused.said


def _as(nodes: Nodes, user: str) -> dict[str, str]:
    assert nodes.secured is not None
    return {
        "DRAAD_KAFKA": nodes.bootstrap,
        "DRAAD_KAFKA_CA_FILE": str(nodes.secured.ca_file),
        "DRAAD_KAFKA_USER": user,
        "DRAAD_KAFKA_PASSWORD_FILE": str(nodes.secured.folder / f"{user}.password"),
    }


def installation(urls: Urls, issuer: str) -> dict[str, str]:
    return {
        "DRAAD_ISSUER": issuer,
        "DRAAD_AUDIENCE": AUDIENCE,
        "DRAAD_ROOT_KEY": base64.b64encode(bytes(range(32))).decode(),
        "DRAAD_DATABASE_URL": urls.main,
        "DRAAD_KEYS_DATABASE_URL": urls.keys,
    }


def _through_all_the_others(urls: Urls, tmp_path: Path, kafka: Mapping[str, dict[str, str]]) -> None:
    with provider() as issuer, ExitStack() as stack:
        given = installation(urls, issuer.url)
        oosterlo = {"key": "oosterlo", "kind": "municipality", "name": "Oosterlo", "sources": ["urn:nld:oin:9999"]}
        carla = {"key": "carla", "organisation": "oosterlo", "roles": ["MUN"]}
        parties = {
            "organisations": [oosterlo],
            "people": [carla | {"subjects": [{"iss": issuer.url, "sub": "c-1"}]}],
            "participant_issuers": [{"issuer": issuer.url, "sources": ["urn:nld:portal"]}],
        }
        file = tmp_path / "told.json"
        file.write_text(json.dumps(parties))
        assert draad("parties", "import", file, given=given).status == 0
        api = stack.enter_context(running("serve", "api", given=given | kafka["api"])).ready()
        workers = [stack.enter_context(running("serve", part, given=given | kafka[part])) for part in WORKERS]
        as_carla = issuer.headers("c-1", "oosterlo", "MUN")
        subscription = api.ask("POST", "/v1/subscriptions", headers=as_carla, json={"channel": "pull"}).json()["id"]
        opening = {"channel": "self", "preferred_language": "nl", "region_code": "rijn-delta"}
        dossier = api.ask("POST", "/v1/dossiers", headers=issuer.headers("somebody"), json=opening).json()["id"]
        file.write_text(json.dumps([GRANT | {"dossier": dossier}]))
        assert draad("grants", "register", file, given=given).status == 0

        deliveries: list[object] = []
        for _ in range(200):
            deliveries = api.ask("GET", f"/v1/subscriptions/{subscription}/deliveries", headers=as_carla).json()[
                "items"
            ]
            if len(deliveries) == 2:
                break
            time.sleep(0.1)
        assert len(deliveries) == 2, "the opening, by the history it was granted, and the grant itself"
        assert [worker.told(signal.SIGTERM).status for worker in workers] == [0] * len(WORKERS)
