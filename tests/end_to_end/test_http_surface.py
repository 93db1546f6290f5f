"""What the document says of HTTP is what happens over HTTP."""

from tests.end_to_end.running import Life, Sandbox


def test_a_participant_reads_the_dossier_that_is_theirs(sandbox: Sandbox, life: Life) -> None:
    answer = sandbox.send("GET", life.path, token=life.tokens["noor"])
    assert answer.status_code == 200
    assert answer.json()["id"] == str(life.dossier)
