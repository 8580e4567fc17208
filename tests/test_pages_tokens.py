"""Tokens: made and shown once, listed with their last use, revoked."""

import logging
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text, update

from webapp.accounts import add_account, change_role, make_token
from webapp.columns import utc_now
from webapp.extensions import db
from webapp.models import Role, Token
from webapp.queries.users import MAX_TOKENS, find_tokens, find_user_named

from .conftest import PASSWORD
from .statements import collected_statements

STEP_RESULTS = "/osm/api/step-results"


def make(client: FlaskClient, name: str = "ci", **form: str) -> str:
    """Make a token by the form; return the page that answers."""
    response = client.post("/tokens", data={"name": name, **form})
    assert response.status_code == 200
    return response.text


def shown_token(page: str) -> str:
    """Return the one token on a page."""
    found = set(re.findall(r"stepboard_[\w-]+", page))
    assert len(found) == 1
    return found.pop()


def error_of(page: str, field: str) -> str:
    """Return what stands as the error of a field."""
    found = re.search(rf'id="error-{field}">.*?<span>(.*?)</span>', page, re.DOTALL)
    return found[1] if found else ""


def answers(app: Flask, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return app.test_client().get(STEP_RESULTS, headers=headers).status_code


def make_user(app: Flask, name: str, role: Role = Role.VIEWER) -> FlaskClient:
    """Make a user and sign in; return the browser."""
    with app.app_context():
        add_account(name, role, PASSWORD)
    client = app.test_client()
    client.post("/login", data={"username": name, "password": PASSWORD})
    return client


def put_token(app: Flask, username: str, name: str, expires_at: datetime | None = None) -> str:
    with app.app_context():
        user = find_user_named(username)
        assert user
        return make_token(user, name, expires_at)


def last_use(app: Flask) -> datetime | None:
    with app.app_context():
        (token,) = find_tokens()
        return token.last_used_at


def test_a_new_token_is_shown_once_and_works(app: Flask, signed_in: FlaskClient) -> None:
    response = signed_in.post("/tokens", data={"name": "ci"})
    token = shown_token(response.text)
    assert response.headers["Cache-Control"] == "no-store"
    assert f'data-copy="{token}"' in response.text
    assert f"export TOKEN=&#39;{token}&#39;\ncurl -H" in response.text
    assert answers(app, token) == 200
    page = signed_in.get("/tokens").text
    assert "stepboard_" not in page
    assert ">ci<" in page


def test_a_form_sent_again_neither_makes_nor_shows_a_token(
    app: Flask, signed_in: FlaskClient
) -> None:
    make(signed_in)
    again = make(signed_in)
    assert "stepboard_" not in again
    assert error_of(again, "name").startswith("There is a token ci already;")
    with app.app_context():
        assert len(find_tokens()) == 1


def test_a_token_is_never_in_a_log(
    signed_in: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        token = shown_token(make(signed_in))
    assert token not in caplog.text


@pytest.mark.parametrize(
    ("form", "days"),
    [
        ({}, 90),
        ({"expires": "30"}, 30),
        ({"expires": "90"}, 90),
        ({"expires": "365"}, 365),
        ({"expires": "never"}, None),
    ],
)
def test_a_token_expires_when_asked_to(
    app: Flask, signed_in: FlaskClient, form: dict[str, str], days: int | None
) -> None:
    make(signed_in, **form)
    with app.app_context():
        (token,) = find_tokens()
    if days is None:
        assert token.expires_at is None
    else:
        assert token.expires_at
        left = token.expires_at - utc_now()
        assert timedelta(days=days) - timedelta(minutes=1) < left <= timedelta(days=days)


def test_a_token_may_work_until_the_end_of_a_day(app: Flask, signed_in: FlaskClient) -> None:
    day = utc_now().date() + timedelta(days=3)
    make(signed_in, expires="date", expires_on=day.isoformat())
    with app.app_context():
        (token,) = find_tokens()
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    assert token.expires_at == midnight + timedelta(days=1)


@pytest.mark.parametrize("day", ["", "soon", "2020-01-01", "9999-12-31", "2027-02-30"])
def test_a_day_that_is_none_stands_at_its_field(
    app: Flask, signed_in: FlaskClient, day: str
) -> None:
    page = make(signed_in, "my name", expires="date", expires_on=day)
    assert "last day" in error_of(page, "expires_on")
    assert 'value="my name"' in page
    assert re.search(r'<option value="date" selected>', page)
    assert 'aria-describedby="error-expires_on hint-expires_on" aria-invalid="true"' in page
    with app.app_context():
        assert find_tokens() == []


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 101, "a\u202eb"])
def test_a_name_that_is_bad_stands_at_its_field(signed_in: FlaskClient, name: str) -> None:
    page = make(signed_in, name)
    assert error_of(page, "name").startswith("A token")
    assert "stepboard_" not in page


