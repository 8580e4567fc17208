"""Rows that go past SQLAlchemy, and the sizes and threads they are written with."""

import _thread
import logging
import signal
import sqlite3
import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import Connection, event, func, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from webapp.database import USUAL_CACHE, USUAL_CHECKPOINT
from webapp.extensions import db
from webapp.ingest.bulk import insert_rows
from webapp.ingest.errors import SourceError
from webapp.ingest.locking import WRITING_CACHE, WRITING_CHECKPOINT, locked
from webapp.ingest.writer import Writer
from webapp.models import Run, Step, StepName, table_of

from .data import make_run, make_source, make_step


def count(app: Flask) -> int:
    with app.app_context(), db.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(Step)).scalar_one()


def test_an_error_tells_no_value(app: Flask) -> None:
    secret = "hunter2-" * 3
    row = {"run_id": 999, "source_id": 999, "step_name": secret, "step_type": "bash"}
    with app.app_context(), locked(db.engine) as connection:
        with pytest.raises(DBAPIError) as raised, connection.begin_nested():
            insert_rows(connection, table_of(Step), list(row), [list(row.values())])
        assert "hunter2" not in str(raised.value)
        assert "\n" not in str(raised.value.orig)


def test_a_row_twice_is_refused_and_told_as_by_sqlalchemy(app: Flask) -> None:
    table = table_of(StepName)
    with app.app_context(), locked(db.engine) as connection:
        with pytest.raises(IntegrityError) as raised, connection.begin_nested():
            insert_rows(connection, table, ["name"], [["hunter2"], ["hunter2"]])
        assert "hunter2" not in str(raised.value)


def sizes_of(connection: Connection) -> tuple[int, ...]:
    return tuple(
        connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
        for name in ("cache_size", "wal_autocheckpoint", "foreign_keys")
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_connection_of_a_writer_has_its_usual_sizes_back(app: Flask) -> None:
    with app.app_context():
        for error in (None, SourceError("cannot be read")):
            try:
                with locked(db.engine) as connection:
                    assert sizes_of(connection) == (WRITING_CACHE, WRITING_CHECKPOINT, 1)
                    if error:
                        raise error
            except SourceError:
                assert error
            with db.engine.connect() as connection:
                assert sizes_of(connection) == (USUAL_CACHE, USUAL_CHECKPOINT, 1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_writer_keeps_its_connection_until_it_has_written_all(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.ingest.batches.BATCH_ROWS", 2)
    source_id = make_source(app)
    writers, ended = set[int](), []

    def watch(connection: sqlite3.Connection, *_: object) -> None:
        if not threading.current_thread().name.startswith("stepboard-checkpoint"):
            writers.add(id(connection))

    with app.app_context():
        event.listen(db.engine, "checkout", watch)
        event.listen(db.engine, "checkin", lambda connection, *_: ended.append(id(connection)))
        with Writer(db.engine, source_id) as writer:
            writer.put_runs([make_run()])
            for n in range(1, 8):
                writer.put_step(make_step(1, n))
            (connection,) = writers
            assert connection not in ended
            writer.flush()
            assert connection in ended
            writer.put_step(make_step(1, 8))
        with db.engine.connect() as one:
            assert sizes_of(one) == (USUAL_CACHE, USUAL_CHECKPOINT, 1)
    assert count(app) == 8


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let Ctrl-C be raised, which the workers of a parallel test run ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_after_an_interrupt_nothing_is_under_way(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.ingest.batches.BATCH_ROWS", 2)
    source_id = make_source(app)
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with app.app_context(), locked(db.engine):
            held.set()
            release.wait(30)

    holder = threading.Thread(target=hold)
    interrupt = threading.Timer(0.3, _thread.interrupt_main)
    let_go = threading.Timer(0.8, release.set)

    def write(writer: Writer) -> None:
        writer.put_runs([make_run()])
        holder.start()
        assert held.wait(30)
        interrupt.start()
        let_go.start()
        for n in range(1, 5):
            writer.put_step(make_step(1, n))

    with app.app_context():
        writer = Writer(db.engine, source_id)
        with pytest.raises(KeyboardInterrupt), writer:
            write(writer)
    # It was waiting for the lock when the interrupt came; what was begun is whole.
    assert (count(app), writer.summary.steps.added) == (2, 2)
    for thread in (holder, interrupt, let_go):
        thread.join()


def test_a_batch_that_fails_beside_the_source_is_logged(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("webapp.ingest.batches.BATCH_ROWS", 1)
    source_id = make_source(app)

    def read() -> None:
        with Writer(db.engine, source_id) as writer:
            writer.put_step(make_step(999, 1))
            raise SourceError("cannot be read")

    with (
        app.app_context(),
        caplog.at_level(logging.WARNING, "webapp.ingest.writer"),
        pytest.raises(SourceError, match="cannot be read"),
    ):
        read()
    assert "the batch under way was not written either" in caplog.text
    assert count(app) == 0
    with app.app_context(), db.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(Run)).scalar_one() == 0
