"""A login lasts as long as it may, ends everywhere it should, and its cookie is strict."""

import base64
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from webapp.accounts import change_password
from webapp.columns import utc_now
from webapp.config import Settings
from webapp.extensions import db
from webapp.models import Session
from webapp.queries.users import find_user_named

from .conftest import PASSWORD, SECRET_KEY
from .statements import collected_statements

FORM = {"username": "admin", "password": PASSWORD}
OVER_TLS = {"base_url": "https://localhost"}


def log_in(app: Flask) -> FlaskClient:
    client = app.test_client()
    assert client.post("/login", data=FORM).status_code == 302
    return client


def copy_of(client: FlaskClient) -> FlaskClient:
    """Return another browser with the same cookie."""
    cookie = client.get_cookie("stepboard")
    assert cookie
    thief = client.application.test_client()
    thief.set_cookie("stepboard", cookie.value)
    assert thief.get("/steps").status_code == 200
    return thief


def move_back(app: Flask, **columns: timedelta) -> None:
    with app.app_context():
        values = {name: utc_now() - span for name, span in columns.items()}
        db.session.execute(update(Session).values(values))
        db.session.commit()


def test_after_a_logout_a_copy_of_the_cookie_is_worth_nothing(
    app: Flask, signed_in: FlaskClient
) -> None:
    thief = copy_of(signed_in)
    signed_in.post("/logout")
    assert thief.get("/steps").status_code == 302
    with app.app_context():
        assert db.session.scalars(select(Session)).all() == []


def test_a_second_login_ends_the_first_session_of_the_browser(signed_in: FlaskClient) -> None:
    thief = copy_of(signed_in)
    signed_in.application.test_client()
    with signed_in.session_transaction() as session:
        session.pop("_user_id")
    assert signed_in.post("/login", data=FORM).status_code == 302
    assert thief.get("/steps").status_code == 302
    assert signed_in.get("/steps").status_code == 200


def test_another_password_ends_all_sessions_but_the_one_that_set_it(app: Flask) -> None:
    here, there = log_in(app), log_in(app)
    new = "another passphrase"
    form = {"old_password": PASSWORD, "new_password": new, "password_again": new}
    assert here.post("/account/password", data=form).status_code == 303
    assert here.get("/steps").status_code == 200
    assert there.get("/steps").status_code == 302
    with app.app_context():
        assert len(db.session.scalars(select(Session)).all()) == 1
        user = find_user_named("admin")
        assert user
        change_password(user.id, "yet another passphrase")
    assert here.get("/steps").status_code == 302


def test_one_can_log_out_everywhere_else(app: Flask) -> None:
    here, there = log_in(app), log_in(app)
    page = here.get("/account/password").text
    assert page.count("<b>here</b>") == 1
    assert "Log out everywhere else" in page
    assert here.post("/account/other-sessions/end").status_code == 303
    assert "Logged out in 1 other place." in here.get("/account/password").text
    assert there.get("/steps").status_code == 302
    assert here.get("/steps").status_code == 200


def test_an_idle_session_ends(app: Flask, signed_in: FlaskClient) -> None:
    move_back(app, last_seen_at=timedelta(hours=71))
    assert signed_in.get("/steps").status_code == 200
    move_back(app, last_seen_at=timedelta(hours=72, seconds=1))
    assert signed_in.get("/steps").status_code == 302


def test_a_session_ends_after_so_many_days_however_busy(app: Flask, signed_in: FlaskClient) -> None:
    move_back(app, created_at=timedelta(days=13, hours=23))
    assert signed_in.get("/steps").status_code == 200
    move_back(app, created_at=timedelta(days=14, seconds=1))
    assert signed_in.get("/steps").status_code == 302
    log_in(app)
    with app.app_context():
        assert len(db.session.scalars(select(Session)).all()) == 1


