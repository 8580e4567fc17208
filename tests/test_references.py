"""No step is of a run or a source that is not there, on PostgreSQL without keys that say so."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from webapp.checks.databases import check_references
from webapp.checks.findings import Problem
from webapp.extensions import db
from webapp.ingest.copying import CopyError, _check_counts
from webapp.models import Step, table_of
from webapp.queries.checks import find_dangling
from webapp.queries.references import select_dangling

from .data import make_run, make_source, make_step, write

ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def filled(app: Flask) -> Flask:
    """Return an application with a run that has steps of two sources, and one that has none.

    The first source has both runs, the second only a step, the third nothing.
    """
    write(app, [make_run("run-1"), make_run("run-2")], [make_step(1, n) for n in range(1, 4)])
    write(app, [], [make_step(1, 4)], source_id=make_source(app, "second"))
    make_source(app, "third")
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
        "DELETE FROM sources WHERE id = 2",
        "UPDATE sources SET id = 7 WHERE id = 2",
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
            "UPDATE runs SET id = id",
            "DELETE FROM runs WHERE id = 7",
            "DELETE FROM sources WHERE id = 3",
            "DELETE FROM steps",
            "DELETE FROM runs",
            "DELETE FROM sources",
        ):
            assert connection.exec_driver_sql(change).rowcount


@ON_POSTGRESQL
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("DELETE FROM runs WHERE id = 1", "runs 1 still has steps"),
        ("DELETE FROM sources WHERE id = 2", "sources 2 still has steps"),
        ("TRUNCATE runs, artifacts", "runs still has steps"),
        ("TRUNCATE sources CASCADE", "still has steps"),
    ],
)
def test_it_is_told_why(connection: Connection, change: str, why: str) -> None:
    with pytest.raises(IntegrityError, match=why), connection.begin():
        connection.exec_driver_sql(change)
    with connection.begin():
        connection.exec_driver_sql("TRUNCATE sources, steps CASCADE")


@ON_POSTGRESQL
def test_other_tables_of_that_name_are_none_of_its_business(connection: Connection) -> None:
    with pytest.raises(IntegrityError), connection.begin():
        connection.exec_driver_sql("CREATE TEMPORARY TABLE steps (run_id bigint)")
        connection.exec_driver_sql("SET LOCAL search_path = ''")
        connection.exec_driver_sql("DELETE FROM public.runs WHERE id = 1")


@ON_POSTGRESQL
@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_who_sees_the_past_deletes_nothing(connection: Connection, level: str) -> None:
    connection.execution_options(isolation_level=level)
    with pytest.raises(DBAPIError, match="runs can be deleted in READ COMMITTED alone"):
        connection.execute(text("DELETE FROM runs WHERE id = 2"))


Wait = Callable[[], None]


@pytest.fixture
def wait(filled: Flask) -> Wait:
    """Return what returns once a transaction waits for another one."""

    def wait() -> None:
        query = text(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        with filled.app_context(), db.engine.connect() as connection:
            end = time.monotonic() + 20
            while not connection.execute(query).scalar_one():
                assert time.monotonic() < end, "nobody waits"
                time.sleep(0.01)
                # A transaction sees what the others do at its first look.
                connection.rollback()

    return wait


def write_steps(app: Flask) -> None:
    """Write steps of the run that has none."""
    write(app, [], [make_step(2, n) for n in range(1, 4)], source_id=1)


@ON_POSTGRESQL
@pytest.mark.parametrize("is_deleted", [True, False])
def test_an_import_waits_for_who_deletes_its_run(
    filled: Flask, connection: Connection, wait: Wait, is_deleted: bool
) -> None:
    with ThreadPoolExecutor(1) as beside, connection.begin() as deletion:
        connection.execute(text("DELETE FROM runs WHERE id = 2"))
        written = beside.submit(write_steps, filled)
        wait()
        if is_deleted:
            deletion.commit()
            with pytest.raises(IntegrityError):
                written.result()
        else:
            deletion.rollback()
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

    with ThreadPoolExecutor(2) as beside, connection.begin() as holding:
        # What a batch writes once its steps are there, before it counts them with their runs.
        connection.execute(text("SELECT 1 FROM counters WHERE name = 'steps' FOR UPDATE"))
        written = beside.submit(write_steps, filled)
        wait()
        deleted = beside.submit(delete)
        time.sleep(0.2)
        assert not deleted.done()
        holding.rollback()
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
        assert find_dangling() == ["the steps 0 and up"]
        with pytest.raises(Problem, match="missing of some of the steps 0 and up: import their"):
            check_references()
        found = [
            [row[0] for row in db.session.execute(one)] for one in select_dangling(table_of(Step))
        ]
        others = select_dangling(table_of(Step), Step.id != 2)
        assert not any(db.session.execute(one).first() for one in others)
    assert found == [[2], []]


def test_a_copy_with_such_a_step_is_not_taken_for_whole(damaged: Flask) -> None:
    with (
        damaged.app_context(),
        db.engine.connect() as connection,
        pytest.raises(CopyError, match="some steps are of a run or a source that is not there"),
    ):
        _check_counts(connection, [])
