"""`flask doctor`: each check says ok or what to do, and none of them ends the others."""

import json
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from webapp.checks.findings import Problem
from webapp.checks.machine import VENDOR_FILES, check_room
from webapp.config import PROJECT
from webapp.database import PAGE_BYTES
from webapp.extensions import db
from webapp.ingest.demo import import_demo
from webapp.ingest.osmedeus.importer import import_base
from webapp.ingest.sample import unpacked_sample

from .conftest import make_app
from .data import make_run, make_source, make_step, write

KEY = "0123456789abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def healthy(database_url: str, tmp_path: Path) -> Flask:
    """Return an application of which all is well."""
    folder = tmp_path / "instance"
    folder.mkdir(mode=0o700)
    app = make_app(database_url, instance=folder)
    settings = app.config["SETTINGS"]
    object.__setattr__(settings, "secret_key", KEY)
    return app


def examine(app: Flask, code: int) -> dict[str, tuple[str, str]]:
    """Run the doctor, which must end with this code; return state and message by subject."""
    result = app.test_cli_runner().invoke(args=["doctor", "--json"])
    assert (result.exit_code, result.stderr) == (code, ""), result.output
    told = json.loads(result.stdout)
    with app.app_context():
        db.engine.dispose()
    assert told["ok"] == (code == 0)
    return {one["subject"]: (one["state"], one["message"]) for one in told["checks"]}


def to_do(app: Flask) -> dict[str, str]:
    """Return what the doctor says is to be done; there must be something."""
    found = examine(app, 1)
    return {subject: message for subject, (state, message) in found.items() if state == "to do"}


def change(app: Flask, statement: str, **values: Any) -> None:
    """Change the database."""
    with app.app_context():
        db.session.execute(text(statement), values)
        db.session.commit()
        db.engine.dispose()


def test_all_is_well(healthy: Flask) -> None:
    run_id = write(healthy, [make_run()])["run-1"]
    change(healthy, "UPDATE sources SET kind = 'pushed'")
    write(healthy, [], [make_step(run_id, n) for n in range(5)], source_id=1)
    found = examine(healthy, 0)
    assert list(found) == [
        "settings",
        "secret key",
        "instance folder",
        "static files",
        "metrics folder",
        "disk",
        "write-ahead log",
        "database",
        "migrations",
        "writing",
        "integrity",
        "kept counts",
        "references",
        "admin",
        "clock",
        "sources",
        "source test",
    ]
    is_sqlite = healthy.config["SQLALCHEMY_DATABASE_URI"].startswith("sqlite")
    skipped = {subject for subject, (state, _) in found.items() if state == "skipped"}
    assert skipped == {"metrics folder"} | (
        set() if is_sqlite else {"write-ahead log", "integrity"}
    )
    assert found["database"][1].startswith("SQLite 3." if is_sqlite else "PostgreSQL ")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_check_is_a_line(healthy: Flask) -> None:
    with healthy.app_context():
        change_state_of_admin(False)
    result = healthy.test_cli_runner().invoke(args=["doctor"])
    lines = result.stdout.splitlines()
    assert (result.exit_code, len(lines)) == (1, 16)
    assert "ok       secret key         36 characters" in lines
    assert [line for line in lines if line.startswith("to do    admin ")]


def change_state_of_admin(is_active: bool) -> None:
    """Disable the only admin, which no command allows."""
    db.session.execute(text("UPDATE users SET is_active = :state"), {"state": is_active})
    db.session.commit()


def test_an_installation_without_an_active_admin_is_told_of(healthy: Flask) -> None:
    with healthy.app_context():
        change_state_of_admin(False)
    assert to_do(healthy) == {
        "admin": "Nobody may manage: run 'flask users create NAME --role admin', or enable."
    }


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE block_counts SET n = n + 1 WHERE block = 0",
        "UPDATE block_counts SET n = n + 1 WHERE block = -1",
        "UPDATE step_counts SET n = n - 1 WHERE block = -1",
        "UPDATE steps SET status = 'failed' WHERE position = 3",
        "DELETE FROM steps WHERE position = 3",
        "DELETE FROM step_name_parts WHERE step_name = 'step-3'",
        "UPDATE step_duration_parts SET part = 7",
    ],
)
def test_counts_that_do_not_agree_are_told_of(healthy: Flask, statement: str) -> None:
    run_id = write(healthy, [make_run()])["run-1"]
    change(healthy, "UPDATE sources SET kind = 'pushed'")
    write(healthy, [], [make_step(run_id, n) for n in range(5)], source_id=1)
    examine(healthy, 0)
    change(healthy, statement)
    problems = to_do(healthy)
    assert set(problems) == {"kept counts"}
    assert problems["kept counts"].startswith("What is kept of steps is wrong: ")


def test_tables_of_another_version_are_told_of(healthy: Flask) -> None:
    change(healthy, "DELETE FROM alembic_version")
    found = examine(healthy, 1)
    assert found["migrations"][0] == "to do"
    assert "run 'flask db upgrade' (after a backup)" in found["migrations"][1]
    assert found["kept counts"][0] == found["sources"][0] == "skipped"


