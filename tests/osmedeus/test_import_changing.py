"""Bases that Osmedeus goes on changing after their rows were read, and before their texts are."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from webapp.extensions import db
from webapp.ingest.errors import SourceError
from webapp.ingest.osmedeus import row_store
from webapp.ingest.osmedeus.database import SourceDatabase
from webapp.ingest.osmedeus.database_file import opened
from webapp.ingest.osmedeus.importer import import_base
from webapp.models import Run, Step


def outputs(app: Flask) -> dict[str, str]:
    """Return what each step of a row printed, by its id."""
    with app.app_context():
        rows = select(Step.source_key, Step.output).where(Step.recovered == "")
        found = {key: output for key, output in db.session.execute(rows)}
        db.session.rollback()
    return found


def when_read(database: Path, *statements: str) -> Callable[[str, int, int], None]:
    """Return a report that changes the base once its rows are read."""

    def report(what: str, _done: int, _total: int) -> None:
        if what == "matching":
            with closing(sqlite3.connect(database, isolation_level=None)) as connection:
                for statement in statements:
                    connection.execute(statement)

    return report


@pytest.fixture
def changing(database: Path) -> Path:
    """Return a database that can be written to while it is read."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA journal_mode=delete").fetchone() == ("delete",)
    return database


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_row_that_is_gone_before_its_texts_are_read_gets_none_of_another_row(
    app: Flask, changing: Path
) -> None:
    with closing(sqlite3.connect(changing)) as connection:
        (gone,) = connection.execute(
            "SELECT id FROM step_results ORDER BY rowid DESC LIMIT 1"
        ).fetchone()
    report = when_read(
        changing,
        f"DELETE FROM step_results WHERE id = '{gone}'",
        "INSERT INTO step_results (id, run_id, step_name, step_type, status, command, output)"
        " VALUES ('other', 1, 'other', 'bash', 'success', 'not mine', 'not mine')",
        "DELETE FROM step_results WHERE run_id = 1 AND id <> 'other'",
    )
    with app.app_context():
        summary = import_base(changing, report=report)
        assert (summary.rows, summary.steps.added) == (109, 175)
    found = outputs(app)
    assert found[gone] == ""
    assert "not mine" not in found.values()
    # The row of that number comes in when the base is read the next time.
    with app.app_context():
        again = import_base(changing)
        assert (again.steps.added, again.steps.changed) == (1, 0)
    assert outputs(app)["other"] == "not mine"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_rows_that_got_other_numbers_before_their_texts_are_read_keep_their_texts(
    app: Flask, changing: Path
) -> None:
    with closing(sqlite3.connect(changing)) as connection:
        connection.execute("UPDATE step_results SET output = 'printed by ' || id")
        connection.commit()
        keys = [key for (key,) in connection.execute("SELECT id FROM step_results")]
    gone, kept = keys[:3], keys[3:]
    marks = ", ".join(f"'{key}'" for key in gone)
    report = when_read(
        changing,
        f"DELETE FROM step_results WHERE id IN ({marks})",
        # As VACUUM may; one after the other, so that each gets a number that another row had.
        "UPDATE step_results SET rowid = rowid - 3",
    )
    with app.app_context():
        assert import_base(changing, report=report).rows == 109
    found = outputs(app)
    assert {key: found[key] for key in kept} == {key: f"printed by {key}" for key in kept}
    assert [found[key] for key in gone] == [""] * 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_row_that_is_written_meanwhile_waits_for_the_next_import(
    app: Flask, changing: Path
) -> None:
    report = when_read(
        changing,
        "INSERT INTO step_results (id, run_id, step_name, step_type, status, command)"
        " VALUES ('one-more', 1, 'one-more', 'bash', 'success', 'x')",
    )
    with app.app_context():
        first = import_base(changing, report=report)
        assert (first.rows, first.total_steps) == (109, 175)
    assert "one-more" not in outputs(app)
    with app.app_context():
        again = import_base(changing)
        assert (again.rows, again.steps.added) == (110, 1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_temporary_file_without_room_ends_the_import_with_one_line(
    app: Flask, changing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = row_store.SCHEMA.replace("BEGIN;", "PRAGMA temp.max_page_count = 4; BEGIN;")
    monkeypatch.setattr(row_store, "SCHEMA", small)
    with app.app_context():
        with pytest.raises(SourceError, match=r"temporary file \(database or disk is full\)"):
            import_base(changing)
        assert db.session.execute(select(Run.id)).first() is None


def test_of_rows_with_long_texts_of_any_kind_few_are_read_at_once(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        long = json.dumps({"a": "x" * 400_000})
        connection.execute("UPDATE step_results SET exports = ?", (long,))
        connection.commit()
    with opened(database) as connection:
        source = SourceDatabase(connection, database)
        with source.one_moment():
            rows = list(source.read_rows(source.find_runs()))
        assert len(rows) > 10
        assert len(source.read_texts(rows)) == 3
