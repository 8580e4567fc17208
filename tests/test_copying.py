"""`flask copy-database`: all rows, as they are, or none at all."""

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import create_engine, inspect, select, text

from webapp.database import needed_revision
from webapp.extensions import db
from webapp.ingest.copying import copy_database
from webapp.ingest.osmedeus.importer import import_base
from webapp.ingest.sample import unpacked_sample
from webapp.models import Action, AuditEvent, Base, Session, Source, Step, Throttle, User

from .conftest import PASSWORD, make_app
from .data import make_run, make_source, make_step, write
from .test_writer import kept, recount

NOW = datetime(2026, 11, 20, 10, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture(scope="module")
def filled(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an SQLite database with the imported sample, and a row in each other table."""
    path = tmp_path_factory.mktemp("copying") / "stepboard.sqlite"
    shutil.copy(sqlite_template, path)
    app = make_app(f"sqlite:///{path}")
    with app.app_context(), unpacked_sample() as sample:
        import_base(sample / "base")
        db.session.add(Session(user_id=1, key_hash="0" * 64, address="::1", last_seen_at=NOW))
        db.session.add(Throttle(key="k", n=3, expires_at=NOW))
        details = {"z": [1, None, 2.5], "a": {"ü": "\u2028", "n": -(10**15)}}
        event = {"actor": "admin", "means": "", "address": "", "request_id": "", "subject": ""}
        db.session.add(AuditEvent(action=next(iter(Action)), details=details, **event))
        db.session.commit()
        db.engine.dispose()
    return path


@pytest.fixture
def empty_url(postgresql_server: str) -> str:
    """Return the URL of a PostgreSQL database without any table."""
    admin = create_engine(f"postgresql+psycopg:///postgres?{postgresql_server}")
    with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("DROP DATABASE IF EXISTS test_copy WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE test_copy"))
    admin.dispose()
    return f"postgresql+psycopg:///test_copy?{postgresql_server}"


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Flask]:
    """Return an application whose own database the command does not need."""
    yield make_app(f"sqlite:///{tmp_path / 'unused.sqlite'}")
    assert not (tmp_path / "unused.sqlite").exists()


def copy(runner: Flask, from_url: str | Path, to_url: str | Path) -> Result:
    return runner.test_cli_runner().invoke(args=["copy-database", str(from_url), str(to_url)])


def rows_of(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables, as the application reads them."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in Base.metadata.sorted_tables
        }
    engine.dispose()
    return found


def test_to_postgresql_and_back_every_row_stays_what_it_was(
    filled: Path, empty_url: str, runner: Flask, tmp_path: Path
) -> None:
    back = tmp_path / "back.sqlite"
    there = copy(runner, filled, empty_url)
    assert there.exit_code == 0, there.output
    assert re.search(r"^steps +175 +175$", there.output, re.MULTILINE)
    assert copy(runner, empty_url, back).exit_code == 0
    before = rows_of(f"sqlite:///{filled}")
    assert all(before[name] for name in before if name != "tokens")
    assert rows_of(empty_url) == before
    assert rows_of(f"sqlite:///{back}") == before


def test_the_application_goes_on_with_the_copy(filled: Path, empty_url: str, runner: Flask) -> None:
    assert copy(runner, filled, empty_url).exit_code == 0
    app = make_app(empty_url)
    client = app.test_client()
    assert client.post("/login", data={"username": "admin", "password": PASSWORD}).location == "/"
    assert "of 175" in client.get("/steps").text
    with app.app_context(), unpacked_sample() as sample:
        path = Path(db.session.scalars(select(Source.path)).one())
        again = import_base(sample / "base", name=db.session.scalars(select(Source.name)).one())
        assert path.name and dict(again.to_lines())["steps imported"].startswith("175 (0 new")
        # The next numbers are those after the last ones that came along.
        db.session.add(Source(name="another", kind="osmedeus", path="/"))
        db.session.add(User(username="eve", password_hash="x"))
        db.session.commit()
        assert db.session.scalars(select(Source.id).order_by(Source.id)).all() == [1, 2]
    assert recount(app) == kept(app, True) == kept(app, False)
    with app.app_context():
        db.engine.dispose()


def test_what_holds_rows_is_not_copied_into(filled: Path, runner: Flask, tmp_path: Path) -> None:
    target = tmp_path / "target.sqlite"
    assert copy(runner, filled, target).exit_code == 0
    result = copy(runner, filled, target)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "Error: Nothing was copied: TO has rows already, in audit_events; give an empty database."
    ]


def test_what_another_version_made_is_not_copied(
    sqlite_template: Path, runner: Flask, tmp_path: Path
) -> None:
    old, target = tmp_path / "old.sqlite", tmp_path / "target.sqlite"
    shutil.copy(sqlite_template, old)
    engine = create_engine(f"sqlite:///{old}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0002'"))
    engine.dispose()
    said = f"FROM is at revision 0002, this version needs {needed_revision()}"
    assert said in copy(runner, old, target).stderr
    assert "TO holds other tables" in copy(runner, sqlite_template, old).stderr


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("/nowhere/at.all", "There is no file /nowhere/at.all."),
        ("mysql://u:hush@h/d", "FROM must name an SQLite file or a PostgreSQL database"),
        ("postgresql://u:hush@127.0.0.1:1/d", "Nothing was copied: "),
    ],
)
def test_what_is_not_there_is_named(runner: Flask, tmp_path: Path, source: str, said: str) -> None:
    result = copy(runner, source, tmp_path / "target.sqlite")
    assert result.exit_code == 1
    assert said in result.stderr and "hush" not in result.stderr


def test_a_copy_that_fails_half_way_leaves_nothing(
    filled: Path, empty_url: str, runner: Flask, tmp_path: Path
) -> None:
    source = tmp_path / "source.sqlite"
    shutil.copy(filled, source)
    app = make_app(f"sqlite:///{source}")
    source_id = make_source(app)
    run_id = write(app, [make_run()], source_id=source_id)["run-1"]
    write(app, [], [make_step(run_id)], source_id=source_id)
    with app.app_context():
        # PostgreSQL keeps no such text; it stands in the last table, after all others.
        db.session.execute(text("UPDATE steps SET output = 'a' || char(0) WHERE id = 176"))
        db.session.commit()
        db.engine.dispose()
    result = copy(runner, source, empty_url)
    assert (result.exit_code, "Nothing was copied" in result.stderr) == (1, True)
    engine = create_engine(empty_url)
    assert inspect(engine).get_table_names() == []
    engine.dispose()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DELETE FROM step_duration_parts", "some steps would not be found by their name or dur"),
        (
            "UPDATE block_counts SET n = n + 1 WHERE block = -1",
            "the kept counts of steps are not those",
        ),
    ],
)
def test_what_steps_are_found_by_is_not_copied_when_it_is_wrong(
    filled: Path, runner: Flask, tmp_path: Path, statement: str, said: str
) -> None:
    """PostgreSQL does not read these tables, and SQLite would find nothing."""
    source, target = tmp_path / "source.sqlite", tmp_path / "target.sqlite"
    shutil.copy(filled, source)
    engine = create_engine(f"sqlite:///{source}")
    with engine.begin() as connection:
        assert connection.execute(text(statement)).rowcount
    engine.dispose()
    result = copy(runner, source, target)
    assert (result.exit_code, said in result.stderr) == (1, True), result.stderr
    assert not list(tmp_path.glob("target*"))
    # Of a file that was there, nothing is taken.
    target.touch()
    assert copy(runner, source, target).exit_code == 1
    assert target.exists()


def test_what_is_written_meanwhile_is_not_in_the_copy(filled: Path, tmp_path: Path) -> None:
    source = tmp_path / "source.sqlite"
    shutil.copy(filled, source)
    app = make_app(f"sqlite:///{source}")
    written: list[int] = []

    def write_meanwhile(what: str, _done: int, _total: int) -> None:
        if what == "users" and not written:
            run_id = write(app, [make_run()])["run-1"]
            written.append(run_id)

    copy_database(f"sqlite:///{source}", f"sqlite:///{tmp_path / 'copy.sqlite'}", write_meanwhile)
    assert written
    assert rows_of(f"sqlite:///{tmp_path / 'copy.sqlite'}") == rows_of(f"sqlite:///{filled}")
    with app.app_context():
        assert db.session.query(Step).count() == 175
        db.session.rollback()
        db.engine.dispose()
