"""The pages of errors: the way on stands on them, and none asks a database that fails."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, create_engine, event, text
from werkzeug.exceptions import Forbidden, TooManyRequests

from webapp.extensions import db

from .conftest import PASSWORD
from .statements import collected_statements


@pytest.fixture
def raising(app: Flask, client: FlaskClient) -> FlaskClient:
    """Return a browser with admin in it, in an application with pages that fail."""

    def forbid() -> str:
        raise Forbidden("Only an admin may do this.")

    def limit(seconds: int) -> str:
        raise TooManyRequests(retry_after=seconds)

    def crash() -> str:
        raise RuntimeError("secret inside")

    def be_slow() -> str:
        return str(db.session.scalar(text("SELECT pg_sleep(60)")))

    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.add_url_rule("/forbidden", "pages.forbid", forbid)
    app.add_url_rule("/limited/<int:seconds>", "pages.limit", limit)
    app.add_url_rule("/osm/api/limited/<int:seconds>", "api.limit", limit)
    app.add_url_rule("/crash", "pages.crash", crash, methods=["GET", "POST"])
    app.add_url_rule("/slow", "pages.be_slow", be_slow)
    client.post("/login", data={"username": "admin", "password": PASSWORD})
    return client


@pytest.mark.parametrize(
    ("path", "code"), [("/nowhere", 404), ("/forbidden", 403), ("/limited/5", 429), ("/crash", 500)]
)
def test_an_error_keeps_the_top_bar_of_who_is_signed_in(
    raising: FlaskClient, path: str, code: int
) -> None:
    response = raising.get(path)
    assert response.status_code == code
    assert f'<p class="code">{code}</p>' in response.text
    assert '<input name="step_name" type="search"' in response.text
    assert re.search(r"<summary>admin\b", response.text)
    assert 'href="/steps">All steps</a>' in response.text


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/nowhere", "There is nothing at /nowhere."),
        ("/forbidden", "Only an admin may do this."),
        ("/limited/5", "Too many requests came from you. Wait 5 s."),
        ("/limited/90", "Too many requests came from you. Wait 1 min 30 s."),
        ("/crash", "The server failed; its log says why."),
    ],
)
def test_an_error_says_what_is_wrong(raising: FlaskClient, path: str, said: str) -> None:
    assert said in raising.get(path).text
    # htmx does not swap it in; static/swaps.js shows it as it is.
    fragment = raising.get(path, headers={"HX-Request": "true"})
    assert fragment.text == said
    assert fragment.mimetype == "text/plain"


def test_whoever_asks_too_often_is_told_when_to_come_back(raising: FlaskClient) -> None:
    page, answer = raising.get("/limited/90"), raising.get("/osm/api/limited/90")
    assert page.headers["Retry-After"] == answer.headers["Retry-After"] == "90"
    assert answer.json == {
        "error": True,
        "message": "Too many requests came from you. Wait 1 min 30 s.",
    }


def test_what_may_go_well_the_next_time_can_be_tried_again(raising: FlaskClient) -> None:
    again = '<a class="button main" href="">Try again</a>'
    assert again in raising.get("/crash").text
    assert again in raising.get("/limited/5").text
    assert again not in raising.get("/nowhere").text
    # A form is not sent by a link.
    assert again not in raising.post("/crash").text


def test_a_crash_asks_the_database_no_more(app: Flask, raising: FlaskClient) -> None:
    with collected_statements(app) as statements:
        page = raising.get("/crash").text
    assert len(statements) == 1, statements  # who is signed in, before the crash
    assert "tell whoever runs this server, and that it was at " in page


def test_a_database_that_fails_leaves_a_page(app: Flask, raising: FlaskClient) -> None:
    with app.app_context():
        db.session.execute(text("ALTER TABLE users RENAME TO gone"))
        db.session.commit()
    page = raising.get("/steps")
    assert page.status_code == 500
    assert "Try again" in page.text
    assert '<nav aria-label="Main">' in page.text
    assert "<summary>" not in page.text
    answer = raising.get("/osm/api/runs")
    assert answer.json == {"error": True, "message": "The server failed; its log says why."}


@pytest.fixture
def locked(app: Flask, raising: FlaskClient) -> Iterator[FlaskClient]:
    """Hold the lock that writers need, and let them wait for it no longer than 50 ms."""
    with app.app_context():
        engine = db.engine
    is_sqlite = engine.dialect.name == "sqlite"
    hold = "BEGIN IMMEDIATE" if is_sqlite else "SELECT id FROM users FOR UPDATE"
    other = create_engine(engine.url, isolation_level="AUTOCOMMIT" if is_sqlite else None)
    with other.connect() as connection:
        connection.exec_driver_sql(hold)
        limit_waits(engine, "PRAGMA busy_timeout = 50" if is_sqlite else "SET lock_timeout = 50")
        yield raising
    other.dispose()


def limit_waits(engine: Engine, statement: str) -> None:
    """Send a statement on each connection that is taken from the pool."""

    def send(connection: Any, *_: Any) -> None:
        connection.execute(statement)
        connection.commit()

    event.listen(engine, "checkout", send)


def test_what_cannot_be_written_for_a_lock_is_to_be_sent_again(locked: FlaskClient) -> None:
    said = "The database is busy: an import is writing. Try again."
    page = locked.post("/tokens", data={"name": "ci"})
    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
    assert said in page.text
    assert "What was sent is not kept" in page.text
    login = {"username": "admin", "password": PASSWORD}
    answer = locked.post("/osm/api/login", json=login)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json == {"error": True, "message": said}
    assert locked.get("/tokens").status_code == 200


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_statement_that_ran_out_of_time_is_to_be_tried_again(
    app: Flask, raising: FlaskClient
) -> None:
    with app.app_context():
        limit_waits(db.engine, "SET statement_timeout = 50")
    page = raising.get("/slow")
    assert (page.status_code, page.headers["Retry-After"]) == (503, "5")
    assert "The database took too long to answer. Try again." in page.text
    assert '<a class="button main" href="">Try again</a>' in page.text


def test_who_is_not_signed_in_is_led_to_the_login(client: FlaskClient) -> None:
    page = client.get("/static/nothing.css")
    assert page.status_code == 404
    assert '<a class="to-login" href="/login">Log in</a>' in page.text
    assert "step_name" not in page.text