def test_a_clock_that_went_back_is_told_of(healthy: Flask) -> None:
    change(healthy, "UPDATE users SET created_at = '2999-01-01 00:00:00'")
    assert to_do(healthy)["clock"].startswith("The clock is behind: it says ")


def test_sources_are_tried(healthy: Flask, tmp_path: Path) -> None:
    with unpacked_sample() as sample, healthy.app_context():
        shutil.copytree(sample / "base", tmp_path / "base")
        import_base(tmp_path / "base")
        import_demo(lambda *_: None)
    make_source(healthy, "gone")
    problems = to_do(healthy)
    assert set(problems) == {"source gone"}
    assert problems["source gone"].startswith("There is no /nowhere/gone: put it there, or ")
    (tmp_path / "base" / "database-osm.sqlite").write_bytes(b"no database")
    problems = to_do(healthy)
    assert set(problems) == {"source base", "source gone"}
    assert "is not a SQLite database" in problems["source base"]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:////nowhere/at/all.sqlite", "There is no /nowhere/at/all.sqlite yet"),
        ("postgresql+psycopg://me:hush@/x?host=/nowhere/at", "The database says: "),
    ],
)
def test_a_database_that_is_gone_has_its_line_and_the_others_theirs(
    tmp_path: Path, url: str, said: str
) -> None:
    app = make_app(url, instance=tmp_path)
    object.__setattr__(app.config["SETTINGS"], "secret_key", KEY)
    found = examine(app, 1)
    assert found["database"] == ("to do", found["database"][1])
    assert found["database"][1].startswith(said)
    assert "hush" not in str(found)
    assert found["secret key"][0] == found["static files"][0] == "ok"
    assert found["kept counts"][0] == found["sources"][0] == "skipped"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_damaged_database_is_told_of(healthy: Flask) -> None:
    write(healthy, [make_run(f"run-{n}") for n in range(300)])
    change(healthy, "PRAGMA wal_checkpoint(TRUNCATE)")
    path = Path(healthy.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///"))
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'ix_runs_run_uuid'"
        (page,) = connection.execute(query).fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE_BYTES + 8)
        file.write(b"\xff" * 2000)
    problems = to_do(healthy)
    assert problems["integrity"].startswith("The file is damaged (")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_file_that_is_no_database_is_told_of(healthy: Flask) -> None:
    path = Path(healthy.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///"))
    path.write_bytes(b"no database at all " * 100)
    assert to_do(healthy) == {"database": "The database says: file is not a database."}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_that_another_program_locks_is_told_of(healthy: Flask) -> None:
    path = Path(healthy.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///"))
    url = healthy.config["SQLALCHEMY_DATABASE_URI"]
    impatient = make_app(url, instance=healthy.config["SETTINGS"].instance, busy_timeout_ms=50)
    object.__setattr__(impatient.config["SETTINGS"], "secret_key", KEY)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert to_do(impatient) == {"writing": "The database says: database is locked."}
        assert time.monotonic() - began < 30


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_others_may_read_and_keys_that_are_weak_are_told_of(healthy: Flask) -> None:
    settings = healthy.config["SETTINGS"]
    key_file = settings.instance / "secret_key"
    key_file.write_text(KEY)
    key_file.chmod(0o640)
    settings.instance.chmod(0o755)
    problems = to_do(healthy)
    assert set(problems) == {"secret key", "instance folder"}
    assert problems["secret key"].endswith(f"run 'chmod 600 {key_file}'.")
    assert problems["instance folder"].endswith(f"run 'chmod 700 {settings.instance}'.")
    object.__setattr__(settings, "secret_key", "changeme" * 8)
    assert "SECRET_KEY is no random text" in to_do(healthy)["secret key"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_folder_of_metrics_is_tried(
    healthy: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    assert examine(healthy, 0)["metrics folder"] == ("ok", str(tmp_path))
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "nothing"))
    assert "must be a folder" in to_do(healthy)["metrics folder"]


def test_a_full_disk_is_told_of(tmp_path: Path) -> None:
    assert check_room(tmp_path, 1).endswith(f" free at {tmp_path}")
    with pytest.raises(Problem, match="should be, as for a backup"):
        check_room(tmp_path, 10**18)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_long_write_ahead_log_is_told_of(healthy: Flask) -> None:
    path = Path(healthy.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///"))
    # A file with a hole: SQLite takes it for a log with nothing good in it.
    with path.with_name(f"{path.name}-wal").open("wb") as wal:
        wal.truncate(1_100_000_000)
    assert "some reader keeps it from being emptied" in to_do(healthy)["write-ahead log"]


def test_the_files_that_are_looked_for_are_those_that_pages_use() -> None:
    base = (PROJECT / "templates" / "base.html").read_text(encoding="utf-8")
    assert {name for name in VENDOR_FILES if f"static_url('{name}')" in base} == set(VENDOR_FILES)
    assert base.count("static_url('vendor/") == len(VENDOR_FILES)
