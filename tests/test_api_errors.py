"""What goes wrong in the API is told in JSON of one form."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from webapp.extensions import db


def assert_is_error(response: TestResponse, status: int) -> str:
    """Check the form of an error; return its message."""
    assert response.status_code == status, response.text
    assert response.mimetype == "application/json"
    assert list(response.json) == ["error", "message"]
    assert response.json["error"] is True
    assert response.json["message"]
    return str(response.json["message"])


@pytest.mark.parametrize(
    "path",
    [
        "/osm/api",
        "/osm/api/",
        "/osm/api/nowhere",
        "/osm/api/step-results/",
        "/osm/api/step-results/x",
        "/osm/api/step-results/-1",
        "/osm/api/runs/",
        "/osm/api/runs/1/nothing",
        "/osm/api/STEP-RESULTS",
        "/osm/api/<script>",
        "/health/nowhere",
        "/server-info/",
    ],
)
def test_an_unknown_address_is_not_found(api: FlaskClient, path: str) -> None:
    assert_is_error(api.get(path), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/osm/api/step-results", "GET, HEAD, OPTIONS"),
        ("DELETE", "/osm/api/step-results/1", "GET, HEAD, OPTIONS"),
        ("PUT", "/osm/api/runs/1", "GET, HEAD, OPTIONS"),
        ("GET", "/osm/api/login", "OPTIONS, POST"),
        ("GET", "/osm/api/logout", "OPTIONS, POST"),
        ("POST", "/server-info", "GET, HEAD, OPTIONS"),
    ],
)
def test_another_method_is_refused_with_those_allowed(
    api: FlaskClient, method: str, path: str, allowed: str
) -> None:
    response = api.open(path, method=method)
    assert_is_error(response, 405)
    assert ", ".join(sorted(response.allow)).upper() == allowed


def test_options_say_what_is_allowed(api: FlaskClient) -> None:
    response = api.options("/osm/api/step-results")
    assert (response.status_code, response.data) == (200, b"")
    assert sorted(response.allow) == ["GET", "HEAD", "OPTIONS"]


def test_a_body_that_is_too_large_is_refused(client: FlaskClient) -> None:
    response = client.post("/osm/api/login", data=b" " * (1024 * 1024 + 1))
    assert_is_error(response, 413)


def test_a_crash_is_told_without_its_cause(app: Flask, api: FlaskClient) -> None:
    with app.app_context():
        db.session.execute(text("DROP TABLE steps"))
        db.session.commit()
    message = assert_is_error(api.get("/osm/api/step-results/1"), 500)
    assert message == "The server failed; its log says why."


def test_errors_carry_the_security_headers(client: FlaskClient) -> None:
    response = client.get("/osm/api/step-results")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"


def test_an_address_or_method_that_no_route_takes_is_named(api: FlaskClient) -> None:
    missing = api.get("/osm/api/nothing").get_json()
    assert missing == {"error": True, "message": "There is nothing at /osm/api/nothing."}
    refused = api.delete("/osm/api/runs")
    assert refused.get_json()["message"] == "DELETE is not allowed at /osm/api/runs."
    assert "GET" in refused.headers["Allow"]
