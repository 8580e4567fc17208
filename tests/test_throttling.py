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
from webapp.throttling import ACCOUNT, EVERYWHERE

from .conftest import PASSWORD, make_app

LOGIN = "/osm/api/login"
WRONG = {"username": "admin", "password": "wrong"}
RIGHT = {"username": "admin", "password": PASSWORD}
OF_ACCOUNT, OF_ADDRESS, OF_EVERYWHERE = 20, 60, 200


def from_address(number: int) -> dict[str, dict[str, str]]:
    return {"environ_base": {"REMOTE_ADDR": f"192.0.2.{number}"}}


def count_of(app: Flask, scope: str) -> list[int]:
    """Return what was counted of one kind of limit."""
    with app.app_context():
        return list(db.session.scalars(select(Throttle.n).where(Throttle.key.contains(scope))))


def test_an_account_has_so_many_tries_at_an_address_and_others_go_on(client: FlaskClient) -> None:
    for _ in range(OF_ACCOUNT):
        response = client.post(LOGIN, json=WRONG, **from_address(1))
        assert response.status_code == 401
    refused = client.post(LOGIN, json=RIGHT, **from_address(1))
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 15 * 60 + 1
    assert refused.json["error"] is True
    assert refused.json["message"].startswith("Too many requests came from you. Wait ")
    assert client.post(LOGIN, json=RIGHT, **from_address(2)).status_code == 200


def test_guesses_from_many_addresses_are_bounded_but_where_one_is_at_home(
    app: Flask, client: FlaskClient
) -> None:
    with app.app_context():
        add_account("eve", Role.VIEWER, PASSWORD)
    eve = {"username": "eve", "password": PASSWORD}
    assert client.post("/login", data=RIGHT, **from_address(1)).status_code == 302
    assert client.post(LOGIN, json=WRONG, **from_address(2)).status_code == 401
    with app.app_context():
        # As after a night of guesses from everywhere.
        db.session.execute(
            update(Throttle).where(Throttle.key.contains(EVERYWHERE)).values(n=OF_EVERYWHERE)
        )
        db.session.commit()
    refused = client.post(LOGIN, json=RIGHT, **from_address(3))
    assert refused.status_code == 429
    assert refused.json["message"].startswith("Too many passwords were tried at this account,")
    assert client.post(LOGIN, json=eve, **from_address(3)).status_code == 200
    assert client.post(LOGIN, json=RIGHT, **from_address(1)).status_code == 200
    assert client.post(LOGIN, json=WRONG, **from_address(1)).status_code == 401


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_one_address_uses_up_no_more_than_its_own_share(app: Flask, client: FlaskClient) -> None:
    for _ in range(OF_ACCOUNT + 5):
        client.post(LOGIN, json=WRONG)
    assert count_of(app, EVERYWHERE) == [OF_ACCOUNT]


def test_a_login_that_goes_well_takes_back_its_own_try_everywhere(
    app: Flask, client: FlaskClient
) -> None:
    for given in (WRONG, WRONG, RIGHT, RIGHT):
        client.post(LOGIN, json=given)
    assert count_of(app, EVERYWHERE) == [2]
    assert count_of(app, ACCOUNT) == []


def test_pages_and_api_count_together(client: FlaskClient) -> None:
    for _ in range(OF_ACCOUNT // 2):
        assert client.post(LOGIN, json=WRONG).status_code == 401
        assert client.post("/login", data=WRONG).status_code == 200
    page = client.post("/login", data=RIGHT)
    assert page.status_code == 429
    assert "Too many requests came from you" in page.text
    assert client.get("/steps").status_code == 302


def test_no_other_name_is_counted_than_the_one_that_is_tried(client: FlaskClient) -> None:
    for n in range(OF_ACCOUNT):
        # JSON for one account, and a form for another.
        body = f'{{"username": "admin", "password": "wrong", "z": "&username=decoy{n}&"}}'
        form = "application/x-www-form-urlencoded"
        assert client.post(LOGIN, data=body, content_type=form).status_code == 401
    assert client.post(LOGIN, json=RIGHT).status_code == 429


def test_a_name_that_nobody_has_is_answered_alike(client: FlaskClient) -> None:
    nobody = {**WRONG, "username": "nobody"}
    answers = [
        [client.post(LOGIN, json=one).json for _ in range(OF_ACCOUNT + 1)]
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


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_address_is_the_same_written_as_ipv4_and_as_ipv6(
    app: Flask, client: FlaskClient
) -> None:
    """A server that listens on IPv6 sees those of IPv4 so, and all of them share one /64."""
    for address in ("192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201", "::ffff:192.0.2.2"):
        client.post(LOGIN, json=WRONG, environ_base={"REMOTE_ADDR": address})
    assert sorted(count_of(app, "login-address")) == [1, 3]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "address", ["unknown", "_hidden", "192.0.2.1:4711", "[2001:db8::1]:443", "x" * 3000, "'; --"]
)
def test_whatever_a_proxy_forwards_as_an_address_is_counted(
    database_url: str, address: str
) -> None:
    app = make_app(database_url, proxies=1)
    headers = {"X-Forwarded-For": address}
    for _ in range(2):
        response = app.test_client().post(LOGIN, json=WRONG, headers=headers)
        assert response.status_code == 401
    assert count_of(app, "login-address") == [2]
    with app.app_context():
        db.engine.dispose()


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
        assert sorted(db.session.scalars(select(Throttle.n))) == [0, 1]


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
