"""The log: a line a request, as text or as JSON, with nothing in it that nobody should keep."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from webapp.accounts import add_account
from webapp.extensions import db
from webapp.models import Role

from .conftest import PASSWORD, make_app

SECRET = "hush-hush-hush"
# One that takes a while on either engine, at its first row or while rows are fetched.
SLOW = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
    "\n SELECT i FROM n WHERE :secret != ''",
    "postgresql": "SELECT pg_sleep(0.15)\n WHERE :secret != ''",
}
ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n",
    "postgresql": "SELECT pg_sleep(60)",
}


def said(capsys: pytest.CaptureFixture[str], what: str) -> list[str]:
    """Return the lines of the log since the last look that have a text in them."""
    return [line for line in capsys.readouterr().err.splitlines() if what in line]


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return all lines of a log in JSON since the last look."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.fixture
def crashing(app: Flask, client: FlaskClient) -> FlaskClient:
    """Return a client of an application whose login crashes."""

    def crash() -> str:
        raise RuntimeError("first line\n2026-01-01T00:00:00.000Z INFO    forged \x1b[2J")

    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.view_functions["pages.login"] = crash
    return client


def test_a_request_has_one_line(signed_in: FlaskClient, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    response = signed_in.get(f"/steps?step_name={SECRET}")
    output = capsys.readouterr().err
    assert SECRET not in output
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO    GET /steps status=200 "
        r"duration_ms=[\d.]+ db_ms=[\d.]+ n_statements=[1-9]\d* endpoint=pages.list_steps "
        rf"user=admin address=127.0.0.1 request_id={response.headers['X-Request-ID']}\n",
        output,
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_request_has_one_line_of_json(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    client = make_app(database_url, log_format="json").test_client()
    client.post("/login", data={"username": "admin", "password": PASSWORD})
    capsys.readouterr()
    response = client.get(f"/runs?target={SECRET}")
    (line,) = told(capsys)
    assert {"time", "duration_ms", "db_ms", "n_statements"} < set(line)
    changing = ("time", "duration_ms", "db_ms", "n_statements")
    assert {name: value for name, value in line.items() if name not in changing} == {
        "level": "INFO",
        "logger": "webapp.requests",
        "message": "GET /runs",
        "method": "GET",
        "path": "/runs",
        "endpoint": "pages.list_runs",
        "status": 200,
        "user": "admin",
        "address": "127.0.0.1",
        "request_id": response.headers["X-Request-ID"],
    }
    assert 0 < line["db_ms"] < line["duration_ms"]


def test_neither_passwords_nor_tokens_are_in_the_log(
    app: Flask, api: FlaskClient, token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    api.get("/osm/api/runs")
    app.test_client().post("/login", data={"username": SECRET, "password": PASSWORD})
    app.test_client().post("/osm/api/login", json={"username": "admin", "password": PASSWORD})
    app.test_client().get(f"/osm/api/runs?token={token}")
    output = capsys.readouterr().err
    assert output.count("osm/api") == 3
    assert not [one for one in (token, PASSWORD, SECRET) if one in output]


def test_the_log_asks_the_database_nothing(
    client: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    client.get("/login")
    (line,) = said(capsys, "GET /login")
    assert "n_statements=0" in line and "user=" not in line


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_asks_by_itself_is_logged_for_debugging_only(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = ("/health", "/health/ready", "/static/app.css", "/metrics")
    for level, lines in (("info", 0), ("debug", len(paths))):
        app = make_app(database_url, log_level=level, metrics_from=("127.0.0.1",))
        client = app.test_client()
        capsys.readouterr()
        for path in paths:
            client.get(path)
        assert len(said(capsys, "GET /")) == lines, level


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_is_refused_is_logged_also_where_only_warnings_are(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    app = make_app(database_url, log_level="warning")
    with app.app_context():
        add_account("eve", Role.VIEWER, PASSWORD)
    client = app.test_client()
    client.post("/login", data={"username": "eve", "password": PASSWORD})
    client.get("/steps")
    assert said(capsys, "/") == []
    client.get("/users")
    app.test_client().get("/osm/api/runs")
    seen, anonymous = said(capsys, "WARNING GET /")
    assert "status=403" in seen and "user=eve" in seen
    assert "status=401" in anonymous and "user=" not in anonymous


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_many_applications_write_one_line_each(
    database_url: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    apps = [make_app(database_url) for _ in range(3)]
    assert {app.logger for app in apps} == {logging.getLogger("webapp")}
    apps[0].test_client().get("/login")
    assert len(said(capsys, "GET /login")) == 1
    assert [record.message for record in caplog.records] == ["GET /login"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_warnings_alone_are_written_where_the_level_says_so(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    app = make_app(database_url, log_level="warning")
    app.test_client().get("/login")
    app.logger.warning("this one")
    assert [line[25:] for line in capsys.readouterr().err.splitlines()] == ["WARNING this one"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nothing_that_is_sent_passes_for_a_line(
    crashing: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    crashing.get("/steps/1%0a2026-01-01T00:00:00.000Z%20INFO%20forged%1b[2J")
    crashing.get("/login")
    lines = capsys.readouterr().err.split("\n")
    assert any(
        "/steps/1%0A2026-01-01T00:00:00.000Z%20INFO%20forged%1B%5B2J" in one for one in lines
    )
    assert not [one for one in lines if one.startswith("2026-01-01")]
    assert not [one for one in lines if "\x1b" in one]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_crash_is_logged_with_its_traceback_and_request(
    crashing: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    request_id = crashing.get("/login").headers["X-Request-ID"]
    first, *rest = capsys.readouterr().err.splitlines()
    assert first.endswith(f"ERROR   GET /login failed request_id={request_id}")
    assert rest[0] == "    Traceback (most recent call last):"
    assert "    RuntimeError: first line" in rest
    assert "status=500" in rest[-1] and request_id in rest[-1]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_crash_is_one_line_of_json(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    other = make_app(database_url, log_format="json")
    with other.test_request_context("/steps"):
        try:
            raise RuntimeError("on\npurpose")
        except RuntimeError:
            other.logger.exception("it failed")
    (line,) = told(capsys)
    assert (line["level"], line["message"]) == ("ERROR", "it failed")
    assert line["exc_info"].endswith("RuntimeError: on\npurpose")


@contextmanager
def slow_client(
    database_url: str, statements: dict[str, str], **settings: int
) -> Iterator[FlaskClient]:
    """Yield a client of an application whose login page asks something slow."""
    app = make_app(database_url, slow_query_ms=10, **settings)
    with app.app_context():
        statement = text(statements[db.engine.dialect.name])
        if "secret" in statement.text:
            statement = statement.bindparams(secret=SECRET)
    app.view_functions["pages.login"] = lambda: str(len(db.session.execute(statement).all()))
    yield app.test_client()
    with app.app_context():
        db.engine.dispose()


def test_a_slow_query_is_logged_without_its_values(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with slow_client(database_url, SLOW) as client:
        response = client.get("/login")
    assert response.status_code == 200
    output = capsys.readouterr().err
    assert SECRET not in output
    (slow,) = [line for line in output.splitlines() if "a slow query" in line]
    found = re.search(r'WARNING a slow query duration_ms=([\d.]+) statement="(.+)" request', slow)
    assert found and float(found[1]) >= 10
    assert re.search(r"SELECT .+ WHERE (\?|%\(secret\)s(::\w+)?) != ''$", found[2])
    assert slow.endswith(f"request_id={response.headers['X-Request-ID']}")
    line = re.search(r"GET /login status=200 .* db_ms=([\d.]+) n_statements=1 ", output)
    assert line and float(line[1]) >= 10


def test_a_query_that_ran_out_of_time_is_a_slow_one(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with slow_client(database_url, ENDLESS, statement_timeout_ms=150) as client:
        assert client.get("/login").status_code == 503
    (slow,) = said(capsys, "a slow query")
    found = re.search(r"duration_ms=([\d.]+) ", slow)
    assert found and float(found[1]) >= 50


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_a_command_asks_may_take_its_time(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with make_app(database_url, slow_query_ms=1).app_context():
        statement = text(SLOW["sqlite"]).bindparams(secret=SECRET)
        assert len(db.session.execute(statement).all()) == 100_000
    assert said(capsys, "slow") == []
