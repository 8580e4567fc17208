"""No step is of a run or a source that is not there, on PostgreSQL without keys that say so."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from webapp.extensions import db
from webapp.ingest.copying import CopyError, _check_counts
from webapp.models import Step, table_of
from webapp.queries.checks import find_miscounts
from webapp.queries.references import select_dangling

from .data import make_run, make_source, make_step, write

ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def filled(app: Flask) -> Flask:
    """Return an application with a run that has steps, one that has none, and a source to spare."""
    write(app, [make_run("run-1"), make_run("run-2")], [make_step(1, n) for n in range(1, 4)])
    make_source(app, "other")
    return app


@pytest.fixture
def connection(filled: Flask) -> Iterator[Connection]:
    """Return a connection of somebody who works on the database by hand."""
    with filled.app_context(), db.engine.connect() as connection:
        yield connection


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM runs WHERE id = 1",
        "DELETE FROM runs",
        "UPDATE runs SET id = 7 WHERE id = 1",
        "DELETE FROM sources WHERE id = 1",
        "UPDATE sources SET id = 7 WHERE id = 1",
    ],
)
def test_what_steps_refer_to_stays(connection: Connection, change: str) -> None:
    with pytest.raises(IntegrityError), connection.begin():
        connection.exec_driver_sql(change)
    assert connection.execute(text("SELECT count(*) FROM runs")).scalar_one() == 2


def test_what_nothing_refers_to_may_go(connection: Connection) -> None:
    with connection.begin():
        for change in (
            "UPDATE runs SET id = 7 WHERE id = 2",
            "DELETE FROM runs WHERE id = 7",
            "DELETE FROM sources WHERE id = 2",
            "DELETE FROM steps",
            "DELETE FROM runs",
            "DELETE FROM sources",
        ):
            assert connection.exec_driver_sql(change).rowcount


@ON_POSTGRESQL
def test_it_is_told_of_what_steps_are(connection: Connection) -> None:
    with pytest.raises(IntegrityError, match="runs 1 still has steps"), connection.begin():
        connection.exec_driver_sql("DELETE FROM runs WHERE id = 1")


Wait = Callable[[], None]


@pytest.fixture
def wait(filled: Flask) -> Iterator[Wait]:
    """Return what returns once a transaction waits for another one."""

    def wait() -> None:
        query = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        with filled.app_context(), db.engine.connect() as connection:
            end = time.monotonic() + 20
            while not connection.execute(query).scalar_one():
                assert time.monotonic() < end, "nobody waits"
                time.sleep(0.01)

    return wait


def write_steps(app: Flask) -> None:
    """Write steps of the run that has none."""
    write(app, [], [make_step(2, n) for n in range(1, 4)], source_id=1)


@ON_POSTGRESQL
@pytest.mark.parametrize("is_deleted", [True, False])
def test_an_import_waits_for_who_deletes_its_run(
    filled: Flask, connection: Connection, wait: Wait, is_deleted: bool
) -> None:
    with ThreadPoolExecutor(1) as beside:
        connection.execute(text("DELETE FROM runs WHERE id = 2"))
        written = beside.submit(write_steps, filled)
        wait()
        if is_deleted:
            connection.commit()
            with pytest.raises(IntegrityError):
                written.result()
        else:
            connection.rollback()
            written.result()
    n_steps = connection.execute(text("SELECT count(*) FROM steps WHERE run_id = 2")).scalar_one()
    assert n_steps == (0 if is_deleted else 3)


@ON_POSTGRESQL
def test_who_deletes_a_run_waits_for_an_import_of_its_steps(
    filled: Flask, connection: Connection, wait: Wait
) -> None:
    def delete() -> None:
        with filled.app_context(), db.engine.begin() as other:
            other.execute(text("DELETE FROM runs WHERE id = 2"))

    # The last that a batch writes.
    connection.execute(text("SELECT 1 FROM counters WHERE name = 'version' FOR UPDATE"))
    with ThreadPoolExecutor(2) as beside:
        written = beside.submit(write_steps, filled)
        wait()
        deleted = beside.submit(delete)
        time.sleep(0.2)
        assert not deleted.done()
        connection.rollback()
        written.result()
        with pytest.raises(IntegrityError, match="runs 2 still has steps"):
            deleted.result()


@pytest.fixture
def damaged(filled: Flask) -> Flask:
    """Return the application, one step of it without its run."""
    with filled.app_context(), db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            driver: Any = connection.connection.driver_connection
            driver.execute("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("UPDATE steps SET run_id = 999 WHERE id = 2")
        connection.commit()
        connection.invalidate()
    return filled


def test_doctor_tells_of_a_step_without_its_run(damaged: Flask) -> None:
    with damaged.app_context():
        (told,) = find_miscounts()
        assert told == "of the steps 0 and up some are of a run or a source that is not there"
        found = [
            [row[0] for row in db.session.execute(one)] for one in select_dangling(table_of(Step))
        ]
    assert found == [[2], []]


def test_a_copy_with_such_a_step_is_not_taken_for_whole(damaged: Flask) -> None:
    with (
        damaged.app_context(),
        db.engine.connect() as connection,
        pytest.raises(CopyError, match="some steps are of a run or a source that is not there"),
    ):
        _check_counts(connection, [])