def test_its_use_is_noted_once_a_minute(app: Flask, signed_in: FlaskClient) -> None:
    with collected_statements(app) as statements:
        signed_in.get("/account/password")
    assert not [one for one in statements if one.startswith("UPDATE")]
    move_back(app, last_seen_at=timedelta(seconds=61))
    signed_in.get("/account/password")
    with app.app_context():
        (seen,) = db.session.scalars(select(Session.last_seen_at))
    assert utc_now() - seen < timedelta(seconds=30)


def test_only_the_hash_of_its_key_is_stored(app: Flask, signed_in: FlaskClient) -> None:
    with signed_in.session_transaction() as session:
        key = session["key"]
    with app.app_context():
        stored = db.session.execute(select(Session.__table__)).one()
    assert key not in map(str, stored)


def cookie_of(response: TestResponse) -> str:
    (cookie,) = response.headers.getlist("Set-Cookie")
    return cookie


def test_the_cookie_is_strict_and_over_tls_stricter(client: FlaskClient) -> None:
    plain = cookie_of(client.post("/login", data=FORM))
    assert plain.startswith("stepboard=")
    assert "HttpOnly" in plain and "SameSite=Lax" in plain and "Path=/" in plain
    assert "Secure" not in plain and "Domain" not in plain
    safe = cookie_of(client.post("/login", data=FORM, **OVER_TLS))
    assert safe.startswith("__Host-stepboard=")
    for part in ("HttpOnly", "SameSite=Lax", "Secure", "Path=/"):
        assert f"; {part}" in safe


def test_the_cookie_is_signed_with_sha256(app: Flask, signed_in: FlaskClient) -> None:
    cookie = signed_in.get_cookie("stepboard")
    assert cookie
    signature = cookie.value.rpartition(".")[2]
    # 32 bytes in base64, without its padding; SHA-1 has 20.
    assert len(base64.urlsafe_b64decode(signature + "=")) == 32
    old = URLSafeTimedSerializer(
        SECRET_KEY, "cookie-session", signer_kwargs={"key_derivation": "hmac"}
    )
    with signed_in.session_transaction() as session:
        forged = old.dumps(dict(session))
    signed_in.set_cookie("stepboard", str(forged))
    assert signed_in.get("/steps").status_code == 302


def test_over_tls_browsers_are_told_to_stay_there(client: FlaskClient) -> None:
    assert "Strict-Transport-Security" not in client.get("/login").headers
    found = client.get("/login", **OVER_TLS).headers["Strict-Transport-Security"]
    assert int(found.removeprefix("max-age=")) >= 365 * 24 * 3600


@pytest.fixture
def open_app(tmp_path: object) -> Iterator[Flask]:
    """Return an application whose API the scripts of one other origin may read."""
    origins = ("https://app.example.com",)
    settings = Settings("k" * 32, f"sqlite:///{tmp_path}/x.sqlite", cors_origins=origins)
    from webapp import create_app

    yield create_app(settings)


ASKS = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}


def test_no_other_origin_may_read_unless_it_is_named(client: FlaskClient) -> None:
    headers = {"Origin": "https://app.example.com"}
    for path in ("/osm/api/step-results", "/login"):
        for answer in (client.get(path, headers=headers), client.options(path, headers=headers)):
            assert "Access-Control-Allow-Origin" not in answer.headers
            assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_a_named_origin_may_read_the_api_with_a_token_and_nothing_else(open_app: Flask) -> None:
    client = open_app.test_client()
    named = {"Origin": "https://app.example.com"}
    asked = client.options("/osm/api/step-results", headers={**named, **ASKS})
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == named["Origin"]
    assert "authorization" in asked.headers["Access-Control-Allow-Headers"].lower()
    assert "Access-Control-Allow-Credentials" not in asked.headers
    refused = client.get("/osm/api/step-results", headers=named)
    assert refused.status_code == 401
    assert refused.headers["Access-Control-Allow-Origin"] == named["Origin"]
    assert "Access-Control-Allow-Origin" not in client.get("/login", headers=named).headers
    other = client.options("/osm/api/runs", headers={"Origin": "https://evil.example", **ASKS})
    assert "Access-Control-Allow-Origin" not in other.headers
