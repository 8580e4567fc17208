"""The `flask` commands for users and tokens, and how they find the application."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from webapp.accounts import make_token
from webapp.auth import find_user
from webapp.columns import utc_now
from webapp.extensions import db
from webapp.queries.users import find_tokens, find_user_named

from .conftest import PASSWORD
from .server import PROJECT

ANOTHER = "another password"
SPACED = "  with spaces around "


def run(app: Flask, *arguments: str, stdin: str = "") -> Result:
    """Run a flask command."""
    return app.test_cli_runner().invoke(args=arguments, input=stdin)


def succeed(app: Flask, *arguments: str, stdin: str = "") -> str:
    """Run a flask command that must succeed and say nothing on standard error."""
    result = run(app, *arguments, stdin=stdin)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return result.stdout


def fail(app: Flask, *arguments: str, stdin: str = "") -> str:
    """Run a flask command that must fail with one line; return that line."""
    result = run(app, *arguments, stdin=stdin)
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1
    return result.stderr.strip()


def make_user(app: Flask, name: str, *role: str) -> None:
    """Make a user."""
    options = [f"--role={one}" for one in role]
    succeed(app, "users", "create", name, *options, "--password-stdin", stdin=f"{ANOTHER}\n")


def roles(app: Flask) -> dict[str, str]:
    """Return the role of each user, as `users list` says them."""
    lines = [line.split("\t") for line in succeed(app, "users", "list").splitlines()]
    return {name: role for name, _, role, _ in lines}


def is_let_in(app: Flask, username: str, password: str) -> bool:
    """Tell whether the name and the password sign somebody in."""
    with app.app_context():
        return find_user(username, password) is not None


def answers(client: FlaskClient, token: str) -> int:
    """Return the status that a request with the token gets."""
    headers = {"Authorization": f"Bearer {token}"}
    return client.get("/osm/api/step-results", headers=headers).status_code


def test_a_user_is_made_with_a_password_from_standard_input(app: Flask) -> None:
    said = succeed(app, "users", "create", "eve", "--password-stdin", stdin=f"{SPACED}\n")
    assert said == "Made the viewer eve.\n"
    assert is_let_in(app, "eve", SPACED)
    assert not is_let_in(app, "eve", SPACED.strip())


def test_a_user_is_made_with_a_password_asked_for_twice(app: Flask) -> None:
    result = run(app, "users", "create", "eve", stdin=f"{ANOTHER}\n{ANOTHER}\n")
    assert result.exit_code == 0
    assert ANOTHER not in result.output
    assert is_let_in(app, "eve", ANOTHER)


def test_there_are_no_two_users_of_a_name(app: Flask) -> None:
    for name in ("admin", "ADMIN"):
        said = fail(app, "users", "create", name, "--password-stdin", stdin="x\n")
        assert said == f"Error: There is a user {name} already."
    assert is_let_in(app, "admin", PASSWORD)


@pytest.mark.parametrize("name", ["", " ", "eve ", "e\nve", "e\tve"])
def test_a_user_name_can_be_read(app: Flask, name: str) -> None:
    assert "must be printable" in fail(app, "users", "create", name, "--password-stdin")


@pytest.mark.parametrize("password", ["", "x", "eleven char", "x" * 1001, "a\ttabulator here"])
def test_a_password_that_is_bad_is_refused(app: Flask, password: str) -> None:
    for command in (("create", "eve"), ("set-password", "admin")):
        said = fail(app, "users", *command, "--password-stdin", stdin=f"{password}\n")
        assert said.startswith("Error: A password must")
        assert password not in said or len(password) < 2
    assert is_let_in(app, "admin", PASSWORD)


@pytest.mark.parametrize("password", ["eveeveeveeve", "stepboard-2026", "abcdefghijkl"])
def test_a_password_that_is_easy_to_guess_is_refused(app: Flask, password: str) -> None:
    make_user(app, "eve", "viewer")
    for command in (("create", "eve.adams"), ("set-password", "eve")):
        said = fail(app, "users", *command, "--password-stdin", stdin=f"{password}\n")
        assert said.startswith("Error: This password is easy to guess: it is ")
        assert said.endswith("Take several words that nobody expects together.")


def test_a_user_gets_another_password(app: Flask) -> None:
    succeed(app, "users", "set-password", "admin", "--password-stdin", stdin=f"{ANOTHER}\n")
    assert is_let_in(app, "admin", ANOTHER)
    assert not is_let_in(app, "admin", PASSWORD)


def test_a_disabled_user_is_kept_out_until_enabled(app: Flask, client: FlaskClient) -> None:
    make_user(app, "eve", "admin")
    token = succeed(app, "tokens", "create", "ci").strip()
    succeed(app, "users", "disable", "admin")
    assert not is_let_in(app, "admin", PASSWORD)
    assert answers(client, token) == 401
    assert "admin\tdisabled\t" in succeed(app, "users", "list")
    succeed(app, "users", "enable", "admin")
    assert is_let_in(app, "admin", PASSWORD)
    assert answers(client, token) == 200


@pytest.mark.parametrize(
    "command", [("disable",), ("enable",), ("set-password",), ("set-role", "admin")]
)
def test_a_user_who_is_not_there_is_named(app: Flask, command: tuple[str, ...]) -> None:
    said = fail(app, "users", command[0], "eve", *command[1:])
    assert said.startswith("Error: There is no user eve;")


def test_a_user_is_a_viewer_unless_said_otherwise(app: Flask) -> None:
    make_user(app, "eve")
    make_user(app, "adam", "admin")
    assert roles(app) == {"adam": "admin", "admin": "admin", "eve": "viewer"}
    assert succeed(app, "users", "set-role", "eve", "admin") == "eve is an admin now.\n"
    assert succeed(app, "users", "set-role", "adam", "viewer") == "adam is a viewer now.\n"
    assert roles(app) == {"adam": "viewer", "admin": "admin", "eve": "admin"}


def test_the_first_user_of_all_is_an_admin(app: Flask) -> None:
    with app.app_context():
        db.session.execute(text("DELETE FROM users"))
        db.session.commit()
    make_user(app, "eve")
    assert roles(app) == {"eve": "admin"}


@pytest.mark.parametrize("command", [("disable",), ("set-role", "viewer")])
def test_the_last_active_admin_stays_one(app: Flask, command: tuple[str, ...]) -> None:
    make_user(app, "eve")
    make_user(app, "adam", "admin")
    succeed(app, "users", "disable", "adam")
    said = fail(app, "users", command[0], "admin", *command[1:])
    assert said == "Error: admin is the last active admin: make somebody else one first."
    succeed(app, "users", "enable", "adam")
    succeed(app, "users", command[0], "admin", *command[1:])


def test_users_are_listed_by_name(app: Flask) -> None:
    make_user(app, "Zoë")
    names = [line.split("\t")[:2] for line in succeed(app, "users", "list").splitlines()]
    assert names == [["Zoë", "active"], ["admin", "active"]]


def test_a_token_stands_alone_on_standard_output_and_works(app: Flask, client: FlaskClient) -> None:
    printed = succeed(app, "tokens", "create", "ci")
    assert len(printed.split()) == 1
    assert answers(client, printed.strip()) == 200
    assert succeed(app, "tokens", "list").endswith("\tnever expires\n")


def test_only_the_hash_of_a_token_is_kept(app: Flask) -> None:
    token = succeed(app, "tokens", "create", "ci").strip()
    with app.app_context():
        row = db.session.execute(text("SELECT * FROM tokens")).one()
    assert token not in map(str, row)


def test_a_token_expires_when_asked_to(app: Flask) -> None:
    succeed(app, "tokens", "create", "ci", "--expires-in", "30d")
    with app.app_context():
        (token,) = find_tokens()
        assert token.expires_at
        assert 29.9 < (token.expires_at - utc_now()).total_seconds() / 86400 <= 30


def test_an_expired_token_is_refused_and_listed_as_such(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        user = find_user_named("admin")
        assert user
        token = make_token(user, "old", utc_now())
    assert answers(client, token) == 401
    assert "\texpired " in succeed(app, "tokens", "list")


def test_the_token_of_a_disabled_user_is_refused_and_listed_as_such(
    app: Flask, client: FlaskClient
) -> None:
    make_user(app, "zoe")
    token = succeed(app, "tokens", "create", "hers", "--user", "zoe").strip()
    succeed(app, "users", "disable", "zoe")
    assert answers(client, token) == 401
    listed = "\tnever expires, refused: its user is disabled\n"
    assert succeed(app, "tokens", "list").endswith(listed)
    succeed(app, "users", "enable", "zoe")
    assert answers(client, token) == 200
    assert succeed(app, "tokens", "list").endswith("\tnever expires\n")


@pytest.mark.parametrize(
    "span", ["", "30", "d", "-1d", "0d", "1.5h", "9999999d", "999999w", "30 d"]
)
def test_a_time_span_that_is_none_is_refused(app: Flask, span: str) -> None:
    assert "--expires-in must be a number with" in fail(
        app, "tokens", "create", "ci", f"--expires-in={span}"
    )


def test_a_token_cannot_both_expire_and_never(app: Flask) -> None:
    assert "not both" in fail(app, "tokens", "create", "ci", "--expires-in", "1d", "--never")


def test_there_are_no_two_tokens_of_a_name(app: Flask) -> None:
    succeed(app, "tokens", "create", "ci", "--never")
    assert fail(app, "tokens", "create", "ci").startswith("Error: There is a token ci already;")


def test_an_expired_token_leaves_its_name(app: Flask) -> None:
    with app.app_context():
        user = find_user_named("admin")
        assert user
        make_token(user, "ci", utc_now())
    succeed(app, "tokens", "create", "ci")


def test_two_users_may_have_tokens_of_one_name(app: Flask, client: FlaskClient) -> None:
    make_user(app, "eve")
    theirs = succeed(app, "tokens", "create", "ci", "--user", "eve").strip()
    ours = succeed(app, "tokens", "create", "ci").strip()
    said = fail(app, "tokens", "revoke", "ci")
    assert said == "Error: admin, eve have a token ci; say with --user whose to revoke."
    assert succeed(app, "tokens", "revoke", "ci", "--user", "eve") == "Revoked ci.\n"
    assert (answers(client, theirs), answers(client, ours)) == (401, 200)


def test_a_token_is_of_an_active_user(app: Flask) -> None:
    make_user(app, "eve")
    succeed(app, "users", "disable", "eve")
    for name in ("eve", "nobody"):
        said = fail(app, "tokens", "create", "ci", "--user", name)
        assert said.startswith(f"Error: There is no active user {name};")


def test_a_revoked_token_is_refused(app: Flask, client: FlaskClient) -> None:
    token = succeed(app, "tokens", "create", "ci").strip()
    assert succeed(app, "tokens", "revoke", "ci") == "Revoked ci.\n"
    assert answers(client, token) == 401
    assert fail(app, "tokens", "revoke", "ci").startswith("Error: There is no token ci;")


def test_a_command_needs_a_database_of_this_version(app: Flask) -> None:
    with app.app_context():
        db.session.execute(text("UPDATE alembic_version SET version_num = '0000'"))
        db.session.commit()
    assert "a newer version made it" in fail(app, "users", "list")


def test_flask_in_the_project_uses_what_app_py_serves(tmp_path: Path) -> None:
    ours = ("SECRET_KEY", "DATABASE_URL", "STEPBOARD_", "FLASK_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    # Set, though to nothing: what a `.env` of this folder says must not reach the test.
    env |= {"STEPBOARD_INSTANCE": str(tmp_path / "instance"), "SECRET_KEY": "", "DATABASE_URL": ""}
    command = [sys.executable, "-m", "flask", "users", "create", "eve", "--password-stdin"]
    result = subprocess.run(
        command,
        cwd=PROJECT,
        env=env,
        input=f"{ANOTHER}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    made = sorted(path.name for path in (tmp_path / "instance").iterdir())
    assert made == ["secret_key", "stepboard.sqlite"]


def test_flask_says_in_one_line_why_it_cannot_start(tmp_path: Path) -> None:
    env = {**os.environ, "FLASK_APP": "app.py", "STEPBOARD_INSTANCE": "/proc/sys/kernel"}
    command = [sys.executable, "-m", "flask", "users", "list"]
    result = subprocess.run(
        command, cwd=PROJECT, env=env, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: Cannot use the folder /proc/sys/kernel: ")
