"""Nothing that a client sends gives a 5xx, and each thing that is wrong has its own answer (api.md §4)."""

import json
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tests.lives import Life
from tests.sandboxes import BATCH, EVENT, Api, new_id

JSON = "application/json"


def whole(scene: Life) -> bytes:
    event = scene.event("noor", "goal.set", {"goal_id": "g1", "text": "TEXT", "set_by": "participant"})
    return json.dumps(event).encode()


def send(scene: Life, content: bytes, kind: str = EVENT, actor: str = "noor") -> int:
    answer = scene.call("POST", scene.events, actor, content=content, headers={"Content-Type": kind})
    assert answer.headers["content-type"] == "application/problem+json" or answer.status_code < 400
    assert "instance" in answer.json() or answer.status_code < 400
    return answer.status_code


def deep(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda event: event.replace(b'"TEXT"', b'"a", "text": "b"'), id="doubled key"),
        pytest.param(lambda event: event.replace(b"TEXT", b"a\\u0000b"), id="NUL"),
        pytest.param(lambda event: event.replace(b"TEXT", b"a\x00b"), id="bare NUL"),
        pytest.param(lambda event: event.replace(b"TEXT", b"a\\ud800b"), id="lone surrogate"),
        pytest.param(lambda event: event.replace(b"TEXT", b"\xed\xa0\x80"), id="surrogate in bytes"),
        pytest.param(lambda event: event.replace(b"TEXT", b"\xff\xfe"), id="not UTF-8"),
        pytest.param(lambda event: event.replace(b'"TEXT"', b"NaN"), id="NaN"),
        pytest.param(lambda event: event.replace(b'"TEXT"', b"-Infinity"), id="Infinity"),
        pytest.param(lambda event: event.replace(b'"TEXT"', b"1e999"), id="a number too large"),
        pytest.param(lambda event: event.replace(b'"TEXT"', b"9" * 5000), id="an integer too large"),
        pytest.param(lambda event: event.replace(b'"TEXT"', deep(31)), id="depth 33"),
        pytest.param(lambda event: event.replace(b'"TEXT"', deep(20_000)), id="depth 20,000"),
        pytest.param(lambda event: b"\xef\xbb\xbf" + event, id="byte order mark"),
        pytest.param(lambda event: event[:-1], id="cut off"),
        pytest.param(lambda event: event + event, id="two"),
        pytest.param(lambda _: b"", id="nothing"),
        pytest.param(lambda _: b"null", id="null"),
        pytest.param(lambda _: b"[]", id="a list"),
        pytest.param(lambda _: b"7", id="a number"),
        pytest.param(lambda _: b"{}", id="an empty object"),
    ],
)
def test_what_two_readers_might_read_differently_is_refused(scene: Life, wrong: object) -> None:
    assert callable(wrong)
    for kind in (EVENT, JSON, BATCH):
        for actor in ("noor", "hetty"):  # who may know the dossier, and who may not
            assert send(scene, wrong(whole(scene)), kind, actor) in (400, 404)
    assert send(scene, wrong(whole(scene))) == 400


def test_sizes(scene: Life) -> None:
    assert send(scene, whole(scene).replace(b"TEXT", b"x" * (64 * 1024))) == 413
    goals = [scene.event("noor", "goal.set", {"text": "x" * 60_000}) for _ in range(18)]
    assert send(scene, json.dumps(goals).encode(), BATCH) == 413
    assert send(scene, json.dumps([scene.event("noor", "goal.set", {"text": "x" * 66_000})]).encode(), BATCH) == 413
    assert send(scene, b"[" + b"{}," * 100 + b"{}]", BATCH) == 413


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "", "application/json-patch+json", "*/*"])
def test_other_media_types(scene: Life, kind: str) -> None:
    assert send(scene, whole(scene), kind) == 415


def test_two_authorization_headers(scene: Life) -> None:
    connection = HTTPConnection(urlsplit(str(scene.api.http.base_url)).netloc, timeout=10)
    connection.putrequest("GET", scene.path)
    for name in ("noor", "mieke"):
        connection.putheader("Authorization", f"Bearer {scene.api.tokens[scene.key(name)]}")
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 400
    answer.read()
    connection.close()


@pytest.mark.parametrize("said", ["", "Bearer", "Basic bm9vcjpub29y", "Bearer x.y.z", "Bearer " + "x" * 9000])
def test_who_does_not_say_who_they_are(scene: Life, said: str) -> None:
    for method, path in (("GET", scene.path), ("POST", scene.events), ("GET", "/v1/dossiers"), ("GET", "/v1/feed")):
        answer = scene.call(method, path, None, headers={"Authorization": said} if said else {})
        assert answer.status_code == 401, (method, path)
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_token_in_the_query_is_no_token(scene: Life, api: Api) -> None:
    token = api.tokens[scene.key("noor")]
    assert scene.call("GET", scene.path, None, params={"access_token": token}).status_code == 401


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"])
def test_methods_that_a_path_does_not_have(scene: Life, method: str) -> None:
    for path in (scene.path, scene.events, f"{scene.events}/{new_id()}", "/v1/dossiers", f"{scene.path}/stop"):
        answer = scene.call(method, path, "noor")
        assert answer.status_code == 405, (method, path)
        assert answer.headers["allow"]


@pytest.mark.parametrize(
    "query",
    [
        "after=x",
        "after=" + "A" * 48,
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=x",
        "limit=1e1",
        "limit=%00",
        "asOf=yesterday",
        "knownAt=2000-13-01",
        "asOf=2000-01-01T00:00:00",
        "asOf=%00",
        "knownAt=9999999-01-01",
    ],
)
def test_query_parameters_that_are_no_such_thing(scene: Life, query: str) -> None:
    answer = scene.call("GET", f"{scene.events}?{query}", "noor")
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("type_", ["%00", "x" * 201, "%", "_", "*", "\\", "goal.%", "nl.dossier.*", "ＧＯＡＬ.*"])
def test_a_filter_never_fails(scene: Life, type_: str) -> None:
    answer = scene.get(scene.events, "noor", type=type_)
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 200 and type_ not in ("*", "nl.dossier.*"):
        assert answer.json()["items"] == []


@pytest.mark.parametrize("id_", ["x", "%00", "'", "0" * 5000, "{}", "00000000000000000000000000000000x"])
def test_ids_that_are_none_are_unknown(scene: Life, id_: str) -> None:
    for path in (f"/v1/dossiers/{id_}", f"/v1/dossiers/{id_}/events", f"{scene.events}/{id_}"):
        answer = scene.get(path, "noor")
        assert answer.status_code in (400, 404), (path, answer.status_code)


def test_a_purpose_that_is_none(scene: Life) -> None:
    inside = ("", "/events", f"/events/{new_id()}", "/grants", "/signals", "/metrics")
    for path in ("/v1/dossiers", "/v1/signals", *(scene.path + rest for rest in inside)):
        answer = scene.call("GET", path, "noor", headers={"Draad-Purpose": "curiosity"})
        assert answer.status_code == 400, path
        assert "curiosity" not in answer.text
