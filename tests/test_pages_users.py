"""Users: added, disabled, given roles and passwords by an admin; passwords changed by oneself."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp.accounts import add_account, make_token
from webapp.auth import find_user
from webapp.models import Role
from webapp.queries.users import find_user_named

from .conftest import PASSWORD
from .test_pages_tokens import answers, error_of, make_user, put_token

ANOTHER = "a second passphrase"


def made_up(page: str) -> str:
    """Return the password that a page shows once."""
    found = re.findall(r'data-copy="([^"]+)" aria-label="Copy the password"', page)
    assert len(found) == 1
    return str(found[0])


def is_let_in(app: Flask, username: str, password: str) -> bool:
    with app.app_context():
        return find_user(username, password) is not None


def role_of(app: Flask, username: str) -> str:
    with app.app_context():
        user = find_user_named(username)
        assert user
        return user.role


def seen(client: FlaskClient, user_id: int = 2) -> str:
    found = re.search(r'name="seen" value="([^"]+)"', client.get(f"/users/{user_id}").text)
    assert found
    return found[1]


@pytest.fixture
def eve(app: Flask) -> FlaskClient:
    """Return the browser of eve, a viewer, the second user."""
    return make_user(app, "eve")


def test_users_are_listed_with_role_state_and_tokens(app: Flask, signed_in: FlaskClient) -> None:
    make_user(app, "eve")
    put_token(app, "eve", "one")
    put_token(app, "eve", "two")
    page = signed_in.get("/users").text
    row = page.partition(">eve</a>")[2].partition("</tr>")[0]
    assert ">viewer<" in row
    assert 'href="/tokens?user_id=2" aria-label="2 tokens of eve"' in row
    assert signed_in.get("/tokens?user_id=2").text.count("<tr>") == 1 + 2


def test_a_user_is_added_with_a_typed_password(app: Flask, signed_in: FlaskClient) -> None:
    form = {"username": " eve ", "role": "admin", "password": ANOTHER}
    response = signed_in.post("/users", data=form)
    assert (response.status_code, response.location) == (303, "/users/2")
    page = signed_in.get("/users/2").text
    assert "Added eve." in page
    assert ANOTHER not in page
    assert is_let_in(app, "eve", ANOTHER)
    assert role_of(app, "eve") == "admin"


def test_a_made_up_password_is_shown_once(app: Flask, signed_in: FlaskClient) -> None:
    response = signed_in.post("/users", data={"username": "eve", "role": "viewer"})
    assert response.headers["Cache-Control"] == "no-store"
    password = made_up(response.text)
    assert is_let_in(app, "eve", password)
    assert role_of(app, "eve") == "viewer"
    again = signed_in.post("/users", data={"username": "eve", "role": "viewer"}).text
    assert error_of(again, "username") == "There is a user eve already."
    assert "Copy the password" not in again
    assert is_let_in(app, "eve", password)


@pytest.mark.parametrize(
    ("form", "field", "message"),
    [
        ({"username": "  "}, "username", "A user name must be printable, not empty"),
        ({"username": "a\tb"}, "username", "A user name must be printable"),
        ({"username": "x" * 101}, "username", "A user name must not be longer than 100"),
        ({"username": "admin"}, "username", "There is a user admin already."),
        ({"username": "AdMIN"}, "username", "There is a user AdMIN already."),
        ({"password": "eleven char"}, "password", "A password must have at least 12 characters;"),
        ({"password": "x" * 1001}, "password", "A password must not have over 1000"),
        ({"password": "eve eve eve eve"}, "password", "This password is easy to guess: it is"),
        ({"role": "king"}, "role", "Choose one of admin, viewer."),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_the_rest_is_kept(
    app: Flask, signed_in: FlaskClient, form: dict[str, str], field: str, message: str
) -> None:
    given = {"username": "eve", "role": "admin", "password": "a good password", **form}
    response = signed_in.post("/users", data=given)
    assert response.status_code == 200
    assert error_of(response.text, field).startswith(message)
    assert re.search(
        rf'id="{field}"[^>]* aria-describedby="error-{field}[^>]*aria-invalid', response.text
    )
    assert given["password"] not in response.text
    if field != "username":
        assert 'value="eve"' in response.text
    if field != "role":
        assert '<option value="admin" selected>' in response.text
    with app.app_context():
        assert find_user_named("eve") is None


def test_a_disabled_user_is_out_at_once_until_enabled(
    app: Flask, signed_in: FlaskClient, eve: FlaskClient
) -> None:
    token = put_token(app, "eve", "ci")
    assert eve.get("/steps").status_code == 200
    assert signed_in.post("/users/2/state", data={"state": "disabled"}).status_code == 303
    assert eve.get("/steps").status_code == 302
    assert answers(app, token) == 401
    assert not is_let_in(app, "eve", PASSWORD)
    assert "owner off" in signed_in.get("/tokens?user_id=2").text
    signed_in.post("/users/2/state", data={"state": "active"})
    assert eve.get("/steps").status_code == 302
    assert is_let_in(app, "eve", PASSWORD)
    assert answers(app, token) == 200


@pytest.mark.parametrize(
    ("path", "form", "message"),
    [
        ("role", {"role": "viewer"}, "You cannot demote yourself; another admin can."),
        ("state", {"state": "disabled"}, "You cannot disable yourself; another admin can."),
        ("password", {"password": ANOTHER}, "Change your own password on its own page."),
    ],
)
def test_nobody_demotes_disables_or_resets_themselves(
    app: Flask, signed_in: FlaskClient, path: str, form: dict[str, str], message: str
) -> None:
    with app.app_context():
        add_account("adam", Role.ADMIN, PASSWORD)
    page = signed_in.get("/users/1").text
    assert 'action="/users/1/' not in page
    response = signed_in.post(f"/users/1/{path}", data=form)
    assert error_of(response.text, path) == message
    assert signed_in.get("/users").status_code == 200
    assert is_let_in(app, "admin", PASSWORD)


def test_the_last_admin_stays_one_even_when_another_one_just_went(
    app: Flask, signed_in: FlaskClient
) -> None:
    """Two admins at once: whoever comes second is told."""
    adam = make_user(app, "adam", Role.ADMIN)
    assert signed_in.post("/users/2/role", data={"role": "viewer"}).status_code == 303
    assert adam.post("/users/1/role", data={"role": "viewer"}).status_code == 403
    assert role_of(app, "admin") == "admin"


@pytest.mark.parametrize("state", ["", "gone"])
def test_a_state_that_is_none_is_refused(
    app: Flask, signed_in: FlaskClient, eve: FlaskClient, state: str
) -> None:
    page = signed_in.post("/users/2/state", data={"state": state}).text
    assert error_of(page, "state") == "Choose one of active, disabled."
    assert is_let_in(app, "eve", PASSWORD)


def test_a_reset_password_is_shown_once_and_ends_the_sessions(
    app: Flask, signed_in: FlaskClient, eve: FlaskClient
) -> None:
    token = put_token(app, "eve", "ci")
    form = {"seen": seen(signed_in)}
    password = made_up(signed_in.post("/users/2/password", data=form).text)
    assert is_let_in(app, "eve", password)
    assert not is_let_in(app, "eve", PASSWORD)
    assert eve.get("/steps").status_code == 302
    assert answers(app, token) == 200
    again = signed_in.post("/users/2/password", data=form).text
    assert error_of(again, "password").startswith("The password was changed since")
    assert is_let_in(app, "eve", password)


def test_a_typed_password_can_be_given(
    app: Flask, signed_in: FlaskClient, eve: FlaskClient
) -> None:
    form = {"password": ANOTHER, "seen": seen(signed_in)}
    response = signed_in.post("/users/2/password", data=form)
    assert response.location == "/users/2"
    assert ANOTHER not in signed_in.get("/users/2").text
    assert is_let_in(app, "eve", ANOTHER)
    short = {"password": "short", "seen": seen(signed_in)}
    page = signed_in.post("/users/2/password", data=short).text
    assert error_of(page, "password") == (
        "A password must have at least 12 characters; this one has 5."
    )
    easy = {"password": "Passw0rd-2026", "seen": seen(signed_in)}
    page = signed_in.post("/users/2/password", data=easy).text
    assert error_of(page, "password").startswith("This password is easy to guess")
    assert is_let_in(app, "eve", ANOTHER)


@pytest.mark.parametrize("number", [99, 2**31, 2**62])
def test_a_user_who_is_not_there_is_404(signed_in: FlaskClient, number: int) -> None:
    assert signed_in.get(f"/users/{number}").status_code == 404
    for path in ("role", "state", "password"):
        assert signed_in.post(f"/users/{number}/{path}").status_code == 404


def test_one_changes_one_s_own_password_and_stays(app: Flask, eve: FlaskClient) -> None:
    elsewhere = app.test_client()
    elsewhere.post("/login", data={"username": "eve", "password": PASSWORD})
    assert elsewhere.get("/steps").status_code == 200
    form = {"old_password": PASSWORD, "new_password": ANOTHER, "password_again": ANOTHER}
    response = eve.post("/account/password", data=form)
    assert response.status_code == 303
    assert "Your password is changed" in eve.get(response.location).text
    assert elsewhere.get("/steps").status_code == 302
    assert is_let_in(app, "eve", ANOTHER)
    assert not is_let_in(app, "eve", PASSWORD)


@pytest.mark.parametrize(
    ("form", "field", "message"),
    [
        ({"old_password": "wrong"}, "old_password", "This is not your password."),
        ({"old_password": ""}, "old_password", "This is not your password."),
        ({"new_password": "short"}, "new_password", "A password must have at least 12"),
        ({"new_password": "osmedeus2026"}, "new_password", "This password is easy to guess"),
        ({"new_password": PASSWORD}, "new_password", "The new password must not be the old one."),
        ({"password_again": "x"}, "password_again", "This is not the new password typed above."),
    ],
)
def test_a_password_that_does_not_fit_changes_nothing(
    app: Flask, eve: FlaskClient, form: dict[str, str], field: str, message: str
) -> None:
    good = {"old_password": PASSWORD, "new_password": ANOTHER, "password_again": ANOTHER}
    page = eve.post("/account/password", data={**good, **form}).text
    assert error_of(page, field).startswith(message)
    assert PASSWORD not in page and ANOTHER not in page
    assert is_let_in(app, "eve", PASSWORD)
    assert eve.get("/steps").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/users",
        "/users/2/role",
        "/users/2/state",
        "/users/2/password",
        "/tokens",
        "/tokens/1/revoke",
    ]
    + ["/account/password", "/sources/1/import"],
)
def test_every_form_needs_its_csrf_token(app: Flask, signed_in: FlaskClient, path: str) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    response = signed_in.post(path, data={"username": "eve", "name": "ci"})
    assert response.status_code == 400
    assert "This form is out of date." in response.text


@pytest.mark.parametrize(
    ("referrer", "after"),
    [
        ("http://localhost/tokens?x=1", "/login?next=/tokens?x%3D1"),
        ("", "/login"),
        ("http://[", "/login"),
        ("http://evil.example.com//evil.example.com", "/login"),
    ],
)
def test_a_form_sent_after_a_logout_elsewhere_leads_to_the_login_and_back(
    app: Flask, signed_in: FlaskClient, referrer: str, after: str
) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    with signed_in.session_transaction() as session:
        session.clear()
    form = {"name": "ci", "csrf_token": "of the other tab"}
    response = signed_in.post("/tokens", data=form, headers={"Referer": referrer})
    assert (response.status_code, response.location) == (302, after)


def test_every_form_carries_its_csrf_token(app: Flask, signed_in: FlaskClient) -> None:
    make_user(app, "eve")
    with app.app_context():
        user = find_user_named("admin")
        assert user
        make_token(user, "ci", None)
    for path in ("/tokens", "/users", "/users/2", "/account/password", "/sources"):
        for form in re.findall(
            r'<form[^>]*method="post".*?</form>', signed_in.get(path).text, re.S
        ):
            assert 'name="csrf_token"' in form, form
