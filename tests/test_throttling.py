"""Whoever guesses passwords is slowed down, by account and by address, for all workers together."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from webapp.accounts import add_account
from webapp.columns import utc_now
from webapp.extensions import db
from webapp.filters import AuditFilters
from webapp.models import Action, Role, Throttle
from webapp.queries.audit import find_audit_events

from .conftest import PASSWORD, make_app

LOGIN = "/osm/api/login"
WRONG = {"username": "admin", "password": "wrong"}
RIGHT = {"username": "admin", "password": PASSWORD}
OF_ACCOUNT, OF_ADDRESS = 20, 60


def from_address(number: int) -> dict[str, dict[str, str]]:
    return {"environ_base": {"REMOTE_ADDR": f"192.0.2.{number}"}}


def test_an_account_has_so_many_tries_from_wherever_they_come(client: FlaskClient) -> None:
    for number in range(OF_ACCOUNT):
        response = client.post(LOGIN, json=WRONG, **from_address(number))
        assert response.status_code == 401
    refused = client.post(LOGIN, json=RIGHT, **from_address(99))
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 15 * 60 + 1
    assert refused.json["error"] is True
    assert refused.json["message"].startswith("Too many requests came from you. Wait ")


def test_pages_and_api_count_together(client: FlaskClient) -> None:
    for _ in range(OF_ACCOUNT // 2):
        assert client.post(LOGIN, json=WRONG).status_code == 401
        assert client.post("/login", data=WRONG).status_code == 200
    page = client.post("/login", data=RIGHT)
    assert page.status_code == 429
    assert "Too many requests came from you" in page.text
    assert client.get("/steps").status_code == 302


def test_a_name_that_nobody_has_is_answered_alike(client: FlaskClient) -> None:
    nobody = {**WRONG, "username": "nobody"}
    answers = [
        [client.post(LOGIN, json=one, **from_address(n)).json for n in range(OF_ACCOUNT + 1)]
        for one in (WRONG, nobody)
    ]
    # How long to wait differs by the seconds that went by.
    assert answers[0][:-1] == answers[1][:-1]
    assert answers[0][-1].keys() == answers[1][-1].keys()


def test_another_spelling_is_the_same_account(client: FlaskClient) -> None:
    for name in ("admin", "ADMIN", " Admin ") * (OF_ACCOUNT // 2):
        last = client.post(LOGIN, json={**WRONG, "username": name})
    assert last.status_code == 429


def test_an_address_has_so_many_tries_for_all_accounts(client: FlaskClient) -> None:
    for number in range(OF_ADDRESS):
        wrong = {**WRONG, "username": f"user{number}"}
        assert client.post(LOGIN, json=wrong, **from_address(1)).status_code == 401
    assert client.post(LOGIN, json=RIGHT, **from_address(1)).status_code == 429
    assert client.post(LOGIN, json=RIGHT, **from_address(2)).status_code == 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_of_ipv6_a_whole_network_is_one_address(client: FlaskClient) -> None:
    for number in range(OF_ADDRESS):
        wrong = {**WRONG, "username": f"user{number}"}
        address = {"REMOTE_ADDR": f"2001:db8:0:1::{number:x}"}
        assert client.post(LOGIN, json=wrong, environ_base=address).status_code == 401
    same, other = ({"REMOTE_ADDR": f"2001:db8:0:{n}::1"} for n in (1, 2))
    assert client.post(LOGIN, json=RIGHT, environ_base=same).status_code == 429
    assert client.post(LOGIN, json=RIGHT, environ_base=other).status_code == 200


def test_a_login_that_goes_well_forgives_the_tries_before_it(client: FlaskClient) -> None:
    for _ in range(2):
        for _ in range(OF_ACCOUNT - 1):
            assert client.post(LOGIN, json=WRONG).status_code == 401
        assert client.post(LOGIN, json=RIGHT).status_code == 200


def test_the_tries_count_for_a_while_only(app: Flask, client: FlaskClient) -> None:
    for _ in range(OF_ACCOUNT + 1):
        last = client.post(LOGIN, json=WRONG)
    assert last.status_code == 429
    with app.app_context():
        db.session.execute(update(Throttle).values(expires_at=utc_now()))
        db.session.commit()
    assert client.post(LOGIN, json=RIGHT).status_code == 200
    with app.app_context():
        # What had run out was swept away.
        assert db.session.scalars(select(Throttle.n)).all() == [1]


def test_another_worker_counts_on(app: Flask, database_url: str) -> None:
    other = make_app(database_url)
    for number in range(OF_ACCOUNT):
        client = (app, other)[number % 2].test_client()
        assert client.post(LOGIN, json=WRONG).status_code == 401
    assert other.test_client().post(LOGIN, json=RIGHT).status_code == 429
    with other.app_context():
        db.engine.dispose()


def test_the_first_refusal_is_audited_and_no_later_one(app: Flask, client: FlaskClient) -> None:
    for _ in range(OF_ACCOUNT + 3):
        client.post(LOGIN, json=WRONG)
    with app.app_context():
        filters = AuditFilters(action=(Action.LOGIN_THROTTLED,), sort="-id")
        assert [event.subject for event in find_audit_events(filters)] == ["admin"]


def test_who_is_logged_in_and_tokens_go_on(app: Flask, api: FlaskClient) -> None:
    with app.app_context():
        add_account("eve", Role.VIEWER, PASSWORD)
    browser = app.test_client()
    assert browser.post("/login", data=RIGHT).status_code == 302
    for _ in range(OF_ADDRESS + 1):
        last = app.test_client().post(LOGIN, json=WRONG)
    assert last.status_code == 429
    assert browser.get("/steps").status_code == 200
    assert api.get("/osm/api/step-results").status_code == 200
