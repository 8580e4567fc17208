"""Logging in and out, and what the pages of errors say."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp.accounts import change_password
from webapp.queries.users import find_user_named

from .conftest import PASSWORD

FORM = {"username": "admin", "password": PASSWORD}


def test_who_is_not_logged_in_is_led_to_the_form_and_back(client: FlaskClient) -> None:
    response = client.get("/steps?status=failed&workspace=a%26b")
    assert response.status_code == 302
    form = client.get(response.location).text
    wanted = re.search(r'name="next" value="([^"]*)"', form)
    assert wanted
    assert wanted[1] == "/steps?status=failed&amp;workspace=a%26b"
    response = client.post("/login", data={**FORM, "next": "/steps?status=failed"})
    assert (response.status_code, response.location) == (302, "/steps?status=failed")
    assert client.get("/steps").status_code == 200


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "evil", "/\n/x", ""]
)
def test_a_login_leads_only_to_pages_of_ours(client: FlaskClient, target: str) -> None:
    assert client.post("/login", data={**FORM, "next": target}).location == "/"


def test_a_login_never_leads_to_what_no_browser_can_open(client: FlaskClient) -> None:
    assert client.get("/logout").location == "/login"
    assert client.post("/login", data={**FORM, "next": "/logout"}).location == "/"


def test_forms_of_another_tab_lead_on(app: Flask, client: FlaskClient) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    stale = {**FORM, "csrf_token": "of another tab", "next": "/runs"}
    assert client.post("/login", data=stale).location == "/login?next=/runs"
    assert client.post("/logout").location == "/login"
    with client.session_transaction() as session:
        assert "_user_id" not in session


@pytest.mark.parametrize(
    "wrong", [{"username": "nobody"}, {"password": "wrong"}, {"username": "a\0"}, {"password": ""}]
)
def test_a_wrong_name_and_a_wrong_password_look_the_same(
    client: FlaskClient, wrong: dict[str, str]
) -> None:
    response = client.post("/login", data={**FORM, **wrong})
    assert response.status_code == 200
    assert "This name and password do not fit together." in response.text
    assert PASSWORD not in response.text
    assert client.get("/steps").status_code == 302


def test_a_login_begins_a_new_session(client: FlaskClient) -> None:
    with client.session_transaction() as session:
        session["planted"] = "x"
    client.post("/login", data=FORM)
    with client.session_transaction() as session:
        assert "planted" not in session
        assert session.permanent


def test_logging_out_ends_the_session_and_takes_a_post(signed_in: FlaskClient) -> None:
    assert signed_in.get("/logout").status_code == 405
    assert signed_in.get("/steps").status_code == 200
    assert signed_in.post("/logout").location == "/login"
    assert signed_in.get("/steps").status_code == 302


def test_another_password_ends_the_sessions(app: Flask, signed_in: FlaskClient) -> None:
    with app.app_context():
        user = find_user_named("admin")
        assert user
        change_password(user.id, "another passphrase")
    assert signed_in.get("/steps").status_code == 302
    assert signed_in.post("/login", data={**FORM, "password": "another passphrase"}).location == "/"
    assert signed_in.get("/steps").status_code == 200


@pytest.mark.parametrize("origin", ["http://localhost", "https://steps.example.com"])
def test_htmx_is_sent_to_the_form_after_an_expired_login(client: FlaskClient, origin: str) -> None:
    here = f"{origin}/steps?status=failed"
    headers = {"HX-Request": "true", "HX-Current-URL": here}
    response = client.get("/runs/7/live", headers=headers)
    assert response.headers["HX-Redirect"] == "/login?next=/steps?status%3Dfailed"
    assert response.text == ""
    headers["HX-Current-URL"] = f"{origin}/steps/7#L10-L20"
    response = client.get("/steps/7", headers=headers)
    assert response.headers["HX-Redirect"] == "/login?next=/steps/7%23L10-L20"
    assert client.post("/login", data={**FORM, "next": "/steps/7#L10-L20"}).location == (
        "/steps/7#L10-L20"
    )


def test_forms_without_their_token_are_refused(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    client = app.test_client()
    client.post("/login", data=FORM)
    assert client.get("/steps").status_code == 302
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/login").text)
    assert token
    assert client.post("/login", data={**FORM, "csrf_token": token[1]}).status_code == 302
    # Who is still in is told so.
    assert "This form is out of date." in client.post("/logout").text
    assert client.get("/steps").status_code == 200


def test_the_front_page_is_the_overview(signed_in: FlaskClient) -> None:
    assert "<title>Overview · Stepboard</title>" in signed_in.get("/").text


def test_who_is_logged_in_does_not_see_the_form(signed_in: FlaskClient) -> None:
    assert signed_in.get("/login?next=/runs").location == "/runs"


def test_errors_look_like_our_pages(app: Flask, signed_in: FlaskClient) -> None:
    missing = signed_in.get("/nowhere")
    assert missing.status_code == 404
    assert "There is nothing at /nowhere." in missing.text
    assert "<!doctype html>" in missing.text
    wrong = signed_in.post("/steps")
    assert wrong.status_code == 405
    assert "GET" in wrong.headers["Allow"]


def test_a_crash_tells_the_reader_nothing_of_the_inside(app: Flask) -> None:
    def crash() -> str:
        raise RuntimeError("secret inside")

    app.add_url_rule("/crash", "pages.crash", crash)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    client = app.test_client()
    client.post("/login", data=FORM)
    response = client.get("/crash")
    assert response.status_code == 500
    assert "secret inside" not in response.text
    assert "The server failed; its log says why." in response.text
