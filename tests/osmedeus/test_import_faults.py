"""Bases that are missing, damaged, foreign or odd: one clear message, our database as before."""

import os
import shutil
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

from .logs import completed

EXCLUSIVE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA locking_mode=EXCLUSIVE")
connection.execute("BEGIN EXCLUSIVE")
connection.execute("CREATE TABLE IF NOT EXISTS held (x)")
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def database(base_copy: Path) -> Path:
    """Return the database of a base that a test may spoil."""
    path = base_copy / "base" / "database-osm.sqlite"
    path.chmod(0o644)
    return path


def refuse(app: Flask, path: Path, message: str) -> None:
    """Check that an import is refused with this message, and that nothing came in."""
    with app.app_context():
        with pytest.raises(SourceError, match=message) as caught:
            import_base(path)
        assert "\n" not in str(caught.value)
        for model in (Source, Run, Step):
            assert db.session.execute(select(model.id)).first() is None


def fingerprint(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return what every file of a folder holds, and when it changed."""
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


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


@pytest.mark.parametrize("with_shm", [False, True])
def test_what_stands_in_the_wal_alone_is_read_and_no_file_is_changed(
    app: Flask, database: Path, tmp_path: Path, with_shm: bool
) -> None:
    target = tmp_path / "copy"
    target.mkdir()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("UPDATE runs SET target='from-the-wal' WHERE id=1")
        connection.commit()
        for suffix in ("", "-wal", *(["-shm"] if with_shm else [])):
            name = database.name + suffix
            shutil.copy(database.with_name(name), target / name)
    before = fingerprint(target)
    with app.app_context():
        import_base(target)
        assert db.session.get_one(Run, 1).target == "from-the-wal"
    assert fingerprint(target) == before


def test_a_base_that_is_being_written_is_read(app: Flask, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("UPDATE runs SET target='written' WHERE id=1")
        connection.commit()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE runs SET target='not yet' WHERE id=1")
        with app.app_context():
            import_base(database)
            assert db.session.get_one(Run, 1).target == "written"


def test_the_source_is_left_exactly_as_it_was(app: Flask, base_copy: Path) -> None:
    before = fingerprint(base_copy)
    with app.app_context():
        import_base(base_copy / "base")
    assert fingerprint(base_copy) == before


def test_nothing_outside_the_folders_is_read(app: Flask, base_copy: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.log"
    secret.write_bytes(completed(0, "outside"))
    workspaces = base_copy / "workspaces-osmedeus"
    (workspaces / "linked").symlink_to(tmp_path)
    (workspaces / "odd").mkdir()
    (workspaces / "odd" / "run-execution.log").symlink_to(secret)
    (workspaces / "pipe").mkdir()
    os.mkfifo(workspaces / "pipe" / "run-execution.log")
    (workspaces / "folder" / "run-execution.log").mkdir(parents=True)
    (workspaces / "a file").write_text("not a folder")
    with app.app_context():
        summary = import_base(base_copy / "base")
        assert (summary.log_files, summary.steps.added) == (11, 175)


def test_a_step_of_an_unknown_status_is_kept_out_and_said(app: Flask, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE step_results SET status='exploded' WHERE run_id=1 ")
        connection.commit()
    with app.app_context():
        summary = import_base(database)
        assert summary.kept_out == {"unknown status 'exploded'": 7}


def test_steps_whose_run_is_gone_stand_under_a_run_that_says_so(app: Flask, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("DELETE FROM runs WHERE id=1")
        connection.commit()
    with app.app_context():
        import_base(database)
        run = db.session.execute(select(Run).where(Run.status == "unknown")).scalar_one()
        assert run.run_uuid == "bd92d8b9-11da-4747-bdff-6e7b3090c14e"
        assert "not in Osmedeus's database" in run.error
        assert run.steps_completed == 7
        again = import_base(database)
        assert (again.steps.added, again.steps.changed, again.runs.added) == (0, 0, 0)


def test_a_base_of_the_first_version_is_read(app: Flask, tmp_path: Path) -> None:
    """5.0.0: no run_uuid in step_results; the run's id is a text in its beta."""
    path = tmp_path / "database-osm.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            CREATE TABLE runs (id VARCHAR PRIMARY KEY, workflow_name VARCHAR, target VARCHAR,
                status VARCHAR, workspace VARCHAR, params json, started_at TIMESTAMP);
            CREATE TABLE step_results (id text PRIMARY KEY, run_id VARCHAR, step_name VARCHAR,
                step_type VARCHAR, status VARCHAR, command VARCHAR, output VARCHAR,
                error_message VARCHAR, exports json, duration_ms INTEGER,
                started_at TIMESTAMP, completed_at TIMESTAMP, created_at TIMESTAMP);
            INSERT INTO runs VALUES ('run-a', 'wf', 'example.com', 'completed', 'example.com',
                'null', '2026-01-01 10:00:00+00:00');
            INSERT INTO step_results VALUES ('s1', 'run-a', 'one', 'bash', 'success', 'x', NULL,
                NULL, NULL, 5, '2026-01-01 10:00:00.5+00:00', '2026-01-01 10:00:00.505',
                '0001-01-01 00:00:00+00:00');
            """
        )
    with app.app_context():
        import_base(path)
        step = db.session.execute(select(Step)).scalar_one()
        assert (step.step_name, step.status, step.output) == ("one", "completed", "")
        assert step.started_at is not None and step.started_at.microsecond == 500_000
        assert step.created_at == step.completed_at
        assert db.session.execute(select(Run)).scalar_one().run_uuid == "run-a"


def test_unreadable_texts_and_odd_values_do_not_end_an_import(app: Flask, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(
            "UPDATE step_results SET output=CAST(x'61ff62' AS TEXT), duration_ms='many', "
            "exports='{broken', started_at='soon' WHERE run_id=1"
        )
        connection.execute("UPDATE runs SET params='[1]', total_steps='x' WHERE id=1")
        connection.commit()
    with app.app_context():
        import_base(database)
        step = db.session.execute(
            select(Step).where(Step.run_id == 1, Step.position == 1)
        ).scalar_one()
        assert (step.output, step.duration_ms, step.exports) == ("a�b", 0, None)
        assert step.started_at is None


def test_numbers_and_keys_that_no_engine_writes_do_not_end_an_import(
    app: Flask, database: Path
) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(
            """
            CREATE TABLE odd AS SELECT * FROM runs; DROP TABLE runs; ALTER TABLE odd RENAME TO runs;
            CREATE TABLE odd AS SELECT * FROM step_results; DROP TABLE step_results;
            ALTER TABLE odd RENAME TO step_results;
            UPDATE runs SET id=9223372036854775807 WHERE id=2;
            UPDATE runs SET run_uuid=(SELECT run_uuid FROM runs WHERE id=1) WHERE id=3;
            UPDATE runs SET total_steps=9e999, params='{"a": 1e400, "b": NaN}' WHERE id=4;
            UPDATE step_results SET duration_ms=9e999, exports='{"a": Infinity}' WHERE run_id=1;
            UPDATE step_results SET id='same' WHERE run_id=12;
            """
        )
        deep = '{"a":' + "[" * 5000 + "]" * 5000 + "}"
        connection.execute("UPDATE runs SET params=? WHERE id=5", [deep])
        connection.commit()
    with app.app_context():
        summary = import_base(database)
        # And one for the steps of the UUID that was lost.
        assert summary.runs.added == 33 + 1
        assert summary.kept_out["an id that another step has"] == 6
        again = import_base(database)
        assert (again.runs.added, again.runs.changed, again.steps.added) == (0, 0, 0)


def test_the_command_says_one_line_and_exits_with_1(app: Flask, tmp_path: Path) -> None:
    result = app.test_cli_runner().invoke(args=["import", "osmedeus", str(tmp_path / "no")])
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert result.output.startswith("Error: ")


def test_the_command_gives_its_summary_to_people_and_to_scripts(app: Flask, sample: Path) -> None:
    runner = app.test_cli_runner()
    result = runner.invoke(args=["import", "osmedeus", str(sample / "base")])
    assert result.exit_code == 0, result.output
    assert "recovered from the logs  66" in result.stdout
    again = runner.invoke(args=["import", "osmedeus", str(sample / "base"), "--json"])
    assert '"unchanged": 175' in again.stdout
    assert again.stdout.startswith("{")
