"""What the document says of HTTP is what happens over HTTP."""

import json
import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from services.foundation.openapi import operations
from services.roots.api import DOCUMENT
from tests.end_to_end.running import Life, Sandbox, lived

DESCRIBED: dict[str, Any] = json.loads(DOCUMENT.read_text("utf-8"))
OPERATIONS = list(operations(DESCRIBED))
ALL = [pytest.param(*each, id=each[2]["operationId"]) for each in OPERATIONS]
GUARDED = [pytest.param(*each, id=each[2]["operationId"]) for each in OPERATIONS if each[2].get("security")]
READS = [pytest.param(*each, id=each[2]["operationId"]) for each in OPERATIONS if each[0] == "GET"]
PATHS = sorted({path for _, path, _ in OPERATIONS} | {"/docs"})
EVENT = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
PROBLEM = "application/problem+json"
STRICT = {
    "API-Version": "1.0.0",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

Operation = Mapping[str, Any]


def filled(path: str, **known: str) -> str:
    """Every place of the path filled in; what is not known is an id that never existed."""
    known.setdefault("type", "placement.started")
    return re.sub(r"{(\w+)}", lambda place: known.get(place[1]) or str(uuid4()), path)


def media_type(answer: httpx2.Response) -> str:
    return answer.headers.get("content-type", "").partition(";")[0]


def without_instance(answer: httpx2.Response) -> tuple[int, str, dict[str, Any]]:
    return answer.status_code, media_type(answer), answer.json() | {"instance": ""}


def documented(operation: Operation, answer: httpx2.Response) -> None:
    """This status, this type of content and these headers stand in the document."""
    told = operation["responses"].get(str(answer.status_code))
    assert told is not None, f"{answer.status_code} {answer.text}"
    for name, value in STRICT.items():
        assert answer.headers[name] == value
    if "$ref" in told:
        told = DESCRIBED["components"]["responses"][told["$ref"].rpartition("/")[2]]
    assert set(told["headers"]) <= {name for name in told["headers"] if name in answer.headers}
    content = told.get("content", {})
    assert (media_type(answer) in content) if content else answer.content == b""


def problem(answer: httpx2.Response, status: int, *pointers: str) -> None:
    assert answer.status_code == status, answer.text
    assert media_type(answer) == PROBLEM
    said = answer.json()
    assert said["status"] == status
    assert said["instance"] == answer.headers["X-Request-Id"]
    assert [error["pointer"] for error in said.get("errors", ())] == list(pointers)


def question(text: str) -> dict[str, Any]:
    data = {
        "occurred_at": "2000-01-01T00:00:00Z",
        "question_id": "v1",
        "topic": "income",
        "text": text,
        "to_actor": "mieke",
        "asked_on": "2000-01-01",
        "due_on": "2000-01-05",
    }
    return {"type": "nl.dossier.question.asked", "data": data}


@pytest.fixture(scope="module")
def life(sandbox: Sandbox) -> Life:
    """One for all: nothing here depends on what another test did."""
    return lived(sandbox)


# Every operation


@pytest.mark.parametrize(("method", "path", "operation"), GUARDED)
def test_without_a_token_401_and_nothing_else(sandbox: Sandbox, method: str, path: str, operation: Operation) -> None:
    answer = sandbox.send(method, filled(path))
    problem(answer, 401)
    documented(operation, answer)


@pytest.mark.parametrize(("method", "path", "operation"), READS)
def test_a_read_answers_as_documented(
    sandbox: Sandbox, life: Life, method: str, path: str, operation: Operation
) -> None:
    made = sandbox.send("POST", "/v1/subscriptions", token=life.tokens["noor"], body={"channel": "pull"}).json()
    events = sandbox.send("GET", f"{life.path}/events", token=life.tokens["noor"]).json()["items"]
    known = {"dossierId": str(life.dossier), "eventId": events[0]["id"], "subscriptionId": made["id"]}
    answer = sandbox.send(method, filled(path, **known), token=life.tokens["noor"])
    assert answer.status_code == 200
    documented(operation, answer)


@pytest.mark.parametrize(("method", "path", "operation"), [each for each in GUARDED if "{" in str(each.values[1])])
def test_what_is_unknown_and_what_is_refused_look_the_same(
    sandbox: Sandbox, life: Life, method: str, path: str, operation: Operation
) -> None:
    body = {"type": "nl.dossier.question.asked", "data": {}} if operation["operationId"] == "recordEvents" else {}
    sent = body if "requestBody" in operation else None
    token = life.tokens["hetty"]
    of_another = sandbox.send(method, filled(path, dossierId=str(life.dossier)), token=token, body=sent)
    of_nobody = sandbox.send(method, filled(path), token=token, body=sent)
    problem(of_nobody, 404)
    documented(operation, of_nobody)
    assert without_instance(of_another) == without_instance(of_nobody)


@pytest.mark.parametrize(("method", "path", "operation"), GUARDED)
def test_who_accepts_no_json_gets_406(
    sandbox: Sandbox, life: Life, method: str, path: str, operation: Operation
) -> None:
    answer = sandbox.send(method, filled(path), token=life.tokens["noor"], headers={"Accept": "text/html"})
    problem(answer, 406)
    documented(operation, answer)


@pytest.mark.parametrize("path", PATHS)
def test_a_method_that_a_path_does_not_have_is_405(sandbox: Sandbox, path: str) -> None:
    offered = {method for method, each, _ in OPERATIONS if each == path} or {"GET"}
    for method in {"HEAD", "OPTIONS", "GET", "PUT", "POST", "PATCH", "DELETE", "TRACE"} - offered:
        answer = sandbox.send(method, filled(path))
        assert answer.status_code == 405, method
        assert set(answer.headers["Allow"].split(", ")) == offered
        assert answer.headers["API-Version"] == "1.0.0"
        if method != "HEAD":
            problem(answer, 405)


@pytest.mark.parametrize("path", PATHS)
def test_a_slash_at_the_end_is_404_and_never_a_redirect(sandbox: Sandbox, path: str) -> None:
    problem(sandbox.send("GET", filled(path) + "/"), 404)


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v2/dossiers", "/V1/dossiers", "/openapi.json", "/redoc", "/docs/oauth2"]
)
def test_what_is_not_there_is_404(sandbox: Sandbox, path: str) -> None:
    problem(sandbox.send("GET", path), 404)


