"""Who may use the API: tokens, logins, sessions, and what the others get."""

import hashlib
import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from webapp.accounts import make_token
from webapp.columns import utc_now
from webapp.extensions import db
from webapp.keys import TOKEN_PREFIX, hash_key, is_token_key, make_token_key
from webapp.models import Token, User

from .conftest import PASSWORD
from .statements import collected_statements

STEP_RESULTS = "/osm/api/step-results"
LOGIN = {"username": "admin", "password": PASSWORD}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def make_expiring_token(app: Flask, lasts: timedelta) -> str:
    with app.app_context():
        user = db.session.execute(select(User)).scalar_one()
        return make_token(user, "tests", utc_now() + lasts)


@pytest.mark.parametrize(
    "path",
    ["", "/", "/step-results", "/step-results/1", "/runs", "/runs/1/steps", "/nowhere"],
)
def test_without_a_token_the_api_answers_401(client: FlaskClient, path: str) -> None:
    response = client.get(f"/osm/api{path}")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer realm=Stepboard"
    assert "Set-Cookie" not in response.headers
    assert response.json == {
        "error": True,
        "message": "Send a valid token: 'Authorization: Bearer TOKEN' or 'x-osm-api-key: TOKEN'.",
    }


@pytest.mark.parametrize(
    "header",
    [
        ("Authorization", "Bearer {}"),
        ("Authorization", "bearer  {} "),
        ("x-osm-api-key", "{}"),
        ("X-OSM-API-KEY", "{}"),
    ],
)
def test_a_token_lets_in_by_either_header(
    client: FlaskClient, token: str, header: tuple[str, str]
) -> None:
    response = client.get(STEP_RESULTS, headers={header[0]: header[1].format(token)})
    assert response.status_code == 200
    assert "Set-Cookie" not in response.headers


def test_an_unknown_token_is_refused(client: FlaskClient, token: str) -> None:
    for given in (make_token_key(), TOKEN_PREFIX + "x" * 43):
        response = client.get(STEP_RESULTS, headers=bearer(given))
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == "Bearer realm=Stepboard"
        assert response.json["message"].startswith("The token is unknown or has expired. ")


@pytest.mark.parametrize("given", ["wrong", "\xff", "a" * 10_000, "' OR 1=1 --", "{}x", "{:.58}"])
def test_a_mistyped_token_is_told_from_an_unknown_one(
    app: Flask, client: FlaskClient, token: str, given: str
) -> None:
    with collected_statements(app) as statements:
        response = client.get(STEP_RESULTS, headers=bearer(given.format(token)))
    assert response.status_code == 401
    assert response.json["message"].startswith("This is no whole token: it is mistyped or cut. ")
    assert statements == []


def test_a_token_is_recognised_by_its_prefix_and_its_checksum(token: str) -> None:
    assert re.fullmatch("stepboard_[A-Za-z0-9_-]{43}[A-Za-z0-9]{6}", token)
    assert is_token_key(token)
    others = "".join("b" if letter == "a" else "a" for letter in token[10:])
    wrong = [token[:n] + others[n - 10] + token[n + 1 :] for n in range(10, len(token))]
    assert [one for one in wrong if is_token_key(one)] == []


def test_a_token_from_before_there_were_checksums_still_works(
    app: Flask, client: FlaskClient
) -> None:
    old = TOKEN_PREFIX + "y" * 43
    with app.app_context():
        db.session.add(Token(user_id=1, name="old", token_hash=hash_key(old)))
        db.session.commit()
    assert client.get(STEP_RESULTS, headers=bearer(old)).status_code == 200


@pytest.mark.parametrize("header", ["Token {}", "Basic {}", "{}", "Bearer", "Bearer "])
def test_another_scheme_is_no_token(client: FlaskClient, token: str, header: str) -> None:
    headers = {"Authorization": header.format(token)}
    assert client.get(STEP_RESULTS, headers=headers).status_code == 401


def test_a_token_works_until_it_expires(app: Flask, client: FlaskClient) -> None:
    lasting = make_expiring_token(app, timedelta(minutes=1))
    assert client.get(STEP_RESULTS, headers=bearer(lasting)).status_code == 200
    expired = make_expiring_token(app, timedelta(0))
    assert client.get(STEP_RESULTS, headers=bearer(expired)).status_code == 401


def test_a_token_of_a_disabled_user_is_refused(app: Flask, api: FlaskClient) -> None:
    with app.app_context():
        db.session.execute(update(User).values(is_active=False))
        db.session.commit()
    assert api.get(STEP_RESULTS).status_code == 401


def test_only_the_hash_of_a_token_is_stored(app: Flask, token: str) -> None:
    with app.app_context():
        stored = db.session.execute(select(Token.__table__)).one()
    assert stored.token_hash == hashlib.sha256(token.encode()).hexdigest()
    assert token not in map(str, stored)


