"""PostgreSQL takes a large batch through two connections: each half is right, and in its turn."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from webapp.extensions import db
from webapp.ingest import halves
from webapp.ingest.halves import insert_both
from webapp.ingest.locking import locked
from webapp.ingest.new_steps import NewSteps
from webapp.ingest.records import StepRecord, Tally, WriterSummary
from webapp.ingest.recounting import Difference
from webapp.ingest.writer import Writer
from webapp.models import VERSION_COUNTER, StepName, StepStatus

from .conftest import make_app
from .data import find_differences, make_run, make_source, make_step, write

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

TRIGGER = """
CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {condition} THEN {act}; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER act BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION act();
"""
# When the second half's transaction counts its steps: that of the first sees its own five alone.
SECOND_COUNTS = {"table": "counters", "condition": "(SELECT count(*) FROM steps) > 5"}
# Raises an error unless the two halves are inserted at once.
MEET = """
    FOR n IN 1..500 LOOP
        EXIT WHEN (
            SELECT count(DISTINCT pid) FROM pg_locks
            WHERE relation = 'steps'::regclass AND mode = 'RowExclusiveLock'
        ) = 2;
        PERFORM pg_sleep(0.01);
        IF n = 500 THEN RAISE 'alone'; END IF;
    END LOOP
"""


@pytest.fixture(autouse=True)
def few_are_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ten steps be enough for two halves of five."""
    monkeypatch.setattr(halves, "LEAST_ROWS", 10)


@pytest.fixture
def source_id(app: Flask) -> int:
    """Return a source that has one run, without steps."""
    source_id = make_source(app)
    write(app, [make_run()], source_id=source_id)
    return source_id


def steps(numbers: Iterable[int], **changes: Any) -> list[StepRecord]:
    """Return steps of the run, of all statuses in turn, or with some values changed."""
    statuses = list(StepStatus)
    return [
        make_step(**{"run_id": 1, "n": n, "status": statuses[n % 5], **changes}) for n in numbers
    ]


def put(app: Flask, source_id: int, records: Iterable[StepRecord]) -> WriterSummary:
    """Write steps in one batch."""
    with app.app_context(), Writer(db.engine, source_id) as writer:
        for record in records:
            writer.put_step(record)
        writer.flush()
        return writer.summary


def stored(app: Flask) -> list[tuple[int, int]]:
    """Return the ids and positions of all steps."""
    return [(step_id, position) for step_id, position, _ in _rows(app)]


def n_transactions(app: Flask) -> int:
    """Return how many transactions wrote the steps."""
    return len({transaction for _, _, transaction in _rows(app)})


def _rows(app: Flask) -> list[tuple[int, int, str]]:
    with app.app_context(), db.engine.connect() as connection:
        rows = connection.execute(text("SELECT id, position, xmin::text FROM steps ORDER BY id"))
        return [(row[0], row[1], row[2]) for row in rows]


def wrong_counts(app: Flask) -> list[Difference]:
    """Return which kept counts are wrong."""
    with app.app_context():
        return find_differences()


AddTrigger = Callable[..., None]
SetForAll = Callable[[str, str], None]


@pytest.fixture
def add_trigger(app: Flask) -> Iterator[AddTrigger]:
    """Return what adds a trigger; databases are used again, so it goes with the test."""

    def add(act: str, table: str, condition: str) -> None:
        with app.app_context(), db.engine.begin() as connection:
            connection.exec_driver_sql(TRIGGER.format(act=act, table=table, condition=condition))

    yield add
    drop_triggers(app)


def drop_triggers(app: Flask) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("DROP FUNCTION IF EXISTS act CASCADE")
        connection.exec_driver_sql("DROP TABLE IF EXISTS versions")


def test_two_transactions_write_a_batch_in_the_order_of_its_steps(
    app: Flask, source_id: int
) -> None:
    put(app, source_id, steps(range(1, 12)))
    assert stored(app) == [(n, n) for n in range(1, 12)]
    assert n_transactions(app) == 2
    assert wrong_counts(app) == []
    with app.app_context():
        names = db.session.execute(select(StepName.name)).scalars().all()
    assert set(names) == {f"step-{n}" for n in range(1, 12)}


def test_both_halves_are_inserted_at_once(
    app: Flask, source_id: int, add_trigger: AddTrigger
) -> None:
    add_trigger(MEET, "steps", "true")
    put(app, source_id, steps(range(1, 11)))
    assert n_transactions(app) == 2