# Parameters


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/v1/dossiers?limit=0", "?limit"),
        ("/v1/dossiers?limit=101", "?limit"),
        ("/v1/dossiers?limit=many", "?limit"),
        ("/v1/dossiers?after=somewhere", "?after"),
        ("/v1/subscriptions?limit=0", "?limit"),
        ("/v1/feed?wait=31", "?wait"),
        ("{dossier}?asOf=yesterday", "?asOf"),
        ("{dossier}?knownAt=2000-01-01T00:00:00", "?knownAt"),
        ("{dossier}/events?after=somewhere", "?after"),
        ("{dossier}/events?type=" + "x" * 201, "?type"),
        ("{dossier}/access-log?limit=-1", "?limit"),
    ],
)
def test_a_parameter_that_is_not_right_is_named(sandbox: Sandbox, life: Life, path: str, pointer: str) -> None:
    problem(sandbox.send("GET", path.format(dossier=life.path), token=life.tokens["noor"]), 400, pointer)


def test_all_parameters_that_are_not_right_are_named_at_once(sandbox: Sandbox, life: Life) -> None:
    answer = sandbox.send("GET", "/v1/feed?limit=0&wait=-1", token=life.tokens["noor"])
    assert sorted(error["pointer"] for error in answer.json()["errors"]) == ["?limit", "?wait"]


@pytest.mark.parametrize(("method", "path", "operation"), READS)
def test_a_parameter_that_is_not_known_is_passed_over(
    sandbox: Sandbox, life: Life, method: str, path: str, operation: Operation
) -> None:
    token = life.tokens["noor"]
    plain = sandbox.send(method, filled(path, dossierId=str(life.dossier)), token=token)
    strange = sandbox.send(method, filled(path, dossierId=str(life.dossier)) + "?strange=1", token=token)
    assert (strange.status_code, media_type(strange)) == (plain.status_code, media_type(plain))