def test_an_unknown_expiry_is_refused(signed_in: FlaskClient) -> None:
    assert "Choose one of" in error_of(make(signed_in, expires="1"), "expires")


def test_an_expired_token_leaves_its_name_and_says_so(app: Flask, signed_in: FlaskClient) -> None:
    put_token(app, "admin", "ci", utc_now())
    assert "</svg>expired</span>" in signed_in.get("/tokens").text
    assert answers(app, shown_token(make(signed_in))) == 200


def test_tokens_that_expired_long_ago_are_forgotten(app: Flask, signed_in: FlaskClient) -> None:
    put_token(app, "admin", "old", utc_now() - timedelta(days=31))
    put_token(app, "admin", "older than now", utc_now() - timedelta(days=29))
    make(signed_in)
    with app.app_context():
        assert [token.name for token in find_tokens()] == ["older than now", "ci"]


def test_a_revoked_token_is_refused(app: Flask, signed_in: FlaskClient) -> None:
    token = shown_token(make(signed_in))
    assert signed_in.get("/tokens/1/revoke").status_code == 405
    response = signed_in.post("/tokens/1/revoke")
    assert (response.status_code, response.location) == (303, "/tokens")
    assert "Revoked ci: it is refused from now on." in signed_in.get("/tokens").text
    assert answers(app, token) == 401
    assert signed_in.post("/tokens/1/revoke").status_code == 404


def test_a_viewer_sees_and_revokes_only_tokens_of_their_own(app: Flask) -> None:
    eve = make_user(app, "eve")
    token = put_token(app, "admin", "of admin")
    make(eve, "of eve")
    for path in ("/tokens", "/tokens?user_id=all", "/tokens?user_id=1"):
        page = eve.get(path).text
        assert "of eve" in page
        assert "of admin" not in page
    assert eve.post("/tokens/1/revoke").status_code == 404
    assert answers(app, token) == 200


def test_an_admin_sees_and_revokes_everyone_s(app: Flask, signed_in: FlaskClient) -> None:
    make_user(app, "eve")
    token = put_token(app, "eve", "of eve")
    assert "of eve" not in signed_in.get("/tokens").text
    for path in ("/tokens?user_id=all", "/tokens?user_id=2"):
        assert "of eve" in signed_in.get(path).text
    response = signed_in.post("/tokens/1/revoke", data={"user_id": "all"})
    assert response.location == "/tokens?user_id=all"
    assert answers(app, token) == 401


@pytest.mark.parametrize("value", ["x", "-1", "99999999999999999999"])
def test_an_owner_that_is_none_is_left_out_and_said(signed_in: FlaskClient, value: str) -> None:
    response = signed_in.get(f"/tokens?user_id={value}")
    assert response.status_code == 200
    assert "Left out of this view:" in response.text


@pytest.mark.parametrize("number", [99, 2**31, 2**62])
def test_an_owner_or_token_that_is_not_there_is_404(signed_in: FlaskClient, number: int) -> None:
    assert signed_in.get(f"/tokens?user_id={number}").status_code == 404
    assert signed_in.post(f"/tokens/{number}/revoke").status_code == 404


@pytest.mark.parametrize("number", [99, 2**62])
def test_for_an_owner_who_is_not_there_no_token_is_made_unseen(
    app: Flask, signed_in: FlaskClient, number: int
) -> None:
    response = signed_in.post(f"/tokens?user_id={number}", data={"name": "ci"})
    assert response.status_code == 404
    with app.app_context():
        assert find_tokens() == []


