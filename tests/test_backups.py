"""`flask backup` and `flask restore`: whole while an import writes, and never over what is used."""

import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select, text

from benchmarks.data import make_osmedeus_base
from webapp.database import needed_revision
from webapp.extensions import db
from webapp.models import Step

from .conftest import SECRET_KEY, make_app
from .data import make_run, make_source, make_step, write
from .server import PROJECT
from .test_app import environment
from .test_writer import kept, recount

ROWS = 4_000
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def database(database_url: str) -> Path:
    """Return the file of the database."""
    return Path(database_url.removeprefix("sqlite:///"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return where a backup goes."""
    return tmp_path / "a backup"


def flask(app: Flask, *command: str | Path) -> Result:
    """Run a `flask` command, then close its connections."""
    result = app.test_cli_runner().invoke(args=[str(part) for part in command])
    with app.app_context():
        db.engine.dispose()
    return result


def add_step(app: Flask, name: str) -> None:
    """Add a run with one step."""
    source_id = make_source(app, name)
    run_id = write(app, [make_run(name)], source_id=source_id)[name]
    write(app, [], [make_step(run_id, 1, step_name=name)], source_id=source_id)
    with app.app_context():
        db.engine.dispose()


def names_in(app: Flask) -> list[str]:
    """Return the names of all steps."""
    with app.app_context():
        names = list(db.session.scalars(select(Step.step_name).order_by(Step.id)))
        db.session.rollback()
        db.engine.dispose()
    return names


@pytest.fixture
def importing(app: Flask, database_url: str, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run an import in a process of its own; it has written some rows."""
    make_osmedeus_base(tmp_path / "world", ROWS)
    process = subprocess.Popen(
        [sys.executable, "-m", "flask", "import", "osmedeus", str(tmp_path / "world" / "base")],
        cwd=PROJECT,
        env=environment(tmp_path, SECRET_KEY=SECRET_KEY, DATABASE_URL=database_url),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 30
        while process.poll() is None and not count_runs(app):
            assert time.monotonic() < end
            time.sleep(0.01)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def count_runs(app: Flask) -> int:
    with app.app_context():
        n: int = db.session.execute(text("SELECT count(*) FROM runs")).scalar_one()
        db.session.rollback()
    return n


def test_a_backup_during_an_import_is_one_moment_of_it(
    app: Flask, importing: "subprocess.Popen[bytes]", file: Path, tmp_path: Path
) -> None:
    result = flask(app, "backup", file)
    assert result.exit_code == 0, result.output
    assert importing.wait(60) == 0
    other = make_app(f"sqlite:///{tmp_path / 'other.sqlite'}")
    assert flask(other, "restore", file).exit_code == 0
    assert recount(other) == kept(other, True) == kept(other, False)
    assert 0 < count_runs(other) <= count_runs(app) == ROWS // 100
    with other.app_context():
        db.engine.dispose()


def test_a_backup_is_one_file_for_its_owner_that_nothing_is_left_beside(
    app: Flask, file: Path
) -> None:
    add_step(app, "first")
    result = flask(app, "backup", file)
    revision = needed_revision()
    wrote = f"Wrote {file}: {file.stat().st_size:,} bytes, revision {revision}, checked."
    assert wrote in result.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.glob(f"{file.name}*")) == [file]


def test_a_backup_replaces_a_file_only_when_told_to_and_never_the_database(
    app: Flask, database: Path, file: Path
) -> None:
    file.write_text("precious")
    refused = flask(app, "backup", file)
    assert (refused.exit_code, file.read_text()) == (1, "precious")
    assert f"Error: {file} is there already" in refused.output
    assert flask(app, "backup", "--force", file).exit_code == 0
    assert flask(app, "backup", "--force", database).exit_code == 1


def test_a_restore_brings_back_what_was_and_keeps_what_is(
    app: Flask, database: Path, file: Path
) -> None:
    add_step(app, "first")
    assert flask(app, "backup", file).exit_code == 0
    add_step(app, "second")
    refused = flask(app, "restore", file)
    assert f"{database} holds rows; --force replaces it, and keeps it aside." in refused.output
    assert (refused.exit_code, names_in(app)) == (1, ["first", "second"])
    restored = flask(app, "restore", "--force", file)
    assert (restored.exit_code, names_in(app)) == (0, ["first"]), restored.output
    aside = f"{database}.before-restore"
    assert names_in(make_app(f"sqlite:///{aside}")) == ["first", "second"]
    again = flask(app, "restore", "--force", file)
    assert (again.exit_code, f"{aside} is there" in again.output) == (1, True)


def test_nothing_is_restored_while_somebody_has_the_database_open(
    app: Flask, database: Path, file: Path
) -> None:
    assert flask(app, "backup", file).exit_code == 0
    add_step(app, "first")
    with closing(sqlite3.connect(database)) as other:
        other.execute("SELECT count(*) FROM runs").fetchone()
        result = flask(app, "restore", "--force", file)
    assert result.exit_code == 1
    assert f"{database} is in use: stop the server, and wait for imports to end" in result.output
    assert names_in(app) == ["first"]
    assert not Path(f"{database}.before-restore").exists()


def test_what_is_no_sound_backup_is_refused(app: Flask, database: Path, file: Path) -> None:
    assert "There is no file" in flask(app, "restore", "--force", file).output
    file.write_bytes(b"no database, but long enough to be read as one" * 100)
    assert "is no database of Stepboard" in flask(app, "restore", "--force", file).output
    file.unlink()
    with closing(sqlite3.connect(file)) as other:
        other.executescript("CREATE TABLE notes (id INTEGER)")
    assert "is no database of Stepboard" in flask(app, "restore", "--force", file).output
    assert flask(app, "backup", "--force", file).exit_code == 0
    set_revision(file, "of-2031")
    output = flask(app, "restore", "--force", file).output
    assert "is at revision of-2031, which this version of Stepboard does not know" in output
    file.write_bytes(file.read_bytes()[:-8192])
    assert flask(app, "restore", "--force", file).exit_code == 1
    assert not Path(f"{database}.before-restore").exists()


def test_an_older_backup_is_said_to_need_an_upgrade(app: Flask, file: Path) -> None:
    assert flask(app, "backup", file).exit_code == 0
    set_revision(file, "0002")
    assert "run 'flask db upgrade'" in flask(app, "restore", "--force", file).output


def test_a_damaged_database_can_be_replaced(app: Flask, database: Path, file: Path) -> None:
    add_step(app, "first")
    assert flask(app, "backup", file).exit_code == 0
    database.write_bytes(b"no database any more" * 1000)
    assert "--force" in flask(app, "restore", file).output
    assert flask(app, "restore", "--force", file).exit_code == 0
    assert names_in(app) == ["first"]


def set_revision(file: Path, revision: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
