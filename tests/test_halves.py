"""PostgreSQL takes a large batch through two connections: each half is right, and in its turn."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from webapp.extensions import db
from webapp.ingest import halves
from webapp.ingest.locking import locked
from webapp.ingest.records import StepRecord
from webapp.ingest.recounting import Difference
from webapp.ingest.writer import Writer
from webapp.models import StepStatus

from .conftest import make_app
from .data import find_differences, make_run, make_source, make_step, write

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

# Acts in the second half's transaction only: the first one's has its own five steps before it.
TRIGGER = """
CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM steps) > 5 THEN {act}; END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER act AFTER INSERT OR UPDATE ON counters FOR EACH ROW EXECUTE FUNCTION act();
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


def put(app: Flask, source_id: int, records: Iterable[StepRecord]) -> None:
    """Write steps in one batch."""
    with app.app_context(), Writer(db.engine, source_id) as writer:
        for record in records:
            writer.put_step(record)


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


def add_trigger(app: Flask, act: str) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql(TRIGGER.format(act=act))


def test_two_transactions_write_a_batch_in_the_order_of_its_steps(
    app: Flask, source_id: int
) -> None:
    put(app, source_id, steps(range(1, 12)))
    assert stored(app) == [(n, n) for n in range(1, 12)]
    assert n_transactions(app) == 2
    assert wrong_counts(app) == []


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
    app: Flask, source_id: int, place: int
) -> None:
    records = steps(range(1, 11))
    bad = [*records[:place], *steps([place + 1], run_id=999), *records[place + 1 :]]
    with pytest.raises(IntegrityError, match="fk_steps_run_id_runs"):
        put(app, source_id, bad)
    assert stored(app) == []
    put(app, source_id, records)
    assert stored(app) == [(n, n) for n in range(1, 11)]
    assert wrong_counts(app) == []


def test_a_key_in_both_halves_is_refused_at_once(app: Flask, source_id: int) -> None:
    """The second would wait for the first to end, and the first for the second."""
    with pytest.raises(IntegrityError, match="uq_steps_source_id_source_key"):
        put(app, source_id, [*steps(range(1, 10)), *steps([1])])
    assert stored(app) == []


def test_a_first_half_is_right_without_the_second(app: Flask, source_id: int) -> None:
    add_trigger(app, "RAISE 'no more'")
    with pytest.raises(DBAPIError, match="no more"):
        put(app, source_id, steps(range(1, 11)))
    assert stored(app) == [(n, n) for n in range(1, 6)]
    assert wrong_counts(app) == []
    with app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("DROP FUNCTION act CASCADE")
    put(app, source_id, steps(range(1, 11)))
    # The ids of those that were lost are not given again.
    again = [(n + 5, n) for n in range(6, 11)]
    assert stored(app) == [*((n, n) for n in range(1, 6)), *again]
    assert wrong_counts(app) == []


@pytest.fixture
def beside() -> Iterator[ThreadPoolExecutor]:
    """Return what runs something beside the test."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


def test_nobody_writes_between_the_halves(
    app: Flask, source_id: int, beside: ThreadPoolExecutor
) -> None:
    add_trigger(app, "PERFORM pg_sleep(0.5)")
    written = beside.submit(put, app, source_id, steps(range(1, 11)))
    seen = 0
    while not seen and not written.done():
        seen = len(stored(app))
        time.sleep(0.01)
    assert seen == 5
    with app.app_context(), locked(db.engine) as connection:
        assert connection.execute(text("SELECT count(*) FROM steps")).scalar_one() == 10
    written.result()