def test_the_list_ends_and_says_so(app: Flask, signed_in: FlaskClient) -> None:
    with app.app_context():
        for n in range(MAX_TOKENS + 1):
            db.session.add(Token(user_id=1, name=f"token {n}", token_hash=str(n)))
        db.session.commit()
    page = signed_in.get("/tokens").text
    assert page.count("<tr>") == MAX_TOKENS + 1
    assert f"The newest {MAX_TOKENS} of {MAX_TOKENS + 1}." in page


def test_a_scope_that_a_viewer_may_not_give_is_refused_with_a_reason(app: Flask) -> None:
    page = make(make_user(app, "vic"), scope="admin")
    assert "vic is a viewer" in error_of(page, "scope")
    assert "stepboard_" not in page


def test_what_a_token_may_no_more_is_not_said_of_it(app: Flask, signed_in: FlaskClient) -> None:
    vic = make_user(app, "vic", Role.ADMIN)
    make(vic, scope="admin")
    assert 'class="word">may </span>admin</td>' in vic.get("/tokens").text
    with app.app_context():
        user = find_user_named("vic")
        assert user
        change_role(user.id, Role.VIEWER)
    for client, address in ((vic, "/tokens"), (signed_in, "/tokens?user_id=all")):
        page = client.get(address).text
        assert "read only" in page and "</span>admin</td>" not in page


def test_markup_in_a_name_is_shown_as_text(signed_in: FlaskClient) -> None:
    make(signed_in, "<script>alert(1)</script>")
    assert "<script>alert" not in signed_in.get("/tokens").text


def test_a_use_is_noted_once_a_minute(app: Flask) -> None:
    token = put_token(app, "admin", "ci")
    assert last_use(app) is None
    assert answers(app, token) == 200
    first = last_use(app)
    assert first and utc_now() - first < timedelta(minutes=1)
    with collected_statements(app) as statements:
        assert answers(app, token) == 200
    assert not [one for one in statements if one.startswith("UPDATE")]
    assert last_use(app) == first


def test_a_later_use_is_noted_anew(app: Flask) -> None:
    token = put_token(app, "admin", "ci")
    before = utc_now() - timedelta(seconds=61)
    with app.app_context():
        db.session.execute(update(Token).values(last_used_at=before))
        db.session.commit()
    answers(app, token)
    used = last_use(app)
    assert used and used > before


def test_a_refused_token_is_not_used(app: Flask) -> None:
    token = put_token(app, "admin", "ci", utc_now())
    assert answers(app, token) == 401
    assert last_use(app) is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_locked_database_keeps_no_reader_waiting(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    token = put_token(app, "admin", "ci")
    caplog.set_level(logging.INFO, app.logger.name)
    path = Path(app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///"))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert answers(app, token) == 200
        assert "a use was not noted: database is locked" in caplog.text
        # It happens at each request while an import writes.
        assert {record.levelno for record in caplog.records} == {logging.INFO}
    assert last_use(app) is None
    assert answers(app, token) == 200
    assert last_use(app)
    with app.app_context():
        assert db.session.scalar(text("PRAGMA busy_timeout")) == 5000


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_locked_row_keeps_no_reader_waiting(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    token = put_token(app, "admin", "ci")
    caplog.set_level(logging.INFO, app.logger.name)
    with app.app_context(), db.engine.begin() as other:
        other.execute(text("SELECT id FROM tokens FOR UPDATE"))
        assert answers(app, token) == 200
        assert "a use was not noted: " in caplog.text
    assert last_use(app) is None


def test_the_page_takes_a_fixed_number_of_statements(app: Flask, signed_in: FlaskClient) -> None:
    for n in range(9):
        put_token(app, "admin", f"token {n}")
    signed_in.get("/tokens")
    with collected_statements(app) as statements:
        signed_in.get("/tokens?user_id=all")
    # The user, the tokens with their owners, how many, and two of the running runs' count.
    assert len(statements) <= 5, statements