def test_a_cursor_serves_who_got_it_for_the_list_it_came_from(sandbox: Sandbox, life: Life) -> None:
    noor = life.tokens["noor"]
    next_ = sandbox.send("GET", f"{life.path}/events?limit=100", token=noor).json()["next"]
    again = sandbox.send("GET", f"{life.path}/events?after={next_}", token=noor)
    assert again.json() == {"items": [], "next": next_}
    problem(sandbox.send("GET", f"{life.path}/events?type=goal.*&after={next_}", token=noor), 400, "?after")
    problem(sandbox.send("GET", f"{life.path}/access-log?after={next_}", token=noor), 400, "?after")
    problem(sandbox.send("GET", f"/v1/dossiers?after={next_}", token=noor), 400, "?after")
    problem(sandbox.send("GET", f"/v1/dossiers?after={next_}", token=life.tokens["hetty"]), 400, "?after")


@pytest.mark.parametrize("list_", ["/v1/dossiers", "{dossier}/events", "{dossier}/access-log"])
def test_every_list_goes_on_where_it_was(sandbox: Sandbox, life: Life, list_: str) -> None:
    noor, path = life.tokens["noor"], list_.format(dossier=life.path)
    whole = sandbox.send("GET", f"{path}?limit=100", token=noor).json()
    first = sandbox.send("GET", f"{path}?limit=1", token=noor).json()
    assert first["items"] == whole["items"][:1]
    rest = sandbox.send("GET", f"{path}?limit=100&after={first['next']}", token=noor).json()
    assert rest["items"][: len(whole["items"]) - 1] == whole["items"][1:]


# Accept


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "application/*",
        "application/json",
        "application/json; charset=utf-8",
        "text/html, application/json;q=0.5",
        "text/html,*/*;q=0.1",
        EVENT,
        "",
        ";q=x",
    ],
)
def test_who_accepts_json_in_some_way_gets_it(sandbox: Sandbox, accept: str) -> None:
    assert sandbox.send("GET", "/v1/glossary", headers={"Accept": accept}).status_code == 200


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "application/json;q=0", "text/*;q=0.9, image/png"])
def test_who_excludes_json_gets_406(sandbox: Sandbox, accept: str) -> None:
    problem(sandbox.send("GET", "/v1/glossary", headers={"Accept": accept}), 406)


# Writing


def test_what_is_written_answers_as_documented(sandbox: Sandbox, life: Life) -> None:
    operation = next(each for _, _, each in OPERATIONS if each["operationId"] == "recordEvents")
    noor, path = life.tokens["noor"], f"{life.path}/events"
    key = {"Idempotency-Key": str(uuid4())}
    first = sandbox.send("POST", path, token=noor, body=question("Mag het ook op dinsdag?"), headers=key)
    documented(operation, first)
    assert first.status_code == 201
    assert first.headers["Location"] == f"{path}/{key['Idempotency-Key']}"
    again = sandbox.send("POST", path, token=noor, body=question("Mag het ook op dinsdag?"), headers=key)
    documented(operation, again)
    assert (again.status_code, again.json()) == (200, first.json())
    other = sandbox.send("POST", path, token=noor, body=question("Iets anders"), headers=key)
    problem(other, 409)
    documented(operation, other)
    read = sandbox.send("GET", first.headers["Location"], token=noor)
    assert (media_type(read), read.json()) == (EVENT, first.json())


@pytest.mark.parametrize(
    ("content", "type_", "status"),
    [
        (b"<event/>", "application/xml", 415),
        (b"{}", "", 415),
        (b"{", "application/json", 400),
        (b'{"type":"a","type":"b","data":{}}', "application/json", 400),
        (b'{"type":"a","data":{"x":NaN}}', "application/json", 400),
        (b'"\xff"', "application/json", 400),
        (b"[]", BATCH, 400),
        (b"{}", BATCH, 400),
        (b"[" + b",".join(b'{"id":"%d"}' % at for at in range(101)) + b"]", BATCH, 413),
        (b'"' + b"x" * 65536 + b'"', "application/json", 413),
        (b"[" * 40 + b"]" * 40, "application/json", 400),
    ],
)
@pytest.mark.parametrize("path", ["{dossier}/events", "/v1/dossiers", "/v1/claims", "/v1/subscriptions"])
def test_a_body_that_cannot_be_read_is_refused(
    sandbox: Sandbox, life: Life, path: str, content: bytes, type_: str, status: int
) -> None:
    takes_batch = path.endswith("/events")
    answer = sandbox.send(
        "POST",
        path.format(dossier=life.path),
        token=life.tokens["noor"],
        content=content,
        headers={"Content-Type": type_},
    )
    status = status if type_ != BATCH or takes_batch else 415
    problem(answer, status, *([""] if type_ == BATCH and status == 400 else []))


