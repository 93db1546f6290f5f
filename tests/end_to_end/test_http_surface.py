"""What the document says of HTTP is what happens over HTTP."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from jsonschema_rs import Draft202012Validator

from services.foundation.openapi import operations
from services.roots.api import ASYNC_DOCUMENT, DOCUMENT
from tests import lives
from tests.lives import Life, but_for_instance
from tests.sandboxes import BATCH, EVENT, Api, new_id

DESCRIBED: dict[str, Any] = json.loads(DOCUMENT.read_text("utf-8"))
OPERATIONS = list(operations(DESCRIBED))
BY_ID = {each["operationId"]: each for _, _, each in OPERATIONS}
GUARDED = [pytest.param(*each, id=each[2]["operationId"]) for each in OPERATIONS if each[2].get("security")]
READS = [pytest.param(*each, id=each[2]["operationId"]) for each in OPERATIONS if each[0] == "GET"]
PATHS = sorted({path for _, path, _ in OPERATIONS} | {"/docs"})
PROBLEM = "application/problem+json"
HEADERS = {
    "API-Version": "1.0.0",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

Operation = Mapping[str, Any]


def strict(node: Any) -> Any:
    """The same shapes, in which what is not documented may not stand."""
    if isinstance(node, list):
        return [strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    closed = {"additionalProperties": False} if isinstance(node.get("properties"), dict) else {}
    return closed | {name: strict(value) for name, value in node.items()}


STRICT_SHAPES = {"schemas": strict(DESCRIBED["components"]["schemas"])}


def filled(path: str, **known: str) -> str:
    """Every place of the path filled in; what is not known is an id that never existed."""
    known.setdefault("type", "placement.started")
    return re.sub(r"{(\w+)}", lambda place: known.get(place[1]) or new_id(), path)


def media_type(answer: httpx2.Response) -> str:
    return answer.headers.get("content-type", "").partition(";")[0]


def begun(life: Life, method: str, path: str, actor: str) -> httpx2.Response:
    """The answer, whole if it ever ends: a stream is left as soon as it has begun."""
    who = {"Authorization": f"Bearer {life.api.tokens[life.key(actor)]}"}
    with life.api.http.stream(method, path, headers=who) as answer:
        if media_type(answer) != "text/event-stream":
            answer.read()
    return answer


def documented(operation: Operation, answer: httpx2.Response) -> None:
    """This status, this type of content and these headers stand in the document."""
    told = operation["responses"].get(str(answer.status_code))
    assert told is not None, f"{answer.status_code} {answer.text}"
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    if "$ref" in told:
        told = DESCRIBED["components"]["responses"][told["$ref"].rpartition("/")[2]]
    assert set(told["headers"]) <= {name for name in told["headers"] if name in answer.headers}
    content = told.get("content", {})
    assert (media_type(answer) in content) if content else answer.content == b""
    if "json" in media_type(answer):
        schema = content[media_type(answer)]["schema"]
        Draft202012Validator(schema | {"components": STRICT_SHAPES}, validate_formats=True).validate(answer.json())


def problem(answer: httpx2.Response, status: int, *pointers: str) -> None:
    assert answer.status_code == status, answer.text
    assert media_type(answer) == PROBLEM
    said = answer.json()
    assert said["status"] == status
    assert said["instance"] == answer.headers["X-Request-Id"]
    assert [error["pointer"] for error in said.get("errors", ())] == list(pointers)


def question(mieke: str, text: str) -> dict[str, Any]:
    data = {
        "occurred_at": "2000-01-01T00:00:00Z",
        "question_id": "v1",
        "topic": "income",
        "text": text,
        "to_actor": mieke,
        "asked_on": "2000-01-01",
        "due_on": "2000-01-05",
    }
    return {"type": "nl.dossier.question.asked", "data": data}


@pytest.fixture(scope="module")
def life(api: Api) -> Life:
    """One for all: nothing here depends on what another test did. Mieke may read it and is told; Hetty may not know."""
    life = lives.opened(api)
    for actor in ("noor", "mieke"):
        assert life.call("POST", "/v1/subscriptions", actor, {"channel": "pull"}).status_code == 201
    life.grant("rwc")
    life.revoke(life.grant("uwv"))
    life.goal()
    api.clock()
    return life


# Every operation


@pytest.mark.parametrize(("method", "path", "operation"), GUARDED)
def test_without_a_token_401_and_nothing_else(api: Api, method: str, path: str, operation: Operation) -> None:
    answer = api.call(method, filled(path))
    problem(answer, 401)
    documented(operation, answer)


@pytest.mark.parametrize("actor", ["noor", "mieke"])
@pytest.mark.parametrize(("method", "path", "operation"), READS)
def test_a_read_answers_as_documented(life: Life, method: str, path: str, operation: Operation, actor: str) -> None:
    subscription = life.get("/v1/subscriptions", actor).json()["items"][0]["id"]
    event = life.get(life.events, actor).json()["items"][-1]["id"]
    place = filled(path, dossierId=life.dossier, eventId=event, subscriptionId=subscription)
    answer = begun(life, method, place, actor)
    is_mine = actor == "noor" or operation["operationId"] not in ("listAccessLog", "readFigures")
    assert answer.status_code == (200 if is_mine else 404)
    documented(operation, answer)


def test_there_is_something_to_read(life: Life) -> None:
    assert len(life.get(f"{life.path}/grants", "noor").json()["items"]) == 2
    assert life.get("/v1/feed", "mieke").json()["items"]
    subscription = life.get("/v1/subscriptions", "mieke").json()["items"][0]["id"]
    assert life.get(f"/v1/subscriptions/{subscription}/deliveries", "mieke").json()["items"]


# A region is about no person: its stream is for whoever has a token.
@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [each for each in GUARDED if "{" in str(each.values[1]) and "/regions/" not in str(each.values[1])],
)
def test_what_is_unknown_and_what_is_refused_look_the_same(
    life: Life, method: str, path: str, operation: Operation
) -> None:
    body = {"type": "nl.dossier.question.asked", "data": {}} if operation["operationId"] == "recordEvents" else {}
    sent = body if "requestBody" in operation else None
    token = "hetty"
    of_another = life.call(method, filled(path, dossierId=life.dossier), token, sent)
    of_nobody = life.call(method, filled(path), token, sent)
    problem(of_nobody, 404)
    documented(operation, of_nobody)
    assert but_for_instance(of_another) == but_for_instance(of_nobody)


@pytest.mark.parametrize(("method", "path", "operation"), GUARDED)
def test_who_accepts_no_json_gets_406(life: Life, method: str, path: str, operation: Operation) -> None:
    answer = life.call(method, filled(path), "noor", headers={"Accept": "text/html"})
    problem(answer, 406)
    documented(operation, answer)


@pytest.mark.parametrize("path", PATHS)
def test_a_method_that_a_path_does_not_have_is_405(api: Api, path: str) -> None:
    offered = {method for method, each, _ in OPERATIONS if each == path} or {"GET"}
    for method in {"HEAD", "OPTIONS", "GET", "PUT", "POST", "PATCH", "DELETE", "TRACE"} - offered:
        answer = api.call(method, filled(path))
        assert answer.status_code == 405, method
        assert set(answer.headers["Allow"].split(", ")) == offered
        assert answer.headers["API-Version"] == "1.0.0"
        if method != "HEAD":
            problem(answer, 405)


@pytest.mark.parametrize("path", PATHS)
def test_a_slash_at_the_end_is_404_and_never_a_redirect(api: Api, path: str) -> None:
    problem(api.call("GET", filled(path) + "/"), 404)


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v2/dossiers", "/V1/dossiers", "/openapi.json", "/redoc", "/docs/oauth2"]
)
def test_what_is_not_there_is_404(api: Api, path: str) -> None:
    problem(api.call("GET", path), 404)


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
def test_a_parameter_that_is_not_right_is_named(life: Life, path: str, pointer: str) -> None:
    problem(life.call("GET", path.format(dossier=life.path), "noor"), 400, pointer)


def test_all_parameters_that_are_not_right_are_named_at_once(life: Life) -> None:
    answer = life.call("GET", "/v1/feed?limit=0&wait=-1", "noor")
    assert sorted(error["pointer"] for error in answer.json()["errors"]) == ["?limit", "?wait"]


@pytest.mark.parametrize(("method", "path", "operation"), READS)
def test_a_parameter_that_is_not_known_is_passed_over(life: Life, method: str, path: str, operation: Operation) -> None:
    token = "noor"
    plain = begun(life, method, filled(path, dossierId=life.dossier), token)
    strange = begun(life, method, filled(path, dossierId=life.dossier) + "?strange=1", token)
    assert (strange.status_code, media_type(strange)) == (plain.status_code, media_type(plain))


def test_a_cursor_serves_who_got_it_for_the_list_it_came_from(life: Life) -> None:
    next_ = life.call("GET", f"{life.path}/events?limit=100", "noor").json()["next"]
    again = life.call("GET", f"{life.path}/events?after={next_}", "noor")
    assert again.json() == {"items": [], "next": next_}
    problem(life.call("GET", f"{life.path}/events?type=goal.*&after={next_}", "noor"), 400, "?after")
    problem(life.call("GET", f"{life.path}/access-log?after={next_}", "noor"), 400, "?after")
    problem(life.call("GET", f"/v1/dossiers?after={next_}", "noor"), 400, "?after")
    problem(life.call("GET", f"/v1/dossiers?after={next_}", "hetty"), 400, "?after")


@pytest.mark.parametrize("list_", ["/v1/dossiers", "{dossier}/events", "{dossier}/access-log"])
def test_every_list_goes_on_where_it_was(life: Life, list_: str) -> None:
    path = list_.format(dossier=life.path)
    whole = life.call("GET", f"{path}?limit=100", "noor").json()
    first = life.call("GET", f"{path}?limit=1", "noor").json()
    assert first["items"] == whole["items"][:1]
    rest = life.call("GET", f"{path}?limit=100&after={first['next']}", "noor").json()
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
def test_who_accepts_json_in_some_way_gets_it(api: Api, accept: str) -> None:
    assert api.call("GET", "/v1/glossary", headers={"Accept": accept}).status_code == 200


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "application/json;q=0", "text/*;q=0.9, image/png"])
def test_who_excludes_json_gets_406(api: Api, accept: str) -> None:
    problem(api.call("GET", "/v1/glossary", headers={"Accept": accept}), 406)


# Writing


def test_what_is_written_answers_as_documented(life: Life) -> None:
    operation = BY_ID["recordEvents"]
    path = f"{life.path}/events"
    key = {"Idempotency-Key": new_id()}
    first = life.call("POST", path, "noor", question(life.key("mieke"), "Mag het ook op dinsdag?"), headers=key)
    documented(operation, first)
    assert first.status_code == 201
    assert first.headers["Location"] == f"{path}/{key['Idempotency-Key']}"
    again = life.call("POST", path, "noor", question(life.key("mieke"), "Mag het ook op dinsdag?"), headers=key)
    documented(operation, again)
    assert (again.status_code, again.json()) == (200, first.json())
    other = life.call("POST", path, "noor", question(life.key("mieke"), "Iets anders"), headers=key)
    problem(other, 409)
    documented(operation, other)
    read = life.call("GET", first.headers["Location"], "noor")
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
def test_a_body_that_cannot_be_read_is_refused(life: Life, path: str, content: bytes, type_: str, status: int) -> None:
    takes_batch = path.endswith("/events")
    answer = life.call(
        "POST",
        path.format(dossier=life.path),
        "noor",
        content=content,
        headers={"Content-Type": type_},
    )
    status = status if type_ != BATCH or takes_batch else 415
    problem(answer, status, *([""] if type_ == BATCH and status == 400 else []))


def test_opening_a_dossier_names_every_field_where_it_was_sent(life: Life) -> None:
    path = "/v1/dossiers"
    problem(life.call("POST", path, "noor", {}), 400, "/channel", "/preferred_language", "/region_code")
    wrong = {"channel": "by-magic", "preferred_language": "?", "region_code": "rijn-delta"}
    problem(life.call("POST", path, "noor", wrong), 400, "/channel", "/preferred_language")


def test_a_professional_hands_over_a_code(life: Life) -> None:
    opening = {"channel": "municipality", "preferred_language": "nl", "region_code": "rijn-delta"}
    opened = life.call("POST", "/v1/dossiers", "mieke", opening)
    documented(BY_ID["openDossier"], opened)
    assert opened.headers["Location"] == f"/v1/dossiers/{opened.json()['id']}"
    code = {"code": opened.json()["claim_code"]}
    problem(life.call("POST", "/v1/claims", "mieke", code), 403)
    claimed = life.call("POST", "/v1/claims", "noor", code)
    documented(BY_ID["claimDossier"], claimed)
    assert claimed.json()["id"] == opened.json()["id"]
    problem(life.call("POST", "/v1/claims", "noor", code), 404)


def test_stopping_answers_what_was_withdrawn(api: Api) -> None:
    life = lives.opened(api)
    consent_id = life.grant("probeer")
    answer = life.call("POST", f"{life.path}/stop", "noor")
    documented(BY_ID["stopAccess"], answer)
    assert answer.json() == {"withdrawn": [consent_id], "remaining": []}


def test_a_subscription_lives_as_documented(life: Life) -> None:
    made = life.call("POST", "/v1/subscriptions", "mieke", {"channel": "pull"})
    documented(BY_ID["createSubscription"], made)
    path = made.headers["Location"]
    changed = life.call("PATCH", path, "mieke", {"types": ["goal.*"]})
    documented(BY_ID["changeSubscription"], changed)
    assert changed.json()["types"] == ["nl.dossier.goal.*"]
    documented(BY_ID["replayDeliveries"], life.call("POST", f"{path}/replays", "mieke"))
    ended = life.call("DELETE", path, "mieke")
    documented(BY_ID["deleteSubscription"], ended)
    assert ended.status_code == 204
    problem(life.call("GET", path, "mieke"), 404)


# The document itself


@pytest.mark.parametrize("document", [DOCUMENT, ASYNC_DOCUMENT], ids=lambda document: document.name)
def test_the_document_that_is_served_is_the_one_that_was_committed(api: Api, document: Path) -> None:
    answer = api.call("GET", f"/v1/{document.name}")
    assert answer.content == document.read_bytes()
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_the_page_needs_nothing_from_elsewhere(api: Api) -> None:
    answer = api.call("GET", "/docs", headers={"Accept": "text/html"})
    assert (answer.status_code, media_type(answer)) == (200, "text/html")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_two_authorization_headers_are_400(life: Life) -> None:
    twice = [("Authorization", f"Bearer {life.api.tokens[life.key('noor')]}")] * 2
    problem(life.api.http.get(life.path, headers=twice), 400)
