"""Who may do what: viewers read, admins manage; one list says which is which."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from webapp.accounts import add_account, make_token
from webapp.auth import ADMIN_ENDPOINTS, PUBLIC_ENDPOINTS, SAFE_METHODS
from webapp.extensions import db
from webapp.ingest.demo import import_demo
from webapp.models import Role, Scope, User
from webapp.queries.users import find_tokens, find_user_named

from .conftest import PASSWORD, make_app
from .data import make_source

# The whole list, so that nothing is opened or closed in passing.
ADMINS_ONLY = {
    "pages.list_users",
    "pages.add_user",
    "pages.show_user",
    "pages.set_user_role",
    "pages.set_user_state",
    "pages.set_user_password",
    "pages.import_source",
    "pages.list_audit_events",
    "api.import_source",
    "api.list_audit_events",
    "metrics.show_metrics",
}
# What a viewer may change: only what is one's own.
CHANGES_OF_ONE_S_OWN = {
    "pages.logout",
    "pages.add_token",
    "pages.revoke_token",
    "pages.set_password",
    "pages.end_sessions",
    "api.logout",
}
READING = {"GET", "HEAD", "OPTIONS"}
# They would end the session of the test.
ENDING = {"pages.logout", "api.logout"}


def find_calls() -> list[tuple[str, str, str]]:
    """Return endpoint, method and path of all that somebody signed in can call."""
    rules = [r for r in make_app("sqlite://").url_map.iter_rules() if r.endpoint != "static"]
    return [
        (rule.endpoint, method, path_of(rule))
        for rule in sorted(rules, key=lambda rule: (rule.endpoint, rule.rule))
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        if rule.endpoint not in PUBLIC_ENDPOINTS | ENDING
    ]


def path_of(rule: Rule) -> str:
    uuid = re.sub(r"<uuid:[^>]+>", "0b9d4c1e-77aa-4c1e-9d4c-000000000001", rule.rule)
    return re.sub(r"<[^>]+>", "1", uuid)


def log_in(app: Flask, username: str) -> FlaskClient:
    client = app.test_client()
    form = {"username": username, "password": PASSWORD}
    assert client.post("/login", data=form).status_code == 302
    return client


@pytest.fixture
def viewer(app: Flask) -> FlaskClient:
    """Return a browser in which a viewer has signed in."""
    make_source(app)
    with app.app_context():
        add_account("eve", Role.VIEWER, PASSWORD)
    return log_in(app, "eve")


def test_the_list_of_what_only_admins_may_do_is_this_one() -> None:
    assert set(ADMIN_ENDPOINTS) == ADMINS_ONLY


def test_whatever_changes_something_is_for_admins_or_one_s_own() -> None:
    rules = make_app("sqlite://").url_map.iter_rules()
    changing = {rule.endpoint for rule in rules if (rule.methods or set()) - READING}
    assert changing - PUBLIC_ENDPOINTS - ADMINS_ONLY == CHANGES_OF_ONE_S_OWN


def test_a_viewer_may_call_all_but_what_is_for_admins(viewer: FlaskClient) -> None:
    for endpoint, method, path in find_calls():
        status = viewer.open(path, method=method).status_code
        assert (status == 403) == (endpoint in ADMINS_ONLY), f"{method} {path}: {status}"
        assert status < 500, f"{method} {path}"


def test_an_admin_may_call_everything(app: Flask, viewer: FlaskClient) -> None:
    admin = log_in(app, "admin")
    for _, method, path in find_calls():
        status = admin.open(path, method=method).status_code
        assert status < 500 and status != 403, f"{method} {path}: {status}"


def test_a_viewer_s_token_may_do_no_more_than_the_viewer(app: Flask, viewer: FlaskClient) -> None:
    with app.app_context():
        user = find_user_named("eve")
        assert user
        token = make_token(user, "tests", expires_at=None)
    headers = {"Authorization": f"Bearer {token}"}
    script = app.test_client()
    assert script.get("/osm/api/step-results", headers=headers).status_code == 200
    assert script.get("/users", headers=headers).status_code == 403
    assert script.post("/sources/1/import", headers=headers).status_code == 403


def test_a_token_changes_nothing_on_pages(app: Flask, api: FlaskClient) -> None:
    """Else one that expires could make one that does not, or an admin's a user."""
    calls = [
        (method, path_of(rule))
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - SAFE_METHODS)
        if not rule.rule.startswith("/osm/api") and rule.endpoint not in PUBLIC_ENDPOINTS
    ]
    assert ("POST", "/tokens") in calls and ("POST", "/users") in calls
    for method, path in calls:
        response = api.open(path, method=method, data={"name": "ci", "expires": "never"})
        assert response.status_code == 403, f"{method} {path}"
        assert "A token changes nothing on pages; log in." in response.text
    with app.app_context():
        assert [token.name for token in find_tokens()] == ["tests"]


