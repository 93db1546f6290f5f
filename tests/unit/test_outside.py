"""Where an installation lets webhooks go: nowhere on this machine unless somebody said so for development."""

from pathlib import Path

import pytest

from services.foundation.settings import Settings, SettingsFault
from services.notifications.webhooks.walls import NoEndpoint
from services.roots.outside import NOBODY, NoAuthority, Outside, of_installation, of_sandbox

HERE = "http://127.0.0.1:9000/"


def test_an_installation_reaches_nothing_on_this_machine_unless_it_is_set() -> None:
    for outside in (of_installation(Settings()), Outside()):
        with pytest.raises(NoEndpoint):
            outside.walls.target(HERE)
        with pytest.raises(NoEndpoint):
            outside.walls.target(HERE.replace("http", "https"))
    told = Settings.from_environment({"DRAAD_WEBHOOK_LOOPBACK": "allow"})
    assert of_installation(told).walls.target(HERE).port == 9000
    assert of_sandbox().walls.target(HERE).port == 9000


@pytest.mark.parametrize("value", ["1", "true", "Allow"])
def test_it_is_set_by_one_word_only(value: str) -> None:
    with pytest.raises(SettingsFault, match="DRAAD_WEBHOOK_LOOPBACK"):
        Settings.from_environment({"DRAAD_WEBHOOK_LOOPBACK": value})


def test_who_it_says_it_is() -> None:
    told = Settings.from_environment({"DRAAD_PUBLIC_URL": "https://draad.example.org:8443"})
    assert of_installation(told).origin == "draad.example.org"
    assert of_installation(Settings()).origin == NOBODY


def test_an_authority_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "no.pem").write_text("no certificate")
    for path in (tmp_path / "no.pem", tmp_path / "absent.pem"):
        with pytest.raises(NoAuthority, match="DRAAD_WEBHOOK_CA_FILE"):
            of_installation(Settings(webhook_ca_file=path))