def test_a_login_gives_a_token_of_one_day(app: Flask, client: FlaskClient) -> None:
    response = client.post("/osm/api/login", json=LOGIN)
    assert response.status_code == 200
    assert list(response.json) == ["token"]
    assert "Set-Cookie" not in response.headers
    assert client.get(STEP_RESULTS, headers=bearer(response.json["token"])).status_code == 200
    with app.app_context():
        stored = db.session.execute(select(Token)).scalar_one()
        left = stored.expires_at - utc_now()
    assert timedelta(hours=23, minutes=59) < left <= timedelta(days=1)


def test_a_login_reads_json_whatever_media_type_curl_says(client: FlaskClient) -> None:
    body = '{"username": "admin", "password": "%s"}' % PASSWORD  # noqa: UP031
    kind = "application/x-www-form-urlencoded"
    assert client.post("/osm/api/login", data=body, content_type=kind).status_code == 200


@pytest.mark.parametrize(
    ("username", "password"),
    [("admin", "wrong"), ("nobody", PASSWORD), ("", ""), ("ad\0min", PASSWORD), ("ADMIN", "x")],
)
def test_a_wrong_login_is_refused(client: FlaskClient, username: str, password: str) -> None:
    response = client.post("/osm/api/login", json={"username": username, "password": password})
    assert response.status_code == 401
    assert response.json == {"error": True, "message": "The username or the password is wrong."}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"username=admin&password=x",
        b"[]",
        b"null",
        b'"admin"',
        b"{}",
        b'{"username": "admin"}',
        b'{"username": "admin", "password": 7}',
        b'{"username": null, "password": "x"}',
        b'{"username": ["admin"], "password": "x"}',
        b'{"username": "\\ud800", "password": "x"}',
        b'{"username": "admin", "password": "\xff"}',
        b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_login_is_refused(client: FlaskClient, body: bytes) -> None:
    response = client.post("/osm/api/login", data=body, content_type="application/json")
    assert response.status_code == 400
    assert response.json == {
        "error": True,
        "message": 'The body must be a JSON object with the texts "username" and "password".',
    }


def test_a_logout_ends_the_token_that_was_sent_and_no_other(
    client: FlaskClient, token: str
) -> None:
    other = client.post("/osm/api/login", json=LOGIN).json["token"]
    response = client.post("/osm/api/logout", headers=bearer(other))
    assert (response.status_code, response.json) == (200, {"status": "ok"})
    assert client.get(STEP_RESULTS, headers=bearer(other)).status_code == 401
    assert client.get(STEP_RESULTS, headers=bearer(token)).status_code == 200


@pytest.mark.parametrize("path", ["/osm/api/login", "/osm/api/logout"])
def test_logging_in_and_out_takes_no_parameters(api: FlaskClient, path: str) -> None:
    response = api.post(f"{path}?username=admin", json=LOGIN)
    assert response.status_code == 400
    assert response.json["message"] == "username: unknown parameter; none is allowed here."
    assert api.get(STEP_RESULTS).status_code == 200


def test_a_session_may_read(signed_in: FlaskClient) -> None:
    assert signed_in.get(STEP_RESULTS).status_code == 200


def test_a_session_alone_may_change_nothing(app: Flask, signed_in: FlaskClient) -> None:
    """The API has no CSRF tokens: another site could send what the browser sends by itself."""
    for rule in app.url_map.iter_rules():
        for method in sorted(rule.methods - {"GET", "HEAD", "OPTIONS"}):
            if rule.rule.startswith("/osm/api") and rule.endpoint != "api.login":
                response = signed_in.open(rule.rule, method=method)
                assert response.status_code == 401, rule
                assert response.json["message"].startswith("A session is not enough"), rule


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_session_alone_may_not_even_ask_to_change(signed_in: FlaskClient, method: str) -> None:
    assert signed_in.open(STEP_RESULTS, method=method).status_code == 401


def test_a_bad_token_is_not_covered_up_by_a_session(signed_in: FlaskClient) -> None:
    assert signed_in.get(STEP_RESULTS, headers=bearer("wrong")).status_code == 401
    assert signed_in.get(STEP_RESULTS, headers={"x-osm-api-key": "wrong"}).status_code == 401
    assert signed_in.get(STEP_RESULTS).status_code == 200


def test_a_token_beside_a_session_can_be_ended(signed_in: FlaskClient, token: str) -> None:
    response = signed_in.post("/osm/api/logout", headers=bearer(token))
    assert response.status_code == 200
    assert signed_in.get(STEP_RESULTS, headers=bearer(token)).status_code == 401
    assert signed_in.get(STEP_RESULTS).status_code == 200
