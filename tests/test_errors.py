"""The pages of errors: the way on stands on them, and none asks a database that fails."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
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

    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.add_url_rule("/forbidden", "pages.forbid", forbid)
    app.add_url_rule("/limited/<int:seconds>", "pages.limit", limit)
    app.add_url_rule("/osm/api/limited/<int:seconds>", "api.limit", limit)
    app.add_url_rule("/crash", "pages.crash", crash, methods=["GET", "POST"])
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


def test_who_is_not_signed_in_is_led_to_the_login(client: FlaskClient) -> None:
    page = client.get("/static/nothing.css")
    assert page.status_code == 404
    assert '<a class="to-login" href="/login">Log in</a>' in page.text
    assert "step_name" not in page.text