def test_a_token_beside_a_session_changes_nothing_either(
    signed_in: FlaskClient, token: str
) -> None:
    headers = {"x-osm-api-key": token}
    assert signed_in.post("/tokens", data={"name": "ci"}, headers=headers).status_code == 403
    assert signed_in.post("/tokens", data={"name": "ci"}).status_code == 200


def test_the_cookies_that_a_token_got_let_nobody_in(app: Flask, token: str) -> None:
    browser = app.test_client()
    headers = {"Authorization": f"Bearer {token}"}
    for path in ("/tokens", "/users", "/login", "/account/password"):
        assert browser.get(path, headers=headers).status_code < 400
    with browser.session_transaction() as session:
        assert "_user_id" not in session
    assert browser.get("/tokens").status_code == 302
    assert browser.post("/tokens", data={"name": "ci"}).status_code == 302


def test_a_refused_viewer_is_told_why_on_a_page(viewer: FlaskClient) -> None:
    page = viewer.get("/users").text
    assert "<!doctype html>" in page
    assert "Only an admin may do this" in page


def test_a_refused_script_is_told_why_in_json(app: Flask) -> None:
    """No call of the API is for admins yet; this one stands for those to come."""
    app.add_url_rule("/osm/api/for-admins", "pages.list_users", methods=["GET"])
    with app.app_context():
        add_account("eve", Role.VIEWER, PASSWORD)
    response = log_in(app, "eve").get("/osm/api/for-admins")
    assert response.status_code == 403
    assert response.json["error"] is True
    assert response.json["message"].startswith("Only an admin may do this")


def test_who_is_demoted_is_one_at_once(app: Flask, viewer: FlaskClient) -> None:
    admin = log_in(app, "admin")
    assert admin.post("/users/2/role", data={"role": "admin"}).status_code == 303
    assert viewer.get("/users").status_code == 200
    assert admin.post("/users/2/role", data={"role": "viewer"}).status_code == 303
    assert viewer.get("/users").status_code == 403


def test_the_menu_offers_users_to_admins_only(app: Flask, viewer: FlaskClient) -> None:
    def links(client: FlaskClient) -> list[str]:
        menu = client.get("/tokens").text.partition("menu-items")[2].partition("</details>")[0]
        return re.findall(r'href="([^"]*)"', menu)

    assert links(viewer) == ["/tokens", "/sources", "/account/password"]
    assert links(log_in(app, "admin")) == [
        "/tokens",
        "/sources",
        "/users",
        "/audit-events",
        "/account/password",
    ]


def test_viewers_see_sources_but_no_button(app: Flask, viewer: FlaskClient) -> None:
    with app.app_context():
        import_demo(lambda *_: None)
    assert "Import again" not in viewer.get("/sources").text
    assert "Import again" in log_in(app, "admin").get("/sources").text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/osm/api/nowhere", 404), ("DELETE", "/osm/api/step-results", 405)],
)
def test_what_is_not_there_is_said_to_tokens_of_any_scope(
    app: Flask, client: FlaskClient, method: str, path: str, status: int
) -> None:
    with app.app_context():
        user = db.session.execute(db.select(User)).scalar_one()
        token = make_token(user, "reads", expires_at=None, scope=Scope.READ)
    headers = {"Authorization": f"Bearer {token}"}
    assert client.open(path, method=method, headers=headers).status_code == status
