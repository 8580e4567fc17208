"""Bases that are missing, damaged, locked or foreign: one clear message, our database as before."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from webapp.extensions import db
from webapp.ingest.errors import SourceError
from webapp.ingest.osmedeus.importer import import_base
from webapp.models import Run, Source, Step

EXCLUSIVE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA locking_mode=EXCLUSIVE")
connection.execute("BEGIN EXCLUSIVE")
connection.execute("CREATE TABLE IF NOT EXISTS held (x)")
print("locked", flush=True)
sys.stdin.read()
"""


def refuse(app: Flask, path: Path, message: str) -> None:
    """Check that an import is refused with this message, and that nothing came in."""
    with app.app_context():
        with pytest.raises(SourceError, match=message) as caught:
            import_base(path)
        assert "\n" not in str(caught.value)
        for model in (Source, Run, Step):
            assert db.session.execute(select(model.id)).first() is None


def test_a_missing_base_is_refused(app: Flask, tmp_path: Path) -> None:
    refuse(app, tmp_path / "nowhere", "nowhere cannot be read: No such file")
    refuse(app, tmp_path, "There is no database-osm.sqlite in")


def test_an_empty_database_is_refused(app: Flask, database: Path) -> None:
    database.write_bytes(b"")
    refuse(app, database, "is empty")


def test_what_is_no_database_is_refused(app: Flask, database: Path) -> None:
    database.write_text("this is a text, and a rather long one. " * 100)
    refuse(app, database, "is not a SQLite database")


def test_another_application_s_database_is_refused(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "database-osm.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    refuse(app, path, "is not Osmedeus's: it has no table runs")


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
HOSTILE = {
    "view": f"CREATE VIEW {{table}}(id) AS {ENDLESS}",
    "virtual": "CREATE VIRTUAL TABLE {table} USING fts5(id)",
    "computed": "CREATE TABLE {table}(id, x AS (hex(zeroblob(id * 1000000000))))",
    "without": "CREATE TABLE {table}(id PRIMARY KEY) WITHOUT ROWID",
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("table", ["runs", "step_results", "artifacts"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_only_looks_like_a_table_is_refused_unread(
    app: Flask, database: Path, table: str, kind: str
) -> None:
    """The sources of the real base, but that to read one table of it would not end."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(f"DROP TABLE {table}")
        connection.execute(HOSTILE[kind].format(table=table.upper()))
        connection.commit()
    refuse(app, database, f"{database} is no database that Osmedeus made: .*{table}.*; nothing was")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_schema_that_calls_a_view_a_table_is_not_believed(app: Flask, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'runs'"
        ).fetchone()
        connection.execute("DROP TABLE runs")
        connection.execute(HOSTILE["view"].format(table="runs"))
        connection.execute("PRAGMA writable_schema = ON")
        changed = "UPDATE sqlite_master SET type = 'table', rootpage = ? WHERE name = 'runs'"
        connection.execute(changed, (root,))
        connection.commit()
    refuse(app, database, "is no database that Osmedeus made|is damaged")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_check_of_the_schema_is_not_run(app: Flask, database: Path) -> None:
    """To look for damage SQLite would evaluate it for every row."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("ALTER TABLE artifacts ADD COLUMN x CHECK (x > 0) DEFAULT 1")
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE artifacts SET x = 0")
        connection.commit()
    with app.app_context():
        assert import_base(database).runs.added == 33


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_database_is_refused(app: Flask, database: Path, share: float) -> None:
    data = database.read_bytes()
    database.write_bytes(data[: int(len(data) * share)])
    refuse(app, database, "damaged|not a SQLite database")


def test_a_damaged_page_is_refused_though_runs_can_be_read(app: Flask, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        page_size = connection.execute("PRAGMA page_size").fetchone()[0]
        root = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'step_results'"
        ).fetchone()[0]
    data = bytearray(database.read_bytes())
    data[(root - 1) * page_size : root * page_size] = os.urandom(page_size)
    database.write_bytes(data)
    refuse(app, database, "step_results is damaged|damaged or cut off")


def test_a_folder_or_pipe_in_the_database_s_place_is_refused(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "a" / "database-osm.sqlite").mkdir(parents=True)
    refuse(app, tmp_path / "a", "is not a regular file")
    (tmp_path / "b").mkdir()
    os.mkfifo(tmp_path / "b" / "database-osm.sqlite")
    refuse(app, tmp_path / "b", "is not a regular file")


def test_a_link_in_the_database_s_place_is_refused(
    app: Flask, database: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "database-osm.sqlite").symlink_to(database)
    refuse(app, tmp_path / "other", "is a link")


@pytest.fixture
def exclusive_lock(database: Path) -> Iterator[Path]:
    """Hold SQLite's exclusive lock on the database in another process."""
    process = subprocess.Popen(
        [sys.executable, "-c", EXCLUSIVE, str(database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdin is not None
    assert process.stdout.readline() == "locked\n"
    yield database
    process.stdin.close()
    process.stdout.close()
    process.wait(timeout=10)


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_locked_database_is_refused(
    app: Flask, database: Path, request: pytest.FixtureRequest, mode: str
) -> None:
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute(f"PRAGMA journal_mode={mode}").fetchone()[0] == mode
    request.getfixturevalue("exclusive_lock")
    refuse(app, database, "locked by another|being changed by another")
