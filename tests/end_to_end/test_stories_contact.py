"""Stories of the contact person, and of those who count on one, over HTTP; each test is named by its story."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests import replayed, sandboxes
from tests.sandboxes import Api

NOOR, SAMIR, THEA = (replayed.life(name)["dossier_id"] for name in replayed.NAMES)


@pytest.fixture(scope="module")
def after() -> Iterator[Api]:
    """The three public lives together, lived to their end."""
    with sandboxes.running() as running:
        api = Api(running.url)
        replayed.lived(api)
        yield api
        api.close()


def caseload(api: Api, actor: str, **asked: str) -> list[dict[str, Any]]:
    answer = api.get("/v1/caseload", actor, **asked)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def test_fc1_the_contact_person_sees_who_needs_her_today_and_nobody_else_does(after: Api) -> None:
    (samir,) = caseload(after, "bram", asOf="2024-09-24")
    assert samir["dossier"] == SAMIR
    assert "contact_silence" in [signal["code"] for signal in samir["signals"]]
    assert samir.keys() == {"dossier", "stage", "last_contact_on", "next_due", "responsible_organisation", "signals"}
    assert SAMIR not in [item["dossier"] for item in caseload(after, "lies", asOf="2024-09-24")]
    assert [item["dossier"] for item in caseload(after, "lies")] == [THEA]
