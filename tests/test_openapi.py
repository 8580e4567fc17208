"""The API's document: it is one, tells of every route, and says what is checked and sent."""

import json
import re
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate
from werkzeug.datastructures import MultiDict

from webapp.api.asking import read_runs, read_steps
from webapp.api.json import STEP_KEYS
from webapp.api.openapi import Described, find_routes, is_of_api, make_document
from webapp.api.wording import KEYS, PARAMETERS
from webapp.filters import (
    MAX_CHARACTERS,
    MAX_INTEGER,
    ArgsReader,
    ArgsRecorder,
    Reading,
    record,
)

from .browser.rows import import_sample
from .conftest import PASSWORD, make_app

PROJECT = Path(__file__).resolve().parent.parent
DOCUMENTED = Path(__file__).parent / "documented"
Json = dict[str, Any]


APP = make_app("sqlite://")


def read_document() -> Json:
    with APP.test_request_context():
        return make_document(APP)


DOCUMENT = read_document()


def operations() -> list[tuple[str, str, Json]]:
    paths = DOCUMENT["paths"].items()
    return [(path, method, one) for path, methods in paths for method, one in methods.items()]


def parameters(path: str) -> dict[str, Json]:
    return {one["name"]: one["schema"] for one in DOCUMENT["paths"][path]["get"]["parameters"]}


def errors_of(schema: Json, value: Any) -> list[str]:
    """Return what is wrong with a value by a schema of the document."""
    whole = {**schema, "components": DOCUMENT["components"]}
    validator = Draft202012Validator(whole, format_checker=FormatChecker())
    return [error.message for error in validator.iter_errors(value)]


def check_answer(path: str, method: str, status: int, value: Any) -> None:
    responses = DOCUMENT["paths"][path][method]["responses"]
    schema = responses[str(status)]["content"]["application/json"]["schema"]
    assert errors_of(schema, value) == [], f"{method} {path} {status}"


def test_the_document_is_openapi() -> None:
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1.")


def test_it_needs_a_token(api: FlaskClient, client: FlaskClient) -> None:
    answer = api.get("/osm/api/openapi.json").get_json()
    assert answer == json.loads(json.dumps(DOCUMENT))
    assert client.get("/osm/api/openapi.json", headers={"Authorization": ""}).status_code == 401


def test_every_route_of_the_api_stands_in_it() -> None:
    app = make_app("sqlite://")
    rules = [rule for rule in app.url_map.iter_rules() if is_of_api(rule)]
    described = {(route.path, route.method) for route in find_routes(app)}
    assert len(described) == len(rules)
    assert {(path, method) for path, method, _ in operations()} == described


def test_a_route_without_a_description_is_named() -> None:
    app = make_app("sqlite://")
    app.add_url_rule("/osm/api/plain", "api.show_plain", lambda: "")
    (rule,) = app.url_map.iter_rules("api.show_plain")
    with pytest.raises(LookupError, match=r"api\.show_plain has no description"):
        Described(app, rule)


def test_its_addresses_begin_with_the_prefix_it_is_served_under() -> None:
    app = make_app("sqlite://")
    with app.test_request_context(environ_overrides={"SCRIPT_NAME": "/stepboard"}):
        assert make_document(app)["servers"] == [{"url": "/stepboard"}]
    assert DOCUMENT["servers"] == [{"url": "/"}]


def test_no_sentence_is_left_over() -> None:
    said = {
        one["name"] for _, _, operation in operations() for one in operation.get("parameters", ())
    }
    assert said == set(PARAMETERS)
    schemas = DOCUMENT["components"]["schemas"].values()
    assert set(KEYS) <= set(chain.from_iterable(schema["properties"] for schema in schemas))


def test_the_readme_names_each_route_and_parameter() -> None:
    part = (PROJECT / "README.md").read_text().partition("## The API in short")[2]
    part = part.partition("\n## ")[0]
    for path, _, operation in operations():
        plain = path.replace("{run_key}", "ID-OR-UUID")
        for place in ("{step_id}", "{source_id}"):
            plain = plain.replace(place, "ID")
        assert plain in part, path
        for one in operation.get("parameters", ()):
            assert one["in"] == "path" or f"`{one['name']}`" in part, one["name"]


def test_the_recorder_notes_all_that_a_reader_reads() -> None:
    public = {name for name in vars(ArgsReader) if not name.startswith("_")}
    assert public <= set(vars(ArgsRecorder))


def test_a_reading_that_lets_others_through_is_no_definition() -> None:
    def reading(reader: ArgsReader) -> None:
        reader.refuse_unknown(("a", "b"))
        reader.text("a")

    with pytest.raises(ValueError, match="reads \\['a'\\], and lets \\['a', 'b'\\] through"):
        record(reading)