def test_each_half_gives_the_history_another_version(
    app: Flask, source_id: int, add_trigger: AddTrigger
) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE versions (value BIGINT)")
    noted = "INSERT INTO versions VALUES (NEW.value)"
    add_trigger(noted, "counters", f"NEW.name = '{VERSION_COUNTER}' AND TG_OP = 'UPDATE'")
    put(app, source_id, steps(range(1, 11)))
    with app.app_context(), db.engine.connect() as connection:
        versions = connection.execute(text("SELECT value, xmin::text FROM versions")).all()
    assert [len(set(column)) for column in zip(*versions, strict=True)] == [2, 2]


def test_steps_that_are_here_are_not_written_again(app: Flask, source_id: int) -> None:
    put(app, source_id, steps(range(1, 5)))
    put(app, source_id, steps(range(1, 15)))
    assert stored(app) == [(n, n) for n in range(1, 15)]
    assert n_transactions(app) == 3
    assert wrong_counts(app) == []


def test_changes_and_new_steps_are_written_together(app: Flask, source_id: int) -> None:
    put(app, source_id, steps([1]))
    put(app, source_id, [*steps([1], status=StepStatus.SKIPPED), *steps(range(2, 15))])
    assert stored(app) == [(n, n) for n in range(1, 15)]
    assert n_transactions(app) == 1
    assert wrong_counts(app) == []


@pytest.mark.parametrize(("n_steps", "n"), [(9, 1), (10, 2)])
def test_a_small_batch_is_written_whole(app: Flask, source_id: int, n_steps: int, n: int) -> None:
    put(app, source_id, steps(range(1, n_steps + 1)))
    assert n_transactions(app) == n


def test_so_is_any_where_connections_are_few(database_url: str) -> None:
    app = make_app(database_url, pool_size=3)
    source_id = make_source(app)
    write(app, [make_run()], source_id=source_id)
    put(app, source_id, steps(range(1, 12)))
    assert n_transactions(app) == 1
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("place", [2, 7], ids=["first", "second"])
def test_a_half_that_is_refused_takes_the_other_back(
    app: Flask, source_id: int, add_trigger: AddTrigger, place: int
) -> None:
    records = steps(range(1, 11))
    add_trigger("RAISE 'refused'", "steps", f"NEW.position = {place}")
    with pytest.raises(DBAPIError, match="refused"):
        put(app, source_id, records)
    assert stored(app) == []
    drop_triggers(app)
    put(app, source_id, records)
    assert stored(app) == [(n, n) for n in range(1, 11)]
    assert wrong_counts(app) == []


@pytest.mark.parametrize("place", [2, 7], ids=["first", "second"])
def test_a_step_of_no_run_is_refused_before_any_is_written(
    app: Flask, source_id: int, place: int
) -> None:
    records = steps(range(1, 11))
    bad = [*records[:place], *steps([place + 1], run_id=999), *records[place + 1 :]]
    with pytest.raises(IntegrityError, match="FOREIGN KEY constraint failed"):
        put(app, source_id, bad)
    assert stored(app) == []


@pytest.fixture
def lone_half(
    app: Flask, source_id: int, add_trigger: AddTrigger, beside: ThreadPoolExecutor
) -> Iterator["Future[WriterSummary]"]:
    """Return a batch whose first half is under way for a second, the second half's connection lost.

    With it the write lock is lost.
    """
    add_trigger("PERFORM pg_sleep(1)", "steps", "NEW.position = 5")
    lose = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE state = 'idle in transaction' AND datname = current_database()"
        " AND EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')"
    )
    written = beside.submit(put, app, source_id, steps(range(1, 11)))
    with app.app_context(), db.engine.connect() as connection:
        while not connection.execute(lose).all():
            assert not written.done()
            time.sleep(0.01)
            connection.rollback()
    yield written
    with pytest.raises(DBAPIError):
        written.result()


def test_a_lone_half_has_its_runs(app: Flask, lone_half: "Future[WriterSummary]") -> None:
    with (
        app.app_context(),
        db.engine.connect() as connection,
        pytest.raises(IntegrityError, match="runs 1 still has steps"),
    ):
        connection.execute(text("DELETE FROM runs WHERE id = 1"))
    lone_half.exception()
    assert stored(app) == [(n, n) for n in range(1, 6)]
    assert wrong_counts(app) == []


