"""The data that the benchmark measures with."""

from typing import Any

from flask import Flask
from sqlalchemy import event

from benchmarks.data import fill
from webapp.extensions import db


def test_no_transaction_stays_open_while_the_data_is_written(app: Flask) -> None:
    in_use = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith(("BEGIN IMMEDIATE", "SELECT pg_advisory_xact_lock")):
            in_use.append(engine.pool.checkedout())  # type: ignore[attr-defined]

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        fill(app, 200)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    # The writer's own.
    assert in_use and set(in_use) == {1}
