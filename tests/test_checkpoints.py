"""What a writer commits is put into its place in SQLite's file beside its work."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from flask import Flask

from webapp import database
from webapp.extensions import db
from webapp.ingest import checkpoints, locking
from webapp.ingest.batches import BatchSize
from webapp.ingest.checkpoints import Checkpointer
from webapp.ingest.locking import locked
from webapp.ingest.writer import Writer
from webapp.models import Source

from .data import make_run, make_source, make_step, write

PAGE = 4096


pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def file_of(app: Flask) -> Path:
    with app.app_context():
        assert db.engine.url.database
        return Path(db.engine.url.database)


def count_alone(app: Flask, tmp_path: Path) -> int:
    """Count the steps in a copy of the file without its log."""
    alone = tmp_path / "alone.sqlite"
    shutil.copy(file_of(app), alone)
    with closing(sqlite3.connect(alone)) as connection:
        return int(connection.execute("SELECT count(*) FROM steps").fetchone()[0])


def commit_pages(n: int) -> None:
    """Commit so many pages that stay in the log."""
    with locked(db.engine, checkpoint=0) as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS filling (text TEXT)")
        connection.exec_driver_sql("INSERT INTO filling VALUES (?)", (PAGE * n * "x",))


def log_of(app: Flask) -> bytes:
    """Return what tells this log from the one that begins anew: the salt in its header."""
    file = file_of(app)
    return file.with_name(f"{file.name}-wal").read_bytes()[16:24]


def test_all_that_was_written_is_in_its_place_when_a_writer_ends(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BatchSize, "is_reached", lambda _self, n_rows, _n: n_rows >= 10)
    write(app, [make_run()], [make_step(1, n) for n in range(1, 96)])
    assert count_alone(app, tmp_path) == 95


def test_so_it_is_when_an_error_ends_it(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BatchSize, "is_reached", lambda _self, n_rows, _n: n_rows >= 10)
    source_id = make_source(app)
    with app.app_context(), pytest.raises(ZeroDivisionError), Writer(db.engine, source_id) as one:
        one.put_runs([make_run()])
        for n in range(1, 36):
            one.put_step(make_step(1, n))
        raise ZeroDivisionError
    assert count_alone(app, tmp_path) == 30


def test_a_reader_of_what_was_before_keeps_nobody_waiting(app: Flask) -> None:
    write(app, [make_run()], [make_step(1, 1)])
    with closing(sqlite3.connect(file_of(app), isolation_level=None)) as reader:
        reader.execute("BEGIN")
        before = reader.execute("SELECT count(*) FROM steps").fetchone()
        write(app, [], [make_step(1, n) for n in range(2, 50)], source_id=1)
        assert reader.execute("SELECT count(*) FROM steps").fetchone() == before == (1,)
        reader.execute("COMMIT")
        assert reader.execute("SELECT count(*) FROM steps").fetchone() == (49,)


def test_a_log_that_has_grown_too_long_begins_anew(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "MOST_PAGES", 60)
    with app.app_context():
        checkpointer = Checkpointer(db.engine)
        with closing(sqlite3.connect(file_of(app), isolation_level=None)) as reader:
            # What it reads stays in the log, which goes on so.
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM steps").fetchone()
            commit_pages(30)
            log = log_of(app)
            for _ in range(3):
                checkpointer.make_room()
                commit_pages(30)
                checkpointer.finish()
            assert log_of(app) == log
        # Some of it is not in its place yet, so it would go on still.
        commit_pages(30)
        assert log_of(app) == log
        checkpointer.make_room()
        commit_pages(30)
        assert log_of(app) != log


def test_the_file_of_a_long_log_is_cut_by_the_next_who_writes(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = file_of(app)
    log = file.with_name(f"{file.name}-wal")
    limit = 40 * PAGE
    monkeypatch.setattr(database, "USUAL_LOG_BYTES", limit)
    monkeypatch.setattr(locking, "USUAL_LOG_BYTES", limit)
    with app.app_context():
        db.engine.dispose()
        for _ in range(3):
            commit_pages(100)
        Checkpointer(db.engine).finish()
        assert log.stat().st_size > 3 * limit
        db.session.add(Source(name="next", kind="osmedeus", path="elsewhere"))
        db.session.commit()
        assert log.stat().st_size == limit


def test_a_log_that_is_short_is_not_waited_for(app: Flask) -> None:
    with app.app_context():
        checkpointer = Checkpointer(db.engine)
        checkpointer.finish()
        commit_pages(1)
        log = log_of(app)
        commit_pages(30)
        checkpointer.make_room()
        commit_pages(1)
        assert log_of(app) == log