def test_who_writes_next_waits_for_a_lone_half(
    app: Flask, lone_half: "Future[WriterSummary]"
) -> None:
    put(app, make_source(app, "next"), steps(range(21, 32)))
    lone_half.exception()
    assert stored(app) == [*((n, n) for n in range(1, 6)), *((n, n + 15) for n in range(6, 17))]
    assert wrong_counts(app) == []
    put(app, 1, steps(range(1, 11)))
    assert len(stored(app)) == 21


def test_a_key_in_both_halves_is_refused_at_once(
    app: Flask, source_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second would wait for the first to end, and the first for the second."""
    monkeypatch.setattr(halves, "MOST_WAIT", "20s")
    began = time.monotonic()
    with pytest.raises(IntegrityError, match="uq_steps_source_id_source_key"):
        put(app, source_id, [*steps(range(1, 10)), *steps([1])])
    assert time.monotonic() - began < 15
    assert stored(app) == []


def test_a_first_half_is_right_without_the_second(
    app: Flask, source_id: int, add_trigger: AddTrigger
) -> None:
    add_trigger("RAISE 'no more'", **SECOND_COUNTS)
    with pytest.raises(DBAPIError, match="no more"):
        put(app, source_id, steps(range(1, 11)))
    assert stored(app) == [(n, n) for n in range(1, 6)]
    assert wrong_counts(app) == []
    drop_triggers(app)
    put(app, source_id, steps(range(1, 11)))
    assert stored(app) == [(n, n) for n in range(1, 11)]
    assert wrong_counts(app) == []


def test_the_same_writer_goes_on_after_that(
    app: Flask, source_id: int, add_trigger: AddTrigger
) -> None:
    add_trigger("RAISE 'no more'", **SECOND_COUNTS)
    with app.app_context(), Writer(db.engine, source_id) as writer:
        for record in steps(range(1, 11)):
            writer.put_step(record)
        with pytest.raises(DBAPIError, match="no more"):
            writer.flush()
        drop_triggers(app)
        for record in steps(range(1, 11)):
            writer.put_step(record)
    assert stored(app) == [(n, n) for n in range(1, 11)]
    assert wrong_counts(app) == []


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    """Return what runs something beside the test."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
def set_for_all(app: Flask) -> Iterator[SetForAll]:
    """Return what sets something for all transactions of the database, until the test ends."""
    names: list[str] = []

    def change(then: str) -> None:
        with app.app_context():
            with db.engine.begin() as connection:
                database = connection.exec_driver_sql("SELECT current_database()").scalar_one()
                connection.exec_driver_sql(f"ALTER DATABASE {database} {then}")
            # What is connected by now has it as it was.
            db.engine.dispose()

    def set_to(name: str, value: str) -> None:
        names.append(name)
        change(f"SET {name} = '{value}'")

    yield set_to
    for name in names:
        change(f"RESET {name}")


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_the_second_half_sees_what_the_first_has_counted(
    app: Flask, source_id: int, set_for_all: SetForAll, level: str
) -> None:
    set_for_all("default_transaction_isolation", level)
    put(app, source_id, steps(range(1, 11)))
    assert n_transactions(app) == 2
    assert wrong_counts(app) == []


def test_a_half_may_wait_for_the_other(
    app: Flask,
    source_id: int,
    add_trigger: AddTrigger,
    set_for_all: SetForAll,
) -> None:
    set_for_all("idle_in_transaction_session_timeout", "50ms")
    add_trigger("PERFORM pg_sleep(0.1)", "steps", "NEW.position > 5")
    put(app, source_id, steps(range(1, 11)))
    assert n_transactions(app) == 2


def test_a_batch_may_wait_for_the_lock(
    app: Flask,
    source_id: int,
    beside: ThreadPoolExecutor,
    set_for_all: SetForAll,
) -> None:
    set_for_all("lock_timeout", "50ms")
    with app.app_context(), locked(db.engine):
        written = beside.submit(put, app, source_id, steps(range(1, 11)))
        time.sleep(0.3)
    assert written.result().steps == Tally(added=10)


def test_a_connection_is_not_left_to_a_thread(
    app: Flask, source_id: int, add_trigger: AddTrigger
) -> None:
    add_trigger("PERFORM pg_sleep(0.2)", "steps", "NEW.position > 5")
    records = [*steps([1, 1]), *steps(range(3, 11))]
    with app.app_context(), db.engine.connect() as one, db.engine.connect() as other:
        writer = Writer(db.engine, source_id)
        for record in records:
            writer.put_step(record)
        first, second = NewSteps(1, writer._waiting).halves()
        with pytest.raises(IntegrityError):
            insert_both(one, first, other, second)
        assert not any("second-half" in thread.name for thread in threading.enumerate())
        one.rollback()
        assert other.execute(text("SELECT count(*) FROM steps")).scalar_one() == 5


def test_of_two_errors_that_of_the_first_half_is_told(
    app: Flask, source_id: int, add_trigger: AddTrigger
) -> None:
    add_trigger("RAISE 'of %%', NEW.position", "steps", "NEW.position IN (1, 10)")
    with pytest.raises(DBAPIError, match="of 1"):
        put(app, source_id, steps(range(1, 11)))
    assert stored(app) == []


def test_without_a_second_connection_it_is_written_whole(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.database.POOL_TIMEOUT_S", 0.1)
    app = make_app(database_url, pool_size=4)
    source_id = make_source(app)
    write(app, [make_run()], source_id=source_id)
    with app.app_context(), ExitStack() as held:
        for _ in range(3):
            held.enter_context(db.engine.connect())
        with Writer(db.engine, source_id) as writer:
            for record in steps(range(1, 11)):
                writer.put_step(record)
    assert n_transactions(app) == 1
    assert wrong_counts(app) == []
    with app.app_context():
        db.engine.dispose()


def test_nobody_writes_between_the_halves(
    app: Flask, source_id: int, add_trigger: AddTrigger, beside: ThreadPoolExecutor
) -> None:
    add_trigger("PERFORM pg_sleep(0.5)", **SECOND_COUNTS)
    written = beside.submit(put, app, source_id, steps(range(1, 11)))
    seen = 0
    while not seen and not written.done():
        seen = len(stored(app))
        time.sleep(0.01)
    assert seen == 5
    with app.app_context(), locked(db.engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM steps")).scalar_one() == 10
    written.result()


def await_waiting(app: Flask, written: "Future[WriterSummary]") -> None:
    """Return when a transaction waits for a row, or for a number, or when all is written."""
    query = text(
        "SELECT count(*) FROM pg_locks"
        " WHERE NOT granted AND locktype IN ('transactionid', 'advisory')"
    )
    with app.app_context(), db.engine.connect() as connection:
        while not connection.execute(query).scalar_one() and not written.done():
            time.sleep(0.01)


@pytest.mark.parametrize(("kept", "wanted"), [(1, 10), (10, 1)])
def test_who_waits_for_one_half_and_keeps_the_other_waiting_gets_through(
    app: Flask,
    source_id: int,
    add_trigger: AddTrigger,
    beside: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
    kept: int,
    wanted: int,
) -> None:
    """A circle that PostgreSQL cannot see, as one half waits for the other outside of it."""
    monkeypatch.setattr(halves, "MOST_WAIT", "300ms")
    take = "pg_advisory_xact_lock"
    add_trigger(f"PERFORM {take}(NEW.position)", "steps", "NEW.position IN (1, 10)")
    with app.app_context(), db.engine.connect() as connection:
        connection.exec_driver_sql(f"SELECT {take}({kept})")
        written = beside.submit(put, app, source_id, steps(range(1, 11)))
        await_waiting(app, written)
        connection.exec_driver_sql(f"SELECT {take}({wanted})")
        connection.rollback()
        written.result()
    assert stored(app) == [(n, n) for n in range(1, 11)]
    assert n_transactions(app) == 1
    assert wrong_counts(app) == []


def test_the_second_half_has_time_once_the_first_is_committed(
    app: Flask,
    source_id: int,
    add_trigger: AddTrigger,
    beside: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(halves, "MOST_WAIT", "100ms")
    lock = "pg_advisory_xact_lock(99)"
    add_trigger(f"PERFORM {lock}", **SECOND_COUNTS)
    with app.app_context(), db.engine.connect() as connection:
        connection.exec_driver_sql(f"SELECT {lock}")
        written = beside.submit(put, app, source_id, steps(range(1, 11)))
        await_waiting(app, written)
        time.sleep(0.5)
        connection.rollback()
        assert written.result().steps == Tally(added=10)
