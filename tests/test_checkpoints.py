"""What a writer commits is put into its place in SQLite's file beside its work."""

import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Connection, event

from webapp import database
from webapp.database import PAGE_BYTES, USUAL_CACHE
from webapp.extensions import db
from webapp.ingest import batches, checkpoints, locking
from webapp.ingest.checkpoints import Checkpointer
from webapp.ingest.locking import begun, writing
from webapp.ingest.writer import Writer
from webapp.models import Source

from .data import make_run, make_source, make_step, write

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def file_of(app: Flask) -> Path:
    with app.app_context():
        assert db.engine.url.database
        return Path(db.engine.url.database)


def count_alone(app: Flask, tmp_path: Path) -> int:
    """Count the steps in a copy of the file without its log."""
    alone = tmp_path / "alone.sqlite"
    shutil.copy(file_of(app), alone)
    with closing(sqlite3.connect(alone)) as reader:
        return count_steps(reader)


def write_pages(connection: Connection, n: int) -> None:
    connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS filling (text TEXT)")
    connection.exec_driver_sql("INSERT INTO filling VALUES (?)", (PAGE_BYTES * n * "x",))


def commit_pages(checkpointer: Checkpointer, n: int) -> None:
    """Commit so many pages, and wait until they are in their places."""
    with checkpointer.locked() as connection:
        write_pages(connection, n)
    checkpointer.finish()


def log_of(app: Flask) -> bytes:
    """Return what tells this log from the one that begins anew: the salt in its header."""
    file = file_of(app)
    return file.with_name(f"{file.name}-wal").read_bytes()[16:24]


@pytest.fixture
def checkpointer(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkpointer]:
    """Yield one by whose measure 60 pages are not too many yet."""
    monkeypatch.setattr(checkpoints, "MOST_LOG_BYTES", 60 * PAGE_BYTES)
    with app.app_context():
        yield Checkpointer(db.engine)


@contextmanager
def somebody_reads(app: Flask) -> Iterator[sqlite3.Connection]:
    """Yield a reader of what is there by now: what comes later stays in the log for it."""
    with closing(sqlite3.connect(file_of(app), isolation_level=None)) as reader:
        reader.execute("BEGIN")
        count_steps(reader)
        yield reader


def count_steps(reader: sqlite3.Connection) -> int:
    return int(reader.execute("SELECT count(*) FROM steps").fetchone()[0])


def commit_elsewhere(n: int) -> None:
    """Commit so many pages without a look at where they are."""
    with writing(db.engine, USUAL_CACHE, 0) as connection, begun(connection):
        write_pages(connection, n)


def test_all_that_was_written_is_in_its_place_when_a_writer_ends(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_ROWS", 10)
    write(app, [make_run()], [make_step(1, n) for n in range(1, 96)])
    assert count_alone(app, tmp_path) == 95


def test_so_it_is_when_an_error_ends_it(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_ROWS", 10)
    source_id = make_source(app)
    with app.app_context(), pytest.raises(ZeroDivisionError), Writer(db.engine, source_id) as one:
        one.put_runs([make_run()])
        for n in range(1, 36):
            one.put_step(make_step(1, n))
        raise ZeroDivisionError
    assert count_alone(app, tmp_path) == 30


def test_a_reader_of_what_was_before_keeps_nobody_waiting(app: Flask) -> None:
    write(app, [make_run()], [make_step(1, 1)])
    with somebody_reads(app) as reader:
        began = time.monotonic()
        for n in range(2, 50):
            write(app, [], [make_step(1, n)], source_id=1)
        # To wait for a reader takes 5 s each time.
        assert time.monotonic() - began < 60
        assert count_steps(reader) == 1
        reader.execute("COMMIT")
        assert count_steps(reader) == 49


def test_a_log_that_has_grown_too_long_begins_anew(app: Flask, checkpointer: Checkpointer) -> None:
    with somebody_reads(app):
        commit_pages(checkpointer, 30)
        log = log_of(app)
        for _ in range(3):
            commit_pages(checkpointer, 30)
        assert log_of(app) == log
    # Some of it is not in its place yet, so it would go on still.
    commit_elsewhere(30)
    assert log_of(app) == log
    commit_pages(checkpointer, 30)
    assert log_of(app) != log


def test_a_log_begins_anew_in_the_middle_of_a_writer_too(
    app: Flask, checkpointer: Checkpointer
) -> None:
    logs = set()
    for _ in range(4):
        with checkpointer.locked() as connection:
            write_pages(connection, 90)
        logs.add(log_of(app))
        # By the next transaction it is long done, usually.
        checkpointer._beside.wait()
    checkpointer.finish()
    assert len(logs) == 4


def test_a_log_that_is_short_is_not_waited_for(app: Flask, checkpointer: Checkpointer) -> None:
    with somebody_reads(app):
        commit_pages(checkpointer, 30)
        log = log_of(app)
    commit_elsewhere(1)
    commit_pages(checkpointer, 1)
    assert log_of(app) == log


def test_nothing_is_done_where_nothing_was_committed(app: Flask) -> None:
    """SQLite before 3.51.3 can lose a commit while a log that is in its place is placed again."""
    write(app, [make_run()], [make_step(1, n) for n in range(1, 30)])
    with app.app_context():
        checkpointer = Checkpointer(db.engine)
        runs: list[int] = []
        event.listen(db.engine, "checkout", lambda *_: runs.append(1))
        checkpointer.finish()
        with checkpointer.locked() as connection:
            connection.exec_driver_sql("SELECT 1")
        checkpointer.finish()
        # The transaction alone.
        assert len(runs) == 1
        commit_pages(checkpointer, 1)
        assert len(runs) == 3
        checkpointer.finish()
        assert len(runs) == 3


def test_what_cannot_be_put_into_its_place_is_no_failure_of_what_was_written(
    app: Flask, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source_id = make_source(app)
    with app.app_context():
        fails = [True]

        def refuse(connection: sqlite3.Connection, *_: object) -> None:
            if fails and threading.current_thread().name.startswith("stepboard-checkpoint"):
                raise sqlite3.OperationalError("unable to open database file")

        event.listen(db.engine, "checkout", refuse)
        with Writer(db.engine, source_id) as writer:
            writer.put_runs([make_run()])
            for n in range(1, 20):
                writer.put_step(make_step(1, n))
        assert writer.summary.steps.added == 19
        assert "changes are not in their places yet: " in caplog.text
        assert "unable to open database file" in caplog.text
        fails.clear()
        with Writer(db.engine, source_id) as writer:
            writer.put_step(make_step(1, 20))
    assert count_alone(app, tmp_path) == 20


def test_the_file_of_a_long_log_is_cut_by_the_next_who_writes(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = file_of(app)
    log = file.with_name(f"{file.name}-wal")
    limit = 40 * PAGE_BYTES
    monkeypatch.setattr(database, "USUAL_LOG_BYTES", limit)
    monkeypatch.setattr(locking, "USUAL_LOG_BYTES", limit)
    with app.app_context():
        db.engine.dispose()
        checkpointer = Checkpointer(db.engine)
        with checkpointer.locked() as connection:
            write_pages(connection, 300)
        checkpointer.finish()
        assert log.stat().st_size > 3 * limit
        db.session.add(Source(name="next", kind="osmedeus", path="elsewhere"))
        db.session.commit()
        assert log.stat().st_size == limit
