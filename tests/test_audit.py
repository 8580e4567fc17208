"""Who did what is written down, in the transaction that does it, for admins to read."""

import getpass
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from webapp.accounts import AccountError, add_account, change_role, change_state
from webapp.filters import AuditFilters
from webapp.ingest.demo import import_demo
from webapp.models import AuditEvent, Role
from webapp.queries.audit import find_audit_events

from .conftest import PASSWORD

LOGIN = {"username": "admin", "password": PASSWORD}
EVENTS = "/osm/api/audit-events"


def find_events(app: Flask) -> list[AuditEvent]:
    """Return all events, oldest first."""
    with app.app_context():
        return list(find_audit_events(AuditFilters(limit=1000)))


def told(app: Flask) -> list[tuple[str, str, str, str]]:
    """Return the action, subject, actor and means of all events."""
    return [(one.action, one.subject, one.actor, one.means) for one in find_events(app)]


def test_logins_and_logouts_are_written(app: Flask, client: FlaskClient) -> None:
    client.post("/login", data={**LOGIN, "password": "wrong"})
    client.post("/osm/api/login", json={"username": "nobody", "password": "x"})
    client.post("/login", data=LOGIN)
    client.post("/logout")
    assert told(app) == [
        ("login-refused", "admin", "", ""),
        ("login-refused", "(unknown name)", "", ""),
        ("logged-in", "admin", "admin", "session"),
        ("logged-out", "admin", "admin", "session"),
    ]
    assert {one.address for one in find_events(app)} == {"127.0.0.1"}


def test_tokens_are_written_and_what_is_done_by_one(app: Flask, signed_in: FlaskClient) -> None:
    signed_in.post("/tokens", data={"name": "nightly", "scope": "write"})
    token = signed_in.application.test_client().post("/osm/api/login", json=LOGIN).json["token"]
    headers = {"Authorization": f"Bearer {token}"}
    signed_in.application.test_client().post("/osm/api/logout", headers=headers)
    made, by_login, revoked = find_events(app)[1:]
    assert (made.action, made.subject, made.actor) == ("token-made", "nightly", "admin")
    assert made.details == {"owner": "admin", "scope": "write"}
    assert (by_login.action, by_login.subject, by_login.actor) == (
        "token-made",
        "API login",
        "admin",
    )
    assert (revoked.action, revoked.means) == ("token-revoked", "token API login")
    assert not any(token in str(vars(one)) for one in find_events(app))


def test_changes_of_users_are_written(app: Flask, signed_in: FlaskClient) -> None:
    form = {"username": "eve", "role": "viewer", "password": "twelve letters"}
    signed_in.post("/users", data=form)
    signed_in.post("/users/2/role", data={"role": "admin"})
    signed_in.post("/users/2/state", data={"state": "disabled"})
    signed_in.post("/users/2/state", data={"state": "active"})
    seen = signed_in.get("/users/2").text.partition('name="seen" value="')[2].partition('"')[0]
    signed_in.post("/users/2/password", data={"password": "another passphrase", "seen": seen})
    assert [(action, subject) for action, subject, _, _ in told(app)[1:]] == [
        ("user-added", "eve"),
        ("user-role-changed", "eve"),
        ("user-disabled", "eve"),
        ("user-enabled", "eve"),
        ("password-changed", "eve"),
    ]
    assert {one.actor for one in find_events(app)} == {"admin"}
    assert not any("twelve letters" in str(vars(one)) for one in find_events(app))


def test_what_was_refused_changes_and_tells_nothing(app: Flask) -> None:
    with app.app_context():
        with pytest.raises(AccountError):
            change_role(1, Role.VIEWER)
        with pytest.raises(AccountError):
            change_state(1, False)
    assert told(app) == []


def test_commands_are_written_with_the_account_of_the_system(app: Flask) -> None:
    with app.app_context():
        add_account("eve", Role.VIEWER, PASSWORD)
        import_demo(lambda *_: None)
    (added, imported) = find_events(app)
    assert (added.action, added.actor, added.means) == (
        "user-added",
        getpass.getuser(),
        "command line",
    )
    assert (imported.action, imported.means) == ("imported", "command line")
    assert imported.details["new_steps"] == 175