def test_opening_a_dossier_names_every_field_where_it_was_sent(sandbox: Sandbox, life: Life) -> None:
    path, noor = "/v1/dossiers", life.tokens["noor"]
    problem(sandbox.send("POST", path, token=noor, body={}), 400, "/channel", "/preferred_language", "/region_code")
    wrong = {"channel": "by-magic", "preferred_language": "?", "region_code": "rijn-delta"}
    problem(sandbox.send("POST", path, token=noor, body=wrong), 400, "/channel", "/preferred_language")


def test_a_professional_hands_over_a_code(sandbox: Sandbox, life: Life) -> None:
    by_id = {each["operationId"]: each for _, _, each in OPERATIONS}
    opening = {"channel": "municipality", "preferred_language": "nl", "region_code": "rijn-delta"}
    opened = sandbox.send("POST", "/v1/dossiers", token=life.tokens["mieke"], body=opening)
    documented(by_id["openDossier"], opened)
    assert opened.headers["Location"] == f"/v1/dossiers/{opened.json()['id']}"
    code = {"code": opened.json()["claim_code"]}
    problem(sandbox.send("POST", "/v1/claims", token=life.tokens["mieke"], body=code), 403)
    claimed = sandbox.send("POST", "/v1/claims", token=life.tokens["noor"], body=code)
    documented(by_id["claimDossier"], claimed)
    assert claimed.json()["id"] == opened.json()["id"]
    problem(sandbox.send("POST", "/v1/claims", token=life.tokens["noor"], body=code), 404)


def test_stopping_answers_what_was_withdrawn(sandbox: Sandbox, life: Life) -> None:
    operation = next(each for _, _, each in OPERATIONS if each["operationId"] == "stopAccess")
    answer = sandbox.send("POST", f"{life.path}/stop", token=life.tokens["noor"])
    documented(operation, answer)
    assert answer.json() == {"withdrawn": [], "remaining": []}


def test_a_subscription_lives_as_documented(sandbox: Sandbox, life: Life) -> None:
    by_id = {each["operationId"]: each for _, _, each in OPERATIONS}
    mieke = life.tokens["mieke"]
    made = sandbox.send("POST", "/v1/subscriptions", token=mieke, body={"channel": "pull"})
    documented(by_id["createSubscription"], made)
    path = made.headers["Location"]
    changed = sandbox.send("PATCH", path, token=mieke, body={"types": ["goal.*"]})
    documented(by_id["changeSubscription"], changed)
    assert changed.json()["types"] == ["nl.dossier.goal.*"]
    documented(by_id["replayDeliveries"], sandbox.send("POST", f"{path}/replays", token=mieke))
    ended = sandbox.send("DELETE", path, token=mieke)
    documented(by_id["deleteSubscription"], ended)
    assert ended.status_code == 204
    problem(sandbox.send("GET", path, token=mieke), 404)


# The document itself


def test_the_document_that_is_served_is_the_one_that_was_committed(sandbox: Sandbox) -> None:
    answer = sandbox.send("GET", "/v1/openapi.json")
    assert answer.content == DOCUMENT.read_bytes()
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_the_page_needs_nothing_from_elsewhere(sandbox: Sandbox) -> None:
    answer = sandbox.send("GET", "/docs", headers={"Accept": "text/html"})
    assert (answer.status_code, media_type(answer)) == (200, "text/html")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_two_authorization_headers_are_400(sandbox: Sandbox, life: Life) -> None:
    twice = [("Authorization", f"Bearer {life.tokens['noor']}")] * 2
    problem(sandbox.client.get(life.path, headers=twice), 400)
