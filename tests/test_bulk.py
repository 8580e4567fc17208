"""Rows that go past SQLAlchemy, and the sizes and threads they are written with."""

import _thread
import logging
import signal
import sqlite3
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from webapp.database import PAGE_BYTES, USUAL_CACHE, USUAL_CHECKPOINT_BYTES
from webapp.extensions import db
from webapp.ingest.bulk import insert_rows
from webapp.ingest.checkpoints import BULK_CACHE
from webapp.ingest.errors import SourceError
from webapp.ingest.locking import WRITING_CACHE, WRITING_CHECKPOINT_BYTES, locked
from webapp.ingest.writer import Writer
from webapp.models import Run, Source, Step, StepName, table_of

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


SIZES = ("cache_size", "wal_autocheckpoint", "foreign_keys")
USUAL_SIZES = (USUAL_CACHE, USUAL_CHECKPOINT_BYTES // PAGE_BYTES, 1)
WRITING_SIZES = (WRITING_CACHE, WRITING_CHECKPOINT_BYTES // PAGE_BYTES, 1)


def sizes_of(connection: Connection) -> tuple[int, ...]:
    return tuple(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in SIZES)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_connection_of_a_writer_has_its_usual_sizes_back(app: Flask) -> None:
    with app.app_context():
        for error in (None, SourceError("cannot be read")):
            try:
                with locked(db.engine) as connection:
                    assert sizes_of(connection) == WRITING_SIZES
                    if error:
                        raise error
            except SourceError:
                assert error
            with db.engine.connect() as connection:
                assert sizes_of(connection) == USUAL_SIZES


@pytest.fixture
def bulk_writer(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Writer]:
    """Write batches of two steps of a run."""
    monkeypatch.setattr("webapp.ingest.batches.BATCH_ROWS", 2)
    source_id = make_source(app)
    with app.app_context(), Writer(db.engine, source_id) as writer:
        writer.put_runs([make_run()])
        yield writer


def put_steps(writer: Writer, first: int, last: int, run_id: int = 1) -> None:
    """Put some steps; return when all of them that make batches are written."""
    for n in range(first, last + 1):
        writer.put_step(make_step(run_id, n))
    writer._await_batch()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_writer_has_a_connection_of_its_own_until_all_is_written(
    app: Flask, bulk_writer: Writer
) -> None:
    sizes, statements, connections = [], list[str](), set[int]()
    write_steps = Writer._write_steps

    def watch(writer: Writer, connection: Connection, batch: Any) -> Any:
        driver: Any = connection.connection.driver_connection
        connections.add(id(driver))
        sizes.append(sizes_of(connection))
        driver.set_trace_callback(statements.append)
        return write_steps(writer, connection, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Writer, "_write_steps", watch)
        put_steps(bulk_writer, 1, 6)
        put_steps(bulk_writer, 7, 7)
        bulk_writer.flush()
    # Without these two SQLite keeps copies of pages, in a journal for each statement.
    assert sizes == [(BULK_CACHE, 0, 0)] * 4
    assert sum(one.startswith("INSERT OR FAIL INTO steps ") for one in statements) >= 3
    assert len(connections) == 1
    assert count(app) == 7


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nobody_has_the_connection_of_a_writer_after_it(app: Flask, bulk_writer: Writer) -> None:
    put_steps(bulk_writer, 1, 2)
    with bulk_writer._checkpointer._connected() as connection:
        driver: Any = connection.connection.driver_connection
    with pytest.raises(IntegrityError):
        put_steps(bulk_writer, 3, 4, run_id=999)
    assert driver.execute("PRAGMA foreign_keys").fetchone() == (1,)
    bulk_writer.flush()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        driver.execute("SELECT 1")
    with db.engine.connect() as connection:
        assert sizes_of(connection) == USUAL_SIZES
    assert count(app) == 2


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_connection_lost_between_two_batches_is_replaced(app: Flask, bulk_writer: Writer) -> None:
    put_steps(bulk_writer, 1, 2)
    with db.engine.connect() as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {}"
        mine = "datname = current_database() AND pid != pg_backend_pid()"
        connection.exec_driver_sql(others.format(mine))
    put_steps(bulk_writer, 3, 4)
    assert count(app) == 4


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


@pytest.mark.parametrize("year", [1, 2026, 9999])
def test_a_time_is_the_same_in_any_zone_of_the_session(app: Flask, year: int) -> None:
    began = datetime(year, 6, 1, 12, 0, 0, 1, tzinfo=timezone(timedelta(hours=-5)))
    names = ("name", "kind", "path", "workspaces_path", "import_error", "created_at")
    row = ("one", "osmedeus", "", "", "", began)
    with app.app_context(), locked(db.engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL TIME ZONE 'Asia/Tokyo'")
        insert_rows(connection, table_of(Source), names, [row])
    with app.app_context(), db.engine.connect() as connection:
        assert connection.execute(select(Source.created_at)).scalar_one() == began