def test_what_was_typed_as_a_name_that_nobody_has_is_not_kept(
    app: Flask, client: FlaskClient
) -> None:
    """It may be a password in the wrong field."""
    for name in ("x" * 5000, "a\0b", "\ud83d", PASSWORD, "ADMIN", ""):
        body = {"username": name, "password": "x"}
        assert client.post("/osm/api/login", json=body).status_code in (400, 401)
    assert client.post("/login", data={"username": PASSWORD}).status_code == 200
    assert {one.subject for one in find_events(app)} == {"(unknown name)"}


def test_one_exact_document(app: Flask, api: FlaskClient) -> None:
    client = app.test_client()
    client.post("/osm/api/login", json={"username": "nobody", "password": "x"})
    answer = api.get(f"{EVENTS}?action=login-refused").json
    (event,) = answer["data"]
    assert answer["pagination"] == {"total": 1, "offset": 0, "limit": 20}
    assert event == {
        "id": event["id"],
        "created_at": event["created_at"],
        "action": "login-refused",
        "actor": "",
        "means": "",
        "address": "127.0.0.1",
        "request_id": event["request_id"],
        "subject": "(unknown name)",
        "details": None,
    }
    assert list(event) == [
        "id",
        "created_at",
        "action",
        "actor",
        "means",
        "address",
        "request_id",
        "subject",
        "details",
    ]


@pytest.mark.parametrize(
    ("query", "n"),
    [
        ("", 4),
        ("action=logged-in", 1),
        ("action=!logged-in", 3),
        ("actor=admin", 2),
        ("actor=admin&actor=nobody", 2),
        ("created_after=2999-01-01", 0),
        ("created_before=2999-01-01", 4),
        ("limit=2&offset=3", 1),
    ],
)
def test_page_and_api_show_the_same(
    app: Flask, api: FlaskClient, signed_in: FlaskClient, query: str, n: int
) -> None:
    app.test_client().post("/login", data={**LOGIN, "password": "wrong"})
    signed_in.post("/tokens", data={"name": "nightly"})
    found = api.get(f"{EVENTS}?{query}").json["data"]
    assert len(found) == n
    rows = signed_in.get(f"/audit-events?{query}").text.partition("<tbody>")[2]
    assert rows.count("<tr>") == n


@pytest.mark.parametrize("wrong", ["action=nope", "created_after=soon", "sort=actor", "who=me"])
def test_a_bad_filter_is_named(api: FlaskClient, signed_in: FlaskClient, wrong: str) -> None:
    name = wrong.partition("=")[0]
    answer = api.get(f"{EVENTS}?{wrong}")
    assert answer.status_code == 400
    assert answer.json["message"].startswith(f"{name}: ")
    page = signed_in.get(f"/audit-events?{wrong}")
    assert page.status_code == 200
    assert "Left out of this view:" in page.text and f"{name}: " in page.text


def test_the_page_is_for_admins(app: Flask, signed_in: FlaskClient) -> None:
    with app.app_context():
        add_account("eve", Role.VIEWER, PASSWORD)
    eve = app.test_client()
    eve.post("/login", data={"username": "eve", "password": PASSWORD})
    assert eve.get("/audit-events").status_code == 403
    assert "/audit-events" not in eve.get("/steps").text
    assert (
        signed_in.get("/audit-events", headers={"HX-Request": "true"})
        .text.lstrip()
        .startswith("<div")
    )


def test_a_script_lists_the_bases_and_imports_one_again(
    app: Flask, api: FlaskClient, tmp_path: Path
) -> None:
    with app.app_context():
        import_demo(lambda *_: None)
    answer = api.get("/osm/api/sources").json
    (source,) = answer["data"]
    assert answer["pagination"]["total"] == 1
    assert list(source) == [
        "id",
        "name",
        "kind",
        "path",
        "workspaces_path",
        "created_at",
        "imported_at",
        "import_began_at",
        "import_error",
        "summary",
        "runs",
        "steps",
    ]
    assert (source["runs"], source["steps"]) == (33, 175)
    assert api.post("/osm/api/sources/99/import").status_code == 404
