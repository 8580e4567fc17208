"""A stolen session is not enough: neither to find out the password nor to make new credentials."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from webapp.accounts import add_account
from webapp.models import Role
from webapp.queries.users import find_tokens, find_user_named

from .conftest import PASSWORD
from .test_audit import told
from .test_login_sessions import log_in, move_back
from .test_pages_tokens import error_of

TRIES = 10
NEW = "another passphrase"
# Each way to make credentials, or to end what a thief does not hold; and what it says when done.
WAYS = {
    "/tokens": ({"name": "nightly"}, "Made the token nightly"),
    "/users": ({"username": "adam"}, "The password of adam"),
    "/users/2/password": ({}, "The new password of eve"),
    "/account/other-sessions/end": ({}, "Logged out in 1 other place."),
}
PAGES = {"/users/2/password": "/users/2", "/account/other-sessions/end": "/account/password"}


@pytest.fixture
def old_session(app: Flask, signed_in: FlaskClient) -> FlaskClient:
    """Return a browser in which admin signed in 11 minutes ago; eve is there too."""
    with app.app_context():
        add_account("eve", Role.VIEWER, PASSWORD)
    log_in(app)
    move_back(app, created_at=timedelta(minutes=11))
    return signed_in


def send(app: Flask, client: FlaskClient, path: str, **more: str) -> TestResponse:
    form = dict(WAYS[path][0])
    if path == "/users/2/password":
        with app.app_context():
            eve = find_user_named("eve")
            assert eve
            form["seen"] = eve.get_id()
    return client.post(path, data={**form, **more}, follow_redirects=True)


@pytest.mark.parametrize("path", WAYS)
def test_an_old_session_has_to_give_the_password(
    app: Flask, old_session: FlaskClient, path: str
) -> None:
    done = WAYS[path][1]
    blank, wrong = (send(app, old_session, path, own_password=given) for given in ("", "wrong"))
    assert error_of(blank.text, "own_password").startswith("You logged in a while ago")
    assert error_of(wrong.text, "own_password") == "This is not your password."
    for answer in (blank, wrong):
        assert done not in answer.text
        assert 'name="own_password" type="password" autocomplete="current-password"' in answer.text
    assert told(app)[-1] == ("password-refused", "admin", "admin", "session")
    with app.app_context():
        assert find_tokens() == [] and find_user_named("adam") is None
    assert done in send(app, old_session, path, own_password=PASSWORD).text


@pytest.mark.parametrize(
    ("path", "form", "field"),
    [
        ("/users/2/role", {"role": "admin"}, "own_password_for_role"),
        ("/users/2/state", {"state": "active"}, "own_password_for_state"),
    ],
)
def test_an_old_session_lets_nobody_else_do_more(
    app: Flask, old_session: FlaskClient, path: str, form: dict[str, str], field: str
) -> None:
    assert "eve is disabled now" in change_eve(old_session, state="disabled").text
    assert f'name="{field}"' in old_session.get("/users/2").text
    for given, says in (("", "You logged in a while ago"), ("wrong", "This is not your password")):
        answer = old_session.post(path, data={**form, field: given})
        assert error_of(answer.text, field).startswith(says)
    with app.app_context():
        eve = find_user_named("eve")
        assert eve and (eve.role, eve.is_active) == (Role.VIEWER, False)
    done = old_session.post(path, data={**form, field: PASSWORD}, follow_redirects=True)
    assert f"eve is {'an admin' if 'role' in form else 'active'} now" in done.text


@pytest.mark.parametrize("path", ["/users", "/users/2/password"])
def test_a_typed_password_is_not_replaced_by_a_made_up_one(
    app: Flask, old_session: FlaskClient, path: str
) -> None:
    chosen = "a long horse of 77 batteries"
    answer = send(app, old_session, path, password=chosen)
    assert 'name="typed" value="1"' in answer.text and chosen not in answer.text
    again = send(app, old_session, path, typed="1", own_password=PASSWORD)
    assert error_of(again.text, "password").startswith("Type the password again")
    done = send(app, old_session, path, typed="1", own_password=PASSWORD, password=chosen)
    assert error_of(done.text, "password") == "" and WAYS[path][1] not in done.text


def change_eve(client: FlaskClient, state: str) -> TestResponse:
    return client.post("/users/2/state", data={"state": state}, follow_redirects=True)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", WAYS)
def test_a_fresh_session_is_enough(app: Flask, signed_in: FlaskClient, path: str) -> None:
    with app.app_context():
        add_account("eve", Role.VIEWER, PASSWORD)
    elsewhere = log_in(app)
    page = signed_in.get(PAGES.get(path, path)).text
    assert "own_password" not in page
    assert WAYS[path][1] in send(app, signed_in, path).text
    assert (elsewhere.get("/steps").status_code == 302) == path.endswith("/end")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_forms_of_an_old_session_ask_for_it(app: Flask, old_session: FlaskClient) -> None:
    for path in WAYS:
        page = old_session.get(PAGES.get(path, path)).text
        assert page.count('name="own_password"') == 1, path


def test_an_old_password_can_be_tried_so_often_only(app: Flask, signed_in: FlaskClient) -> None:
    form = {"old_password": "wrong", "new_password": NEW, "password_again": NEW}
    for _ in range(TRIES):
        page = signed_in.post("/account/password", data=form)
        assert error_of(page.text, "old_password") == "This is not your password."
    for password in (PASSWORD, "wrong"):
        refused = signed_in.post("/account/password", data={**form, "old_password": password})
        assert refused.status_code == 429
        assert 0 < int(refused.headers["Retry-After"]) <= 15 * 60 + 1
        assert "<!doctype html>" in refused.text
        assert "Too many requests came from you. Wait " in refused.text
    events = [(action, subject) for action, subject, _, _ in told(app)[1:]]
    assert events == [("password-refused", "admin")] * TRIES + [("password-throttled", "admin")]
    assert signed_in.get("/steps").status_code == 200
    # A login counts by itself: the owner is not shut out.
    assert log_in(app).get("/steps").status_code == 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_all_ways_count_together_and_the_right_password_forgives(
    app: Flask, old_session: FlaskClient
) -> None:
    wrong = {"name": "ci", "username": "adam", "own_password": "wrong", "old_password": "wrong"}
    paths = ("/tokens", "/users", "/account/password", "/account/other-sessions/end")
    for number in range(TRIES - 1):
        assert old_session.post(paths[number % 4], data=wrong).status_code == 200
    right = {**wrong, "own_password": PASSWORD}
    assert "Made the token ci" in old_session.post("/tokens", data=right).text
    for number in range(TRIES):
        assert old_session.post(paths[number % 4], data=wrong).status_code == 200
    assert old_session.post("/users", data=wrong).status_code == 429
    # Others have tries of their own.
    eve = app.test_client()
    eve.post("/login", data={"username": "eve", "password": PASSWORD})
    form = {"old_password": PASSWORD, "new_password": NEW, "password_again": NEW}
    assert eve.post("/account/password", data=form).status_code == 303
