"""A shell completes the names of what is here, and is told nothing when that cannot be read."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import BashComplete
from flask import Flask
from flask.cli import FlaskGroup

from webapp.accounts import add_account, make_token
from webapp.models import Role
from webapp.queries.users import find_user_named

from .conftest import PASSWORD, make_app
from .data import make_source
from .server import PROJECT


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restore what flask notes in the environment."""
    monkeypatch.setenv("FLASK_RUN_FROM_CLI", "true")


def complete(app: Flask, *words: str) -> list[str]:
    """Return what is offered for the last word."""
    flask = FlaskGroup(create_app=lambda: app, load_dotenv=False, set_debug_flag=False)
    bash = BashComplete(flask, {}, "flask", "_FLASK_COMPLETE")
    return [item.value for item in bash.get_completions(list(words[:-1]), words[-1])]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_names_are_offered(app: Flask) -> None:
    make_source(app, "lab-base")
    make_source(app, "office-base")
    with app.app_context():
        add_account("eve", Role.VIEWER, PASSWORD)
        admin = find_user_named("admin")
        assert admin
        make_token(admin, "nightly", expires_at=None)
    assert complete(app, "sources", "import", "lab") == ["lab-base"]
    for command in ("disable", "enable", "set-password", "set-role"):
        assert complete(app, "users", command, "") == ["admin", "eve"]
    assert complete(app, "tokens", "revoke", "n") == ["nightly"]
    assert complete(app, "tokens", "create", "x", "--user", "e") == ["eve"]


def test_nothing_is_offered_or_made_without_a_database(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "missing.sqlite"
    assert complete(make_app(f"sqlite:///{missing}"), "users", "disable", "a") == []
    assert not missing.exists()
    junk = tmp_path / "junk.sqlite"
    junk.write_bytes(b"no database at all " * 100)
    assert complete(make_app(f"sqlite:///{junk}"), "tokens", "revoke", "n") == []
    assert capfd.readouterr() == ("", "")


def test_the_installed_command_says_nothing_where_there_is_no_database(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STEPBOARD_")}
    process = subprocess.run(
        [Path(sys.executable).with_name("flask")],
        cwd=PROJECT,
        env={
            **kept,
            "STEPBOARD_INSTANCE": str(tmp_path),
            "DATABASE_URL": "",
            "FLASK_APP": "app.py",
            "_FLASK_COMPLETE": "bash_complete",
            "COMP_WORDS": "flask users disable a",
            "COMP_CWORD": "3",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.stdout.strip(), process.stderr) == ("", "")
    assert not (tmp_path / "stepboard.sqlite").exists()
