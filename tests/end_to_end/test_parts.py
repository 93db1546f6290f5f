"""Each part of `draad serve` as a process of its own, on databases that all of them reach."""

import base64
import json
import signal
import time
from contextlib import ExitStack
from pathlib import Path

from tests.database import Urls
from tests.end_to_end.issuing import AUDIENCE, provider
from tests.end_to_end.processes import draad, running

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
    with provider() as issuer, ExitStack() as stack:
        given = {
            "DRAAD_ISSUER": issuer.url,
            "DRAAD_AUDIENCE": AUDIENCE,
            "DRAAD_ROOT_KEY": base64.b64encode(bytes(range(32))).decode(),
            "DRAAD_DATABASE_URL": urls.main,
            "DRAAD_KEYS_DATABASE_URL": urls.keys,
        }
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
        api = stack.enter_context(running("serve", "api", given=given)).ready()
        workers = [stack.enter_context(running("serve", part, given=given)) for part in WORKERS]
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