@pytest.mark.parametrize(
    ("path", "reading"),
    [("/osm/api/step-results", partial(read_steps, keys=STEP_KEYS)), ("/osm/api/runs", read_runs)],
    ids=["step-results", "runs"],
)
@pytest.mark.parametrize(
    "value",
    [
        *("", "0", "7", "-1", "+1", "1.0", "1e3", "٣", str(MAX_INTEGER), str(MAX_INTEGER + 1)),
        *("yes", "no", "Yes", "1h", "24h", "30d", "today", "id", "-id", "--id", "started_at"),
        *("failed", "!failed", "!!failed", "success", "queued", "bash", "!agent-sdk", "BASH"),
        *("2026-11-23", "2026-02-29", "2024-02-29", "1900-02-29", "2000-02-29", "0000-01-01"),
        *("2026-11-23T24:00:00Z", "2026-11-23T23:59:60Z", "2026-11-23 14:02", "2026-04-31"),
        *("2026-11-23T14:02:00.1234567Z", "2026-11-23T14:02:00+24:00", "0001-01-01T00:00+01:00"),
        *(
            "850 ms",
            "4 MIN 07 s",
            "2 h 1",
            "5 s ",
            " 5",
            "\t5\td",
            "1,5 s",
            "9" * 20,
            "999999999 d",
        ),
        *("a\0b", "\n", "a\n", "x" * MAX_CHARACTERS),
        *("x" * (MAX_CHARACTERS + 1), "ä€😀"),
    ],
)
def test_what_the_document_allows_is_taken_and_what_it_forbids_refused(
    path: str, reading: Reading, value: str
) -> None:
    for name, schema in parameters(path).items():
        one = schema.get("items", schema)
        number = int(value) if re.fullmatch("[0-9]+", value, re.ASCII) else None
        is_allowed = not errors_of(one, number if one["type"] == "integer" else value)
        reader = ArgsReader(MultiDict([(name, value)]), blank_is_absent=False)
        with APP.app_context():
            reading(reader)
        is_taken = not reader.errors
        # That a cursor is of its form is not enough: it must have been given.
        is_signed = name == "cursor" and value != ""
        assert is_taken == is_allowed or (is_signed and not is_taken), f"{name}={value!r}"


@pytest.mark.parametrize("path", ["/osm/api/step-results", "/osm/api/runs"])
def test_what_may_be_repeated_is_a_list(api: FlaskClient, path: str) -> None:
    for name, schema in parameters(path).items():
        one = schema.get("items", schema)
        value = (
            one["enum"][0] if "enum" in one else "1" if "integer" in one["type"] else "2026-11-23"
        )
        if name.endswith("duration_ms"):
            value = "5"
        response = api.get(path, query_string=[(name, value), (name, value)])
        is_list = schema["type"] == "array" and "uniqueItems" not in schema
        assert response.status_code == (200 if is_list else 400), name


def test_the_example_is_the_documented_answer() -> None:
    answer = json.loads(DOCUMENTED.joinpath("answer.json").read_text())
    responses = DOCUMENT["paths"]["/osm/api/step-results"]["get"]["responses"]
    media = responses["200"]["content"]["application/json"]
    assert media["examples"]["step-results"]["value"] == answer
    check_answer("/osm/api/step-results", "get", 200, answer)
    keys = list(DOCUMENT["components"]["schemas"]["StepResult"]["properties"])
    assert keys == list(answer["data"][0])


def test_every_answer_is_as_described(app: Flask, api: FlaskClient) -> None:
    """On the real base: each route, all rows; then a login and what ends it."""
    import_sample(app)
    for path, method, _ in operations():
        if method == "get":
            address = re.sub(r"\{\w+\}", "30", path)
            query = "limit=10000" if "limit" in str(DOCUMENT["paths"][path]["get"]) else ""
            response = api.get(address, query_string=query if "limit" in _names(path) else "")
            assert response.status_code == 200, address
            check_answer(path, method, 200, response.get_json())
    credentials = {"username": "admin", "password": PASSWORD}
    answer = api.post("/osm/api/login", json=credentials).get_json()
    check_answer("/osm/api/login", "post", 200, answer)
    headers = {"Authorization": f"Bearer {answer['token']}"}
    ended = api.post("/osm/api/logout", headers=headers)
    check_answer("/osm/api/logout", "post", 200, ended.get_json())
    assert api.post("/osm/api/logout", headers=headers).status_code == 401


def _names(path: str) -> set[str]:
    return {one["name"] for one in DOCUMENT["paths"][path]["get"].get("parameters", ())}


def test_a_key_that_is_missing_or_more_is_not_as_described() -> None:
    answer = json.loads(DOCUMENTED.joinpath("answer.json").read_text())
    schema = {"$ref": "#/components/schemas/StepResult"}
    row = answer["data"][0]
    assert errors_of(schema, row) == []
    for key in row:
        assert errors_of(schema, {name: row[name] for name in row if name != key})
    assert errors_of(schema, {**row, "more": 1})
    assert errors_of(schema, {**row, "output": None})
    assert errors_of(schema, {**row, "created_at": "yesterday"})
    assert errors_of(schema, {**row, "completed_at": None}) == []


def test_the_page_shows_all_of_it(signed_in: FlaskClient) -> None:
    page = signed_in.get("/api-docs").text
    for path, method, operation in operations():
        section = page.partition(
            f'<section class="panel operation" id="{operation["operationId"]}"'
        )
        shown = section[2].partition("</section>")[0]
        assert f'{method.upper()}</span> <span class="address">{path}<' in shown
        for one in operation.get("parameters", ()):
            assert f"<code>{one['name']}</code>" in shown
        for status in operation["responses"]:
            assert f"<code>{status}</code>" in shown
        assert "curl " in shown
    for name, schema in DOCUMENT["components"]["schemas"].items():
        shown = page.partition(f'id="{name}"')[2].partition("</section>")[0]
        for key in schema["properties"]:
            assert f"<code>{key}</code>" in shown


def test_the_page_is_linked_from_every_other(signed_in: FlaskClient, client: FlaskClient) -> None:
    assert '<a href="/api-docs">API</a>' in signed_in.get("/steps").text
